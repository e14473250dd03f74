"""Neighbours as the page asks for them: with a contrast, with an index, without flags."""

import json
import shutil

import numpy as np
import pytest

from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.explore.neighbours import MOST, contrasted, for_page
from skybind.runs.run import Run
from skybind.search import engine
from skybind.search.index_build import build_index
from tests.explore.conftest import serving


@pytest.fixture(scope="module")
def embeddings(hostile_run):
    return Embeddings.read(Run.open(hostile_run).paths.embeddings)


@pytest.fixture(scope="module")
def row(embeddings):
    """An object with a light curve and a spectrum."""
    both = embeddings.present["photometry"] & embeddings.present["spectrum"]
    return int(np.flatnonzero(both)[3])


def test_weights_choose_between_alike_and_unlike():
    here, there = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.5, 0.9, 0.2, 0.4])
    assert contrasted(here, there, (1, 0)).tolist() == [0, 1, 2, 3]
    assert contrasted(here, there, (0, 1)).tolist() == [2, 3, 0, 1]
    # the cosines of one modality lie ten times as near to each other, and count as much
    assert contrasted(here, there, (1, 1)).tolist() == contrasted(here / 10, there, (1, 1)).tolist()
    assert contrasted(here, np.full(4, 0.3), (1, 1)).tolist() == [0, 1, 2, 3]
    for wrong in ((0, 0), (-1, 1), (np.inf, 1)):
        with pytest.raises(DataError, match="weights"):
            contrasted(here, there, wrong)


def test_a_contrast_ranks_the_most_alike(served, embeddings, row):
    name = str(embeddings.object_id[row])
    asked = {"id": name, "by": "photometry", "contrast": "spectrum", "k": 5}
    cosine = {n: embeddings[n] @ embeddings[n][row] for n in ("photometry", "spectrum")}
    both = embeddings.present["photometry"] & embeddings.present["spectrum"]
    both[row] = False
    candidates = np.flatnonzero(both)
    here, there = (cosine[n][candidates] for n in ("photometry", "spectrum"))
    near = np.argsort(-here)[:MOST]
    here, there = here[near], there[near]
    for weights in ((1, 1), (1, 0), (0, 1), (0.3, 0.8)):
        told = served.json("neighbours", here=weights[0], there=weights[1], **asked)
        score = weights[0] * (here - here.mean()) / here.std()
        score -= weights[1] * (there - there.mean()) / there.std()
        expected = candidates[near[np.argsort(-score)[:5]]]
        assert told["among"] == len(near)
        found = [match["object_id"] for match in told["matches"]]
        assert found == embeddings.object_id[expected].tolist()
        for match, i in zip(told["matches"], expected, strict=True):
            assert match["cosine"] == pytest.approx(cosine["photometry"][i], abs=1e-5)
            assert match["contrast"] == pytest.approx(cosine["spectrum"][i], abs=1e-5)
    status, _, body = served.ask("/api/neighbours", here=0, there=0, **asked)
    assert status == 400
    assert "weights" in json.loads(body)["error"]


def test_a_search_by_an_index_says_so(hostile_run, embeddings, row, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "LARGE", 10)
    folder = shutil.copytree(hostile_run, tmp_path / "run")
    with serving(folder) as explorer:
        asked = {"id": str(embeddings.object_id[row]), "by": "photometry"}
        assert explorer.json("neighbours", **asked)["how"] == "exact"
        build_index(EmbeddingStream.open(Run.open(folder).paths.embeddings), ["photometry"])
        told = explorer.json("neighbours", **asked)
    assert told["how"].startswith("approximate, by index: nprobe")
    assert not any("exact" in note for note in told["notes"])


def test_notes_name_no_flags():
    notes = {
        "It folds by 'period': --value period=0.0679 takes it for that.": (
            "It folds by 'period': period=0.0679 in the field 'with the values' takes it for that."
        ),
        "stands in (or give --value rfr_score=NUMBER).": (
            "stands in (or give rfr_score=NUMBER in the field 'with the values')."
        ),
        "--value bp_rp: -999 stands for none.": "the value 'bp_rp': -999 stands for none.",
        "a smaller share may be found ('--exact' finds all).": "a smaller share may be found.",
    }
    for said, expected in notes.items():
        assert for_page(said) == expected
