import shutil

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from skybind.data.cone import Cone
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.where import fulfilled
from skybind.data.write import DatasetWriter
from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.measures.neighbours import exact_nearest
from skybind.search.filters import Filters, kept_objects
from skybind.search.places import Places
from skybind.search.positions import build_positions, open_positions, positions_folder
from skybind.search.search import SearchOptions, search
from skybind.study.check import check_folder

N = 3000


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Objects all over the sky, many at the poles and at right ascension 0, some with no place."""
    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(0, 360, N), np.degrees(np.arcsin(rng.uniform(-1, 1, N)))
    dec[:300] = 90 - rng.exponential(0.3, 300)
    dec[300:600] = -90 + rng.exponential(0.3, 300)
    ra[600:1200] = rng.normal(0, 1, 600) % 360
    dec[600:1200] = rng.normal(0, 1, 600)
    dec[0], dec[300], ra[600], ra[601] = 90, -90, 0, 360
    ra[-5:], dec[-3:] = np.nan, -999
    names = np.array([f"o{i}" for i in range(N)])
    folder = tmp_path_factory.mktemp("sky")
    with DatasetWriter(folder / "data", {"n": Column("info")}) as writer:
        writer.append({"object_id": names, "ra": ra, "dec": dec, "n": np.arange(N)})
    vectors = rng.standard_normal((N, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    every = np.ones(N, bool)
    survey = Embeddings(names, np.full(N, ""), {"a": vectors}, {"a": every}, {"weights": "w"})
    survey.write(folder / "embeddings", shard_rows=1000)
    stream, places = opened(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skybind.search.positions.PART", 700)  # in several pieces
        build_positions(stream, places)
    return folder, survey, np.where(np.arange(N) < N - 5, ra, np.nan), dec


def opened(folder):
    stream = EmbeddingStream.open(folder / "embeddings")
    return stream, Places(folder / "embeddings", folder / "data", None)


def inside(sky, ra, dec, radius):
    """Rows in a cone, by astropy, and whether that is in doubt."""
    _, _, ras, decs = sky
    known = np.flatnonzero(np.isfinite(ras) & (np.abs(decs) <= 90))
    there = SkyCoord(ras[known], decs[known], unit="deg")
    apart = there.separation(SkyCoord(ra, dec, unit="deg")).deg
    return known[apart <= radius], np.abs(apart - radius).min() < 1e-9  # some on the edge itself


@settings(max_examples=150, deadline=None)
@given(
    st.floats(-360, 720),
    st.one_of(st.floats(-90, 90), st.floats(88, 90), st.floats(-90, -88), st.floats(-1, 1)),
    st.one_of(st.floats(1e-6, 180), st.floats(0.01, 3)),
)
@example(0, 90, 0.5)
@example(0, -90, 0.5)
@example(359.999, 0, 1)
@example(0.0, 0.0, 90)
@example(180, 45, 45.0001)
@example(180, 45, 44.9999)
@example(10, 0, 179.9)
def test_a_cone_gives_its_objects(sky, ra, dec, radius):
    folder, _, _, _ = sky
    stream, places = opened(folder)
    found = open_positions(stream, places.dataset).in_cone(Cone(ra, dec, radius))
    expected, doubtful = inside(sky, ra % 360, dec, radius)
    assume(not doubtful)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 360),
    st.one_of(st.floats(-90, 90), st.floats(89, 90), st.floats(-1, 1)),
    st.floats(0.3, 60),
    st.integers(0, N),
    st.integers(0, N - 6),
)
def test_cone_conditions_and_similarity_together_are_brute_force(sky, ra, dec, radius, n, query):
    folder, survey, _, _ = sky
    rows, doubtful = inside(sky, ra, dec, radius)
    assume(not doubtful)
    rows = rows[rows < n]
    text = f"{ra!r} {dec!r} {radius!r}"
    options = SearchOptions(cone=text, where=f"n < {n}", k=5)
    others = rows[rows != query]
    if not len(others):
        with pytest.raises(DataError, match="No object"):
            search(folder / "embeddings", [f"o{query}"], options, data=folder / "data")
        return
    found = search(folder / "embeddings", [f"o{query}"], options, data=folder / "data")
    own = survey.vectors["a"]
    best = exact_nearest([(others, own[others])], own[[query]], 5).row[0]
    np.testing.assert_array_equal(found.row, best[best >= 0])
    assert found.recall is None


def test_without_sorted_positions_or_in_another_order_it_is_the_same(sky, tmp_path):
    folder, survey, _, _ = sky
    order = np.random.default_rng(1).permutation(N)[:2500]
    survey.take(order).write(tmp_path / "embeddings")
    stream = EmbeddingStream.open(tmp_path / "embeddings")
    places = Places(tmp_path / "embeddings", folder / "data", None)
    asked = Filters(cone="0 0 2", where="n >= 700")
    scanned = kept_objects(stream, places, asked)
    expected, _ = inside(sky, 0, 0, 2)
    assert set(order[scanned]) == set(expected[expected >= 700]) & set(order)
    built = build_positions(stream, places)
    assert not built.note.same
    np.testing.assert_array_equal(kept_objects(stream, places, asked), scanned)
    where = Filters(where="n >= 700")
    np.testing.assert_array_equal(kept_objects(stream, places, where), order >= 700)


@pytest.mark.parametrize("sorted_", [True, False])
def test_parts_and_observations_are_asked_of_the_objects_in_the_cone(sky, tmp_path, sorted_):
    folder, survey, _, _ = sky
    part = np.where(np.arange(N) % 2 == 0, "train", "test")
    present = {"a": survey.present["a"], "b": np.arange(N) % 3 == 0}
    vectors = {"a": survey.vectors["a"], "b": survey.vectors["a"] * present["b"][:, None]}
    both = Embeddings(survey.object_id, part, vectors, present, {"weights": "w"})
    both.write(tmp_path / "embeddings", shard_rows=1000)
    stream = EmbeddingStream.open(tmp_path / "embeddings")
    places = Places(tmp_path / "embeddings", folder / "data", None)
    if sorted_:
        build_positions(stream, places)
    cone, _ = inside(sky, 0, 0, 2)
    asked = Filters(split="test", cone="0 0 2", where="n >= 700", has="b")
    expected = [row for row in cone if row >= 700 and row % 2 and row % 3 == 0]
    assert np.flatnonzero(kept_objects(stream, places, asked)).tolist() == sorted(expected)
    with pytest.raises(DataError, match=r"no split 'tset'.*test"):
        kept_objects(stream, places, Filters(split="tset", cone="0 0 2"))
    with pytest.raises(DataError, match="No object fulfils"):
        kept_objects(stream, places, Filters(split="test", cone="0 0 2", where="n < 0"))


def test_of_other_data_they_are_not_used_and_damage_is_told(sky, tmp_path):
    folder, survey, _, _ = sky
    for name in ("embeddings", "embeddings.positions", "data"):
        shutil.copytree(folder / name, tmp_path / name)
    stream, places = opened(tmp_path)
    assert open_positions(stream, places.dataset).note.n == N - 5
    (tmp_path / "status.json").write_text("{}")
    checked = check_folder(tmp_path).damages
    path = positions_folder(stream.folder) / "codes.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"codes.npy is damaged.*skybind index"):
        open_positions(stream, places.dataset)
    assert len(check_folder(tmp_path).damages) == len(checked) + 1
    (tmp_path / "status.json").unlink()
    survey.take(np.arange(10)).write(tmp_path / "embeddings")
    stream, places = opened(tmp_path)
    assert open_positions(stream, places.dataset) is None


def test_only_columns_of_the_objects_asked_for_are_read(sky, monkeypatch):
    folder, _, _, _ = sky
    dataset = Dataset.open(folder / "data")
    rows = np.array([5, 2, 2999])
    monkeypatch.setattr(Dataset, "iter_tables", None)
    assert fulfilled(dataset, "n > 4", rows).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("cone", "message"), [("1 2", "RA DEC RADIUS"), ("1 95 1", "declination"), ("1 2 0", "radius")]
)
def test_what_is_no_cone_is_refused(sky, cone, message):
    folder, _, _, _ = sky
    with pytest.raises(DataError, match=message):
        search(folder / "embeddings", ["o1"], SearchOptions(cone=cone), data=folder / "data")
