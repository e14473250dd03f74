"""Peak memory is a program's own, whatever the program that started it holds."""

import subprocess
import sys
from pathlib import Path

import numpy as np

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CODE = "from memory import peak_memory; {}; print(peak_memory())"


def peak(held: str) -> int:
    command = [sys.executable, "-c", CODE.format(held)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCHMARKS)
    return int(done.stdout)


def test_what_the_starting_program_holds_does_not_count():
    bare = peak("pass")
    full = np.ones(300_000_000 // 8)
    assert abs(peak("pass") - bare) < 20e6
    assert len(full)


def test_what_was_given_back_counts():
    assert peak("x = b'1' * 200_000_000; del x") - peak("pass") > 180e6
