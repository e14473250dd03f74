"""Units of flat columns: what a dataset keeps, what is refused."""

import numpy as np
import pytest

from skybind.data.schema import Column, DatasetSchema
from skybind.data.units import convert, factor, kept_unit
from skybind.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "stated", "kept"),
    [
        ("period", None, None),
        ("period", "h", "d"),
        ("period", "days", "d"),
        ("porb", "min", "d"),
        ("pulsation_period_err", "yr", "d"),
        ("period_ratio", "", ""),
        ("log_period", "dex", "dex"),
        ("age", "Gyr", "Gyr"),
        ("parallax", "arcsec", "mas"),
        ("plx", "uas", "mas"),
        ("e_plx", "arcsec", "mas"),
        ("pmra", "arcsec / yr", "mas / yr"),
        ("mu", "mas / yr", "mas / yr"),
        ("l", "rad", "deg"),
        ("b", "hourangle", "deg"),
        ("b", "mag", "mag"),
        ("l", "arcmin", "deg"),
        ("inclination", "rad", "deg"),
        ("petro_r50", "arcsec", "arcsec"),
        ("g", "mmag", "mag"),
        ("g", "mag(AB)", "mag"),
        ("feh", "dex", "dex"),
        ("teff", "K", "K"),
    ],
)
def test_the_unit_that_a_dataset_keeps(name, stated, kept):
    assert kept_unit(name, stated, "here") == kept


@pytest.mark.parametrize(
    ("name", "unit", "sentence"),
    [
        ("period", "mag", "here: the unit 'mag' cannot be converted to d"),
        ("period", "", "cannot be converted to d"),
        ("parallax", "d", "here: the unit 'd' cannot be converted to mas"),
        ("anything", "parsnip", "'parsnip' is not a unit"),
    ],
)
def test_a_unit_that_does_not_fit_is_refused(name, unit, sentence):
    with pytest.raises(ConfigError, match=sentence):
        kept_unit(name, unit, "here")


def test_either_unit_may_be_spelled_as_headers_do():
    np.testing.assert_allclose(convert(np.array([2.0]), "electron / s", "e-/s", "here"), [2])
    np.testing.assert_allclose(convert(np.array([2.0]), "e-/s", "electron / s", "here"), [2])


def test_factors_of_a_schema():
    columns = {"l": Column("feature", "rad"), "p": Column("feature", "h"), "x": Column("feature")}
    schema = DatasetSchema({**columns, "lp": Column("feature", "dex(d)")})
    assert schema.factor("l", "deg") == pytest.approx(180 / np.pi)
    assert schema.factor("p", "d") == pytest.approx(1 / 24)
    assert schema.factor("x", "d") == 1
    assert factor("mmag", "mag", "here") == pytest.approx(1e-3)
    for name, unit in (("l", "d"), ("lp", "d")):
        with pytest.raises(ConfigError, match=f"Column '{name}' of the dataset: the unit"):
            schema.factor(name, unit)


def test_natural_logarithms_from_and_to():
    ln, angstrom = np.log([4000.0, 9000.0]), np.array([4000.0, 9000.0])
    assert convert(ln, "ln(Angstrom)", "ln(Angstrom)", "here") is ln
    for unit, target, values, expected in (
        ("Angstrom", "ln(Angstrom)", angstrom, ln),
        ("nm", "ln(Angstrom)", angstrom / 10, ln),
        ("dex(Angstrom)", "ln(Angstrom)", np.log10(angstrom), ln),
        ("ln(nm)", "ln(Angstrom)", np.log(angstrom / 10), ln),
        ("ln(Angstrom)", "Angstrom", ln, angstrom),
    ):
        np.testing.assert_allclose(convert(values, unit, target, "here"), expected, rtol=1e-12)
    with pytest.raises(ConfigError, match=r"the unit 'mJy' cannot be converted to Angstrom"):
        convert(ln, "mJy", "ln(Angstrom)", "here")


@pytest.mark.parametrize("logarithm", ["ln(Angstrom)", "dex(Angstrom)"])
def test_no_logarithm_has_a_factor(logarithm):
    assert factor(logarithm, logarithm, "here") == 1
    for unit, target in ((logarithm, "Angstrom"), ("Angstrom", logarithm)):
        with pytest.raises(ConfigError, match="cannot be converted"):
            factor(unit, target, "here")
