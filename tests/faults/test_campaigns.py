"""The campaigns of `benchmarks/faults.py`, a few tries of each; the rest: `test_programs.py`."""

import pytest

from tests.faults.campaigns import campaigns, run_quick


@pytest.mark.parametrize("name", sorted(campaigns().keys() - {"resources", "signals"}))
def test_campaign(name):
    run_quick(name)
