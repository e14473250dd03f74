"""What a saved model remembers of its dataset."""

import pytest

from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.errors import ConfigError
from skybind.models.saved_schema import SavedSchema, schema_note

SCHEMA = DatasetSchema({**BASE_COLUMNS, "period": Column("feature", "h", modality="photometry")})


def test_a_model_reads_units_as_it_was_trained():
    note = schema_note(SCHEMA, {})
    assert SavedSchema(note).factor("period", "d") == pytest.approx(1 / 24)
    with pytest.raises(ConfigError, match="'period', which the model reads"):
        SavedSchema(note).factor("period", "mag")
    del note["units_applied"]  # from before units were applied
    assert SavedSchema(note).factor("period", "d") == 1
    assert schema_note(SavedSchema(note), {}) == note
