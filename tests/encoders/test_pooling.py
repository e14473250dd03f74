import torch

from skybind.encoders.pooling import masked_max, masked_mean


def test_mean_and_maximum_over_observed_positions_only():
    features = torch.tensor([[[1.0, -5.0], [3.0, -7.0], [100.0, 100.0]]])
    observed = torch.tensor([[True, True, False]])
    assert masked_mean(features, observed).tolist() == [[2.0, -6.0]]
    assert masked_max(features, observed).tolist() == [[3.0, -5.0]]


def test_nothing_observed_gives_zero_even_over_nan():
    features = torch.full((2, 3, 4), torch.nan)
    observed = torch.zeros(2, 3, dtype=torch.bool)
    assert masked_mean(features, observed).eq(0).all()
    assert masked_max(features, observed).eq(0).all()
