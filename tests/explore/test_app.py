import json

import numpy as np
import pyarrow as pa
import pytest

from skybind.drawing.style import class_colour
from skybind.embeddings.store import Embeddings
from skybind.evaluation.clusters import write_layouts
from skybind.runs.run import Run
from tests.explore.conftest import CLASS, OBJECT


def arrow(served, path, **values):
    status, headers, body = served.ask(f"/api/{path}", **values)
    assert status == 200
    assert "arrow" in headers["content-type"]
    return pa.ipc.open_stream(body).read_all()


@pytest.fixture(scope="module")
def run(hostile_run):
    return Run.open(hostile_run)


def test_the_survey_is_told(served, run):
    told = served.json("survey")
    assert told["about"]["fingerprint of the dataset"] == run.dataset.fingerprint
    assert told["about"]["run"].startswith("run (stars-small, seed ")
    assert str(run.folder.parent) not in str(told)
    assert told["objects"] == len(run.dataset)
    assert told["classes"] == run.classes
    assert CLASS in told["classes"]
    assert told["modalities"] == ["photometry", "spectrum", "metadata"]
    assert [entry["name"] for entry in told["columns"]][:2] == ["class", "split"]
    assert {e["name"]: e["unit"] for e in told["columns"]}["period"] == "d"
    assert len(told["number_colours"]) == 256
    parts = {entry["name"]: entry["objects"] for entry in told["parts"]}
    assert sum(parts.values()) == len(run.dataset)
    assert parts["train"] == (run.split.part == "train").sum()
    assert parts["new"] == (run.split.part == "").sum()
    # of a map those that it holds alone
    for entry in told["maps"]:
        own = {part["name"]: part["objects"] for part in entry["parts"]}
        assert sum(own.values()) == entry["objects"]
        assert min(own.values()) > 0


def test_a_map_and_its_colours(served, run):
    name = served.json("survey")["maps"][0]["name"]
    points = arrow(served, "map", name=name)
    rows = points["row"].to_numpy()
    assert np.isfinite(points["x"].to_numpy()).all()
    assert len(set(rows.tolist())) == len(rows) > 100
    coded = arrow(served, "column", map=name, name="class")
    said = json.loads(coded.schema.metadata[b"skybind"])
    names = np.array([*said["names"], ""])
    np.testing.assert_array_equal(names[coded["value"].to_numpy()], run.class_names[rows])
    assert said["colours"] == [class_colour(code) for code in range(len(run.classes))]
    period = arrow(served, "column", map=name, name="period")["value"].to_numpy()
    np.testing.assert_array_equal(period, run.dataset.column("period", rows))


def test_an_object_is_told_whole(served, run):
    row = next(r for r in range(400) if run.dataset[r].photometry is not None)
    told = served.json("object", id=str(run.dataset.object_ids[row]))
    curve = run.dataset[row].photometry
    assert 0.9 * len(curve) <= len(told["curve"]["time"]) <= len(curve)
    assert set(told["curve"]["time"]) <= set(curve.time.value.tolist())
    assert told["curve"]["period"] == pytest.approx(run.dataset[row].period.value)
    catalogue = {entry["name"]: entry for entry in told["catalogue"]}
    assert catalogue["ra"]["value"] == run.dataset.column("ra")[row]
    assert catalogue["parallax"]["unit"] == "mas"
    assert sum(told["classes"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_an_absent_observation_is_null(served, run):
    row = int(np.flatnonzero(~run.dataset.present("spectrum"))[0])
    told = served.json("object", id=str(run.dataset.object_ids[row]))
    assert told["spectrum"] is None
    assert "spectrum" not in told["modalities"]


def test_phase_zero_is_at_minimum_light(served, run):
    classes = run.dataset.labels("label")
    seen = run.dataset.present("photometry")
    row = int(np.flatnonzero(seen & (classes == "RRAB"))[0])
    told = served.json("object", id=str(run.dataset.object_ids[row]))
    period = told["curve"]["period"]
    phase = np.array(served.json("fold", id=told["object_id"], period=period)["phase"])
    value, time = np.array(told["curve"]["value"]), np.array(told["curve"]["time"])
    turned = np.mod(phase - time / period, 1)
    np.testing.assert_allclose(np.mod(turned - turned[0] + 0.5, 1), 0.5, atol=2e-5)
    near = np.minimum(phase, 1 - phase) < 0.05
    assert np.median(value[near]) < np.percentile(value, 30)


def test_neighbours_are_the_nearest_of_all(served, run):
    embeddings = Embeddings.read(run.paths.embeddings)
    both = embeddings.present["photometry"] & embeddings.present["spectrum"]
    row = int(np.flatnonzero(both)[0])
    own = embeddings["photometry"][row]
    for target in ("photometry", "spectrum"):
        cosine = embeddings[target] @ own
        cosine[~embeddings.present[target]] = -2
        if target == "photometry":
            cosine[row] = -2
        told = served.json(
            "neighbours", id=str(embeddings.object_id[row]), by="photometry", to=target, k=5
        )
        expected = embeddings.object_id[np.argsort(-cosine)[:5]].tolist()
        assert [match["object_id"] for match in told["matches"]] == expected
        assert told["searched"] == embeddings.present[target].sum() or target == "photometry"
    drawn = served.json("small", rows=",".join(str(match["row"]) for match in told["matches"]))
    assert [small["spectrum"] is not None for small in drawn["small"]] == [True] * 5


def test_hostile_names_are_text(served):
    assert served.json("object", id=OBJECT)["object_id"] == OBJECT
    assert served.json("find", text='"><img')["names"] == [OBJECT]


@pytest.mark.parametrize(
    ("path", "values", "says"),
    [
        ("object", {"id": "SIM00000001x"}, "did you mean"),
        ("object", {}, "lacks 'id'"),
        ("map", {"name": "x"}, "no map 'x'"),
        ("column", {"map": "photometry+spectrum+metadata", "name": "x"}, "no column 'x'"),
        ("fold", {"id": "SIM00000001", "period": "nan"}, "not a number"),
        ("fold", {"id": "SIM00000001", "period": "-1"}, "positive"),
        ("card", {"row": "400"}, "no row 400"),
        ("small", {"rows": "1,-2"}, "no row -2"),
        ("neighbours", {"id": "SIM00000001", "to": "x"}, "no modality 'x'"),
        ("neighbours", {"id": "SIM00000001", "where": "__import__('os')"}, "condition"),
        ("object", {"id": "x" * 5000}, "characters"),
    ],
)
def test_a_wrong_question_is_one_sentence(served, path, values, says):
    status, _, body = served.ask(f"/api/{path}", **values)
    assert status == 400
    assert says in json.loads(body)["error"]


def test_names_of_files_are_names_of_objects(served, hostile_run):
    """No path of the page reaches the disk, whether it is there or not."""
    for name in (str(hostile_run / "config.yaml"), "/etc/passwd", "pyproject.toml"):
        status, _, body = served.ask("/api/neighbours", id=name)
        assert status == 400
        assert "have no object" in json.loads(body)["error"]


def test_classes_of_another_model_are_left_out(hostile_run, monkeypatch):
    from skybind.explore.survey import Survey

    def content():
        return {p: p.stat().st_mtime_ns for p in hostile_run.rglob("*") if p.is_file()}

    survey = Survey(Run.open(hostile_run), read_only=True)
    said = []
    monkeypatch.setattr("skybind.explore.survey.say", said.append)
    monkeypatch.setattr("skybind.runs.classes.CLASSES_VERSION", -1)
    before = content()
    assert survey.classes is None
    survey.close()
    assert content() == before
    assert "'skybind classify" in said[0]


@pytest.mark.parametrize("other", [True, False])
def test_maps_of_another_model_are_left_out(hostile_run, monkeypatch, other):
    from skybind.explore.survey import Survey

    said = []
    monkeypatch.setattr("skybind.explore.survey.say", said.append)
    run = Run.open(hostile_run)
    made = Survey(run, read_only=True).maps
    own = Embeddings.read(run.paths.embeddings).model["weights"]
    ids = run.dataset.object_ids
    write_layouts(run.paths.maps, list(made.values()), ids, "another" if other else own)
    try:
        survey = Survey(run, read_only=True)
    finally:
        run.paths.maps.unlink()
    survey.close()
    assert len(survey.maps) == (0 if other else 1)
    assert any("of another model" in sentence for sentence in said) == other


def test_a_look_embeds_nothing_anew(hostile_run, monkeypatch):
    from skybind.explore.survey import Survey

    said = []
    monkeypatch.setattr("skybind.explore.survey.say", said.append)
    run = Run.open(hostile_run)
    before = {p: p.stat().st_mtime_ns for p in run.paths.embeddings.iterdir()}
    monkeypatch.setattr("skybind.runs.embedding._of", lambda stored, run: False)
    survey = Survey(run, read_only=True)
    survey.close()
    assert survey.maps == {}
    assert "are not those of the run's model" in said[0]
    assert {p: p.stat().st_mtime_ns for p in run.paths.embeddings.iterdir()} == before
