"""The campaigns of `benchmarks/faults.py`, a few tries of each: none may fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.campaigns import campaigns

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.mark.parametrize("name", sorted(campaigns()))
def test_campaign(name):
    command = [sys.executable, str(PROGRAM), "--only", name]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # a program of its own forks without threads
    done = subprocess.run(command, capture_output=True, text=True, env=alone)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
