import platform
import subprocess
import sys

import pytest

from skybind.training import launch as memory

_FAULTS = """
import resource, torch
from skybind.training.launch import keep_freed_memory
torch.set_num_threads(1)
if {keep}:
    assert keep_freed_memory()
def work():
    for _ in range(20):
        torch.ones(16 << 20)  # 64 MiB
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(keep):
    command = [sys.executable, "-c", _FAULTS.format(keep=keep)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_kept_memory_is_not_fetched_again():
    assert _faults(True) < 100 < _faults(False)


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert not memory.keep_freed_memory()
