"""Documents that are made from the code are those that the code makes now."""

import re
import runpy
from pathlib import Path

import pytest

from skybind.discovery.records import DiscoverRecord
from skybind.evaluation.records import Metrics
from skybind.record import nested

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENTS = runpy.run_path(str(DOCS.parent / "tools" / "documents.py"))["DOCUMENTS"]
RECORDS = {r for top in (Metrics, DiscoverRecord) for r in (top, *nested(top))}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_up_to_date(name):
    """If this fails: make docs."""
    assert (DOCS / name).read_text(encoding="utf-8") == DOCUMENTS[name]()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_within_a_document_have_their_heading(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    headings = [line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")]
    assert len(set(headings)) == len(headings)
    assert set(re.findall(r"\(#([^)]*)\)", text)) <= set(headings)


@pytest.mark.parametrize("record", sorted(RECORDS, key=lambda r: r.__name__))
def test_every_field_is_described_in_a_sentence(record):
    assert record.__doc__
    for name, field in record.model_fields.items():
        assert (field.description or "").endswith("."), name
