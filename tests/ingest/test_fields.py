"""Fields found by the usual names of columns."""

import pytest

from skybind.errors import DataError
from skybind.ingest.fields import find_fields

NAMED = {"time": "time", "flux": "flux", "flux_err": "flux_err"}


def test_other_names_of_an_error_count_only_where_none_is_named():
    assert find_fields(["time", "flux", "flux_err", "E", "e"], "photometry") == NAMED
    assert find_fields(["time", "flux", "E"], "photometry") == {**NAMED, "flux_err": "E"}
    with pytest.raises(DataError, match="'E' and 'e' could both be the error"):
        find_fields(["time", "flux", "E", "e"], "photometry")
