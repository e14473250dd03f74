"""Which columns a modality of light curves reads: the catalogue's or computed ones, never mixed."""

import numpy as np
import pyarrow as pa
import pytest

from skybind.data.schema import Column
from skybind.errors import ConfigError
from skybind.modalities.computed import computed_name, definition, same_definition
from skybind.modalities.photometry import Photometry, PhotometryOptions
from tests.modalities.conftest import SCHEMA, make_table


def made(quantity, observation="photometry", band=""):
    said = {
        "definition": "skybind light curve features",
        "version": 1,
        "observation": observation,
        "brightness": "flux",
        "quantity": quantity,
    }
    attributes = said | ({"band": band} if band else {})
    column = Column("feature", "d", modality="photometry", attributes=attributes)
    return {computed_name(observation, quantity, band): column}


BOTH = SCHEMA.with_columns(
    made("period")
    | made("amplitude")
    | made("std")
    | made("std", band="V")
    | made("period", "kepler")
)
BARE = SCHEMA.select([name for name in SCHEMA.columns if name not in ("period", "amplitude")])
COMPUTED = ["photometry_period", "photometry_amplitude", "photometry_std"]


def build(schema, **options):
    return Photometry("photometry", PhotometryOptions(phase=True, **options), schema)


@pytest.mark.parametrize(
    ("schema", "periods", "period", "features"),
    [
        (SCHEMA, "auto", "period", ["period", "amplitude"]),
        (BOTH, "auto", "photometry_period", COMPUTED),
        (BOTH, "computed", "photometry_period", COMPUTED),
        (BOTH, "catalogue", "period", ["period", "amplitude"]),
        (BOTH, "none", None, ["amplitude"]),
        (SCHEMA, "none", None, ["amplitude"]),
        (BARE, "auto", None, []),
        (BARE, "catalogue", None, []),
    ],
)
def test_all_columns_are_of_one_source(schema, periods, period, features):
    modality = build(schema, periods=periods)
    assert modality.period_column == period
    assert modality.features == features
    expected = ["photometry", *features, *([period] if period else [])]
    assert modality.columns == list(dict.fromkeys(expected))


def test_features_are_named_as_columns_or_as_what_is_computed():
    names = ["amplitude", "std", "photometry_V_std"]
    modality = build(BOTH, features=names)
    assert modality.features == ["amplitude", "photometry_std", "photometry_V_std"]
    with pytest.raises(ConfigError, match="no photometry feature 'stdd': did you mean 'std'"):
        build(BOTH, features=["stdd"])


def test_a_column_of_the_users_own_is_folded_by_where_computed_ones_are():
    schema = BOTH.with_columns({"p_orb": Column("feature", "d", modality="photometry")})
    assert build(schema, period="p_orb").period_column == "p_orb"
    assert build(schema, period="p_orb", periods="computed").period_column == "photometry_period"


def test_computed_columns_that_are_not_there_are_asked_for():
    with pytest.raises(ConfigError, match=r"compute it with 'skybind data features'"):
        build(SCHEMA, periods="computed")


def test_transforms_know_what_a_computed_column_holds():
    modality = build(BOTH, transforms={"period": "log", "photometry_std": "none", "std": "log"})
    done = {name: modality.transform_of(name) for name in COMPUTED}
    assert done == {
        "photometry_period": "log",
        "photometry_amplitude": "none",
        "photometry_std": "none",
    }


def test_a_catalogues_column_and_a_computed_one_are_told_apart():
    own, other = BOTH.attributes("photometry_std"), BOTH.attributes("photometry_V_std")
    assert same_definition({}, {})
    assert same_definition(own, dict(own))
    assert not same_definition(own, {})
    assert not same_definition(own, other)
    assert definition({}) == "the catalogue's"
    assert definition(own) == "computed (skybind light curve features of flux, version 1)"


def test_computed_features_are_scaled_by_rank_so_that_tails_do_not_matter():
    rng = np.random.default_rng(3)
    modality = build(BOTH, transforms={}, length=40)
    table = make_table([30] * 200)
    for name, values in {
        "photometry_period": rng.lognormal(0, 4, 200),  # over eight decades
        "photometry_amplitude": np.where(np.arange(200) < 150, 0.02, rng.uniform(1, 2, 200)),
        "photometry_std": np.where(np.arange(200) == 7, np.nan, rng.normal(3, 1, 200)),
    }.items():
        table = table.append_column(name, pa.array(values, from_pandas=True))
    prepared = modality.prepare(table)
    modality.fit(prepared, np.arange(200))
    values = modality.batch(prepared, np.arange(200))["values"][:, 0, 3:6].numpy()
    assert values[:, 0].std() == pytest.approx(1, abs=0.1)
    assert np.abs(values).max() < 3
    order = np.argsort(table["photometry_period"].to_numpy())
    assert (np.diff(values[order, 0]) > -1e-6).all()
    # three quarters are equal: all at the middle of their ranks
    assert np.unique(values[:150, 1]).size == 1
    assert values[0, 1] == pytest.approx(-0.32, abs=0.03)
    assert values[150:, 1].min() > 0.6
    assert values[7, 2] == 0
    moved = table.set_column(
        table.schema.get_field_index("photometry_amplitude"),
        "photometry_amplitude",
        pa.array(table["photometry_amplitude"].to_numpy() * (1 + 1e-7)),
    )
    near = modality.batch(modality.prepare(moved), np.arange(200))["values"][:, 0, 4].numpy()
    np.testing.assert_allclose(near, values[:, 1], atol=1e-3)
    other = build(BOTH, transforms={}, length=40)
    other.load_state(modality.state())
    again = other.batch(prepared, np.arange(200))["values"][:, 0, 3:6].numpy()
    np.testing.assert_array_equal(again, values)


def test_a_catalogues_features_are_scaled_as_ever():
    modality = build(SCHEMA, length=40)
    prepared = modality.prepare(make_table([30] * 50))
    modality.fit(prepared, np.arange(50))
    assert list(modality.state()) == ["constants.mean", "constants.scale"]
    values = modality.batch(prepared, np.arange(50))["values"][:, 0, 3:5].numpy()
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-3)
