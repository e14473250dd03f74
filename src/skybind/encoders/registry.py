"""Encoders found by name.

An encoder turns the tensors of one modality into features. A new one is one file: a subclass of
`Encoder` under ``@register_encoder("name")``; its constructor's keyword arguments are its options.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from skybind.encoders.options import Option, check_option, checked, hint, options_of
from skybind.errors import ConfigError, DataError
from skybind.modalities.shape import InputShape
from skybind.plugins import find_more


class Encoder(nn.Module):
    """Base of every encoder: tensors of one modality -> features.

    The constructor of a subclass takes an `InputShape` and keyword options.

    Attributes
    ----------
    out_features : int
        Number of features of one object.
    tokens : int or None
        Number of tokens of an encoder whose output is (B, tokens, out_features): a backbone for
        one with `takes_tokens`. None: one vector an object.
    takes_tokens : bool
        Whether it encodes the tokens of a backbone, (B, T, F).
    settings : dict or None
        Its registered name and all options, if `build_encoder` made it.
    """

    out_features: int
    tokens: int | None = None
    takes_tokens: ClassVar[bool] = False
    settings: dict[str, Any] | None = None

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        values : Tensor
            (B, L, C) for light curves, (B, C, W) for spectra, (B, C, H, W) for images, (B, F)
            for catalogue rows and features, (B, T, F) for tokens.
        mask : Tensor, optional
            Non-zero where observed: (B, L), (B, W), (B, H, W) or (B, F). None: everything is
            observed.

        Returns
        -------
        Tensor
            (B, out_features), or (B, tokens, out_features)
        """
        raise NotImplementedError


EncoderClass = TypeVar("EncoderClass", bound=type[Encoder])

_ENCODERS: dict[str, type[Encoder]] = {}


def register_encoder(name: str) -> Callable[[EncoderClass], EncoderClass]:
    """Make an encoder class known under `name` (a decorator).

    Raises
    ------
    ConfigError
        If another class has that name already.
    """

    def register(encoder: EncoderClass) -> EncoderClass:
        known = _ENCODERS.get(name)
        # The same class defined again (a re-run notebook cell, a reload) replaces the old one.
        if known is not None and _origin(known) != _origin(encoder):
            raise ConfigError(
                f"encoder {name!r} is already registered by {known.__module__}.{known.__name__}: "
                f"give {encoder.__module__}.{encoder.__name__} another name"
            )
        checked(name, encoder)
        _ENCODERS[name] = encoder
        return encoder

    return register


def encoder_names() -> list[str]:
    """Return the names of all registered encoders, sorted."""
    return sorted(_ENCODERS)


def is_encoder(name: str) -> bool:
    """Return whether an encoder of that name is registered, plugins included."""
    if name not in _ENCODERS:
        find_more()
    return name in _ENCODERS


def encoder_options(name: str) -> dict[str, Any]:
    """Return the options of an encoder with their defaults.

    Raises
    ------
    ConfigError
        If there is no encoder of that name.
    """
    return _defaults(_find(name))


def decisive_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of an encoder that decide its features, in plain form: not the dropout.

    Raises
    ------
    ConfigError
        If there is no encoder of that name.
    """
    whole = {**encoder_options(name), **options}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in whole.items()
        if key != "dropout"
    }


def encoder_table(name: str) -> list[Option]:
    """Return the options of an encoder with type, default and meaning.

    Raises
    ------
    ConfigError
        If there is no encoder of that name.
    """
    return options_of(_find(name))


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that an encoder does not have, or that are not what it wants.

    Raises
    ------
    ConfigError
    """
    known = {option.name: option for option in options_of(_find(name))}
    for option, value in options.items():
        if option not in known:
            raise ConfigError(f"encoder {name!r} has no option {option!r}: {hint(option, known)}")
        check_option(name, option, known[option].wanted, value)


def build_encoder(name: str, shape: InputShape, **options: Any) -> Encoder:
    """Construct the encoder `name` for inputs of `shape`.

    Parameters
    ----------
    name : str
        One of `encoder_names()`.
    shape : InputShape
        Channels and length of one object's tensor.
    **options
        Keyword arguments of the encoder's constructor.

    Raises
    ------
    ConfigError
        If the name or an option is unknown, or an option has a value out of range.
    """
    encoder = _find(name)
    known = _defaults(encoder)
    for option in options:
        if option not in known:
            raise ConfigError(f"encoder {name!r} has no option {option!r}: {hint(option, known)}")
    built = encoder(shape, **options)
    built.settings = {"name": name, **known, **options}
    return built


def check_values(encoder: str, values: Tensor, dims: int, channel_dim: int, channels: int) -> None:
    """Raise DataError unless `values` has `dims` axes and `channels` along `channel_dim`."""
    if values.ndim != dims or values.shape[channel_dim] != channels:
        raise DataError(
            f"encoder {encoder!r} was built for tensors of {dims} axes with {channels} channels "
            f"along axis {channel_dim} but was given one of shape {tuple(values.shape)}: "
            f"rebuild it for this data or prepare the data as it was prepared for this encoder"
        )


def _find(name: str) -> type[Encoder]:
    if not is_encoder(name):
        raise ConfigError(f"there is no encoder {name!r}: {hint(name, _ENCODERS)}")
    return _ENCODERS[name]


def _defaults(encoder: type[Encoder]) -> dict[str, Any]:
    return {option.name: option.default for option in options_of(encoder)}


def _origin(encoder: type[Encoder]) -> tuple[str, str]:
    return encoder.__module__, encoder.__qualname__
