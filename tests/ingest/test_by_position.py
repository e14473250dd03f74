"""Observations of another survey, joined by position: one truth in every layout."""

import numpy as np
import pytest
import yaml
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.survey import import_dataset

N, EPOCHS = 30, 6


@pytest.fixture
def sky():
    """Objects around RA 0 at high declination, and the sources 0.3 arcsec from them."""
    rng = np.random.default_rng(8)
    at = SkyCoord(rng.uniform(-3, 3, N) % 360, rng.uniform(84, 89.9, N), unit="deg")
    there = at.directional_offset_by(rng.uniform(0, 360, N) * u.deg, 0.3 * u.arcsec)
    return at, there, rng.permutation(N)


def write_objects(folder, at, **more):
    Table({"name": [f"o{i}" for i in range(N)], "ra": at.ra.deg, "dec": at.dec.deg, **more}).write(
        folder / "objects.csv"
    )


def fluxes(i):
    return 1 + i + np.sin(np.arange(EPOCHS) + i)


def long_table(there, order, jitter=0.02):
    """Rows of the sources in an order of their own; each epoch has a position of its own."""
    rng = np.random.default_rng(1)
    rows = [(i, e) for i in order for e in range(EPOCHS)]
    source = np.asarray([i for i, _ in rows])
    at = there[source].directional_offset_by(
        rng.uniform(0, 360, len(rows)) * u.deg, jitter * u.arcsec
    )
    return Table({"star": [f"s{i:03d}" for i in source], "RAJ2000": at.ra.deg,
                  "DEJ2000": at.dec.deg, "t": [float(e) for _, e in rows],
                  "f": [fluxes(i)[e] for i, e in rows]})  # fmt: skip


CURVE = {"time": {"column": "t", "unit": "d"}, "flux": {"column": "f", "unit": "mJy"}}


def imported(folder, photometry, **kinds):
    mapping = {"objects": {"file": "objects.csv", "id": "name", "ra": "ra", "dec": "dec"}, **kinds}
    if photometry:
        mapping["photometry"] = {**CURVE, **photometry}
    (folder / "survey.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(folder / "survey.yaml", folder / "set", overwrite=True)
    return Dataset.open(folder / "set"), summary


def assert_own_curves(dataset, rows=range(N)):
    curves = dataset.ragged("photometry")
    assert np.flatnonzero(curves.present).tolist() == list(rows)
    for row in rows:
        cut = slice(*curves.offsets[row : row + 2])
        np.testing.assert_allclose(curves.fields["flux"][cut], fluxes(row), rtol=1e-6)


@pytest.mark.parametrize("ending", [".csv", ".fits", ".parquet", ".ecsv"])
def test_a_long_table_is_joined_in_every_format(sky, tmp_path, ending):
    at, there, order = sky
    write_objects(tmp_path, at)
    table = long_table(there, order)
    format = {".ecsv": "ascii.ecsv"}.get(ending)
    if ending == ".parquet":
        table.to_pandas().to_parquet(tmp_path / "epochs.parquet")
    else:
        table.write(tmp_path / f"epochs{ending}", format=format)
    join = {"radius": 1}
    dataset, summary = imported(tmp_path, {"file": f"epochs{ending}", "id": "star", "join": join})
    assert_own_curves(dataset)
    told = " ".join(summary.notes)
    assert "30 of 30 objects have one of 30 sources within 1 arcsec." in told
    assert "0.0 of these are expected by chance" in told
    assert not summary.quarantined


def test_without_a_common_name_nothing_is_found(sky, tmp_path):
    at, there, order = sky
    write_objects(tmp_path, at)
    long_table(there, order).write(tmp_path / "epochs.csv")
    with pytest.raises(DataError, match="no name is in both tables"):
        imported(tmp_path, {"file": "epochs.csv", "id": "star"})


def test_sources_without_an_object_are_counted(sky, tmp_path):
    at, there, order = sky
    write_objects(tmp_path, at)
    far = there.directional_offset_by(0 * u.deg, np.where(np.arange(N) < 4, 20, 0) * u.arcsec)
    long_table(far, order).write(tmp_path / "epochs.csv")
    dataset, summary = imported(
        tmp_path, {"file": "epochs.csv", "id": "star", "join": {"radius": 1}}
    )
    assert_own_curves(dataset, range(4, N))
    assert summary.quarantined == {"a source that belongs to no object by its position": 4}
    rows = read_quarantine(tmp_path / "set")
    assert {row["object_id"] for row in rows} == {"s000", "s001", "s002", "s003"}
    assert all("(6 rows)" in row["reason"] for row in rows)


@pytest.mark.parametrize("ambiguous", ["nearest", "leave out"])
def test_what_is_ambiguous_is_told_or_left_out(sky, tmp_path, ambiguous):
    at, there, order = sky
    write_objects(tmp_path, at)
    table = long_table(there, order)
    double = long_table(at[:2].directional_offset_by(0 * u.deg, 0.8 * u.arcsec), [0, 1])
    double["star"] = [f"d{name}" for name in double["star"]]
    double["f"] = -5.0
    both = Table({name: np.concatenate([table[name], double[name]]) for name in table.colnames})
    both.write(tmp_path / "epochs.csv")
    join = {"radius": 1, "ambiguous": ambiguous}
    dataset, summary = imported(tmp_path, {"file": "epochs.csv", "id": "star", "join": join})
    told = " ".join(summary.notes)
    if ambiguous == "nearest":
        assert_own_curves(dataset)
        assert "2 ambiguous, of which the nearest is taken" in told
    else:
        assert_own_curves(dataset, range(2, N))
        assert "28 of 30 objects" in told
        assert "2 left out" in told
        reasons = {r["object_id"]: r["reason"] for r in read_quarantine(tmp_path / "set")}
        assert "more than one candidate" in reasons["o0"]
        assert "more than one candidate" in reasons["o1"]


def test_stars_are_moved_to_the_epoch_of_the_sources(sky, tmp_path):
    _, there, order = sky
    pm = np.full(N, 400.0)
    now = there.spherical_offsets_by(pm * 16 * u.mas, -pm * 16 * u.mas)
    write_objects(tmp_path, now, pmra=pm, pmdec=-pm)
    long_table(there, order).write(tmp_path / "epochs.csv")
    plain = {"file": "epochs.csv", "id": "star", "join": {"radius": 1}}
    with pytest.raises(DataError, match=r"no source of .* within 1 arcsec of an object"):
        imported(tmp_path, plain)
    join = {"radius": 1, "pm": ["pmra", "pmdec"], "epoch": 2016.0, "other_epoch": 2000.0}
    dataset, _ = imported(tmp_path, {**plain, "join": join})
    assert_own_curves(dataset)
    with pytest.raises(ConfigError, match="no epoch"):
        imported(tmp_path, {**plain, "join": {"radius": 1, "pm": ["pmra", "pmdec"]}})


def test_positions_may_stand_in_a_table_of_sources(sky, tmp_path):
    at, there, order = sky
    write_objects(tmp_path, at)
    table = long_table(there, order)
    table["star", "t", "f"].write(tmp_path / "epochs.csv")
    sources = Table({"star": [f"s{i:03d}" for i in range(N)], "lon": there.ra.hourangle,
                     "lat": there.dec.deg})  # fmt: skip
    sources.write(tmp_path / "sources.csv")
    join = {"radius": 1, "index": "sources.csv", "ra": "lon", "dec": "lat", "unit": "hourangle"}
    dataset, _ = imported(tmp_path, {"file": "epochs.csv", "id": "star", "join": join})
    assert_own_curves(dataset)


def test_arrays_are_joined(sky, tmp_path):
    at, there, order = sky
    write_objects(tmp_path, at)
    np.savez(
        tmp_path / "curves.npz",
        star=np.asarray([f"s{i}" for i in order]),
        ra=there.ra.deg[order],
        dec=there.dec.deg[order],
        t=np.arange(EPOCHS, dtype=float),
        f=np.stack([fluxes(i) for i in order]),
    )
    dataset, _ = imported(tmp_path, {"file": "curves.npz", "id": "star", "join": {"radius": 1}})
    assert_own_curves(dataset)


def test_arrays_are_joined_by_their_index(sky, tmp_path):
    at, there, order = sky
    write_objects(tmp_path, at)
    curves = np.stack([fluxes(i) for i in order])
    np.savez(tmp_path / "curves.npz", t=np.arange(EPOCHS, dtype=float), f=curves)
    Table({"star": [f"s{i}" for i in order], "ra": there.ra.deg[order],
           "dec": there.dec.deg[order]}).write(tmp_path / "index.csv")  # fmt: skip
    arrays = {"file": "curves.npz", "index": "index.csv", "id": "star", "join": {"radius": 1}}
    assert_own_curves(imported(tmp_path, arrays)[0])


def test_a_folder_is_joined_by_its_index(sky, tmp_path):
    at, there, order = sky
    write_objects(tmp_path, at)
    (tmp_path / "curves").mkdir()
    for i in range(N):
        Table({"t": np.arange(float(EPOCHS)), "f": fluxes(i)}).write(
            tmp_path / "curves" / f"00{i}.csv"
        )
    Table({"file": [f"00{i}" for i in order], "ra": there.ra.deg[order],
           "dec": there.dec.deg[order]}).write(tmp_path / "index.csv")  # fmt: skip
    join = {"radius": 1, "index": "index.csv"}
    folder = {"folder": "curves", "pattern": "{file}.csv", "join": join}
    dataset, summary = imported(tmp_path, folder)
    assert_own_curves(dataset)
    assert not summary.quarantined


@pytest.mark.parametrize(
    ("photometry", "sentence"),
    [
        ({"file": "e.csv", "join": {"radius": 1}}, "'id'"),
        ({"file": "e.csv", "id": "a", "match": "b", "join": {"radius": 1}}, "exclude each other"),
        ({"folder": "e", "pattern": "{f}.csv", "join": {"radius": 1}}, "needs its 'index'"),
        ({"folder": "e", "pattern": "{id}.csv", "join": {"radius": 1, "index": "i.csv"}},
         "columns of the index"),
        ({"file": "e.csv", "id": "a", "join": {"radius": 0}}, "radius"),
        ({"file": "e.csv", "id": "a", "join": {"radii": 1}}, "radius"),
        ({"file": "e.csv", "id": "a", "join": {"radius": 1, "pm": ["pmra"]}}, "pm"),
    ],
)  # fmt: skip
def test_joins_that_cannot_be_are_refused(sky, tmp_path, photometry, sentence):
    write_objects(tmp_path, sky[0])
    with pytest.raises(ConfigError, match=sentence):
        imported(tmp_path, photometry)
