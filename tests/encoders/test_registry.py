import pytest
import torch

from skybind.encoders import registry
from skybind.encoders.registry import (
    Encoder,
    build_encoder,
    encoder_names,
    encoder_options,
    register_encoder,
)
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape


@pytest.fixture
def own_registry(monkeypatch):
    """A copy that the test may add to."""
    monkeypatch.setattr(registry, "_ENCODERS", dict(registry._ENCODERS))


def test_shipped_encoders_are_there():
    assert {"informer", "galspecnet", "mlp"} <= set(encoder_names())


def test_a_users_encoder_is_one_class(own_registry):
    @register_encoder("sum")
    class Sum(Encoder):
        def __init__(self, shape, *, scale=1.0):
            super().__init__()
            self.scale = scale
            self.out_features = 1

        def forward(self, values, mask=None):
            return self.scale * values.sum(1, keepdim=True)

    encoder = build_encoder("sum", InputShape(3), scale=2.0)
    assert encoder(torch.ones(4, 3)).tolist() == [[6.0]] * 4
    assert encoder_options("sum") == {"scale": 1.0}


def test_a_name_is_given_once(own_registry):
    with pytest.raises(ConfigError, match=r"'mlp' is already registered by skybind.encoders.mlp"):

        @register_encoder("mlp")
        class Other(Encoder):
            pass


def test_unknown_name_says_the_nearest():
    with pytest.raises(ConfigError, match=r"no encoder 'infromer': did you mean 'informer'\?"):
        build_encoder("infromer", InputShape(9, 200))


def test_unknown_name_far_from_all_lists_them():
    with pytest.raises(ConfigError, match=r"choose from .*galspecnet.*informer.*mlp"):
        build_encoder("xyz", InputShape(9, 200))


def test_unknown_option_says_the_nearest():
    with pytest.raises(ConfigError, match=r"'mlp' has no option 'hiden': did you mean 'hidden'\?"):
        build_encoder("mlp", InputShape(34), hiden=8)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("informer", {"attention": "exakt"}, "did you mean 'exact'"),
        ("informer", {"pooling": "max"}, "pooling 'max'"),
        ("informer", {"n_heads": 3}, "n_heads divides"),
        ("informer", {"d_model": 9, "n_heads": 3}, "even d_model"),
        ("informer", {"layers": 0}, "layers at least 1, not 0"),
        ("informer", {"factor": 0}, "factor at least 1"),
        ("informer", {"dropout": 1.5}, "dropout between 0 and 1, not 1.5"),
        ("galspecnet", {"pooling": "max"}, "pooling 'max'"),
        ("galspecnet", {"channels": []}, "number of channels at least 1"),
        ("galspecnet", {"pool_size": 0}, "pool_size at least 1"),
        ("mlp", {"layers": 0}, "layers at least 1"),
        ("mlp", {"hidden": 0}, "hidden at least 1"),
        ("mlp", {"hidden": "wide"}, "hidden to be a whole number, not 'wide'"),
        ("mlp", {"hidden": True}, "hidden to be a whole number, not True"),
        ("mlp", {"dropout": "none"}, "dropout to be a number, not 'none'"),
        ("informer", {"mask_attention": "no"}, "mask_attention to be true or false, not 'no'"),
        ("spender", {"pools": 5}, "pools to be a list, not 5"),
    ],
)
def test_option_out_of_range_is_named(name, options, said):
    with pytest.raises(ConfigError, match=said):
        build_encoder(name, InputShape(9, 400), **options)


def test_shape_that_does_not_fit_is_named():
    with pytest.raises(ConfigError, match="at least 234 pixels"):
        build_encoder("galspecnet", InputShape(3, 100))
    for name in ("informer", "galspecnet"):
        with pytest.raises(ConfigError, match="needs a fixed"):
            build_encoder(name, InputShape(9, None), pooling="flatten")
