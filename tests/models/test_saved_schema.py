"""What a saved model remembers of its dataset."""

from dataclasses import replace
from pathlib import Path

import pytest

from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.errors import ConfigError, ModelError
from skybind.models.saved_schema import SavedSchema, check_schema, schema_note

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
