"""Campaigns of faults: each does harm in one way, many times, and tells what came of it.

`benchmarks/faults.py` runs them long and prints the table; `test_campaigns.py` and
`test_programs.py` run each for a few tries. A campaign is a module of this folder with one function
under `@campaign` (which starts and watches its own programs) or `@each_apart` (whose tries run in
children of this process).
"""

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

from tests.faults.campaigns.registry import CAMPAIGNS, Campaign


def campaigns() -> dict[str, Campaign]:
    """Return all campaigns by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return CAMPAIGNS


def run_quick(*names: str) -> None:
    """Run campaigns in a program of their own, a few tries of each: none may fail."""
    program = Path(__file__).parents[3] / "benchmarks" / "faults.py"
    command = [sys.executable, str(program), "--only", *names]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # a program of its own forks without threads
    done = subprocess.run(command, capture_output=True, text=True, env=alone)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
