"""The flags of epochs that stay are kept with them, and nothing is trained on them."""

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info
from skybind.errors import ConfigError, DataError
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import wanted_modalities
from skybind.modalities.photometry import Photometry, PhotometryOptions

TIME = np.arange(8.0)
MAG = np.array([12.0, 12.1, 12.2, 12.3, 12.1, 12.4, 12.2, 12.0])
#: Bits 0, 3 and 15.
FLAGS = np.array([0, 1, 8, 32768, 9, 0, 32769, 8])
KEPT = FLAGS[FLAGS < 32768]
TEXT = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "fits": "fits"}


def mapping(folder, keys, source):
    keys = {
        "time": {"column": "t", "unit": "d"},
        "magnitude": {"column": "m", "unit": "mag"},
        **source,
        **keys,
    }
    (folder / "o.csv").write_text("id\na\n")
    whole = {"objects": {"file": "o.csv", "id": "id"}, "photometry": keys}
    (folder / "m.yaml").write_text(yaml.safe_dump(whole))
    return folder / "m.yaml"


def imported(folder, keys, columns=None, form="csv"):
    """Import one light curve from a long table."""
    rows = columns or {"t": TIME, "m": MAG, "q": FLAGS}
    n = len(rows["t"])
    if form == "parquet":
        pq.write_table(pa.table({"id": ["a"] * n, **rows}), folder / "e.parquet")
    else:
        Table({"id": ["a"] * n, **rows}).write(
            folder / f"e.{form}", format=TEXT[form], overwrite=True
        )
    path = mapping(folder, keys, {"file": f"e.{form}", "id": "id"})
    import_dataset(path, folder / "out", overwrite=True)
    return Dataset.open(folder / "out")


BITS = {"mask": {"column": "q", "bits": [15]}}


@pytest.mark.parametrize("form", [*TEXT, "parquet"])
def test_flags_of_a_long_table(tmp_path, form):
    data = imported(tmp_path, BITS, form=form)
    curve = data.ragged("photometry").fields
    assert curve["flag"].tolist() == KEPT.tolist()
    assert curve["flag"].dtype == np.int64
    assert curve["time"].tolist() == TIME[FLAGS < 32768].tolist()
    assert check_dataset(tmp_path / "out") == []
    assert "flag" in dataset_info(tmp_path / "out").modalities["photometry"].fields
    assert data["a"].photometry.flag.tolist() == KEPT.tolist()
    assert data["a"].photometry.time.unit == u.d


def one_file(folder):
    (folder / "lc").mkdir()
    Table({"t": TIME, "m": MAG, "q": FLAGS}).write(folder / "lc" / "a.csv", format="ascii.csv")
    return {"folder": "lc", "pattern": "{id}.csv"}


def stack(folder):
    np.savez(folder / "s.npz", t=TIME[None], m=MAG[None], q=FLAGS[None], id=np.array(["a"]))
    return {"file": "s.npz", "id": "id"}


def lists(folder):
    rows = {"id": ["a"], "t": [TIME], "m": [MAG], "q": [FLAGS]}
    pq.write_table(pa.table(rows), folder / "l.parquet")
    return {"file": "l.parquet", "id": "id"}


@pytest.mark.parametrize("write", [one_file, stack, lists])
def test_flags_of_other_layouts(tmp_path, write):
    import_dataset(mapping(tmp_path, BITS, write(tmp_path)), tmp_path / "out")
    found = Dataset.open(tmp_path / "out").ragged("photometry").fields["flag"]
    assert found.tolist() == KEPT.tolist()


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ({"mask": {"column": "q", "bits": []}}, FLAGS),
        ({"mask": {"column": "q", "bits": [15]}, "keep_flags": False}, None),
        ({"mask": "q"}, None),  # those that stay have none
        ({"mask": "q", "keep_flags": True}, FLAGS[FLAGS == 0]),
        ({"good": "q < 100"}, None),
        ({"good": "q < 100", "keep_flags": True}, KEPT),
        ({"good": "q < 100 and m < 12.15", "mask": {"column": "q", "bits": []}},
         FLAGS[(FLAGS < 100) & (MAG < 12.15)]),
        ({}, None),
    ],
)  # fmt: skip
def test_which_flags_are_kept(tmp_path, keys, kept):
    fields = imported(tmp_path, keys).ragged("photometry").fields
    assert ("flag" in fields) == (kept is not None)
    if kept is not None:
        assert fields["flag"].tolist() == kept.tolist()


@pytest.mark.parametrize("keys", [{}, {"good": "q < 100 and m < 13"}])
def test_flags_that_no_one_column_holds_are_asked_for(tmp_path, keys):
    with pytest.raises(ConfigError, match="keep_flags: it is not said which column"):
        imported(tmp_path, {"keep_flags": True, **keys})


def test_a_survey_keeps_its_usual_flags(tmp_path):
    head = "oid,hjd,mag,magerr,catflags,filtercode,ra,dec"
    rows = [
        f"a,{2458000 + t},{m},0.01,{f},zg,1,2" for t, m, f in zip(TIME, MAG, FLAGS, strict=True)
    ]
    (tmp_path / "e.csv").write_text("\n".join([head, *rows]) + "\n")
    (tmp_path / "o.csv").write_text("id\na\n")
    keys = {"file": "e.csv", "format": "ztf"}
    whole = {"objects": {"file": "o.csv", "id": "id"}, "photometry": keys}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(whole))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    data = Dataset.open(tmp_path / "out")
    assert data.ragged("photometry").fields["flag"].tolist() == KEPT.tolist()
    wanted = wanted_modalities(data.schema, {"photometry": ("photometry", "photometry")})
    content = read_file(tmp_path / "e.csv", wanted)
    assert "flag" not in content.fields
    assert not any("flag" in note for note in content.notes if "flagged" not in note)


def test_a_flag_that_is_missing_is_minus_one_and_a_word_is_refused(tmp_path):
    flags = ["0", "", "0x8", "8", "8", "0", "0", "0"]
    data = imported(tmp_path, BITS, {"t": TIME, "m": MAG, "q": flags})
    assert data.ragged("photometry").fields["flag"].tolist() == [0, -1, 8, 8, 8, 0, 0, 0]
    words = ["good", *flags[1:]]
    with pytest.raises(DataError, match="'good' is no number"):
        imported(tmp_path, BITS, {"t": TIME, "m": MAG, "q": words})


def test_an_epoch_that_is_repeated_with_another_flag_is_one(tmp_path):
    rows = {"t": [1.0, 1, 2, 3], "m": [12.0, 12, 12.2, 12.1], "q": [0, 8, 0, 0]}
    assert len(imported(tmp_path, BITS, rows).ragged("photometry").fields["time"]) == 3


def test_flags_are_no_input(tmp_path):
    """An encoder gets the same with and without them, from datasets and tables."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with_flags = imported(tmp_path / "one", BITS)
    without = imported(tmp_path / "two", {**BITS, "keep_flags": False})
    made = []
    for data in (with_flags, without):
        modality = Photometry("photometry", PhotometryOptions(length=8), data.schema)
        prepared = modality.prepare(data.table(["photometry"]))
        made.append(modality.batch(prepared, np.array([0])))
    for name, values in made[0].items():
        np.testing.assert_array_equal(values, made[1][name])
    kinds = {"photometry": ("photometry", "photometry")}
    wanted = wanted_modalities(with_flags.schema, kinds)
    assert list(wanted["photometry"].fields) == ["time", "magnitude"]
    for data in (with_flags, without, with_flags.table(["object_id", "photometry"])):
        given = take_given(data, wanted=wanted)
        assert list(given.dataset.ragged("photometry").fields) == ["time", "magnitude"]
        assert not any("flag" in note for note in given.notes)
