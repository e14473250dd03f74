import numpy as np
import pytest
import torch
from torch import nn

from skybind.encoders import Informer, InputShape
from skybind.encoders.few_queries import few_queries_attention
from skybind.encoders.informer import sinusoidal_positions
from skybind.errors import DataError

SMALL = {"d_model": 16, "n_heads": 4, "d_ff": 24, "layers": 2}


def _encoder(length=20, **options):
    torch.manual_seed(0)
    return Informer(InputShape(9, length), **(SMALL | options)).eval()


def _curves(lengths, longest, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.arange(longest) < torch.tensor(lengths)[:, None]).float()
    values = torch.randn(len(lengths), longest, 9, generator=generator)
    return values * mask[..., None], mask


def _peer(encoder):
    """torch's own transformer layers with the same weights."""
    layers = []
    for own in encoder.encoder.attn_layers:
        layer = nn.TransformerEncoderLayer(
            16, 4, 24, dropout=0.0, activation="gelu", batch_first=True
        )
        attention = own.attention
        parts = [attention.query_projection, attention.key_projection, attention.value_projection]
        state = {
            "self_attn.in_proj_weight": torch.cat([p.weight for p in parts]),
            "self_attn.in_proj_bias": torch.cat([p.bias for p in parts]),
            "self_attn.out_proj.weight": attention.out_projection.weight,
            "self_attn.out_proj.bias": attention.out_projection.bias,
            "linear1.weight": own.conv1.weight[..., 0],
            "linear1.bias": own.conv1.bias,
            "linear2.weight": own.conv2.weight[..., 0],
            "linear2.bias": own.conv2.bias,
        }
        for norm in ("norm1", "norm2"):
            for name, value in getattr(own, norm).state_dict().items():
                state[f"{norm}.{name}"] = value
        layer.load_state_dict(state)
        layers.append(layer.eval())
    return layers


def test_equals_torchs_transformer_layers():
    encoder = _encoder()
    values, mask = _curves([20, 11, 3], 20)
    x = encoder.enc_embedding(values)
    for layer in _peer(encoder):
        x = layer(x, src_key_padding_mask=mask == 0)
    x = encoder.encoder.norm(x)
    wanted = torch.stack([row[: int(m.sum())].mean(0) for row, m in zip(x, mask, strict=True)])
    assert torch.allclose(encoder(values, mask), wanted, atol=1e-5)


def test_published_size():
    encoder = Informer(InputShape(9, 200), pooling="flatten")
    assert encoder.out_features == 25_600
    assert sum(p.numel() for p in encoder.parameters()) == 1_589_888


def test_positions_are_sines_and_cosines():
    table = sinusoidal_positions(50, 8).numpy()
    position = np.arange(50)[:, None]
    angle = position / 10000 ** (np.arange(0, 8, 2) / 8)
    np.testing.assert_allclose(table[:, 0::2], np.sin(angle), atol=1e-5)
    np.testing.assert_allclose(table[:, 1::2], np.cos(angle), atol=1e-5)


def test_positions_go_on_past_the_kept_table():
    embedding = _encoder(None).enc_embedding.position_embedding
    assert torch.equal(embedding(5003)[0, :5000], embedding(5000)[0])
    assert embedding(5003).shape == (1, 5003, 16)


def test_without_position_and_convolution_the_order_of_epochs_does_not_matter():
    encoder = _encoder(position="none")
    with torch.no_grad():  # only the middle tap: each epoch is embedded alone
        encoder.enc_embedding.value_embedding.tokenConv.weight[:, :, [0, 2]] = 0
    values, _ = _curves([20, 20], 20)
    shuffled = values[:, torch.randperm(20, generator=torch.Generator().manual_seed(3))]
    assert torch.allclose(encoder(values), encoder(shuffled), atol=1e-5)
    with_position = _encoder(position="index")
    assert (with_position(values) - with_position(shuffled)).abs().max() > 1e-2


def test_value_embedding_sees_both_neighbours_and_wraps_if_circular():
    values, _ = _curves([20], 20)
    weight = _encoder().enc_embedding.value_embedding.tokenConv.weight
    for padding, before_first in (("zeros", torch.zeros(9)), ("circular", values[0, -1])):
        encoder = _encoder(convolution_padding=padding)
        embedded = encoder.enc_embedding.value_embedding(values)[0]
        around = torch.stack([before_first, values[0, 0], values[0, 1]], dim=1)
        assert torch.allclose(embedded[0], (weight * around).sum((1, 2)), atol=1e-5)


def test_flattened_features_stand_at_their_epochs_and_padding_is_zero():
    encoder = _encoder(pooling="flatten")
    values, mask = _curves([20, 7], 20)
    features = encoder(values, mask).view(2, 20, 16)
    assert features[1, 7:].eq(0).all()
    assert features[1, :7].ne(0).any(-1).all()
    mean = _encoder(pooling="mean")(values, mask)
    assert torch.allclose(features[1, :7].mean(0), mean[1], atol=1e-6)


def test_flatten_pads_short_curves_and_refuses_long_ones():
    encoder = _encoder(pooling="flatten")
    values, mask = _curves([12, 7], 20)
    assert torch.allclose(encoder(values[:, :12], mask[:, :12]), encoder(values, mask), atol=1e-6)
    assert torch.allclose(encoder(values[:1, :12]), encoder(values, mask)[:1], atol=1e-6)
    with pytest.raises(DataError, match="20 epochs but was given 21"):
        encoder(torch.zeros(1, 21, 9))
    with pytest.raises(DataError, match="9 channels"):
        encoder(torch.zeros(1, 20, 7))


def test_mean_max_is_both_side_by_side():
    values, mask = _curves([20, 7], 20)
    both = _encoder(pooling="mean-max")(values, mask)
    flat = _encoder(pooling="flatten")(values, mask).view(2, 20, 16)
    assert torch.allclose(both[:, :16], _encoder()(values, mask), atol=1e-6)
    assert torch.allclose(both[1, 16:], flat[1, :7].amax(0), atol=1e-6)


@pytest.mark.parametrize("mask_attention", [True, False])
def test_probsparse_with_a_large_factor_is_exact_attention(mask_attention):
    values, mask = _curves([20, 7, 1], 20)
    options = {"mask_attention": mask_attention}
    exact = _encoder(attention="exact", **options)(values, mask)
    sparse = _encoder(attention="probsparse", factor=20, **options)(values, mask)
    few = _encoder(attention="probsparse", factor=1, **options)(values, mask)
    assert torch.allclose(exact, sparse, atol=1e-6)
    assert (exact - few).abs().max() > 1e-3


@pytest.mark.parametrize("mask_attention", [True, False])
@pytest.mark.parametrize("head_merge", ["release", "epoch"])
def test_few_queries_in_either_order_of_products(monkeypatch, mask_attention, head_merge):
    options = {"mask_attention": mask_attention, "head_merge": head_merge}
    encoder = _encoder(60, attention="probsparse", d_model=64, **options)
    values, mask = _curves([60, 31, 1], 60)
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return few_queries_attention(*arguments)

    monkeypatch.setattr("skybind.encoders.informer.few_queries_attention", counted)
    quick = encoder(values, mask)
    assert len(calls) == 2  # once a layer
    monkeypatch.setattr("skybind.encoders.informer.pays", lambda *_: False)
    assert torch.allclose(quick, encoder(values, mask), atol=2e-6)
    assert len(calls) == 2


def test_probsparse_draws_in_training_and_not_at_inference():
    encoder = _encoder(attention="probsparse", dropout=0.0, length=200)
    encoder.enc_embedding.dropout.p = 0.0
    values, mask = _curves([200, 150], 200)
    assert torch.equal(encoder(values, mask), encoder(values, mask))
    encoder.train()
    torch.manual_seed(1)
    first = encoder(values, mask)
    assert (first - encoder(values, mask)).abs().max() > 1e-5
    torch.manual_seed(1)
    assert torch.equal(encoder(values, mask), first)


def test_release_head_merge_puts_neighbouring_epochs_of_one_head_in_a_row():
    encoder = _encoder(head_merge="release", mask_attention=False)
    attention = encoder.encoder.attn_layers[0].attention
    with torch.no_grad():  # every query sees all alike: the mean; the output is not projected
        for projection in (attention.query_projection, attention.key_projection):
            projection.weight.zero_()
        attention.out_projection.weight.copy_(torch.eye(16))
        attention.out_projection.bias.zero_()
    x = torch.randn(1, 20, 16)
    mean = attention.value_projection(x).mean(1)[0].view(4, 4)
    output = attention(x, None)[0]
    for row in range(20):
        # 20 epochs of 4 heads, 4 epochs a row: rows 0-4 hold head 0, rows 5-9 head 1 ...
        assert torch.allclose(output[row], mean[row // 5].repeat(4), atol=1e-6)


def test_release_mode_lets_the_padding_take_part():
    """The documented exception to the contract: that it is one."""
    options = {
        "attention": "probsparse",
        "factor": 100,
        "mask_attention": False,
        "pooling": "mean",
        "convolution_padding": "circular",
        "head_merge": "release",
    }
    encoder = _encoder(None, **options)
    values, mask = _curves([12], 20)
    alone = encoder(values[:, :12], mask[:, :12])
    assert (encoder(values, mask) - alone).abs().max() > 1e-2
