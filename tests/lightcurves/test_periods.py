"""Period search: planted periods of pulsators and eclipsing binaries, cache and workers."""

import numpy as np
import pytest

from skybind.errors import ConfigError, DataError
from skybind.lightcurves.periods import PeriodOptions, Periods, find_period, find_periods
from skybind.ragged import Ragged

SMALL = PeriodOptions(maximum_frequency=5.0)


def nights(rng, number=250, span=1500.0):
    """Times of a single site: any night, within five hours around midnight."""
    time = np.floor(rng.uniform(0, span, number)) + 0.5 + rng.uniform(-0.1, 0.1, number)
    return np.sort(time)


def eclipses(phase, depth, secondary, width=0.04):
    """Detached binary: two eclipses half a turn apart, in magnitudes."""
    away = np.abs((phase[:, None] - np.array([0.0, 0.5]) + 0.5) % 1.0 - 0.5)
    return np.clip(1 - away / width, 0, 1) @ np.array([depth, secondary])


def noisy(rng, time, value, error=0.02):
    return time, 11 + value + rng.normal(0, error, len(time)), np.full(len(time), error)


def ragged_of(curves):
    lengths = [len(curve[0]) for curve in curves]
    names = ("time", "magnitude", "magnitude_err")
    fields = {
        name: np.concatenate([curve[place] for curve in curves]) for place, name in enumerate(names)
    }
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Ragged(fields, offsets, np.array(lengths) > 0)


@pytest.mark.parametrize("period", [0.083, 0.5773, 3.71, 41.0, 310.0])
def test_sine_is_found_under_daily_sampling(period):
    rng = np.random.default_rng(1)
    time = nights(rng)
    found = find_period(*noisy(rng, time, 0.2 * np.sin(2 * np.pi * time / period)))
    assert found.period[0] == pytest.approx(period, rel=2e-3)
    assert found.ls_power[0] > 0.9
    assert found.harmonics[0] == 1


def test_periodogram_peak_agrees_with_astropy():
    from astropy.timeseries import LombScargle

    rng = np.random.default_rng(2)
    time = nights(rng, 120, 200.0)
    data = noisy(rng, time, 0.05 * np.sin(2 * np.pi * time / 0.7123), 0.05)
    grid = np.linspace(0.01, 3, 30_000)
    power = LombScargle(*data).power(grid, method="slow")
    found = find_period(*data, maximum_frequency=3.0, oversampling=10, whole_days=False)
    assert found.ls_power[0] == pytest.approx(power.max(), rel=0.01)
    assert 1 / found.ls_period[0] == pytest.approx(grid[power.argmax()], abs=5e-4)


def test_sawtooth_keeps_its_period_and_needs_harmonics():
    rng = np.random.default_rng(3)
    time = nights(rng)
    found = find_period(*noisy(rng, time, 0.8 * ((time / 0.5512) % 1.0)))
    assert found.period[0] == pytest.approx(0.5512, rel=1e-4)
    assert found.harmonics[0] >= 3


@pytest.mark.parametrize("secondary", [0.25, 0.5])
def test_eclipsing_binary_gets_its_orbital_period(secondary):
    rng = np.random.default_rng(4)
    time = nights(rng, 400)
    found = find_period(*noisy(rng, time, eclipses(time / 1.8734 % 1.0, 0.7, secondary), 0.01))
    assert found.period[0] == pytest.approx(1.8734, rel=1e-4)


def test_equal_minima_give_half_the_orbit():
    rng = np.random.default_rng(5)
    time = nights(rng, 300)
    found = find_period(*noisy(rng, time, 0.2 * np.cos(4 * np.pi * time / 0.38)))
    assert found.period[0] == pytest.approx(0.19, rel=1e-4)


def test_slow_trend_does_not_give_a_day():
    rng = np.random.default_rng(6)
    time = nights(rng, 300)
    value = 2e-4 * time + 0.1 * np.sin(2 * np.pi * time / 0.3391)
    data = noisy(rng, time, value)
    found = find_period(*data, minimum_frequency=0.02)
    assert found.period[0] == pytest.approx(0.3391, rel=1e-3)
    careless = find_period(*data, minimum_frequency=0.02, whole_days=False)
    assert abs(1 / careless.ls_period[0] % 1.0 - 0.5) > 0.49


def test_whole_days_stay_where_nights_do_not_matter():
    rng = np.random.default_rng(7)
    time = np.sort(rng.uniform(0, 200, 300))
    found = find_period(*noisy(rng, time, 0.2 * np.sin(2 * np.pi * time)))
    assert found.period[0] == pytest.approx(1.0, rel=1e-3)


def test_order_and_bad_epochs_do_not_matter():
    rng = np.random.default_rng(8)
    time = nights(rng, 100)
    data = noisy(rng, time, 0.3 * np.sin(2 * np.pi * time / 2.345))
    expected = find_period(*data, maximum_frequency=5.0)
    bad = [[3.0, 7.0, np.nan], [np.nan, 99.0, 11.0], [0.02, 0.0, 0.02]]
    more = [np.append(array, extra) for array, extra in zip(data, bad, strict=True)]
    order = rng.permutation(len(more[0]))
    found = find_period(*(array[order] for array in more), maximum_frequency=5.0)
    assert found.period[0] == pytest.approx(expected.period[0], rel=1e-9)


@pytest.mark.parametrize(
    ("time", "value"),
    [
        ([0.0, 1, 2, 3], [1.0, 2, 1, 2]),
        ([0.0, 1, 2, 3, 4, 5], [1.0] * 6),
        ([2.0] * 6, [1.0, 2, 3, 4, 5, 6]),
        ([], []),
    ],
    ids=["four epochs", "constant", "one moment", "empty"],
)
def test_hopeless_curves_have_no_period(time, value):
    found = find_period(np.array(time), np.array(value))
    assert np.isnan(found.period[0])
    assert found.harmonics[0] == 0


def many():
    rng = np.random.default_rng(9)
    curves = []
    for period in (0.6, 1.3, 2.2, 5.1, 9.0):
        time = nights(rng, 60, 100.0)
        curves.append(noisy(rng, time, 0.3 * np.sin(2 * np.pi * time / period)))
    curves.insert(2, (np.zeros(0), np.zeros(0), np.zeros(0)))
    return ragged_of(curves)


def test_many_curves_equal_single_ones_and_the_cache_is_used(tmp_path, monkeypatch):
    ragged, seen = many(), []
    found = find_periods(
        ragged, SMALL, cache=tmp_path, shard=2, progress=lambda *numbers: seen.append(numbers)
    )
    assert seen == [(2, 6), (4, 6), (6, 6)]
    assert np.isnan(found.period[2])
    np.testing.assert_allclose(found.period[[0, 1, 3, 4, 5]], [0.6, 1.3, 2.2, 5.1, 9.0], rtol=0.01)
    monkeypatch.setattr("skybind.lightcurves.periods.search_curve", None)  # would raise if called
    again = find_periods(ragged, SMALL, cache=tmp_path, shard=2)
    np.testing.assert_array_equal(again.period, found.period)
    assert len(list(tmp_path.iterdir())) == 3


def test_cache_is_not_used_for_other_data_or_options(tmp_path):
    ragged = many()
    find_periods(ragged, SMALL, cache=tmp_path)
    ragged.fields["magnitude"] = ragged.fields["magnitude"] + 0.5 * (ragged.owner == 1)
    find_periods(ragged, SMALL, cache=tmp_path)
    find_periods(ragged, PeriodOptions(maximum_frequency=4.0), cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
def test_workers_give_the_same():
    ragged = many()
    one, two = find_periods(ragged, SMALL), find_periods(ragged, SMALL, workers=2, shard=2)
    np.testing.assert_array_equal(one.period, two.period)


def test_periods_are_stored_and_selected(tmp_path):
    found = find_periods(many(), SMALL)
    found.save(tmp_path / "periods.npz")
    again = Periods.load(tmp_path / "periods.npz").take(np.array([3, 0]))
    np.testing.assert_array_equal(again.ls_power, found.ls_power[[3, 0]])
    assert len(again) == 2


def test_wrong_options_and_columns_are_named():
    with pytest.raises(ConfigError, match="is empty"):
        PeriodOptions(minimum_frequency=3.0, maximum_frequency=2.0)
    with pytest.raises(ConfigError, match="start at 1"):
        PeriodOptions(harmonics=0)
    with pytest.raises(DataError, match="needs the fields"):
        find_periods(Ragged({"time": np.zeros(3)}, np.array([0, 3]), np.array([True])))
