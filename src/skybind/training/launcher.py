"""What torchrun or srun say of the processes that they started; imports nothing heavy."""

import os
import re


def processes() -> int:
    """Number of processes that were started together; 1 if this one was started alone.

    A process inside a SLURM job that no `srun` started (a batch script, a shell) is alone,
    however many tasks the job has.
    """
    if _torchrun():
        return int(os.environ["WORLD_SIZE"])
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))


def processes_here() -> int:
    """Number of those on this machine."""
    if _torchrun():
        return int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
    # such as "4(x2)": four on each of two nodes
    tasks = re.match(r"\d+", os.environ.get("SLURM_STEP_TASKS_PER_NODE", ""))
    return int(tasks.group()) if tasks else processes()


def _torchrun() -> bool:
    return {"LOCAL_RANK", "RANK", "WORLD_SIZE"} <= os.environ.keys()
