"""A redshift counts whatever role its column has."""

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.redshifts import redshift_columns, redshifts_of
from skybind.data.schema import Column, DatasetSchema


def dataset(**columns):
    """Three objects with columns, each as (Column, values)."""
    table = pa.table({"object_id": list("abc"), **{n: v for n, (_, v) in columns.items()}})
    known = {name: column for name, (column, _) in columns.items()}
    return Dataset.from_table(table, DatasetSchema({"object_id": Column("id"), **known}))


def test_a_feature_counts_and_a_target_is_preferred():
    z = [0.1, None, -9.0]
    feature = dataset(redshift=(Column("feature", modality="catalogue"), z))
    assert redshift_columns(feature) == ["redshift"]
    both = dataset(z_phot=(Column("info"), [0.5, 0.2, None]), z_spec=(Column("target"), z))
    assert redshift_columns(both) == ["z_spec", "z_phot"]
    values, of = redshifts_of(both, np.array([2, 1, 0]))
    np.testing.assert_array_equal(values, [np.nan, 0.2, 0.1])
    assert of.tolist() == ["", "z_phot", "z_spec"]


def test_what_is_no_redshift_does_not_count():
    columns = {
        "z": (Column("feature", "mag", modality="catalogue"), [18.0, 19.0, 20.0]),
        "z_best": (Column("info"), ["a", "b", "c"]),
        "redshift": (
            Column("feature", modality="catalogue", attributes={"standardised": True}),
            [0.1, -0.2, 0.0],
        ),
    }
    assert redshift_columns(dataset(**columns)) == []
    assert redshifts_of(dataset(**columns), np.arange(3)) is None
    said = Column("info", attributes={"quantity": "redshift"})
    assert redshift_columns(dataset(**columns, host=(said, [0.1, 0.2, 0.3]))) == ["host"]
