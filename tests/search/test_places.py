"""Names are found in the dataset whichever way is quicker."""

import numpy as np
import pyarrow as pa
import pytest

from skybind.search.places import Places


@pytest.mark.parametrize(("n", "some"), [(3, 0), (300, 0), (3, 4)])
def test_rows_of_names(trained, stars, n, some, monkeypatch):
    monkeypatch.setattr("skybind.search.places.SOME", some)  # up to it names are looked for
    places = Places(trained, stars, None)
    names = places.dataset.object_ids
    rows = np.random.default_rng(n).integers(0, len(names), n)  # some of them twice
    asked = [*names[rows].tolist(), "none"]
    chunks = pa.chunked_array([asked[:2], asked[2:]])
    assert places.rows(chunks).tolist() == [*rows.tolist(), -1]
    assert (places._names is None) == (some > n)
    assert places.rows(pa.chunked_array([names.tolist()])).tolist() == list(range(len(names)))
