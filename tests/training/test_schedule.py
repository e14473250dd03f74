import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skybind.training.schedule import Schedule
from tests.training.training_toys import toy_options


def published(**changes):
    return Schedule(
        toy_options(
            learning_rate=0.00392, warmup_epochs=10, warmup_by="epoch", epochs=100, **changes
        )
    )


def test_warm_up_is_torchs_linear_rise():
    schedule = published()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.00392)
    reference = torch.optim.lr_scheduler.LinearLR(optimizer, 1e-5, 1.0, 10)
    for epoch in range(15):
        assert schedule.rate(0.5) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        reference.step()
        schedule.update(10.0 - epoch)


def test_warm_up_by_step_rises_within_an_epoch():
    schedule = Schedule(toy_options(learning_rate=1.0, warmup_epochs=2, warmup_start=0.1))
    assert [schedule.rate(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([0.1, 0.325, 0.55])
    schedule.update(1.0)
    assert schedule.rate(0.0) == pytest.approx(0.55)
    schedule.update(1.0)
    assert schedule.rate(0.7) == 1.0


@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=60))
def test_plateaus_are_torchs(validation):
    options = toy_options(warmup_epochs=0, plateau_factor=0.5, plateau_patience=2)
    schedule = Schedule(options)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, eps=0)
    for loss in validation:
        schedule.update(loss)
        reference.step(loss)
        assert schedule.rate() == pytest.approx(reference.get_last_lr()[0], rel=1e-9)


def test_the_warm_up_counts_for_no_plateau():
    schedule = published()
    for _ in range(10):
        schedule.update(1.0)
    assert schedule.factor == 1.0


def test_stops_after_its_patience_and_knows_the_best():
    schedule = Schedule(toy_options(early_stop_patience=3))
    stops = []
    for loss in [5.0, 4.0, 4.5, 4.0, 4.2]:
        schedule.update(loss)
        stops.append(schedule.stop)
    assert stops == [False, False, False, False, True]
    assert (schedule.best_epoch, schedule.best_loss) == (1, 4.0)
    endless = Schedule(toy_options(early_stop_patience=None))
    for _ in range(100):
        endless.update(1.0)
    assert not endless.stop


def test_goes_on_from_its_state_of_plain_numbers():
    options = toy_options(plateau_patience=1, plateau_factor=0.3)
    whole, first = Schedule(options), Schedule(options)
    validation = [3.0, 2.0, 2.5, 2.6, 2.7, 1.9, 2.0, 2.1, 2.2]
    for loss in validation[:4]:
        whole.update(loss)
        first.update(loss)
    state = first.state_dict()
    assert all(isinstance(value, int | float) for value in state.values())
    second = Schedule(options)
    second.load_state_dict(state)
    for loss in validation[4:]:
        assert whole.update(loss) == second.update(loss)
        assert (whole.rate(), whole.stop) == (second.rate(), second.stop)


def test_weights_may_be_kept_by_accuracy_while_the_loss_decides_on_stopping():
    schedule = Schedule(toy_options(early_stop_patience=2, keep_by="accuracy"))
    kept = [
        schedule.update(loss, accuracy)
        for loss, accuracy in [(5.0, 0.5), (4.0, 0.5), (4.5, 0.7), (4.6, 0.7)]
    ]
    assert kept == [True, False, True, False]
    assert (schedule.kept_epoch, schedule.kept_loss, schedule.kept_accuracy) == (2, 4.5, 0.7)
    assert (schedule.best_epoch, schedule.best_loss) == (1, 4.0)
    assert schedule.stop
    again = Schedule(schedule.options)
    again.load_state_dict(schedule.state_dict())
    assert again == schedule


def test_weights_of_the_last_epoch_may_be_kept():
    schedule = Schedule(toy_options(keep_by="last", early_stop_patience=2))
    assert all(schedule.update(loss) for loss in [5.0, 4.0, 4.5, 4.6])
    assert (schedule.kept_epoch, schedule.kept_loss) == (3, 4.6)
    assert (schedule.best_epoch, schedule.best_loss, schedule.stop) == (1, 4.0, True)


@given(st.lists(st.tuples(st.floats(0.1, 10.0), st.floats(0.1, 10.0)), min_size=1, max_size=60))
def test_a_plateau_of_the_training_loss_may_lower_the_rate(losses):
    options = toy_options(
        warmup_epochs=0, plateau_factor=0.5, plateau_patience=2, plateau_by="training"
    )
    schedule = Schedule(options)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, eps=0)
    for trained, validated in losses:
        schedule.update(validated, trained=trained)
        reference.step(trained)
        assert schedule.rate() == pytest.approx(reference.get_last_lr()[0], rel=1e-9)


def test_a_schedule_of_before_goes_on():
    old = Schedule(toy_options())
    old.update(5.0)
    state = {k: v for k, v in old.state_dict().items() if not k.startswith("kept")}
    new = Schedule(toy_options())
    new.load_state_dict(state)
    assert (new.kept_epoch, new.kept_loss) == (0, 5.0)
    assert new.update(4.0)


def test_a_cosine_falls_to_nothing_at_the_last_epoch_whatever_the_losses_do():
    options = {"learning_rate": 1.0, "warmup_epochs": 2, "epochs": 12, "decay": "cosine"}
    schedule = Schedule(toy_options(early_stop_patience=None, warmup_start=0.1, **options))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    for _ in range(2):
        assert schedule.rate() <= 1.0
        schedule.update(1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(10):
        assert schedule.rate() == pytest.approx(reference.get_last_lr()[0], abs=1e-9)
        assert schedule.rate(0.5) < schedule.rate()
        schedule.update(9.0)  # never better: no plateau lowers it
        optimizer.step()
        reference.step()
    assert schedule.rate() == pytest.approx(0.0, abs=1e-12)
