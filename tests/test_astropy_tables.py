"""What astropy and TOPCAT are told of our columns in FITS."""

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table

from skybind.astropy_tables import absent_of, to_astropy
from skybind.tables import write_table

UNITS = {
    "dex": "dex",
    "nmgy": "nmgy",
    "DN": "DN",
    "mag(AB)": "mag(AB)",
    "dex(solMass)": "dex(solMass)",
    "%": "%",
    "km/s": "km s-1",
    "1e-17 erg / (Angstrom s cm2)": "10**-17 erg Angstrom-1 s-1 cm-2",
    "deg": "deg",
    "J2000": "J2000",
}


@pytest.mark.filterwarnings("ignore:.*did not parse as fits unit")
@pytest.mark.parametrize("described", [False, True])
def test_units_go_along_in_fits(tmp_path, described):
    more = {"description": "Told"} if described else {}
    fields = [
        pa.field(f"c{i}", pa.float64(), metadata={"unit": unit, **more})
        for i, unit in enumerate(UNITS)
    ]
    write_table(pa.table([[1.0]] * len(UNITS), schema=pa.schema(fields)), tmp_path / "x.fits")
    header = fits.getheader(tmp_path / "x.fits", 1)
    assert [header[f"TUNIT{i + 1}"] for i in range(len(UNITS))] == list(UNITS.values())
    found = Table.read(tmp_path / "x.fits")
    units = [str(found[name].unit).replace("km / s", "km/s") for name in found.colnames]
    assert units == list(UNITS)


def test_missing_integers_and_truth_values_are_masked():
    table = pa.table({"n": pa.array([2**60 + 1, None]), "seen": [None, True], "x": [1.5, None]})
    shown = to_astropy(table)
    assert shown["n"].tolist() == [2**60 + 1, None]
    assert shown["seen"].tolist() == [None, True]
    np.testing.assert_array_equal(shown["x"], [1.5, np.nan])


@pytest.mark.parametrize(
    ("values", "absent"),
    [([5, 7], -128), ([-128, -127, -125], -126), ([-128], -127), ([], -128)],
)
def test_what_stands_for_a_missing_integer_is_none_of_the_others(values, absent):
    assert absent_of(np.array(values, np.int8)) == absent
