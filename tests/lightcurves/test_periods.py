"""Period search: planted periods of pulsators and eclipsing binaries, cache and workers."""

import numpy as np
import pytest

from skybind.errors import ConfigError, DataError
from skybind.lightcurves.periods import PeriodOptions, Periods, find_period, find_periods
from skybind.ragged import Ragged
from tests.lightcurves.made_up import nights, noisy, sines

SMALL = PeriodOptions(maximum_frequency=5.0)


def eclipses(phase, depth, secondary, width=0.04):
    """Detached binary: two eclipses half a turn apart, in magnitudes."""
    away = np.abs((phase[:, None] - np.array([0.0, 0.5]) + 0.5) % 1.0 - 0.5)
    return np.clip(1 - away / width, 0, 1) @ np.array([depth, secondary])


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


@pytest.mark.parametrize("amplitude", [0.0, 0.02, 0.06, 0.3])
def test_significance_agrees_with_astropy(amplitude):
    from astropy.timeseries import LombScargle

    rng = np.random.default_rng(3)
    time = nights(rng, 150, 600.0)
    error = 0.05 * rng.uniform(0.5, 2, 150)
    value = amplitude * np.sin(2 * np.pi * time / 0.7312) + rng.normal(0, error)
    found = find_period(time, value, error, whole_days=False)
    chance = LombScargle(time, value, error).false_alarm_probability(
        found.ls_power[0], method="baluev", maximum_frequency=20.0
    )
    assert found.log10_fap[0] == pytest.approx(np.log10(chance), abs=2e-3)
    assert (found.log10_fap[0] < -3) == (amplitude > 0.05)


def test_a_perfect_curve_has_a_finite_significance():
    time = np.linspace(0, 50, 300)
    found = find_period(time, np.sin(2 * np.pi * time / 3.3), whole_days=False)
    assert -6000 < found.log10_fap[0] < -100


def test_aliases_are_those_of_the_nights_and_no_multiples():
    rng = np.random.default_rng(4)
    time = nights(rng, 120, 300.0)
    found = find_period(*noisy(rng, time, 0.2 * np.sin(2 * np.pi * time / 0.637)))
    own = 1 / found.period[0]
    others = 1 / np.array([found.alias_1[0], found.alias_2[0]])
    # a frequency f is mirrored at |f + k| for observations at night, k whole
    distance = np.abs(np.abs(others[:, None] - [own, -own]) % 1.0)
    assert (np.minimum(distance, 1 - distance).min(axis=1) < 0.01).all()
    ratios = np.maximum(others / own, own / others)
    assert (np.abs(ratios - np.round(ratios)) > 0.01).all()


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
    assert np.isnan([found.alias_1[0], found.alias_2[0], found.log10_fap[0]]).all()


def many():
    return sines([0.6, 1.3, None, 2.2, 5.1, 9.0])


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
