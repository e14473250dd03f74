"""Plain FITS tables are read as astropy reads them, without astropy."""

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.errors import SkybindError
from skybind.ingest.readers import tables
from skybind.ingest.readers.fits_quick import plain_fits
from skybind.ingest.readers.tables import read_table

UNITS = [None, "d", "mag", "mJy", "BJD - 2457000, days", "e-/s", "10**-17 ergs/s/cm^2/A", "it's"]
KINDS = ["f8", "f4", "i8", "i4", "i2", "u1", "nan", "masked", "text", "bool", "uint", "array"]
NAMES = ["time", "mag", "err", "q", "band", "TIME"]
CARDS = [
    ("OBJECT", "a star's"),
    ("HIERARCH long keyword", 1),
    ("COMMENT", "by hand"),
    ("TDISP1", "F8.3"),
    ("LONG", "x" * 99),
    ("TNULL1", 7),
    ("TUNIT1", " "),
    ("TSCAL1", 2.0),
    ("EXTNAME", "LC"),
]


def column(kind, n, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 200, n)
    if kind == "nan":
        return np.where(rng.random(n) < 0.5, np.nan, values)
    if kind == "masked":
        return MaskedColumn(values, mask=rng.random(n) < 0.5, fill_value=-99)
    if kind == "text":
        return np.asarray(["V", "g ", ""])[values % 3]
    if kind == "array":
        return rng.random((n, 2))
    names = {"bool": bool, "uint": np.uint16}
    return (values / 3 if kind.startswith("f") else values).astype(names.get(kind, kind))


@st.composite
def files(draw):
    n = draw(st.sampled_from([0, 1, 5, 400]))
    made = Table()
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True)):
        kinds = KINDS if draw(st.booleans()) else KINDS[:8]
        made[name] = column(draw(st.sampled_from(kinds)), n, draw(st.integers(0, 99)))
        unit = draw(st.sampled_from(UNITS))
        if unit is not None:
            made[name].unit = unit
    parts = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(made)])
    head = parts[1].header
    for key, value in draw(st.lists(st.sampled_from(CARDS), max_size=2)):
        head[key] = value
    more = draw(st.sampled_from(["", "", "", "table", "image", "primary"]))
    if more == "table":
        parts.append(fits.table_to_hdu(Table({"x": [1.0]})))
    elif more == "image":
        parts.append(fits.ImageHDU(np.zeros((2, 2))))
    elif more == "primary":
        parts[0] = fits.PrimaryHDU(np.zeros((2, 2)))
    out = io.BytesIO()
    parts.writeto(out, output_verify="silentfix")
    data = out.getvalue()
    cut = draw(st.sampled_from([0, 0, 0, 1, 80, 2880]))
    return data[: len(data) - cut]


def outcome(data, columns):
    try:
        found = read_table(data, "a.fits", columns=columns)
    except SkybindError as error:
        return str(error)
    return {key: repr(value) for key, value in vars(found).items()}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(files(), st.sampled_from([None, ["time", "mag", "err"], ["time"], ["q", "nothing"]]))
def test_quick_reading_is_that_of_astropy(data, columns):
    assert_as_astropy(data, columns)


def assert_as_astropy(data, columns):
    quick = outcome(data, columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "plain_fits", lambda data, wanted: None)
        careful = outcome(data, columns)
    assert (quick == careful) is True, (quick, careful)  # and the bytes are not told


def test_plain_files_are_read_without_astropy(tmp_path):
    """Else the property above would hold of nothing."""
    made = Table({"time": [58000.5, 58001], "mag": np.float32([14.25, np.nan]), "band": ["V", "g"]})
    made["q"] = MaskedColumn([1, 2], mask=[False, True])
    made["time"].unit = "d"
    made.write(tmp_path / "a.fits")
    found = plain_fits((tmp_path / "a.fits").read_bytes(), ["time", "mag", "q"])
    assert found.names == ["time", "mag", "band", "q"]
    assert found.units == {"time": "d"}
    assert {name: values.dtype.str for name, values in found.columns.items()} == {
        "time": "<f8", "mag": "<f4", "q": "<f8",
    }  # fmt: skip
    np.testing.assert_array_equal(found.columns["time"], [58000.5, 58001])
    np.testing.assert_array_equal(found.columns["mag"], np.float32([14.25, np.nan]))
    np.testing.assert_array_equal(found.columns["q"], [1, np.nan])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "first", [np.arange(5, 9), np.arange(5.0, 9), np.array(["a", "b", "", "d"])]
)
@pytest.mark.parametrize("card", [*CARDS, ("TZERO1", 5), ("TDIM1", "(1)"), ("TUNIT1", "it's")])
def test_a_keyword_counts_as_for_astropy(card, first):
    part = fits.table_to_hdu(Table({"mag": first, "time": np.arange(4.0)}))
    part.header[card[0]] = card[1]
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), part]).writeto(out, output_verify="silentfix")
    assert_as_astropy(out.getvalue(), ["mag", "time"])
