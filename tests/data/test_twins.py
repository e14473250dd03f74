"""Twins are found, kept on one side of a split, and told of by the check."""

import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.data.fingerprints import observation_hashes
from skybind.data.schema import Column
from skybind.data.seen import TRAINED, Seen
from skybind.data.splits import Split, make_split, random_split
from skybind.data.stored_splits import split_dataset
from skybind.data.suspicions import find_suspicions
from skybind.data.twins import find_twins, together
from skybind.data.write import DatasetWriter
from skybind.models.leaks import seen_twins
from skybind.ragged import Ragged

COLUMNS = {
    "photometry": Column(
        "observation", modality="photometry",
        fields={"time": "d", "magnitude": "mag", "magnitude_err": "mag"},
    ),
    "label": Column("label"),
    "x": Column("feature", modality="metadata"),
    "y": Column("target"),
}  # fmt: skip
N = 60


def survey(folder, seed=0, **changed):
    """Write stars far from each other, with light curves and errors of their own."""
    rng = np.random.default_rng(seed)
    lengths = np.full(N, 8)
    columns = {
        "object_id": np.array([f"s{i}" for i in range(N)]),
        "ra": rng.uniform(0, 360, N),
        "dec": rng.uniform(-60, 60, N),
        "label": np.array(["EW", "EB"] * (N // 2)),
        "x": rng.normal(0, 1, N),
        "y": rng.normal(0, 1, N),
    }
    columns |= {name: value for name, value in changed.items() if name in columns}
    fields = {
        "time": np.tile(np.arange(8.0), N),
        "magnitude": rng.normal(12, 1, 8 * N).astype("f4"),
        "magnitude_err": rng.uniform(0.01, 0.1, 8 * N).astype("f4"),
    }
    for name, (source, target) in changed.get("copies", {}).items():
        values = fields[name].reshape(N, 8)
        values[target] = values[source]
    fields |= changed.get("fields", {})
    columns["photometry"] = Ragged(fields, np.arange(N + 1) * 8, lengths > 0)
    with DatasetWriter(folder, COLUMNS) as writer:
        writer.append(columns)
    return folder


def positions(pairs):
    """Give positions of which pairs are 0.5 arcsec apart, across 0 h and near the pole too."""
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, N), rng.uniform(-60, 60, N)
    ra[0], dec[0], dec[1] = 0.00001, 0.0, 89.9999
    for one, other in pairs:
        at = SkyCoord(ra[one], dec[one], unit="deg")
        moved = at.directional_offset_by(250 * at.ra.unit, 0.5 / 3600 * at.ra.unit)
        ra[other], dec[other] = moved.ra.deg, moved.dec.deg
    return {"ra": ra, "dec": dec}


PAIRS = [(0, 30), (1, 31), (2, 45), (45, 46)]


def test_twins_by_position_are_those_of_astropy(tmp_path):
    given = positions(PAIRS)
    dataset = Dataset.open(survey(tmp_path / "d", **given))
    sky = SkyCoord(given["ra"], given["dec"], unit="deg")
    for radius in (0.4, 1.0, 3.0):
        first, second, _, _ = sky.search_around_sky(sky, radius / 3600 * sky.ra.unit)
        twins = find_twins(dataset, radius)
        assert twins.by_position == (first < second).sum()
    found = find_twins(dataset)
    assert (found.groups, int(found.members.sum())) == (3, 7)
    assert found.group[2] == found.group[45] == found.group[46]


def test_the_same_light_curve_makes_a_twin(tmp_path):
    copies = {"magnitude": ([3, 4], [33, 50])}
    twins = find_twins(Dataset.open(survey(tmp_path / "d", copies=copies)))
    assert np.flatnonzero(twins.members).tolist() == [3, 4, 33, 50]
    assert (twins.by_position, twins.by_data, twins.groups) == (0, 2, 2)


def test_what_the_gate_would_refuse_is_in_one_part(tmp_path):
    """Epochs in another order, and names with another blank; case alone makes two stars."""
    rng = np.random.default_rng(2)
    fields = {"time": np.tile(np.arange(8.0), N), "magnitude": rng.normal(12, 1, 8 * N)}
    for source, target in ((3, 33), (4, 44)):
        order = rng.permutation(8)
        for values in fields.values():
            values.reshape(N, 8)[target] = values.reshape(N, 8)[source][order]
    names = np.array([f"star {i}" for i in range(N)])
    names[50:54] = ["star5", "STAR 6", "1 23", "12 3"]
    folder = survey(tmp_path / "d", object_id=names, fields=fields)
    dataset = Dataset.open(folder)
    twins = find_twins(dataset)
    pairs = [(3, 33), (4, 44), (5, 50)]
    assert np.flatnonzero(twins.members).tolist() == sorted(i for pair in pairs for i in pair)
    assert (twins.by_data, twins.by_name) == (2, 1)
    hashes = observation_hashes(dataset, "photometry")
    for seed in range(5):
        split = split_dataset(folder, f"split{seed}", seed=seed)
        train, test = split.rows("train"), split.rows("test")
        seen = Seen.of(
            names[train], observed={TRAINED: [("photometry", hashes[train])]}, among=names
        )
        observed = [("photometry", hashes[test])]
        assert not seen_twins(names[test], seen, "testing", observed).either.any()


def test_the_same_image_makes_a_twin(tmp_path):
    columns = {"image": Column("observation", modality="image", fields={"g": "nmgy"})}
    pixels = np.random.default_rng(0).normal(size=(6, 9)).astype("f4")
    pixels[5], pixels[[1, 4]] = pixels[2], 0  # blank images are no twins
    with DatasetWriter(tmp_path / "d", columns) as writer:
        image = Ragged({"g": pixels.ravel()}, np.arange(7) * 9, np.ones(6, bool))
        ids = np.array([f"g{i}" for i in range(6)])
        places = {"ra": np.arange(6.0), "dec": np.zeros(6)}
        writer.append({"object_id": ids, "image": image} | places)
    twins = find_twins(Dataset.open(tmp_path / "d"))
    assert np.flatnonzero(twins.members).tolist() == [2, 5]


def test_what_catalogues_write_for_an_unknown_place_makes_no_twins(tmp_path):
    ra = np.linspace(0, 300, N)
    ra[:2] = -999.0
    dec = np.where(ra < 0, -999.0, 5.0)
    found = find_twins(Dataset.open(survey(tmp_path / "d", ra=ra, dec=dec)))
    assert found.by_position == 0


def test_without_a_position_the_same_row_makes_a_twin(tmp_path):
    columns = {name: Column("feature", modality="metadata") for name in "abcde"}
    values = np.random.default_rng(4).normal(size=(12, 5))
    values[[7, 8, 9]] = values[[1, 2, 3]]
    ra = np.arange(12.0)
    ra[[1, 2, 8]] = np.nan  # of the first pair one has no position, of the second neither
    with DatasetWriter(tmp_path / "d", columns) as writer:
        ids = np.array([f"g{i}" for i in range(12)])
        rows = dict(zip("abcde", values.T, strict=True))
        writer.append({"object_id": ids, "ra": ra, "dec": np.zeros(12), **rows})
    twins = find_twins(Dataset.open(tmp_path / "d"))
    assert np.flatnonzero(twins.members).tolist() == [1, 2, 7, 8]
    assert twins.groups == 2


def test_coarse_rows_without_positions_make_no_twins_and_large_integers_no_failure(tmp_path):
    rng = np.random.default_rng(0)
    columns = {name: Column("feature", modality="metadata") for name in "abcdef"}
    coarse = {name: rng.integers(0, 4, 300) + 100.5 * i for i, name in enumerate("abcde", 1)}
    with DatasetWriter(tmp_path / "d", columns) as writer:
        ids = np.array([f"g{i}" for i in range(300)])
        lost = {name: np.full(300, np.nan) for name in ("ra", "dec")}
        writer.append({"object_id": ids, "f": np.arange(300) + 2**60, **lost, **coarse})
    dataset = Dataset.open(tmp_path / "d")
    assert pa.types.is_int64(dataset.table(["f"])["f"].type)  # which no float64 holds whole
    assert not find_twins(dataset).members.any()


def test_a_place_holder_makes_no_twins(tmp_path):
    twins = find_twins(Dataset.open(survey(tmp_path / "d", ra=np.zeros(N), dec=np.zeros(N))))
    assert not twins.members.any()
    unknown = np.full(N, np.nan)
    twins = find_twins(Dataset.open(survey(tmp_path / "e", ra=unknown, dec=unknown)))
    assert not twins.members.any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["random", "sky"])
def test_every_split_keeps_twins_together(tmp_path, kind, seed):
    folder = survey(tmp_path / "d", **positions(PAIRS))
    split = split_dataset(folder, "main", kind=kind, label="label", seed=seed, subsets=["50"])
    for one, other in PAIRS:
        assert split.part[one] == split.part[other]
    assert Split.read(folder / "splits" / "main.parquet").hash == split.hash


def test_without_twins_a_split_is_as_it_was(tmp_path):
    dataset = Dataset.open(survey(tmp_path / "d"))
    before = random_split(dataset.object_ids, dataset.labels())
    groups = find_twins(dataset).group
    after = make_split("random", dataset.object_ids, labels=dataset.labels(), groups=groups)
    assert after.hash == before.hash
    assert after.recipe == before.recipe


def test_a_group_goes_where_its_first_object_is():
    part = np.array(["train", "test", "validation", "test", "train"])
    made, moved = together(part, np.array([7, 3, 7, 3, 0]))
    assert (made.tolist(), moved) == (["train", "test", "train", "test", "train"], 1)


def test_a_sound_dataset_is_not_suspected(tmp_path):
    assert find_suspicions(survey(tmp_path / "d")) == []


def test_what_deserves_a_look_is_named(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, N)
    errors = np.repeat(rng.uniform(0.01, 0.1, N), 8).astype("f4")
    errors[:8] = rng.uniform(0.01, 0.1, 8)
    label = np.array(["EW", "unknown", "None"] * (N // 3))
    folder = survey(
        tmp_path / "d", x=np.where(np.arange(N) == 4, 1e300, x), y=x, label=label,
        fields={"magnitude_err": errors}, **positions(PAIRS),
    )  # fmt: skip
    found = {(v.where, v.what.split(" (")[0]): v.count for v in find_suspicions(folder)}
    assert found == {
        ("photometry.magnitude_err", "is one number for every epoch of a curve"): N - 1,
        ("x", "is beyond single precision"): 1,
        ("label", "has the class 'unknown', which looks like a missing value"): N // 3,
        ("label", "has the class 'None', which looks like a missing value"): N // 3,
        ("object_id", "has a twin"): 7,
    }
    folder = survey(tmp_path / "e", x=np.arange(N) % 2 + 5.0, y=np.arange(N) % 2 + 5.0)
    assert [str(v) for v in find_suspicions(folder)] == [
        "x: has one value for each class of label: it tells the label.",
        "x: equals the target y.",
    ]
    result = CliRunner().invoke(app, ["data", "check", str(folder)])
    assert result.exit_code == 0
    assert "Worth a look: x: equals the target y." in result.output
