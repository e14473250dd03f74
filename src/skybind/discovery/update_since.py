"""What an update tells of, and where: the states of a run's dataset that were told already."""

from collections.abc import Sequence
from pathlib import Path

from skybind.data.lineage import Growth, State, lineage_of
from skybind.once import result_of
from skybind.runs.run import Run


def to_tell(run: Run) -> tuple[Path, Growth] | None:
    """Say where it is told what came to a run's dataset, and what that is.

    It is what came since the last update, or since the run was started. Where the dataset is in
    the state of the last update, nothing came, and it is that update: also where the dataset was
    in another state in between.

    Returns
    -------
    tuple of Path and Growth, or None
        None where the dataset is as it was when the run was started, and no update has told of
        another state.
    """
    lineage = lineage_of(run.dataset)
    if lineage is None:
        return None
    states = lineage.states
    folders = [_folder(run, states[: step + 1]) for step in range(len(states))]
    made = [step for step, folder in enumerate(folders) if result_of(folder) is not None]
    step = len(states) - 1
    if made and states[made[-1]].fingerprint == states[step].fingerprint:
        step = made[-1]
    earlier = [states[one].fingerprint for one in made if one < step]
    since = earlier[-1] if earlier else run.status.fingerprint
    if not made and since == states[step].fingerprint:
        return None
    growth = lineage.since(since)
    assert growth is not None  # the state is of this lineage
    return folders[step], growth


def _folder(run: Run, states: Sequence[State]) -> Path:
    """Where it is told what came with the last of some states: a place for each."""
    *older, now = states
    same = [one for one in older if one.fingerprint == now.fingerprint]
    if any(one.date[:10] == now.date[:10] for one in same):  # it left and came back on the same day
        return run.paths.update(now.date, f"{now.fingerprint}-{len(same) + 1}")
    return run.paths.update(now.date, now.fingerprint)


def states_until(run: Run, growth: Growth) -> list[str]:
    """Return the fingerprints of the states of a dataset before what is looked at came to it."""
    lineage = lineage_of(run.dataset)
    return [one.fingerprint for one in lineage.until(growth)] if lineage is not None else []
