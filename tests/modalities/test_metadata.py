import numpy as np
import pyarrow as pa
import pytest

from skybind.data.schema import Column
from skybind.errors import ConfigError
from skybind.modalities.base import Standardiser, wild
from skybind.modalities.metadata import Metadata, MetadataOptions


def build(schema, **options):
    return Metadata("metadata", MetadataOptions(**options), schema)


def table(**columns):
    base = {"parallax": [2.0, 4.0, -1.0], "g_mag": [12.0, None, 11.0], "l": [0.0, 90.0, 180.0]}
    return pa.table({k: pa.array(v, pa.float64()) for k, v in {**base, **columns}.items()})


def test_absolute_magnitudes_and_cosine(schema):
    modality = build(schema, absolute=["g_mag"], transforms={"l": "cos"})
    values = modality.prepare(table()).arrays["values"]
    # M = m + 5 log10(parallax [mas]) - 10: 12 mag at 2 mas (500 pc) is 3.505 mag
    np.testing.assert_allclose(values[0, 1], 12 + 5 * np.log10(2) - 10)
    np.testing.assert_allclose(values[0, 1], 12 - 5 * np.log10(500 / 10))
    np.testing.assert_allclose(values[:, 2], [1, 0, -1], atol=1e-12)


def test_all_that_is_done_to_a_feature_is_told(schema):
    modality = build(schema, absolute=["g_mag"], transforms={"l": "cos", "g_mag": "log"})
    done = [modality.transform_of(name) for name in ("parallax", "g_mag", "l")]
    assert done == ["none", "absolute, log", "cos"]
    assert build(schema, absolute=["g_mag"]).transform_of("g_mag") == "absolute"


def test_a_negative_parallax_masks_the_magnitude_and_says_so(schema):
    prepared = build(schema, absolute=["g_mag"]).prepare(table())
    assert np.isnan(prepared.arrays["values"][2, 1])
    assert prepared.present.all()
    assert "parallax not positive" in prepared.reason[2]
    assert prepared.reason[0] == ""


def test_missing_values_become_the_training_mean_and_flags(schema):
    modality = build(schema, missing_flags=True)
    prepared = modality.prepare(table())
    modality.fit(prepared, np.array([0, 2]))
    values = modality.batch(prepared, np.arange(3))["values"].numpy()
    assert values.shape == (3, 6)
    np.testing.assert_allclose(values[[0, 2], 1], [1, -1])  # 12 and 11 about 11.5
    assert values[1, 1] == 0
    np.testing.assert_array_equal(values[:, 4], [0, 1, 0])


def test_an_empty_row_is_absent(schema):
    empty = table(parallax=[None, 1, 1], g_mag=[None, 1, 1], l=[None, 1, 1])
    modality = build(schema)
    prepared = modality.prepare(empty)
    modality.fit(prepared, np.array([1, 2]))
    assert prepared.present.tolist() == [False, True, True]
    assert not modality.batch(prepared, np.array([0]))["values"].any()


def test_clipping(schema):
    modality = build(schema, clip=1.0, features=["g_mag"])
    prepared = modality.prepare(table(g_mag=[0.0, 1.0, 1000.0]))
    modality.fit(prepared, np.array([0, 1]))
    assert modality.batch(prepared, np.array([2]))["values"].item() == 1


def test_wrong_options_are_named(schema):
    with pytest.raises(ConfigError, match="'g_magg'"):
        build(schema, features=["g_magg"])
    with pytest.raises(ConfigError, match="parallax"):
        build(schema, absolute=["g_mag"], parallax="plx")


def test_hiding_features_in_training_only(schema):
    modality = build(schema, drop=0.5)
    prepared = modality.prepare(table())
    modality.fit(prepared, np.arange(3))
    rows = np.zeros(400, int)
    plain = modality.batch(prepared, rows)["values"].numpy()
    drawn = modality.batch(prepared, rows, np.random.default_rng(0))["values"].numpy()
    assert set(np.unique(drawn[:, 0])) == {0.0, plain[0, 0]}
    assert 0.4 < (drawn[:, 0] == 0).mean() < 0.6
    assert modality.augments
    assert not build(schema).augments


def test_a_transform_takes_the_unit_that_the_dataset_states(schema):
    options = {"absolute": ["g_mag"], "transforms": {"l": "cos"}}
    values = build(schema, **options).prepare(table()).arrays["values"]
    units = {"parallax": ("arcsec", 1e-3), "g_mag": ("mmag", 1e3), "l": ("rad", np.pi / 180)}
    columns = {
        name: Column("feature", unit, modality="metadata") for name, (unit, _) in units.items()
    }
    scaled = table()
    for index, name in enumerate(scaled.column_names):
        numbers = [None if v is None else v * units[name][1] for v in scaled[name].to_pylist()]
        scaled = scaled.set_column(index, name, pa.array(numbers, pa.float64()))
    other = build(schema.with_columns(columns), **options).prepare(scaled).arrays["values"]
    np.testing.assert_allclose(other[:, 1:], values[:, 1:], atol=1e-12)
    for name, unit in (("l", "d"), ("parallax", "mag"), ("g_mag", "deg")):
        wrong = schema.with_columns({name: Column("feature", unit, modality="metadata")})
        with pytest.raises(ConfigError, match=f"'{name}' of the dataset: the unit '{unit}'"):
            build(wrong, **options)


def test_a_number_beyond_single_precision_is_missing(schema):
    modality = build(schema)
    prepared = modality.prepare(table(g_mag=[1.797e308, 12.0, 13.0]))
    modality.fit(prepared, np.arange(3))
    values = modality.batch(prepared, np.arange(3))["values"].numpy()
    np.testing.assert_allclose(values[:, 1], [0, -1, 1])


def test_a_parallax_that_is_not_positive_counts_as_1_mas_where_that_is_asked(schema):
    modality = build(schema, absolute=["g_mag"], parallax_not_positive="1 mas")
    prepared = modality.prepare(table(parallax=[2.0, None, -1.0]))
    values = prepared.arrays["values"][:, 1]
    np.testing.assert_allclose(values[[0, 2]], [12 + 5 * np.log10(2) - 10, 11 - 10])
    assert np.isnan(values[1])  # a parallax that is not known is none
    assert prepared.reason.tolist()[:2] == ["", ""]
    assert prepared.reason[2] == "parallax not positive: absolute magnitudes of 1 mas"


def absurd(value, n=60):
    """A feature of which one value is no measurement."""
    values = np.random.default_rng(3).normal(5, 2, (n, 1))
    clean = Standardiser(1)
    clean.fit(values[1:])
    values[0] = value
    return values, clean


@pytest.mark.parametrize("value", [1e30, -1e30, 9.97e36])
def test_one_absurd_value_does_not_rule_a_feature(value):
    values, clean = absurd(value)
    standard = Standardiser(1)
    standard.fit(values)
    assert standard.mean == pytest.approx(clean.mean)
    assert standard.scale == pytest.approx(clean.scale)
    assert standard.apply(values)[0] == 0  # as what is missing
    assert standard.apply(values)[1:] == pytest.approx(clean.apply(values[1:]))


@pytest.mark.parametrize("value", [-9999, 1e4, 1e14])
def test_a_value_that_may_be_measured_counts(value):
    values, _ = absurd(value)
    standard = Standardiser(1)
    standard.fit(values)
    assert standard.mean == pytest.approx(values.mean(axis=0))
    assert standard.scale == pytest.approx(values.std(axis=0))
    assert not wild(values).any()


def test_large_numbers_of_one_size_are_no_wild_ones():
    luminosities = 10 ** np.random.default_rng(0).normal(33, 2, (500, 1))
    assert not wild(luminosities).any()
    assert not wild(np.full((50, 1), 1e30)).any()
