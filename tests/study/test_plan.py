import pytest

from skybind.shards import Shard
from skybind.study import Study
from skybind.study.plan import make_plan, of_shard


@pytest.fixture
def plan(tiny, tmp_path):
    """Of a study whose survey is not simulated yet."""
    return make_plan(Study.begin(tiny, tmp_path / "study"))


def test_every_unit_comes_after_those_that_it_needs(plan):
    before = set()
    for unit in plan:
        assert {*unit.needs, *unit.after} <= before, unit.id
        before.add(unit.id)
    assert len(before) == len(plan) == 1 + 2 * 9


def test_ids_say_configuration_seed_step_and_case(plan):
    ids = [unit.id for unit in plan]
    assert ids[0] == "survey"
    assert "small/seed-42/finetune/metadata-50-pretrained" in ids
    needs = {unit.id: unit.needs for unit in plan}
    assert needs["small/seed-7/finetune/metadata-full-scratch"] == ("small/seed-7/prepare",)
    assert needs["small/seed-7/finetune/metadata-full-pretrained"] == ("small/seed-7/pretrain",)


def test_the_work_of_a_training_is_its_epochs_of_its_objects(plan):
    amount = {unit.id: unit.amount for unit in plan}
    assert amount["small/seed-42/pretrain"] == pytest.approx(150 * 0.8 * 1)
    half = amount["small/seed-42/finetune/metadata-50-scratch"]
    assert half == pytest.approx(amount["small/seed-42/finetune/metadata-full-scratch"] / 2)


@pytest.mark.parametrize("of", [1, 2, 3, 8, 50])
def test_shards_divide_the_plan_without_overlap_and_evenly(plan, of):
    shards = [of_shard(plan, Shard(number, of)) for number in range(1, of + 1)]
    assert [unit for shard in shards for unit in shard] == plan  # stretches, in order
    work = [sum(unit.weight for unit in shard) for shard in shards]
    assert max(work) <= sum(work) / of + max(unit.weight for unit in plan)


def test_the_halves_of_two_seeds_are_the_seeds(plan):
    second = of_shard(plan, Shard(2, 2))
    assert {unit.seed for unit in second} == {7}
    assert len(second) >= 8
