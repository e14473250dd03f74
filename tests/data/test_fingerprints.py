"""An observation is known again, whatever its object is called and wherever it stands."""

import errno

import numpy as np
import pytest

from skybind.data import fingerprints
from skybind.data.dataset import Dataset
from skybind.data.fingerprints import (
    catalogued,
    hash_numbers,
    observation_hashes,
    row_hashes,
    stored_hashes,
)
from skybind.data.schema import Column
from skybind.data.seen import PLACE, ROW
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged

COLUMNS = {
    "photometry": Column(
        "observation", modality="photometry", fields={"time": "d", "flux": "mJy", "flux_err": "mJy"}
    )
}


def write(folder, curves, names=None):
    """A dataset of light curves (time, flux)."""
    lengths = [len(time) for time, _ in curves]
    fields = {
        "time": np.concatenate([time for time, _ in curves]).astype(float),
        "flux": np.concatenate([flux for _, flux in curves]).astype(np.float32),
        "flux_err": np.random.default_rng(len(curves)).uniform(size=sum(lengths)).astype("f4"),
    }
    n = len(curves)
    with DatasetWriter(folder, COLUMNS) as writer:
        ragged = Ragged(fields, np.cumsum([0, *lengths]), np.asarray(lengths) > 0)
        ids = np.asarray(names if names is not None else [f"s{i}" for i in range(n)])
        writer.append(
            {"object_id": ids, "ra": np.zeros(n), "dec": np.zeros(n), "photometry": ragged}
        )
    return Dataset.open(folder)


@pytest.fixture
def curves():
    rng = np.random.default_rng(0)
    return [(np.sort(rng.uniform(0, 100, 20)), rng.normal(size=20)) for _ in range(8)]


def test_names_order_and_errors_do_not_count(tmp_path, curves):
    first = observation_hashes(write(tmp_path / "a", curves), "photometry")
    order = np.random.default_rng(1).permutation(8)
    shuffled = [curves[i] for i in order]
    shuffled = [(t[::-1], f[::-1]) for t, f in shuffled]  # epochs in another order too
    names = [f"other {i}" for i in range(8)]
    second = observation_hashes(write(tmp_path / "b", shuffled, names), "photometry")
    assert len(set(first.tolist())) == 8
    assert second.tolist() == first[order].tolist()


def test_the_order_of_bands_at_shared_times_does_not_count(tmp_path):
    """The same two bands by time, with bands exchanged, and one band after the other."""
    rng = np.random.default_rng(3)
    time, flux = np.repeat(np.arange(10.0), 2), rng.normal(size=20)
    orders = [np.arange(20), np.arange(20).reshape(10, 2)[:, ::-1].ravel()]
    orders += [np.r_[0:20:2, 1:20:2], rng.permutation(20)]
    dataset = write(tmp_path / "a", [(time[order], flux[order]) for order in orders])
    found = observation_hashes(dataset, "photometry")
    assert found[0] != 0
    assert len(set(found.tolist())) == 1


@pytest.mark.parametrize("reason", ["EROFS", "EACCES", "EPERM", "ENOSPC", "EDQUOT"])
def test_where_none_can_be_kept_they_are_computed(tmp_path, curves, monkeypatch, reason):
    def refuse(path, values):
        raise OSError(getattr(errno, reason), "no", str(path))

    monkeypatch.setattr(fingerprints, "write_array", refuse)
    dataset = write(tmp_path / "a", curves)
    found = stored_hashes(dataset, tmp_path / "kept", ["photometry"])["photometry"]
    assert found.tolist() == observation_hashes(dataset, "photometry").tolist()


def test_another_failure_of_the_disk_is_no_silence(tmp_path, curves, monkeypatch):
    def fail(path, values):
        raise OSError(errno.EIO, "input/output error", str(path))

    monkeypatch.setattr(fingerprints, "write_array", fail)
    with pytest.raises(OSError, match="input/output error"):
        stored_hashes(write(tmp_path / "a", curves), tmp_path / "kept", ["photometry"])


def test_any_other_value_counts(tmp_path, curves):
    first = observation_hashes(write(tmp_path / "a", curves), "photometry")
    changed = [(t + 1e-9 * (np.arange(20) == 3), f) for t, f in curves]
    changed[1] = (curves[1][0], curves[1][1] * np.float32(1.0001))
    second = observation_hashes(write(tmp_path / "b", changed), "photometry")
    assert not set(first.tolist()) & set(second.tolist())


def test_what_may_agree_by_chance_has_none(tmp_path, curves):
    few = (np.arange(4.0), np.arange(4.0))
    flat = (np.arange(9.0), np.ones(9))
    none = (np.zeros(0), np.zeros(0))
    found = observation_hashes(write(tmp_path / "a", [few, flat, none, curves[0]]), "photometry")
    assert (found == 0).tolist() == [True, True, True, False]


def test_some_objects_alone(tmp_path, curves):
    dataset = write(tmp_path / "a", curves)
    rows = np.array([1, 4, 7])
    every = observation_hashes(dataset, "photometry")
    assert observation_hashes(dataset, "photometry", rows).tolist() == every[rows].tolist()


def test_they_are_kept_and_made_again_if_damaged(tmp_path, curves):
    dataset = write(tmp_path / "a", curves)
    first = stored_hashes(dataset, tmp_path / "kept", ["photometry"])["photometry"]
    (path,) = (tmp_path / "kept").iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = stored_hashes(dataset, tmp_path / "kept", ["photometry"])["photometry"]
    assert again.tolist() == first.tolist()
    assert path.read_bytes() != bytes(data)


def test_the_same_data_made_again_have_the_same_fingerprint_and_bytes(tmp_path, curves):
    one, two = write(tmp_path / "a", curves), write(tmp_path / "b", curves)
    assert one.fingerprint == two.fingerprint
    files = [next((d.path / "objects").iterdir()).read_bytes() for d in (one, two)]
    assert files[0] == files[1]
    # a value that moves no size and no extreme moves the fingerprint
    changed = [(t.copy(), f.copy()) for t, f in curves]
    middle = int(np.argsort(curves[0][1])[10])
    changed[0][1][middle] = np.nextafter(np.float32(changed[0][1][middle]), np.float32(9))
    assert write(tmp_path / "c", changed).fingerprint != one.fingerprint


def rows_of(folder, values, columns="abcdef", ra=0.0):
    described = {name: Column("feature", modality="metadata") for name in columns}
    n = len(values)
    with DatasetWriter(folder, described) as writer:
        given = dict(zip(columns, np.asarray(values, float).T, strict=True))
        ids = np.array([f"s{i}" for i in range(n)])
        writer.append({"object_id": ids, "ra": np.zeros(n) + ra, "dec": np.zeros(n), **given})
    return Dataset.open(folder)


def test_a_row_is_known_by_its_features_whatever_their_order_and_precision(tmp_path):
    values = np.random.default_rng(3).lognormal(0, 3, (30, 6)) * [1, -1, 1, 1, 1, 1]
    values[:10, 5] = np.nan
    first = row_hashes(rows_of(tmp_path / "a", values), list("abcdef"))
    assert len(np.unique(first)) == 30
    again = rows_of(tmp_path / "b", values.astype(np.float32)[:, ::-1], "fedcba")
    np.testing.assert_array_equal(row_hashes(again, list("bacdfe")), first)
    digits = np.array([[float(f"{x:.9g}") for x in row] for row in values])
    np.testing.assert_array_equal(
        row_hashes(rows_of(tmp_path / "c", digits), list("abcdef")), first
    )
    other = row_hashes(rows_of(tmp_path / "d", values * 1.000001), list("abcdef"))
    assert not np.isin(other, first).any()
    # another column is another thing, and one that is not there is not known
    fewer = row_hashes(rows_of(tmp_path / "e", values[:, :5], "abcde"), list("abcdef"))
    np.testing.assert_array_equal(fewer == first, np.arange(30) < 10)


@pytest.mark.parametrize(
    "row",
    [
        [0, 1, 0, 1, 1, 0],
        [1.23456, 2.34567, 3.45678, 4.56789, np.nan, np.nan],
        [1.23456, 1.23456, 2.34567, 3.45678, 4.56789, 1.23456001],
        [17.123, 16.892, 18.004, 15.331, 14.777, 0.004],
        [268435456, 1234567, 7654321, 9876543, 123456, 654321],
        [1.23456e39, 2.34567, 3.45678, 4.56789, 5.67891, 9],  # beyond single precision
    ],
)
def test_a_row_of_few_or_coarse_numbers_tells_nothing(tmp_path, row):
    assert row_hashes(rows_of(tmp_path / "a", [row]), list("abcdef")).tolist() == [0]


def test_different_stars_on_the_stellar_locus_have_different_rows():
    """Four digits of five magnitudes are the same for 6 of 40,000."""
    rng, n = np.random.default_rng(0), 40_000
    r = 20 - rng.exponential(1.5, n)
    colour = np.clip(rng.beta(2, 2, n) * 1.4 + 0.1, 0, 2)
    stars = r[:, None] + colour[:, None] * [1, -0.4, 0, -0.65, -0.75]
    stars += rng.normal(0, 0.03, stars.shape)
    codes = hash_numbers(["g", "i", "r", "y", "z"], stars)
    assert (codes != 0).mean() > 0.99
    assert len(np.unique(codes[codes != 0])) == (codes != 0).sum()


def test_zero_has_one_sign_and_small_numbers_their_digits(tmp_path):
    one = np.array([[9.99999, 1000.01, 0, -99999.4, 1.23456e-30, 5.12345]])
    first = row_hashes(rows_of(tmp_path / "a", one), list("abcdef"))
    assert first != 0
    again = rows_of(tmp_path / "b", np.where(one == 0, -0.0, one))
    np.testing.assert_array_equal(row_hashes(again, list("abcdef")), first)
    one[0, 4] *= 1.00001
    assert row_hashes(rows_of(tmp_path / "c", one), list("abcdef")) != first


def test_what_very_many_share_is_kept_only_where_it_is_asked_for(tmp_path):
    same = np.tile(np.pi * np.arange(1, 7), (25, 1))
    dataset = rows_of(tmp_path / "a", np.concatenate([same, same[:1] * 7]))
    seen = dict(catalogued(dataset, [list("abcdef")]))
    assert not seen[PLACE].any()  # all are at 0, 0
    assert np.flatnonzero(seen[ROW]).tolist() == [25]
    asked = dict(catalogued(dataset, [list("abcdef")], common=True))
    assert asked[PLACE].all()
    assert asked[ROW].all()


def test_a_row_that_objects_at_different_places_share_is_not_kept(tmp_path):
    values = np.pi * np.array([[1, 2, 3, 4, 5, 6]] * 2 + [[7, 2, 3, 4, 5, 6]])
    dataset = rows_of(tmp_path / "a", values, ra=[0.0, 90.0, 180.0])
    assert (dict(catalogued(dataset, [list("abcdef")]))[ROW] != 0).tolist() == [False, False, True]
    assert dict(catalogued(dataset, [list("abcdef")], common=True))[ROW].all()
