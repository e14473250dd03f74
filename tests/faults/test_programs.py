"""The program under signals and short of resources: two campaigns that share their stage."""

from tests.faults.campaigns import run_quick


def test_signals_and_resources():
    run_quick("signals", "resources")
