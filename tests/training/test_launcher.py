import subprocess
import sys

import pytest

from skybind.training.launcher import processes, processes_here

NAMES = ("LOCAL_RANK", "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "SLURM_STEP_NUM_TASKS",
         "SLURM_STEP_TASKS_PER_NODE", "SLURM_NTASKS", "SLURM_PROCID")  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "every", "here"),
    [
        ({}, 1, 1),
        ({"LOCAL_RANK": "1", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}, 8, 4),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_TASKS_PER_NODE": "4(x2)"}, 8, 4),
        ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "2"}, 2, 2),
        # a batch script, which no srun started: the job has eight tasks, this is none of them
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, 1, 1),
        ({"RANK": "1"}, 1, 1),
    ],
)
def test_what_the_launchers_say(monkeypatch, environment, every, here):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (processes(), processes_here()) == (every, here)


def test_looking_imports_no_torch():
    code = "import sys, skybind.training.launcher; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
