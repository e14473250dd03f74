import pytest
import torch
from torch import nn

from skybind.training.averaging import MovingAverage
from tests.training.training_toys import same_weights, toy_binder, weights


def changed(module, step):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(float(step))


def test_the_average_is_the_recurrence_worked_by_hand():
    module = nn.Linear(2, 2)
    start = module.weight.detach().clone()
    average = MovingAverage(module, 0.5)
    expected = start
    for step in (1, 2, 30):
        kept = min(0.5, (average.steps + 1) / (average.steps + 11))
        changed(module, step)
        average.update()
        expected = kept * expected + (1 - kept) * step
        torch.testing.assert_close(average.average["weight"], expected)


def test_a_long_average_of_constant_weights_is_those_weights():
    module = nn.Linear(3, 1)
    average = MovingAverage(module, 0.9)
    changed(module, 5)
    for _ in range(200):
        average.update()
    torch.testing.assert_close(average.average["weight"], module.weight.detach())


def test_the_module_has_the_average_only_inside_the_block():
    module = toy_binder()
    average = MovingAverage(module, 0.9)
    changed(module, 3)
    average.update()
    own = weights(module)
    places = [p.data_ptr() for p in module.parameters()]
    with average.applied():
        assert same_weights(weights(module), average.average)
        assert not same_weights(weights(module), own)
    assert same_weights(weights(module), own)
    assert [p.data_ptr() for p in module.parameters()] == places
    with pytest.raises(RuntimeError, match="stop"), average.applied():
        raise RuntimeError("stop")
    assert same_weights(weights(module), own)


def test_frozen_weights_and_counts_stay_bit_identical():
    module = nn.BatchNorm1d(4)
    with torch.no_grad():
        module.weight.copy_(torch.rand(4))
    before = module.weight.detach().clone()
    average = MovingAverage(module, 0.99)
    for _ in range(50):
        module.num_batches_tracked += 1
        average.update()
    assert torch.equal(average.average["weight"], before)
    assert average.average["num_batches_tracked"] == 50


def test_what_is_saved_goes_on_alike():
    module = nn.Linear(2, 1)
    one, two = MovingAverage(module, 0.9), MovingAverage(module, 0.9)
    changed(module, 2)
    one.update()
    two.load_state_dict(one.state_dict())
    changed(module, 7)
    one.update()
    two.update()
    assert one.steps == two.steps == 2
    assert all(torch.equal(one.average[name], two.average[name]) for name in one.average)
