"""Files that version 0.1 wrote open as before, and give the numbers that it got of them.

`v0.1/README.md` says how they were made.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from skybind.config import load_config
from skybind.config.backbone import load_backbone_config
from skybind.config.begun import dump_as_before
from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.data.splits import PARTS, Split
from skybind.data.where import fulfilled
from skybind.embeddings.store import Embeddings
from skybind.errors import LeakError
from skybind.evaluation.by_neighbours import predict_targets
from skybind.evaluation.evaluate import evaluate_run
from skybind.labelling.answers import labelled_run
from skybind.labelling.train import train_with_answers
from skybind.measures.calibration import softmax
from skybind.models.backbones import load_backbone
from skybind.models.model import Model
from skybind.report.from_run import write_report
from skybind.runs.backbones import pretrain_backbone
from skybind.runs.cases import finished_cases
from skybind.runs.classes import case_classes
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.search.search import SearchOptions, search

FILES = Path(__file__).parent / "v0.1"
KNOWN = json.loads((FILES / "known.json").read_text())
#: Of float32 networks; another processor adds up in another order.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
RUNS = {"stars": "stars-run", "galaxies": "galaxies-run"}


@pytest.fixture(scope="module")
def arrays():
    with np.load(FILES / "known.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A copy: opening a run writes its prepared data and its quarantine."""
    folder = tmp_path_factory.mktemp("old") / "v0.1"
    shutil.copytree(FILES, folder)
    return folder


@pytest.fixture(scope="module")
def runs(files):
    return {data: Run.open(files / folder, data=files / data) for data, folder in RUNS.items()}


def contents(folder):
    """Every file of a folder and what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


#: Errors of shares are those of Wilson's intervals now.
ERROR = "_error"


def assert_holds(new, old, where="metrics"):
    """Check that `new` says all that `old` says, numbers nearly alike; it may say more."""
    if isinstance(old, dict):
        for key, value in old.items():
            if key.endswith(ERROR):
                continue
            assert key in new, f"{where} lacks '{key}'"
            assert_holds(new[key], value, f"{where}.{key}")
    elif isinstance(old, list):
        assert len(new) == len(old), where
        for number, value in enumerate(old):
            assert_holds(new[number], value, f"{where}[{number}]")
    elif isinstance(old, float):
        assert new == pytest.approx(old, rel=1e-4, abs=1e-5, nan_ok=True), where
    else:
        assert new == old, where


@pytest.mark.parametrize("name", ["stars", "galaxies"])
def test_a_dataset_is_read_as_before(files, name):
    dataset, known = Dataset.open(files / name), KNOWN[name]
    schema = dataset.schema
    assert check_dataset(files / name) == []
    assert dataset.fingerprint == known["fingerprint"]
    assert (schema.provenance, schema.simulated) == (known["provenance"], known["simulated"])
    assert dataset.object_ids.tolist() == known["object_id"]
    assert {column: c.role for column, c in schema.columns.items()} == known["roles"]
    assert {column: schema.columns[column].unit for column in known["units"]} == known["units"]
    for column, said in known["observations"].items():
        ragged = dataset.ragged(column)
        assert ragged.present.sum() == dataset.present(column).sum() == said["objects"]
        assert ragged.lengths.sum() == said["lengths"]
        means = {field: values.astype(float).mean() for field, values in ragged.fields.items()}
        assert means == pytest.approx(said["means"], rel=1e-9)
    for column, mean in known["means"].items():
        values = dataset.numbers(column)
        assert np.isfinite(values).sum() == known["known"][column]
        assert np.nanmean(values) == pytest.approx(mean, rel=1e-9)


def test_labels_quarantine_and_split_are_read_as_before(files):
    dataset = Dataset.open(files / "stars")
    assert dataset.labels().tolist() == KNOWN["stars"]["label"]
    assert read_quarantine(files / "stars") == KNOWN["stars"]["quarantine"]
    split = Split.read(files / "stars" / "splits" / "main.parquet")
    assert split.hash == KNOWN["split"]["hash"]
    parts = {part: split.object_id[split.rows(part)].tolist() for part in PARTS}
    assert parts == KNOWN["split"]["parts"]
    half = split.object_id[split.rows("train", "50")]
    assert half.tolist() == KNOWN["split"]["train_50"]


@pytest.mark.parametrize("condition", KNOWN["where"])
def test_conditions_select_the_same_objects(condition):
    dataset = Dataset.open(FILES / "stars")
    selected = dataset.object_ids[fulfilled(dataset, condition)]
    assert selected.tolist() == KNOWN["where"][condition]


def test_a_run_is_what_it_was(runs):
    run, known = runs["stars"], KNOWN["stars-run"]
    assert run.classes == known["classes"]
    assert run.quarantine_counts() == known["quarantine"]
    assert [case.name for case in finished_cases(run)] == known["cases"]
    tuned = [f"finetune {name}" for name in sorted(known["cases"])]
    assert run.steps == ["pretrain", *tuned, "embed", "evaluate"]
    assert run.config.finetuning.training.epochs == 15
    # and the same command goes on with it
    started = Run.start(run.config, run.dataset.path, run.folder)
    assert started.split.hash == run.split.hash


def test_the_same_command_goes_on_with_an_old_run(files, tmp_path):
    """The configurations that it extends have keys now that there were not then."""
    folder = tmp_path / "run"
    shutil.copytree(FILES / "stars-run", folder)
    config = load_config(FILES / "stars-tiny.yaml", ["split.name=main"])
    assert config.training.min_batches is not None
    run = Run.start(config, files / "stars", folder)
    assert run.config.training.min_batches is None
    before = contents(folder / "pretrain" / "model")
    run_pretraining(run)
    assert contents(folder / "pretrain" / "model") == before


@pytest.mark.parametrize("name", RUNS)
def test_embeddings_are_the_same(runs, arrays, name):
    run = runs[name]
    saved = Model.open(run.folder / "pretrain" / "model", run.dataset.schema)
    for embeddings in (
        Embeddings.read(FILES / RUNS[name] / "embeddings"),
        saved.embed_dataset(run.dataset),
    ):
        assert embeddings.object_id.tolist() == KNOWN[name]["object_id"]
        assert embeddings.model["weights"] == saved.identity["weights"]
        for modality in run.config.modalities:
            key = f"{name}/embeddings/{modality}"
            np.testing.assert_allclose(embeddings.vectors[modality], arrays[key], **CLOSE)
            present = arrays[f"{name}/present/{modality}"]
            assert (embeddings.present[modality] == present).all()


@pytest.mark.parametrize("case", KNOWN["stars-run"]["cases"])
def test_logits_are_the_same(runs, arrays, case):
    run = runs["stars"]
    saved = Model.open(run.folder / "finetune" / case / "model", run.dataset.schema)
    assert saved.classes == KNOWN["stars-run"]["classes"]
    rows, source = arrays["test_rows"], run.source_for(saved)
    assert rows.tolist() == run.rows("test").tolist()
    logits = saved.logits(source, rows)
    np.testing.assert_allclose(logits, arrays[f"stars/logits/{case}"], **CLOSE)
    if "+" in case:
        logits = saved.logits(source, rows, ["spectrum"])
        np.testing.assert_allclose(logits, arrays[f"stars/logits/{case}/spectrum"], **CLOSE)


def test_what_a_model_was_trained_on_is_known(runs):
    run = runs["stars"]
    saved = Model.open(run.folder / "pretrain" / "model")
    saved.refuse_leak(run.dataset.object_ids[run.rows("test")], "testing")
    with pytest.raises(LeakError):
        saved.refuse_leak(run.dataset.object_ids[run.rows("train")], "testing")


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_done_again(files, tmp_path, name):
    folder = tmp_path / "run"
    shutil.copytree(FILES / RUNS[name], folder)
    run = Run.open(folder, data=files / name)
    run_pretraining(run)
    for case in finished_cases(run):
        run_finetuning(run, case)
    run_embedding(run)
    before, after = contents(FILES / RUNS[name]), contents(folder)
    changed = {path for path in before if before[path] != after.get(path)}
    assert changed <= {"quarantine.parquet"}


def test_an_interrupted_pretraining_goes_on(files, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(FILES / "stars-run", folder)
    (folder / "pretrain" / "result.json").unlink()  # as if it was killed after the last epoch
    shutil.rmtree(folder / "pretrain" / "model")
    run_pretraining(Run.open(folder, data=files / "stars"))
    old, new = (
        json.loads((at / "pretrain" / "result.json").read_text())
        for at in (FILES / "stars-run", folder)
    )
    assert new["history"] == old["history"]  # its seconds too: no epoch was trained again
    weights = Model.open(folder / "pretrain" / "model").identity["weights"]
    assert weights == KNOWN["stars-run"]["weights"]


@pytest.mark.parametrize("name", RUNS)
def test_an_evaluation_gives_the_same_numbers(files, tmp_path, name):
    shutil.copytree(files / RUNS[name], tmp_path / "run")
    run = Run.open(tmp_path / "run", data=files / name)
    old = json.loads((FILES / RUNS[name] / "metrics.json").read_text())
    evaluate_run(run, finished_cases(run))
    new = json.loads(run.paths.metrics.read_text())
    for section in ("classification", "importance", "retrieval", "knn"):
        assert_holds(new[section], old[section], section)
    nearest = [
        [entry for entry in metrics["regression"] if entry["method"] == "k-NN"]
        for metrics in (new, old)
    ]
    assert_holds(*nearest, "regression")
    assert bool(nearest[1]) == (name == "galaxies")


@pytest.mark.parametrize("name", RUNS)
def test_a_report_is_made_of_old_metrics(runs, name):
    page = write_report(runs[name]).read_text(encoding="utf-8")
    metrics = json.loads((FILES / RUNS[name] / "metrics.json").read_text())
    entries = metrics["classification"] or metrics["regression"]
    assert runs[name].config.name in page
    key, form = ("accuracy", "{:.1f}") if metrics["classification"] else ("r2", "{:.3f}")
    percent = 100 if metrics["classification"] else 1
    for entry in entries:
        assert form.format(percent * entry[key]) in page


@pytest.mark.parametrize("known", KNOWN["search"], ids=lambda known: known["queries"][0])
def test_a_search_finds_the_same_objects(runs, files, known):
    asked = {key: known[key] for key in known if key not in ("object_id", "cosine", "relation")}
    found = search(
        runs["stars"].folder,
        asked.pop("queries"),
        SearchOptions(**asked),
        data=files / "stars",
    )
    assert found.object_id.tolist() == known["object_id"]
    # a twin is the same data, which a cosine near 1 alone does not tell
    known_relation = ["alike" if word == "twin" else word for word in known["relation"]]
    assert found.relation.tolist() == known_relation
    np.testing.assert_allclose(found.cosine, known["cosine"], **CLOSE)


@pytest.mark.parametrize("target", ["redshift", "log_mass"])
def test_targets_are_predicted_as_before(runs, arrays, target):
    run = runs["galaxies"]
    stored = Embeddings.read(run.folder / "embeddings")
    values, _ = predict_targets(run, stored, stored, target, ["spectrum"], ["image", "spectrum"])
    np.testing.assert_allclose(values, arrays[f"galaxies/predicted/{target}"], **CLOSE)


def test_a_backbone_gives_the_same_features(files, arrays):
    encoder, note = load_backbone(files / "image-backbone")
    known = KNOWN["backbone"]
    assert note.identity["weights"] == known["weights"]
    assert (note.kind, note.encoder) == (known["kind"], known["encoder"])
    assert len(note.trained_on) == known["trained_on"]
    values = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    with torch.no_grad():
        np.testing.assert_allclose(encoder(values).numpy(), arrays["backbone/features"], **CLOSE)


def test_a_finished_backbone_is_taken_as_it_is(files, arrays, tmp_path):
    folder = files / "image-backbone"
    config = load_backbone_config(folder / "config.yaml")
    result = pretrain_backbone(config, files / "galaxies", folder)
    stored = json.loads((FILES / "image-backbone" / "result.json").read_text())
    assert result.training == stored["training"]
    assert [probe.plain() for probe in result.probes] == stored["probes"]
    # a new run can stand on it
    override = f"modalities.image.backbone.weights={folder}"
    run = Run.start(
        load_config(FILES / "galaxies-run" / "config.yaml", [override]),
        files / "galaxies",
        tmp_path / "run",
        split=Split.read(folder / "split.parquet"),
    )
    known = json.loads((FILES / "galaxies-run" / "status.json").read_text())
    assert run.status.backbones == known["backbones"]


def test_answers_and_what_they_trained_are_kept(files, tmp_path):
    shutil.copytree(files / "stars-run", tmp_path / "run")
    run = labelled_run(Run.open(tmp_path / "run", data=files / "stars"))
    assert run.answers == {
        "SIM00000000": "RRAB",
        "SIM00000011": "RRAB",
        "SIM00000012": "SR",
        "SIM00000020": "SPOTTED",
        "SIM00000042": "RRAB",
        "SIM00000057": "SPOTTED",
    }
    assert "SPOTTED" in run.classes
    old = FILES / "stars-run" / "labels"
    (history,) = json.loads((old / "result.json").read_text())
    training = train_with_answers(run)  # it is trained already
    assert training.n_train == history["n_train"]
    assert training.test is not None
    assert training.test.accuracy == pytest.approx(history["test"]["accuracy"])
    name = f"{history['case']}/model/weights.safetensors"
    assert (run.folder / "labels" / name).read_bytes() == (old / name).read_bytes()
    tables = [pq.read_table(at) for at in (old / "classes.parquet", training.classes_file)]
    was, now = tables
    assert set(was.column_names) < set(now.column_names)  # novelty, modalities and reasons came
    for column in ("object_id", "split", "label", "class"):
        assert now[column].to_pylist() == was[column].to_pylist()
    # probabilities are calibrated now: their logarithms are the old ones by a temperature
    case = case_classes(run, training.case, run.paths.labels.case(training.case.name))
    old_p = np.stack([was[f"p_{name}"].to_numpy() for name in case.classes], axis=1)
    np.testing.assert_allclose(softmax(case.logits()), old_p, **CLOSE)


def test_old_configurations_are_read(files):
    """Those that a person wrote extend shipped ones; those of a run stand alone."""
    written = load_config(FILES / "stars-tiny.yaml", ["split.name=main"])
    resolved = load_config(FILES / "stars-run" / "config.yaml")
    # keys that came later stand in shipped ones with what was meant before
    one, other = (dump_as_before(c.model_dump(mode="json")) for c in (written, resolved))
    assert one["modalities"] == other["modalities"]
    assert written.pairs == resolved.pairs
    assert load_backbone_config(FILES / "image-tiny.yaml").modality.encoder["stem"] == 4
