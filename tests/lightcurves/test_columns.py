"""Columns of light curves: one definition wherever they are computed, or none and a sentence."""

import numpy as np
import pyarrow as pa
import pytest

from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.lightcurves.columns import (
    compute_columns,
    describe_columns,
    to_compute,
    with_computed,
)
from skybind.lightcurves.features import FEATURES
from skybind.ragged import Ragged
from tests.lightcurves.made_up import sines

COLUMNS = describe_columns("photometry", "magnitude")
DEFINITIONS = {name: column.attributes for name, column in COLUMNS.items()}
SCHEMA = DatasetSchema(
    {
        **BASE_COLUMNS,
        "photometry": Column("observation", modality="photometry", fields={"time": "d"}),
        "period": Column("feature", "d", modality="photometry"),
        **COLUMNS,
    }
)


def only(*names):
    return {name: DEFINITIONS[name] for name in names}


@pytest.fixture(scope="module")
def curves():
    return sines([0.6, None, 2.2, 9.0])


@pytest.fixture(scope="module")
def computed(curves):
    return compute_columns(curves, DEFINITIONS)


def test_all_features_significance_and_aliases_have_a_column_each(computed):
    assert list(computed.columns) == list(COLUMNS)
    assert {f"photometry_{name}" for name in FEATURES} < set(COLUMNS)
    assert {f"photometry_period_{x}" for x in ("log10_fap", "alias_1", "alias_2")} < set(COLUMNS)
    assert computed.notes == []
    period = computed.columns["photometry_period"]
    np.testing.assert_allclose(period[[0, 2, 3]], [0.6, 2.2, 9.0], rtol=0.01)
    assert (computed.columns["photometry_period_log10_fap"][[0, 2, 3]] < -10).all()


def test_what_was_not_observed_is_unknown(computed):
    assert all(np.isnan(values[1]) for values in computed.columns.values())
    assert all(
        np.isfinite(values[[0, 2, 3]]).all()
        for name, values in computed.columns.items()
        if "alias" not in name
    )


def test_the_numbers_are_those_of_version_1(computed):
    """Where these change, VERSION in columns.py has to be raised, or models are given others."""
    assert {said["version"] for said in DEFINITIONS.values()} == {1}
    known = {
        "period": 0.5999797,
        "amplitude": 0.5950219,
        "std": 0.2219768,
        "stetson_j": -2.018824,
        "fourier_amplitude": 0.3051105,
        "period_log10_fap": -38.65197,
        "eta": 2.294086,
        "lksl_statistic": 0.01967492,
        "depth_ratio_orbital": 0.9999837,
        "period_alias_1": 1.499962,
    }
    found = {name: computed.columns[f"photometry_{name}"][0] for name in known}
    assert found == pytest.approx(known, rel=1e-5)


def test_a_curve_alone_gets_what_it_gets_among_others(curves, computed):
    alone = compute_columns(curves.take(np.array([2])), DEFINITIONS).columns
    for name, values in alone.items():
        assert values[0] == pytest.approx(computed.columns[name][2], rel=1e-9, abs=1e-12), name


def test_order_of_epochs_and_bad_epochs_do_not_matter(curves, computed):
    one = curves.take(np.array([0]))
    order = np.random.default_rng(1).permutation(one.offsets[-1])
    fields = {name: np.append(values[order], np.nan) for name, values in one.fields.items()}
    mixed = Ragged(fields, one.offsets + np.array([0, 1]), one.present)
    found = compute_columns(mixed, DEFINITIONS).columns
    for name, values in found.items():
        assert values[0] == pytest.approx(computed.columns[name][0], rel=1e-6, abs=1e-9), name


def test_a_period_without_enough_epochs_is_unknown_and_the_rest_is_not():
    found = compute_columns(sines([1.0], number=4), DEFINITIONS).columns
    assert np.isnan(found["photometry_period"][0])
    assert np.isnan(found["photometry_orbital_period"][0])
    assert found["photometry_n_obs"][0] == 4
    assert found["photometry_amplitude"][0] > 0


def test_a_catalogues_column_is_not_computed(curves):
    found = compute_columns(curves, {"period": {}, **only("photometry_std")})
    assert np.isnan(found.columns["period"]).all()
    (note,) = found.notes
    assert note.startswith("period is the catalogue's, and what a light curve gives is of another")
    given = compute_columns(curves, {"period": {}}, {"period": np.full(4, 2.0)})
    assert given.notes == []
    np.testing.assert_array_equal(given.columns["period"], 2.0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"version": 99}, "version 99"),
        ({"observation": "kepler"}, "computed from 'kepler', which is not there"),
        ({"band": "V"}, "the light curve names no bands"),
    ],
)
def test_another_definition_is_not_computed_and_said(curves, changed, reason):
    name = "photometry_amplitude"
    found = compute_columns(curves, {name: DEFINITIONS[name] | changed})
    assert np.isnan(found.columns[name]).all()
    assert reason in found.notes[0]


def test_features_are_computed_at_a_period_that_is_known(curves):
    wanted = only("photometry_period", "photometry_fourier_amplitude", "photometry_std")
    searched = compute_columns(curves, wanted)
    known = {"photometry_period": np.array([np.nan, np.nan, 1.1, 9.1])}
    found = compute_columns(curves, wanted, known)
    assert found.columns["photometry_period"][2:].tolist() == [1.1, 9.1]
    assert found.columns["photometry_period"][0] == searched.columns["photometry_period"][0]
    amplitude = found.columns["photometry_fourier_amplitude"]
    assert amplitude[2] < 0.1  # the star has no power at half its period
    assert searched.columns["photometry_fourier_amplitude"][2] > 0.28
    np.testing.assert_array_equal(
        found.columns["photometry_std"], searched.columns["photometry_std"]
    )


def test_no_period_is_searched_where_none_is_needed(curves, monkeypatch):
    monkeypatch.setattr("skybind.lightcurves.columns.find_periods", None)  # would raise
    found = compute_columns(curves, only("photometry_std", "photometry_n_obs"))
    assert found.columns["photometry_n_obs"][0] == 60
    assert found.periods is None


def test_magnitudes_become_fluxes_for_a_definition_of_fluxes_and_not_the_other_way(curves):
    fluxes = describe_columns("photometry", "flux")
    name = "photometry_amplitude"
    of_flux = {name: fluxes[name].attributes}
    flux = 3.631e6 * 10 ** (-0.4 * curves.fields["magnitude"])
    same = Ragged(
        {
            "time": curves.fields["time"],
            "flux": flux,
            "flux_err": flux * curves.fields["magnitude_err"] * np.log(10) / 2.5,
        },
        curves.offsets,
        curves.present,
    )
    expected = compute_columns(same, of_flux).columns[name]
    np.testing.assert_allclose(compute_columns(curves, of_flux).columns[name], expected)
    refused = compute_columns(same, only(name))
    assert np.isnan(refused.columns[name]).all()
    assert "of magnitudes, and the light curve is in fluxes" in refused.notes[0]


def test_bands_get_their_own_features_at_the_common_period():
    curves = sines([0.6, 2.2], number=200)
    band = np.where(np.arange(400) % 2, "V", "I").astype(object)
    value = curves.fields["magnitude"]
    value = np.where(band == "I", 11 + (value - 11) / 3 - 1, value)
    curves.fields |= {"band": band, "magnitude": value}
    columns = describe_columns("photometry", "magnitude", ["I", "V"])
    definitions = {name: column.attributes for name, column in columns.items()}
    found = compute_columns(curves, definitions).columns
    ratio = found["photometry_V_fourier_amplitude"] / found["photometry_I_fourier_amplitude"]
    np.testing.assert_allclose(ratio, 3, rtol=0.1)
    np.testing.assert_allclose(found["photometry_I_median"], 10, atol=0.05)
    np.testing.assert_allclose(found["photometry_V_n_obs"], 100)
    np.testing.assert_allclose(found["photometry_period"], [0.6, 2.2], rtol=0.01)
    assert "photometry_V_period" not in columns  # it is the same in every band


def test_a_chunk_gets_the_columns_that_it_lacks(curves, computed):
    table = pa.table({"photometry": curves.to_arrow(), "photometry_std": pa.nulls(4, pa.float64())})
    own = SCHEMA.select(["object_id", "photometry", "period"])
    lacking = to_compute(
        ["photometry", "period", "photometry_std", "photometry_period"], SCHEMA, own
    )
    assert lacking == ["photometry_std", "photometry_period"]
    made, notes = with_computed(table.select(["photometry"]), [*lacking, "period"], SCHEMA)
    assert made.column_names == ["photometry", "photometry_std", "photometry_period", "period"]
    values = made["photometry_period"].to_numpy()
    np.testing.assert_allclose(values, computed.columns["photometry_period"], rtol=1e-9)
    assert made["photometry_period"].null_count == 1
    assert made["period"].null_count == 4
    assert "period is the catalogue's" in notes[0]
    assert to_compute(["photometry_std", "period"], SCHEMA, SCHEMA) == []


def test_a_column_of_another_definition_is_computed_anew():
    changed = Column(
        "feature",
        "d",
        modality="photometry",
        attributes=DEFINITIONS["photometry_period"] | {"version": 99},
    )
    own = SCHEMA.with_columns({"photometry_period": changed})
    assert to_compute(["photometry_period", "photometry_std"], SCHEMA, own) == ["photometry_period"]


def test_features_of_objects_without_light_curves_are_not_known():
    fields = {name: np.zeros(0) for name in ("time", "magnitude", "magnitude_err")}
    none = Ragged(fields, np.zeros(4, np.int64), np.zeros(3, bool))
    described = describe_columns("photometry", "magnitude", [])
    wanted = {name: column.attributes for name, column in described.items()}
    for values in compute_columns(none, wanted).columns.values():
        assert np.isnan(values).all()
