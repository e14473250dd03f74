"""What a saved model remembers of its dataset."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema, other_attribute
from skybind.errors import ConfigError, ModelError
from skybind.models.saved_schema import SavedSchema, check_schema, schema_note, training_ranges

SCHEMA = DatasetSchema({**BASE_COLUMNS, "period": Column("feature", "h", modality="photometry")})


def test_a_model_reads_units_as_it_was_trained():
    note = schema_note(SCHEMA, {})
    assert SavedSchema(note).factor("period", "d") == pytest.approx(1 / 24)
    with pytest.raises(ConfigError, match="'period', which the model reads"):
        SavedSchema(note).factor("period", "mag")
    del note["units_applied"]  # from before units were applied
    assert SavedSchema(note).factor("period", "d") == 1
    assert schema_note(SavedSchema(note), {}) == note


@pytest.mark.parametrize("trained", [True, False])
def test_what_is_standardised_is_no_catalogue(trained):
    raw = Column("feature", None, modality="metadata")
    standardised = replace(raw, attributes={"standardised": True})
    own, other = (standardised, raw) if trained else (raw, standardised)
    saved = SavedSchema(schema_note(DatasetSchema({**BASE_COLUMNS, "ruwe": own}), {}))
    saved.note["read"] = ["ruwe"]
    check_schema(saved, ["ruwe"], DatasetSchema({**BASE_COLUMNS, "ruwe": own}), Path("m"))
    with pytest.raises(ModelError, match="'ruwe' as"):
        check_schema(saved, ["ruwe"], DatasetSchema({**BASE_COLUMNS, "ruwe": other}), Path("m"))


def test_the_range_of_the_training_objects_alone_is_noted():
    columns = {
        **BASE_COLUMNS,
        "parallax": Column("feature", "mas", modality="metadata", attributes={"missing": ["-9"]}),
        "empty": Column("feature", modality="metadata"),
        "photometry_std": Column("feature", modality="photometry", attributes={"definition": "s"}),
        "teff": Column("target", "K"),
    }
    n = 102
    table = pa.table(
        {
            "object_id": [str(i) for i in range(n)],
            "parallax": [*np.arange(101.0), 1e6],
            "empty": np.full(n, np.nan),
            "photometry_std": np.ones(n),
            "teff": np.ones(n),
        }
    )
    schema = DatasetSchema(columns)
    dataset = Dataset.from_table(table, schema)
    ranges = training_ranges(dataset, np.arange(101))
    assert ranges == {"parallax": [0, 1, 99, 100]}
    said = SavedSchema(schema_note(schema, {}, ranges)).attributes
    assert said("parallax") == {"missing": ["-9"], "range": [0, 1, 99, 100]}
    assert said("photometry_std") == {"definition": "s"}
    assert said("empty") == {}


def test_a_dataset_with_other_sentinels_fits():
    fields = {"time": "d", "magnitude": "mag"}

    def schema(**said):
        return DatasetSchema(
            {**BASE_COLUMNS, "photometry": Column("observation", fields=fields, attributes=said)}
        )

    assert other_attribute({"missing": {"magnitude": ["99"]}, "time_system": "HJD"}, {}) is None
    assert other_attribute({"stretch": "linear"}, {"stretch": "display"}) == "stretch"
    note = schema_note(schema(missing={"magnitude": ["99"]}), {}) | {"read": ["photometry"]}
    note["observations"] = {"photometry": fields}
    check_schema(SavedSchema(note), ["photometry"], schema(), Path("model"))


def magnitudes(fields=None, **said):
    fields = {"time": "d", "magnitude": "mag", "band": None} if fields is None else fields
    curve = Column("observation", fields=fields, attributes=said)
    flat = Column("feature", "mag", modality="metadata", attributes=said)
    return DatasetSchema({**BASE_COLUMNS, "photometry": curve, "b_mag": flat})


@pytest.mark.parametrize(
    ("learned", "here", "told"),
    [
        ("AB", "Vega", "system AB; that of the dataset is Vega"),
        ("AB", {"g": "AB", "V": "Vega"}, "that of the dataset is AB in g and Vega in V"),
        ("AB", None, "that of the dataset is not stated"),
        ("AB", {"g": "AB", "r": "AB"}, None),
        ("AB", "AB", None),
        (None, "Vega", None),
    ],
)
def test_magnitudes_of_another_system_are_told(caplog, learned, here, told):
    own, other = (magnitudes(**({} if s is None else {"system": s})) for s in (learned, here))
    note = schema_note(own, {})
    note |= {"observations": {"photometry": own.fields("photometry")}}
    note["attributes"]["photometry"] = own.attributes("photometry")
    note["read"] = ["photometry", "b_mag"]
    caplog.set_level("INFO", "skybind")
    check_schema(SavedSchema(note), note["read"], other, Path("m"))
    said = [r.getMessage() for r in caplog.records if "photometric system" in r.getMessage()]
    assert len(said) == (0 if told is None else 2)
    assert all(told in message for message in said)
    assert not said or ("'photometry'" in said[0] + said[1] and "'b_mag'" in said[0] + said[1])


def test_fluxes_for_a_model_of_vega_magnitudes_are_told(caplog):
    own = magnitudes(system="Vega")
    flux = {"time": "d", "flux": "mJy", "band": None}
    note = schema_note(own, {}) | {"observations": {"photometry": own.fields("photometry")}}
    note["attributes"]["photometry"] = {"system": "Vega"}
    note["read"] = ["photometry"]
    caplog.set_level("INFO", "skybind")
    check_schema(SavedSchema(note), ["photometry"], magnitudes(flux), Path("m"))
    assert "system Vega; that of the dataset is AB" in caplog.text
