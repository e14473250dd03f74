"""Retrieval beside plain methods, and the brightness that they may live on."""

import numpy as np
import pytest

from skybind.config import load_config
from skybind.data.schema import Column
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError
from skybind.evaluation.brightness import brightness_of, magnitudes
from skybind.evaluation.records import Metrics
from skybind.evaluation.retrieval import (
    BRIGHTNESS,
    CONTROLS,
    COSINE,
    LIKELIHOOD,
    OURS,
    REFITTED,
    _fitted,
    retrieval_rivals,
    retrieve_run,
)
from skybind.measures.retrieval import retrieval
from skybind.report.retrieval import brightness_words
from skybind.runs.run import Run


@pytest.fixture(scope="module")
def run(trained):
    run = Run.open(trained)
    run.prepare()
    return run


@pytest.fixture(scope="module")
def rivals(run):
    return retrieval_rivals(run, Embeddings.read(run.paths.embeddings))[0]


def test_every_pair_has_every_method_and_ours_is_that_of_the_report(run, rivals):
    pairs = {(r.query, r.target) for r in rivals}
    assert len(pairs) == 6
    for pair in pairs:
        own = [r.method for r in rivals if (r.query, r.target) == pair]
        assert {OURS, LIKELIHOOD, COSINE, BRIGHTNESS, *CONTROLS} == set(own)
    told = {
        (r.query, r.target): r.recall
        for r in retrieve_run(run, Embeddings.read(run.paths.embeddings))
    }
    for rival in rivals:
        if rival.method == OURS:
            assert rival.recall == told[rival.query, rival.target]


def test_controls_are_at_chance(rivals):
    off = [(r.beaten - 0.5) / r.beaten_error for r in rivals if r.method in CONTROLS]
    assert np.abs(off).max() < 4.5
    assert np.abs(np.mean(off)) < 2


def test_a_correlation_of_exchanged_pairs_is_at_chance_where_both_views_share_their_brightness():
    off = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        bright = rng.normal(16, 2, 300)
        seen = {
            name: bright[:, None] + rng.normal(0, 0.1, (300, 3)) * rng.uniform(0, 3, 3)
            for name in "ab"
        }
        parts = (np.arange(150), np.arange(150, 300), seed)
        for vectors in _fitted(seen, ("a", "b"), parts)[REFITTED].values():
            found = retrieval(*vectors)
            if found.beaten_error > 0:  # else it found no direction: all are alike, at chance
                off.append((found.beaten - 0.5) / found.beaten_error)
    assert len(off) >= 8
    assert np.abs(off).max() < 4


def test_brightness_tells_less_among_objects_that_are_as_bright(rivals):
    own = [r for r in rivals if r.method == BRIGHTNESS and {r.query, r.target} != set()]
    every = np.mean([r.beaten for r in own])
    alike = np.mean([r.matched.beaten for r in own if r.matched is not None])
    assert every > 0.65
    assert alike < every - 0.1


def test_brightness_is_that_of_the_observations(run):
    dataset, known_of = run.dataset, brightness_of(run)
    found = known_of["photometry"].values
    for row in np.flatnonzero(dataset.present("photometry"))[:20]:
        curve = dataset.ragged("photometry", np.array([row])).fields
        value = np.nanmedian(curve["flux"]) if "flux" in curve else np.nanmedian(curve["magnitude"])
        expected = -2.5 * np.log10(value) if "flux" in curve else value
        assert found[row] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(found[~dataset.present("photometry")]).all()
    catalogue = known_of["metadata"].values
    known = np.isfinite(found) & np.isfinite(catalogue)
    assert np.corrcoef(found[known], catalogue[known])[0, 1] > 0.8


def test_what_brightness_was_taken_from_is_told(run, rivals):
    known = brightness_of(run)
    assert {name: one.source for name, one in known.items()} == {
        "photometry": "the median of its values",
        "spectrum": "the median of its values",
        "metadata": "the column 'mean_vmag'",
    }
    matched = {frozenset((r.query, r.target)): r.matched_by for r in rivals}
    # a spectrum may have been normalised: its own brightness is the last resort
    assert matched[frozenset(("spectrum", "metadata"))] == "metadata"
    assert matched[frozenset(("photometry", "spectrum"))] == "photometry"


def test_apparent_magnitudes_are_told_from_what_has_their_unit_too():
    names = ["amplitude", "e_g_mag", "bp_rp", "ag_gspphot", "A_V", "M_G", "abs_mag", "rms_mag"]
    columns = {name: Column("feature", "mag") for name in [*names, "phot_g_mean_mag", "Vmag"]}
    columns["teff"] = Column("feature", "K")
    columns["bright"] = Column("feature", None, attributes={"quantity": "magnitude"})
    assert magnitudes(columns, list(columns)) == ["bright", "phot_g_mean_mag", "Vmag"]


def test_a_magnitude_that_is_not_that_of_the_objects_is_passed_over(run, monkeypatch, caplog):
    numbers = run.dataset.numbers
    wrong = {"mean_vmag"}

    def read(name, *args):
        values = numbers(name, *args)
        return np.random.default_rng(0).permutation(values) if name in wrong else values

    monkeypatch.setattr(run.dataset, "numbers", read)
    assert brightness_of(run)["metadata"].source == "the column 'phot_g_mean_mag'"
    wrong |= {n for n, c in run.dataset.schema.columns.items() if c.unit == "mag"}
    caplog.set_level("INFO", logger="skybind")
    none = brightness_of(run)["metadata"]
    assert none.source == ""
    assert np.isnan(none.values).all()
    assert "counts as not known" in caplog.text
    # what is declared holds, and is doubted aloud
    declared = run.config.evaluation.model_copy(update={"brightness": {"metadata": "j_mag"}})
    monkeypatch.setattr(run, "config", run.config.model_copy(update={"evaluation": declared}))
    assert brightness_of(run)["metadata"].source == "the column 'j_mag', as declared"
    assert "'j_mag' of metadata, which hardly orders" in caplog.text


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{metadata: j_mug}", "which is no column, did you mean 'j_mag'"),
        ("{metadata: parallax}", "whose unit is 'mas': name a column of magnitudes"),
        ("{metadat: j_mag}", "no such modality, did you mean 'metadata'"),
    ],
)
def test_a_brightness_that_is_none_is_refused_at_the_start(stars, tmp_path, told, said):
    config = load_config("stars-small", [f"evaluation.brightness={told}"])
    with pytest.raises(ConfigError, match=said):
        Run.start(config, stars, tmp_path / "r")


def test_the_page_says_which_brightness_it_was(run, rivals):
    known = {name: one.source for name, one in brightness_of(run).items()} | {"xray": ""}
    words = brightness_words(Metrics(retrieval_rivals=rivals, brightness=known))
    assert "of metadata the column 'mean_vmag'" in words
    assert "That of xray is not known" in words
    assert "metadata and spectrum by metadata" in words
