"""One sense of brightness, and statistics of groups against numpy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.errors import DataError
from skybind.lightcurves.series import group_median, group_quantiles, photometry_series
from skybind.ragged import Ragged


def column(lengths=(3, 2), **fields):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    fields = {name: np.asarray(values) for name, values in fields.items()}
    return Ragged(fields, offsets, np.asarray(lengths) > 0)


@given(
    st.lists(
        st.lists(st.floats(-100, 100) | st.just(float("nan")), max_size=8), min_size=1, max_size=6
    )
)
def test_group_quantiles_equal_numpy(groups):
    values = np.array([value for group in groups for value in group], float)
    owner = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    levels = np.array([0, 0.05, 0.5, 0.8, 1])
    found = group_quantiles(values, owner, len(groups), levels)
    for row, group in zip(found, groups, strict=True):
        finite = np.array(group, float)
        finite = finite[np.isfinite(finite)]
        expected = np.quantile(finite, levels) if len(finite) else np.full(5, np.nan)
        np.testing.assert_allclose(row, expected, atol=1e-9)


def test_fainter_is_larger_for_fluxes_too():
    flux = column(time=[0, 1, 2, 0, 1], flux=[10.0, 9.0, 11.0, -1.0, 3.0], flux_err=[0.1] * 5)
    _, value, error = photometry_series(flux)
    assert value[1] > value[0] > value[2]
    # A tenth of the flux less is about a tenth of a magnitude fainter.
    assert value[1] - value[0] == pytest.approx(0.1 * 2.5 / np.log(10))
    assert error[0] == pytest.approx(0.01 * 2.5 / np.log(10))
    assert np.all(np.isfinite(value))


def test_magnitudes_stay_and_errors_default_to_one():
    magnitudes = column(time=[0, 1, 2, 0, 1], magnitude=[1.0, 2, 3, 4, 5])
    time, value, error = photometry_series(magnitudes)
    np.testing.assert_array_equal(value, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(error, 1)
    np.testing.assert_array_equal(time, [0, 1, 2, 0, 1])


def test_bands_are_shifted_together():
    bands = column(
        (6,),
        time=np.arange(6),
        magnitude=[10.0, 10.1, 9.9, 12.0, 12.1, 11.9],
        band=np.array(list("gggrrr"), object),
    )
    _, value, _ = photometry_series(bands)
    np.testing.assert_allclose(value[:3], value[3:])


def test_missing_fields_are_named():
    with pytest.raises(DataError, match="'time' and 'magnitude' or 'flux'"):
        photometry_series(column(time=[0, 1, 2, 3, 4], counts=[1, 2, 3, 4, 5]))


def test_median_of_an_empty_group_is_nan():
    found = group_median(np.array([1.0, 3.0]), np.array([0, 0]), 2)
    assert found[0] == 2
    assert np.isnan(found[1])
