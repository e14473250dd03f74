from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from skybind.config import load_config
from skybind.discovery import undecided as labels_module
from skybind.discovery.discover import DiscoverOptions, discover, read_map_options
from skybind.discovery.samples import discovery_samples
from skybind.discovery.table import read_discovery
from skybind.discovery.undecided import resolve_labels
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError
from skybind.once import result_of
from skybind.runs.cases import finished_cases
from skybind.runs.classes import case_classes, open_case
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.simulate.write import write_stars

QUICK = [
    "training.epochs=2",
    "training.batch_size=64",
    "finetuning.training.epochs=2",
    "finetuning.overrides={}",
    "finetuning.modalities=[all]",
    "finetuning.subsets=[full]",
    "finetuning.starts=[pretrained]",
]
OPTIONS = DiscoverOptions(permutations=4, map_method="pca", top=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of few epochs on 300 stars, with one classifier."""
    from skybind.runs.cases import cases_of

    folder = tmp_path_factory.mktemp("discover")
    write_stars(folder / "data", 300, seed=3, missing=0.2)
    made = Run.start(load_config("stars-small", QUICK), folder / "data", folder / "run")
    run_pretraining(made)
    for case in cases_of(made):
        run_finetuning(made, case)
    return made


@pytest.fixture(scope="module")
def found(run):
    return discover(run, OPTIONS)


def read(run, name):
    return pq.read_table(run.folder / "discover" / name)


def test_every_object_is_ranked_once(run, found):
    table = read(run, "outliers.parquet")
    assert sorted(table["object_id"].to_pylist()) == sorted(run.dataset.object_ids.tolist())
    suspicion = np.asarray(table["suspicion"])
    assert (np.diff(suspicion) <= 0).all()
    assert table["rank"].to_pylist() == list(range(1, 301))
    for suffix in ("csv", "vot"):
        assert (run.folder / "discover" / f"outliers.{suffix}").stat().st_size > 1000


def test_planted_kinds_have_their_own_score_and_both_rivals(found):
    by_kind = {}
    for entry in found.detection:
        by_kind.setdefault(entry.kind, []).append(entry)
    assert {"wrong_label", "wrong_period", "any fault"} <= set(by_kind)
    for kind, entries in by_kind.items():
        assert {"isolation forest", "local outlier factor"} <= {e.method for e in entries}, kind
        (made_for_it,) = [e for e in entries if e.designated]
        assert made_for_it.score == {"wrong_label": "label", "wrong_period": "period"}.get(
            kind, "suspicion"
        )


def test_the_map_opens_in_embedding_atlas_and_topcat(run, found):
    from astropy.table import Table

    table = read(run, "map.parquet")
    assert {"x", "y", "neighbors", "x_photometry", "suspicion", "reasons"} <= set(
        table.column_names
    )
    embeddings = run_embedding(run)
    vectors, seen = embeddings.mean(), embeddings.any_present()
    for row, entry in enumerate(table["neighbors"].to_pylist()[:20]):
        if not seen[row]:
            continue
        cosine = vectors @ vectors[row]
        cosine[row] = -2
        cosine[~seen] = -2
        best = np.argsort(-cosine)[: len(entry["ids"])]
        assert row not in entry["ids"]
        np.testing.assert_allclose(entry["distances"], 1 - cosine[best], atol=1e-5)
    topcat = Table.read(run.folder / "discover" / "map.vot")
    assert len(topcat) == len(table)
    np.testing.assert_allclose(np.asarray(topcat["x"]), np.asarray(table["x"]), rtol=1e-6)


def test_logits_from_parts_are_those_of_the_whole_classifier(run, found):
    (case,) = finished_cases(run)
    rows = run.rows("test")
    saved, stored = open_case(run, case), case_classes(run, case)
    for names in (("photometry",), ("spectrum", "metadata"), tuple(case.modalities)):
        np.testing.assert_allclose(
            stored.logits(names)[rows], saved.logits(run.source, rows, names), rtol=1e-4, atol=1e-5
        )


def test_decisions_are_of_the_test_objects_and_add_up(run, found):
    table = read(run, "decisions.parquet")
    assert len(table) == len(run.rows("test"))
    shares = np.stack([np.asarray(table[f"share_{n}"]) for n in run.config.modalities], axis=1)
    probability = np.asarray(table["probability"])
    train = run.labels[run.rows("train")]
    prior = np.bincount(train[train >= 0]) / (train >= 0).sum()
    code = [run.classes.index(name) for name in table["predicted"].to_pylist()]
    np.testing.assert_allclose(shares.sum(axis=1), np.log(probability / prior[code]), atol=1e-6)


def test_importance_is_there_by_every_measure(found):
    methods = [entry.method.split(" ")[0] for entry in found.importance]
    assert methods == ["k-NN", "centroid", "fine-tuned", "mean"]
    for entry in found.importance:
        assert entry.value.shape == entry.error.shape


def test_what_is_done_is_not_done_again_unless_options_change(run, found, monkeypatch):
    import skybind.discovery.discover as module

    def forbidden(*args, **kwargs):
        raise AssertionError("done again")

    for name in ("find_outliers", "class_structures", "importance_tables", "map_everything"):
        monkeypatch.setattr(module, name, forbidden)
    again = discover(run, OPTIONS, page=False)
    assert again == found
    with pytest.raises(AssertionError, match="done again"):
        discover(run, DiscoverOptions(permutations=5, map_method="pca"), page=False)


@pytest.fixture
def again(run, found, monkeypatch):
    """Steps that a call would do again; it reads what is there."""
    discover(run, OPTIONS, page=False)  # another test may have taken a step away
    steps = []

    def asked(folder, key, make):
        note = result_of(folder)
        if note["key"] != key["key"]:
            steps.append(folder.name)
        return note

    monkeypatch.setattr("skybind.discovery.discover.once", asked)
    return steps


def test_what_was_measured_on_some_objects_is_counted_among_those_it_could_be(
    run, found, monkeypatch
):
    there, train, test = run_embedding(run), run.rows("train"), run.rows("test")
    gone = np.isin(np.arange(len(there)), np.concatenate([train[:5], test[:5]]))
    present = {name: has & ~gone for name, has in there.present.items()}
    present["spectrum"][test[5:9]] = False
    embeddings = replace(there, present=present)
    seen = embeddings.any_present()
    complete = np.logical_and.reduce(list(embeddings.present.values()))
    assert discovery_samples(run, embeddings, [part.n for part in found.structure]) == []
    monkeypatch.setattr("skybind.discovery.samples.CLUSTERED", 50)
    monkeypatch.setattr("skybind.discovery.samples.CLASS_CLUSTERED", 10)
    monkeypatch.setattr("skybind.discovery.samples.DIVIDED", 9)
    few = {"asked_objects": 3, "map_objects": 10}
    other = run.config.evaluation.model_copy(update=few)
    monkeypatch.setattr(run, "config", run.config.model_copy(update={"evaluation": other}))
    made = discovery_samples(run, embeddings, [part.n for part in found.structure])
    classes = [int((seen & (run.labels == code)).sum()) for code in range(len(run.classes))]
    assert [(one.n, one.of) for one in made] == [
        (50, seen[train].sum()),
        (10, max(classes)),
        (9, max(part.n for part in found.structure)),
        (3, complete[test].sum()),
        (10, seen[train].sum()),
    ]
    assert complete[test].sum() < seen[test].sum() < len(test)


def test_steps_of_an_older_version_are_done_again(run, again, monkeypatch):
    # version 5 compared with all training objects, however many
    monkeypatch.setattr("skybind.discovery.discover.DISCOVER_VERSION", 5)
    discover(run, OPTIONS, page=False)
    assert len(again) == 6


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, []),
        ({"asked_objects": 25}, ["importance"]),
        ({"neighbours": 5}, ["importance"]),
        ({"targets": ["period"]}, ["outliers", "importance", "map"]),
    ],
)
def test_steps_that_follow_a_key_of_the_evaluation_are_done_again(run, again, changes, steps):
    before = {key: getattr(run.config.evaluation, key) for key in changes}
    run.change_evaluation(**changes)
    try:
        discover(run, OPTIONS, page=False)
    finally:
        run.change_evaluation(**before)
    assert again == steps


def test_tables_say_of_which_model_they_are_and_are_not_shown_beside_another(
    run, found, monkeypatch
):
    from skybind.explore.survey import Survey

    own = Embeddings.read(run.paths.embeddings).model["weights"]
    tables = sorted((run.folder / "discover").glob("*.parquet"))
    assert len(tables) == 5
    for path in tables:
        assert pq.read_schema(path).metadata[b"skybind-model"] == own.encode()
        assert read_discovery(path, model=own).equals(read_discovery(path))
        with pytest.raises(DataError, match=r"is of another model than .*'skybind discover "):
            read_discovery(path, model="another")
    said = []
    monkeypatch.setattr("skybind.explore.survey.say", said.append)
    survey = Survey(run, read_only=True)
    assert len(survey.suspects) == 300
    del survey.suspects
    monkeypatch.setitem(survey.stream.model, "weights", "another")
    assert survey.suspects is None
    assert "is of another model" in said[-1]
    survey.close()


def test_the_page_shows_the_suspects_and_says_that_they_are_simulated(run, found):
    page = (run.folder / "discover.html").read_text()
    first = read(run, "outliers.parquet")["object_id"][0].as_py()
    assert page.count(first) >= 3
    for words in ("Simulated data.", "Nearest neighbours", "Importance of the", "Planted faults"):
        assert words in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_labels_are_resolved_into_known_classes(run):
    embeddings = run_embedding(run)
    every = run.dataset.labels(run.config.labels.column)
    name = next(n for n in np.unique(every) if n and n not in run.classes)
    table = resolve_labels(run, embeddings, [name])
    assert set(table["label"].to_pylist()) == {name}
    total = np.sum([np.asarray(table[f"p_{c}"]) for c in run.classes], axis=0)
    np.testing.assert_allclose(total, 1)
    best = np.max([np.asarray(table[f"p_{c}"]) for c in run.classes], axis=0)
    np.testing.assert_allclose(best, np.asarray(table["probability"]))

    # the logarithm of a pool is a weighted sum of those of votes and classifier, but for a constant
    def logarithms(kind):
        values = np.log([np.asarray(table[f"{kind}_{c}"], float) for c in run.classes])
        return (values - values.mean(axis=0)).ravel()

    both = np.stack([logarithms("votes"), logarithms("classifier")], axis=1)
    weights, residual, *_ = np.linalg.lstsq(both, logarithms("p"), rcond=None)
    assert residual < 1e-12 * len(both)
    assert (weights > -1e-9).all()
    assert abs(weights[0] - 0.5) > 0.01  # fitted on the validation objects
    with pytest.raises(DataError, match="No object has the label"):
        resolve_labels(run, embeddings, ["nonsense"])


def test_what_the_classifier_cannot_see_is_left_to_the_votes():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    votes = np.log(0.7 * np.eye(3)[labels] + 0.1)  # right, but not sure enough
    logits = 5 * np.eye(3)[labels]
    votes, logits = (np.concatenate([x[:4], x]) for x in (votes, logits))
    logits[[1, 7]] = np.nan
    joined = labels_module._pooled([votes, logits], labels)
    alone = labels_module._pooled([votes], labels)
    np.testing.assert_allclose(joined.sum(axis=1), 1)
    np.testing.assert_array_equal(joined[[1, 7]], alone[[1, 7]])
    assert (joined[0] != alone[0]).all()
    agree = labels_module._agree(logits[:4], votes[:4])
    assert agree.to_pylist() == [True, None, True, True]


def test_unknown_classes_and_modalities_are_named(run):
    with pytest.raises(ConfigError, match="no class 'XYZ'"):
        discover(run, DiscoverOptions(classes=("XYZ",)))
    with pytest.raises(ConfigError, match="no modality 'radio'"):
        discover(run, DiscoverOptions(modalities=("radio",)))


def test_map_options_are_numbers_where_they_are():
    assert read_map_options({"n_neighbors": "30", "min_dist": "0.2", "init": "random"}) == {
        "n_neighbors": 30,
        "min_dist": 0.2,
        "init": "random",
    }
