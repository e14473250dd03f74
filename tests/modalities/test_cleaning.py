import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.modalities import cleaning
from skybind.modalities.cleaning import clean_photometry, clean_spectrum, error_values
from skybind.modalities.padding import padding
from skybind.ragged import Ragged

NAN, INF = np.nan, np.inf


def ragged(*objects: dict | None, names: tuple[str, ...]) -> Ragged:
    """Ragged of objects given as dicts of lists; None is absent."""
    rows = [row or {name: [] for name in names} for row in objects]
    lengths = [len(row[names[0]]) for row in rows]
    fields = {}
    for name in names:
        flat = [value for row in rows for value in row[name]]
        kind = {"band": object, "mask": bool, "limit": np.int8}.get(name, float)
        fields[name] = np.array(flat, dtype=kind)
    present = np.array([row is not None for row in objects], bool)
    return Ragged(fields, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), present)


def curves(*objects: dict | None, names: tuple[str, ...] = ("time", "flux", "flux_err")) -> Ragged:
    return ragged(*objects, names=names)


def of(r: Ragged, i: int, field: str) -> list:
    return r.fields[field][r.offsets[i] : r.offsets[i + 1]].tolist()


GOOD = {"time": [1, 2, 3], "flux": [5, 7, 6], "flux_err": [0.1, 0.2, 0.3]}


def test_a_clean_curve_is_left_as_it_is():
    r = curves(GOOD, None)
    out = clean_photometry(r)
    assert out.counts == {}
    assert out.reason.tolist() == ["", ""]
    assert out.ragged.present.tolist() == [True, False]
    for field, values in GOOD.items():
        assert of(out.ragged, 0, field) == values


def test_epochs_are_sorted_and_bad_ones_dropped_and_counted():
    r = curves(
        {"time": [3, 1, NAN, 2, 4], "flux": [6, 5, 9, INF, 8], "flux_err": [0.3, 0.1, 1, 1, 0.4]}
    )
    out = clean_photometry(r)
    assert of(out.ragged, 0, "time") == [1, 3, 4]
    assert of(out.ragged, 0, "flux") == [5, 6, 8]
    assert of(out.ragged, 0, "flux_err") == [0.1, 0.3, 0.4]
    assert out.counts == {
        "epochs without a finite time": 1,
        "epochs without a finite flux": 1,
        "unsorted light curves": 1,
    }


def test_only_exact_duplicates_are_dropped_even_when_not_adjacent():
    r = curves(
        {
            "time": [2, 1, 1, 1, 1, 3],
            "flux": [0, 5, 6, 5, 5, 1],
            "flux_err": [0.1, 0.1, 0.1, 0.1, 0, 0.1],
            "band": ["V", "V", "V", "V", "V", "g"],
        },
        names=("time", "flux", "flux_err", "band"),
    )
    out = clean_photometry(r)
    # the epoch whose error is 0 gets the median one, and is a duplicate then too
    assert of(out.ragged, 0, "time") == [1, 1, 2, 3]
    assert of(out.ragged, 0, "flux") == [5, 6, 0, 1]
    assert of(out.ragged, 0, "band") == ["V"] * 3 + ["g"]
    assert out.counts["duplicate epochs"] == 2


def test_equal_epochs_of_neighbouring_objects_are_no_duplicates():
    r = curves(
        {"time": [1, 5], "flux": [1, 2], "flux_err": [1, 1]},
        {"time": [5, 6], "flux": [2, 3], "flux_err": [1, 1]},
    )
    out = clean_photometry(r)
    assert out.ragged.lengths.tolist() == [2, 2]
    assert out.counts == {}


def test_same_time_in_two_bands_stays():
    r = curves(
        {"time": [1, 1, 2], "flux": [5, 5, 6], "flux_err": [1, 1, 1], "band": ["V", "g", "V"]},
        {"time": [1, 1, 2], "flux": [5, 7, 6], "flux_err": [1, 1, 1], "band": ["V", "g", "V"]},
        names=("time", "flux", "flux_err", "band"),
    )
    out = clean_photometry(r)
    assert out.ragged.lengths.tolist() == [0, 3]  # the first one's flux is mostly constant
    assert "duplicate epochs" not in out.counts


def test_an_epoch_without_an_error_among_others_with_one_is_no_measurement():
    r = curves(
        {"time": [1, 2, 3, 4, 5], "flux": [1, 2, 3, 4, 9], "flux_err": [0.1, -1, NAN, 0.3, 0.2]},
        {"time": [1, 2, 3], "flux": [1, 2, 4], "flux_err": [0, NAN, -2]},
        {"time": [1, 2, 3, 4], "flux": [1, 2, 4, 3], "flux_err": [0, 0.2, 0.4, INF]},
    )
    out = clean_photometry(r)
    assert of(out.ragged, 0, "time") == [1, 4, 5]
    assert of(out.ragged, 0, "flux_err") == [0.1, 0.3, 0.2]
    assert np.isnan(of(out.ragged, 1, "flux_err")).all()  # nothing is known of any of them
    assert of(out.ragged, 2, "flux_err") == pytest.approx([0.3, 0.2, 0.4])  # 0 was rounded
    assert out.counts == {
        "epochs without an error among others with one": 3,
        "epochs given the median error": 1,
        "light curves without errors": 1,
    }
    assert error_values(out.ragged)[3:6].tolist() == [0, 0, 0]


def test_a_limit_whose_error_is_a_sentinel_is_no_eclipse():
    row = {
        "time": [1, 2, 3, 4],
        "magnitude": [13.2, 16.5, 13.4, 13.3],
        "magnitude_err": [0.02, 99.99, 0.02, 0.03],
    }
    for sentinel in (99.99, 9.999, NAN, -99, INF):
        row["magnitude_err"][1] = sentinel
        out = clean_photometry(curves(row, names=("time", "magnitude", "magnitude_err")))
        assert of(out.ragged, 0, "magnitude") == [13.2, 13.4, 13.3]
        assert out.counts == {"epochs without an error among others with one": 1}


def test_limits_are_kept_apart_and_no_detection():
    names = ("time", "magnitude", "magnitude_err", "band", "limit")
    row = {
        "time": [4, 3, 2, 1, NAN],
        "magnitude": [15.0, 20.5, 20.1, 15.2, 21],
        "magnitude_err": [NAN, NAN, 0.1, 0.1, NAN],
        "band": ["g", "r", "g", "g", "g"],
        "limit": [0, 1, 1, 0, 1],
    }
    only = {**row, "limit": [1] * 5}
    out = clean_photometry(curves(row, only, None, names=names))
    assert of(out.ragged, 0, "time") == [1, 4]
    assert of(out.ragged, 0, "magnitude_err") == [0.1, 0.1]  # the source calls it a detection
    assert set(out.ragged.fields) == set(names) - {"limit"}
    assert of(out.limits, 0, "time") == [2, 3]
    assert of(out.limits, 0, "magnitude") == [20.1, 20.5]
    assert of(out.limits, 0, "band") == ["g", "r"]
    assert "magnitude_err" not in out.limits.fields
    assert out.limits.lengths.tolist() == [2, 4, 0]
    assert out.limits.present.tolist() == [True, True, False]
    assert out.reason.tolist() == ["", cleaning.ONLY_LIMITS, ""]
    assert out.counts["upper limits"] == 6


def test_flagged_epochs_are_left_out_and_counted():
    names = ("time", "flux", "mask")
    row = {"time": [1, 2, 3, 4], "flux": [1, 99, 2, 3], "mask": [False, True, False, False]}
    out = clean_photometry(curves(row, names=names))
    assert of(out.ragged, 0, "flux") == [1, 2, 3]
    assert out.counts == {"epochs flagged as bad": 1}
    assert "mask" not in out.ragged.fields


@pytest.mark.parametrize("absurd", [-25.1, 99.99, -99.0, 1e9, -31])
def test_a_magnitude_that_no_star_has_is_left_out(absurd):
    row = {"time": [1, 2, 3, 4], "magnitude": [18.1, absurd, 18.4, 17.9]}
    out = clean_photometry(curves(row, names=("time", "magnitude")))
    assert of(out.ragged, 0, "magnitude") == [18.1, 18.4, 17.9]
    assert out.counts == {"magnitudes that no star has": 1}


def test_a_nova_and_instrumental_magnitudes_stay():
    nova = {"time": [1, 2, 3, 4], "magnitude": [21.0, 20.5, 21.1, 2.5]}
    raw = {"time": [1, 2, 3], "magnitude": [-12.1, -12.3, -12.2]}
    out = clean_photometry(curves(nova, raw, names=("time", "magnitude")))
    assert out.ragged.lengths.tolist() == [4, 3]
    assert out.counts == {}


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([-2409998, 53000, 53100, 56000], [53000, 53100, 56000]),
        ([0, 2453000, 2453100, 2456000], [2453000, 2453100, 2456000]),
        ([0, 53000, 53100, 57000], [53000, 53100, 57000]),  # MJD 0 is in 1858
        ([0, 1500, 1501, 1527], [1500, 1501, 1527]),  # BJD - 2457000
        ([53000, 53100, 56000, 2456001, 2456002], [53000, 53100, 56000]),  # MJD and JD mixed
        ([-1e5, -9e4, 53000, 53100, 56000], [53000, 53100, 56000]),
        # what is right stays: plates of 1890 and a survey of today; relative times; nights apart
        ([2411500, 2458000, 2458100, 2458200], None),
        ([0, 1, 2, 3], None),
        ([-5, 0, 900, 901], None),
        ([0.0, 0.5, 1.0, 4000], None),
        ([0, 3000, 8000, 9000], None),
    ],
)
def test_an_epoch_isolated_by_centuries_is_set_aside(times, kept):
    row = {"time": [float(t) for t in times], "flux": [float(i) for i in range(len(times))]}
    good = {"time": [1, 2, 3], "flux": [5, 7, 6]}
    out = clean_photometry(curves(good, row, names=("time", "flux")))
    assert of(out.ragged, 0, "time") == [1, 2, 3]
    assert of(out.ragged, 1, "time") == (times if kept is None else kept)
    lost = 0 if kept is None else len(times) - len(kept)
    assert out.counts == ({"epochs of an impossible date": lost} if lost else {})


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        ({"time": [], "flux": [], "flux_err": []}, cleaning.EMPTY_CURVE),
        ({"time": [1], "flux": [1], "flux_err": [1]}, cleaning.ONE_EPOCH),
        ({"time": [1, NAN], "flux": [1, 1], "flux_err": [1, 1]}, cleaning.ONE_EPOCH),
        ({"time": [1, 1], "flux": [4, 4], "flux_err": [1, 1]}, cleaning.ONE_EPOCH),
        ({"time": [1, 2], "flux": [NAN] * 2, "flux_err": [1, 1]}, "no epoch with a finite time"),
        ({"time": [1, 2, 3], "flux": [4, 4, 9], "flux_err": [1, 1, 1]}, "zero MAD"),
    ],
)
def test_unusable_curves_become_absent_with_a_reason(curve, reason):
    out = clean_photometry(curves(GOOD, curve, GOOD))
    assert out.ragged.present.tolist() == [True, False, True]
    assert out.ragged.lengths.tolist() == [3, 0, 3]
    assert reason in out.reason[1]
    assert out.reason[[0, 2]].tolist() == ["", ""]


def test_magnitudes_are_cleaned_like_fluxes():
    r = ragged(
        {"time": [2, 1], "magnitude": [12.1, 12.0], "magnitude_err": [0.1, 0]},
        {"time": [1, 2], "magnitude": [9, 9], "magnitude_err": [0.1, 0.1]},
        names=("time", "magnitude", "magnitude_err"),
    )
    out = clean_photometry(r)
    assert of(out.ragged, 0, "magnitude") == [12.0, 12.1]
    assert of(out.ragged, 0, "magnitude_err") == [0.1, 0.1]
    assert out.reason[1] == "constant magnitude (zero MAD)"


def test_nothing_at_all_is_no_accident():
    for r in (curves(), curves(None, None)):
        out = clean_photometry(r)
        assert len(out.ragged) == len(r)
        assert not out.ragged.present.any()


finite = st.floats(-5, 5).map(lambda x: round(x, 0))
number = st.one_of(finite, st.sampled_from([NAN, INF, -INF]))
curve = st.one_of(st.none(), st.lists(st.tuples(number, number, number), max_size=8))


def slow_clean(rows: list[tuple[float, float, float]]) -> tuple[list, str]:
    """One curve, the obvious way."""
    kept = [row for row in rows if np.isfinite(row[0]) and np.isfinite(row[1])]
    if any(np.isfinite(e) and e > 0 for _, _, e in kept):
        kept = [(t, f, e) for t, f, e in kept if np.isfinite(e) and e >= 0]
    kept = [(t, f, e if np.isfinite(e) and e > 0 else None) for t, f, e in kept]
    unique = list(dict.fromkeys(sorted(kept, key=lambda row: row[0])))
    errors = [e for _, _, e in unique if e is not None]
    middle = float(np.median(errors)) if errors else None
    final = list(dict.fromkeys((t, f, middle if e is None else e) for t, f, e in unique))
    flux = np.array([f for _, f, _ in final])
    bad = len(final) < 2 or np.median(np.abs(flux - np.median(flux))) == 0
    return ([] if bad else final), "bad" if bad else ""


@settings(max_examples=150, deadline=None)
@given(st.lists(curve, max_size=6))
def test_agrees_with_a_loop_over_curves_and_changes_nothing_twice(objects):
    dicts = [
        None
        if rows is None
        else {name: [row[k] for row in rows] for k, name in enumerate(("time", "flux", "flux_err"))}
        for rows in objects
    ]
    r = curves(*dicts)
    before = {name: values.copy() for name, values in r.fields.items()}
    out = clean_photometry(r)
    for name, values in before.items():
        np.testing.assert_array_equal(r.fields[name], values)  # the input is not touched
    filled = padding(r, "flux")
    for i, rows in enumerate(objects):
        if filled[r.offsets[i] : r.offsets[i + 1]].any():
            continue  # the loop knows nothing of padding (test_padding.py does)
        want, bad = slow_clean(rows) if rows is not None else ([], "")
        assert bool(out.reason[i]) == bool(bad)
        assert out.ragged.present[i] == (rows is not None and not bad)
        got = [of(out.ragged, i, name) for name in ("time", "flux", "flux_err")]
        want_columns = [[NAN if row[k] is None else row[k] for row in want] for k in range(3)]
        for have, expected in zip(got, want_columns, strict=True):
            np.testing.assert_array_equal(have, expected)
    if padding(out.ragged, "flux").any():
        return  # sorted, an epoch may look like padding that did not before
    again = clean_photometry(out.ragged)
    assert (again.reason == "").all()
    for name in out.ragged.fields:
        np.testing.assert_array_equal(again.ragged.fields[name], out.ragged.fields[name])


def spectra(*objects: dict | None, error: str = "ivar", mask: bool = False) -> Ragged:
    names = ("wavelength", "flux", error, "mask") if mask else ("wavelength", "flux", error)
    return ragged(*objects, names=names)


def test_descending_wavelengths_are_turned_round():
    out = clean_spectrum(spectra({"wavelength": [5, 4, 3], "flux": [1, 2, 4], "ivar": [1, 2, 3]}))
    assert of(out.ragged, 0, "wavelength") == [3, 4, 5]
    assert of(out.ragged, 0, "flux") == [4, 2, 1]
    assert of(out.ragged, 0, "ivar") == [3, 2, 1]
    assert out.counts == {"unsorted spectra": 1}


@pytest.mark.parametrize("error", ["ivar", "flux_err"])
def test_bad_pixels_are_masked_not_dropped(error):
    row = {
        "wavelength": [1, 2, 3, 4, 5, 6],
        "flux": [1, NAN, 3, 5, 2, 9],
        error: [1, 1, 0, -2, INF, 4],
    }
    out = clean_spectrum(spectra(row, error=error))
    assert of(out.ragged, 0, "mask") == [False, True, True, True, True, False]
    assert of(out.ragged, 0, error) == [1, 0, 0, 0, 0, 4]
    assert of(out.ragged, 0, "flux") == [1, 0, 3, 5, 2, 9]
    assert np.isfinite(error_values(out.ragged)).all()


def test_the_mask_of_the_source_is_kept():
    row = {"wavelength": [1, 2, 3], "flux": [1, 2, 3], "ivar": [1, 1, 1], "mask": [0, 1, 0]}
    out = clean_spectrum(spectra(row, mask=True))
    assert of(out.ragged, 0, "mask") == [False, True, False]
    assert of(out.ragged, 0, "ivar") == [1, 0, 1]


def test_pixels_without_wavelength_and_repeated_ones_are_dropped():
    row = {"wavelength": [NAN, 1, 0, 1, 2], "flux": [9, 1, 9, 8, 3], "ivar": [1, 1, 1, 1, 1]}
    out = clean_spectrum(spectra(row))
    assert of(out.ragged, 0, "flux") == [1, 3]
    assert out.counts == {"pixels without a positive wavelength": 2, "duplicate wavelengths": 1}


@pytest.mark.parametrize(
    ("spectrum", "reason"),
    [
        ({"wavelength": [], "flux": [], "ivar": []}, cleaning.EMPTY_SPECTRUM),
        ({"wavelength": [NAN], "flux": [1], "ivar": [1]}, cleaning.NO_WAVELENGTH),
        ({"wavelength": [1, 2], "flux": [1, 2], "ivar": [0, 0]}, cleaning.ALL_MASKED),
        ({"wavelength": [1, 2], "flux": [1, 2], "ivar": [0, 1]}, cleaning.ONE_PIXEL),
        ({"wavelength": [1, 2, 3, 4], "flux": [7, 7, 7, 1], "ivar": [1, 1, 1, 0]}, "zero MAD"),
    ],
)
def test_unusable_spectra_become_absent_with_a_reason(spectrum, reason):
    good = {"wavelength": [1, 2, 3], "flux": [1, 2, 3], "ivar": [1, 1, 1]}
    out = clean_spectrum(spectra(good, spectrum, good))
    assert out.ragged.present.tolist() == [True, False, True]
    assert reason in out.reason[1]
    assert out.reason[[0, 2]].tolist() == ["", ""]


def test_unknown_errors_mask_nothing():
    row = {"wavelength": [1, 2, 3], "flux": [1, 2, 3], "ivar": [NAN] * 3}
    out = clean_spectrum(spectra(row))
    assert of(out.ragged, 0, "mask") == [False] * 3
    assert error_values(out.ragged).tolist() == [0, 0, 0]
    assert out.counts == {"spectra without errors": 1}


def test_ivar_and_flux_err_are_each_other():
    ivar = np.array([4.0, 0.0, 100.0, -1.0, NAN])
    sigma = cleaning.ivar_to_flux_err(ivar)
    assert sigma.tolist() == [0.5, 0, 0.1, 0, 0]
    np.testing.assert_allclose(cleaning.flux_err_to_ivar(sigma), [4, 0, 100, 0, 0])
