"""The list of kinds of faults names tests that are there, in more than sixty places."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TEXT = (HERE / "KINDS.md").read_text()


def test_every_kind_has_tests_that_exist():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 30
    named = [re.findall(r"`([\w/.]+)::(\w+)`", row) for row in rows]
    assert all(named)
    for file, test in [name for row in named for name in row]:
        assert f"def {test}(" in (HERE / file).read_text(), f"{file}::{test}"
    assert sum(map(len, named)) > 60
