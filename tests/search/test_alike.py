"""What is called alike is measured on the objects that are searched."""

import numpy as np
import pytest

from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.measures.neighbours import Nearest, exact_nearest
from skybind.search import engine as searching
from skybind.search.alike import asked_objects, least_alike
from skybind.search.places import Places
from skybind.search.search import SearchOptions, search, search_opened


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Clusters of stars in two modalities, and one object that is like none of them."""
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.normal(size=(32, 32)))[0][:5]
    vectors = {}
    for name in ("photometry", "spectrum"):
        points = centres[np.arange(600) % 5] + 0.05 * rng.normal(size=(600, 32))
        points[0] = rng.normal(size=32)
        vectors[name] = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    ids = np.array([f"s{i}" for i in range(600)])
    present = {name: np.ones(600, bool) for name in vectors}
    folder = tmp_path_factory.mktemp("alike")
    Embeddings(ids, np.full(600, "train"), vectors, present).write(folder / "embeddings")
    return folder / "embeddings", vectors


@pytest.mark.parametrize(
    ("source", "target"),
    [(["photometry"], ["photometry"]), (["photometry"], ["spectrum"])],
)
def test_a_stranger_is_told_that_nothing_is_like_it(survey, source, target):
    folder, _ = survey
    found = search(folder, ["s0", "s7"], SearchOptions(source=source, target=target, k=6))
    told = [found.relation[found.query == i].tolist() for i in range(2)]
    assert set(told[0]) <= {"unlike", "itself"}
    assert set(told[1]) <= {"alike", "itself"}
    if source == target:
        (note,) = found.notes
        assert note.startswith("Nothing like s0 was found: the nearest has a cosine of 0.")
    assert 0.8 < found.alike[0] < 1


def test_the_limit_is_what_all_but_one_in_a_hundred_reach(survey):
    folder, vectors = survey
    own = vectors["photometry"] @ vectors["photometry"].T
    np.fill_diagonal(own, -1)
    found = search(folder, ["s7"], SearchOptions(source=["photometry"], target=["photometry"]))
    exact = np.quantile(own.max(axis=1), 0.01)
    assert found.alike[0] == pytest.approx(exact, abs=0.05)  # of 256 objects drawn
    assert (own.max(axis=1) >= found.alike[0]).mean() > 0.95


def test_what_is_alike_is_measured_once_for_an_opened_survey(survey, monkeypatch):
    folder, _ = survey
    stream, places = EmbeddingStream.open(folder), Places(folder, None, None)
    asked = []
    own = searching.asked_objects
    monkeypatch.setattr(searching, "asked_objects", lambda *of: asked.append(of[1]) or own(*of))

    def limit(query, **values):
        options = SearchOptions(source=["photometry"], **values)
        (found,) = search_opened(stream, places, [query], options, files=False).alike
        return found

    first = limit("s7")
    assert limit("s8", k=3) == first
    assert asked == [("photometry",)]
    other = limit("s7", target=["spectrum"])  # searched in others, or among fewer: measured anew
    assert other != first
    # an index was asked when it was built
    assert limit("s7", index=True) == pytest.approx(first, abs=0.02)
    assert limit("s9") == first
    assert len(asked) == 2


def test_those_asked_are_among_those_searched_and_few_say_nothing(survey):
    folder, vectors = survey
    stream = EmbeddingStream.open(folder)
    keep = np.arange(600) % 2 == 0
    rows, own = asked_objects(stream, ["photometry"], keep)
    assert keep[rows].all()
    assert 100 < len(rows) <= 256
    np.testing.assert_allclose(own, vectors["photometry"][rows], atol=1e-6)
    few = Nearest(np.array([[0, 5], [1, 6]]), np.array([[1.0, 0.9], [1.0, 0.8]]))
    assert np.isnan(least_alike(np.array([0, 1]), few))
    many = Nearest(np.tile([[0, 5]], (30, 1)), np.tile([[1.0, 0.9]], (30, 1)))
    assert least_alike(np.zeros(30, int), many) == pytest.approx(0.9)  # itself does not count


def test_rows_that_are_sorted_by_class_are_asked_from_all_over(tmp_path):
    """Three of sixty classes are loose, 5 % of the objects: the limit lies among these."""
    rng = np.random.default_rng(3)
    centres = np.linalg.qr(rng.normal(size=(64, 64)))[0][:60]
    width = np.where(np.isin(np.arange(60), (7, 29, 51)), 0.3, 0.02)
    points = np.repeat(centres, 50, axis=0) + width.repeat(50)[:, None] * rng.normal(
        size=(3000, 64)
    )
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    made = Embeddings(
        np.arange(3000).astype(str),
        np.full(3000, "train"),
        {"photometry": points},
        {"photometry": np.ones(3000, bool)},
    )
    made.write(tmp_path / "embeddings")
    stream = EmbeddingStream.open(tmp_path / "embeddings")
    cosines = points @ points.T
    np.fill_diagonal(cosines, -1)
    best = cosines.max(axis=1)
    for seed in range(5):
        rows, vectors = asked_objects(stream, ["photometry"], None, seed)
        assert len(rows) == 256
        found = exact_nearest(stream.chunks(["photometry"]), vectors, 2)
        assert (best >= least_alike(rows, found)).mean() > 0.97
