import pytest

from skybind.study.status import expected_times
from skybind.study.units import Unit, UnitNote
from skybind.study.work import DONE, TODO, State


def unit(seed, case, weight, kind="finetune"):
    return Unit(
        f"a/seed-{seed}/{kind}/{case}", kind, configuration="a", seed=seed, case=case, weight=weight
    )


def done(seconds, beside=1):
    return State(DONE, UnitNote(True, "", seconds, beside=beside))


def test_times_are_those_of_the_same_unit_of_other_seeds_or_of_a_unit_of_work():
    plan = [
        unit(seed, case, weight) for seed in (1, 2, 3) for case, weight in (("x", 10), ("y", 40))
    ]
    states = {one.id: State(TODO) for one in plan}
    states[plan[0].id] = done(5.0)
    assert expected_times(plan, states)[plan[2].id] == 5.0
    assert expected_times(plan, states)[plan[1].id] == 20.0  # four times the work
    states[plan[2].id] = done(7.0)
    assert expected_times(plan, states)[plan[4].id] == 6.0
    states[plan[1].id] = done(8.0)
    assert expected_times(plan, states)[plan[5].id] == 8.0


def test_what_was_recorded_by_one_of_two_on_a_machine_takes_half_of_it():
    plan = [unit(1, "x", 10), unit(2, "x", 10)]
    states = {plan[0].id: done(30.0, beside=2), plan[1].id: State(TODO)}
    assert expected_times(plan, states)[plan[1].id] == 15.0


def test_what_was_measured_counts_where_nothing_is_recorded():
    plan = [unit(1, "x", 10), unit(1, "", 10, kind="pretrain"), unit(2, "x", 10)]
    states = {plan[0].id: done(5.0), **{one.id: State(TODO) for one in plan[1:]}}
    measured = {plan[1].id: 100.0, plan[2].id: 100.0}
    assert expected_times(plan, states, measured) == {
        plan[0].id: pytest.approx(5.0), plan[1].id: 100.0, plan[2].id: 5.0,
    }  # fmt: skip
