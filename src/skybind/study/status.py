"""How far a study is: what is done, who is at what, what failed, and the time it takes."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from skybind.locks import Holder
from skybind.study.merge import Study
from skybind.study.plan import make_plan
from skybind.study.units import Unit
from skybind.study.work import DONE, FAILED, TODO, State, states_of


@dataclass(frozen=True)
class Count:
    """Units of one configuration and kind.

    Attributes
    ----------
    configuration, kind : str
    done, under_way, failed, to_do : int
    spent : float
        Wall time of those that are done or failed [s].
    left : float or None
        Time that the others take on one machine that does nothing else [s]; None where it is not
        known.
    """

    configuration: str
    kind: str
    done: int
    under_way: int
    failed: int
    to_do: int
    spent: float
    left: float | None


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is.

    Attributes
    ----------
    counts : list of Count
    holders : dict of str to Holder
        Units under way, and who is at them.
    failed : dict of str to str
        Units that failed, with the reasons.
    spent, left : float
        As of `Count`, of all [s].
    unknown : list of str
        Kinds of units whose time is not known yet, and parts of others.
    """

    counts: list[Count]
    holders: dict[str, Holder]
    failed: dict[str, str]
    spent: float
    left: float
    unknown: list[str]

    @property
    def to_do(self) -> int:
        """Units that are not done."""
        return sum(count.under_way + count.failed + count.to_do for count in self.counts)

    def plain(self) -> dict[str, Any]:
        """Give plain values as JSON has them."""
        return asdict(self)


def study_status(study: Study, measured: Mapping[str, float] | None = None) -> StudyStatus:
    """Say how far a study is.

    Parameters
    ----------
    study : Study
    measured : mapping of str to float, optional
        Times of units that were measured beforehand [s] (`skybind.study.forecast`), for those of
        which nothing is recorded yet.
    """
    plan = make_plan(study)
    states = states_of(study, plan)
    holders = {}
    for unit in plan:
        if states[unit.id].state != DONE and (holder := study.notes.holder(unit)) is not None:
            holders[unit.id] = holder
    expected = expected_times(plan, states, measured)
    counts = []
    for configuration, kind in dict.fromkeys((unit.configuration, unit.kind) for unit in plan):
        units = [u for u in plan if (u.configuration, u.kind) == (configuration, kind)]
        counts.append(_count(units, states, holders, expected))
    failed = {
        unit.id: note.reason
        for unit in plan
        if states[unit.id].state == FAILED and (note := states[unit.id].note) is not None
    }
    return StudyStatus(
        counts,
        holders,
        failed,
        sum(count.spent for count in counts),
        sum(count.left or 0.0 for count in counts),
        _unknown(plan, states, counts, measured or {}),
    )


def _unknown(
    plan: Sequence[Unit],
    states: Mapping[str, State],
    counts: Sequence[Count],
    measured: Mapping[str, float],
) -> list[str]:
    """Name what the time left does not hold."""
    kinds = [count.kind for count in counts if count.left is None]
    done = {u.configuration for u in plan if u.kind == "evaluate" and states[u.id].state == DONE}
    evaluated = [u for u in plan if u.kind == "evaluate" and states[u.id].state != DONE]
    if any(u.id in measured and u.configuration not in done for u in evaluated):
        kinds.append("what is evaluated beside the classifiers")
    return list(dict.fromkeys(kinds))


def _count(
    units: Sequence[Unit],
    states: Mapping[str, State],
    holders: Mapping[str, Holder],
    expected: Mapping[str, float],
) -> Count:
    left = [unit for unit in units if states[unit.id].state != DONE]
    known = [expected.get(unit.id) for unit in left]
    return Count(
        units[0].configuration,
        units[0].kind,
        done=len(units) - len(left),
        under_way=sum(unit.id in holders for unit in left),
        failed=sum(states[u.id].state == FAILED and u.id not in holders for u in left),
        to_do=sum(states[u.id].state == TODO and u.id not in holders for u in left),
        spent=sum(note.seconds for u in units if (note := states[u.id].note) is not None),
        left=None if None in known else sum(value or 0.0 for value in known),
    )


def expected_times(
    plan: Sequence[Unit],
    states: Mapping[str, State],
    measured: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Give the time of units [s] by what others took, or else by what was measured.

    Best known is the same unit of another seed; else others of the same configuration and kind
    tell the time of a unit of work.
    """
    exact: dict[tuple[str, str, str], list[float]] = {}
    rates: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for unit in plan:
        state = states[unit.id]
        if state.state == DONE and state.note is not None:
            key = (unit.configuration, unit.kind)
            seconds = state.note.seconds / state.note.beside
            exact.setdefault((*key, unit.case), []).append(seconds)
            rates.setdefault(key, []).append((seconds, unit.weight))
    found = dict(measured or {})
    for unit in plan:
        key = (unit.configuration, unit.kind)
        if same := exact.get((*key, unit.case)):
            found[unit.id] = statistics.fmean(same)
        elif (alike := rates.get(key)) and sum(weight for _, weight in alike) > 0:
            together, weights = map(sum, zip(*alike, strict=True))
            found[unit.id] = together / weights * unit.weight
    return found
