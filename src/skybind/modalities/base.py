"""What every modality does, and the registry that finds one by its kind."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from skybind.errors import ConfigError
from skybind.modalities.computed import is_standardised
from skybind.modalities.shape import InputShape
from skybind.modalities.stored_text import StoredText
from skybind.modalities.unused import Unused


class Schema(Protocol):
    """What a modality asks of a dataset's schema."""

    @property
    def observations(self) -> list[str]: ...

    def features(self, modality: str) -> list[str]: ...

    def fields(self, observation: str) -> dict[str, str | None]: ...

    def attributes(self, name: str) -> dict[str, Any]: ...

    def factor(self, name: str, unit: str) -> float: ...

    def julian_zero(self, name: str) -> float | None: ...


class WholeSchema(Schema, Protocol):
    """The schema of a dataset, in which a modality finds its column."""

    @property
    def kinds(self) -> dict[str, str]: ...

    @property
    def catalogues(self) -> list[str]: ...


class ModalityOptions(BaseModel):
    """Base of the preprocessing options of a modality; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


@dataclass
class Prepared:
    """Observations of one modality after cleaning and normalising.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Per-object arrays of first dimension n, and flat arrays of first dimension
        `offsets[-1]` (those named in `flat`).
    present : ndarray of bool, shape (n,)
    reason : ndarray of str or StoredText, shape (n,)
        Why an observation that the dataset holds cannot be used; "" otherwise.
    offsets : ndarray of int64, shape (n + 1,), optional
        Where each object's flat values begin.
    flat : tuple of str
        Names of the arrays that `offsets` indexes.
    """

    arrays: dict[str, np.ndarray]
    present: np.ndarray
    reason: np.ndarray | StoredText
    offsets: np.ndarray | None = None
    flat: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.present)


class Modality(ABC):
    """One kind of observation, bound to a dataset's schema.

    Parameters
    ----------
    name : str
        Its name in the configuration.
    options : ModalityOptions
        How it is preprocessed.
    schema : Schema
        Of the dataset (or what was saved of it with a model).
    column : str, optional
        The dataset's column; its kind by default.
    """

    kind: ClassVar[str]
    Options: ClassVar[type[ModalityOptions]]
    #: Most objects that are prepared at once; fewer where one object is large.
    chunk: int = 2048
    #: Column of the period that light curves are folded by; None where nothing is folded.
    period_column: str | None = None

    def __init__(self, name: str, options: Any, schema: Schema, column: str | None = None) -> None:
        self.name = name
        self.options = options
        self.schema = schema
        self.column = column or self.kind

    @classmethod
    def offered(cls, schema: WholeSchema) -> list[str]:
        """Return what a dataset has for this kind: the columns of its observations."""
        return [column for column, kind in schema.kinds.items() if kind == cls.kind]

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """Names of the dataset's columns that it reads."""

    @property
    def also_reads(self) -> list[str]:
        """Names of columns that it reads where a dataset has them."""
        return []

    @property
    def needs(self) -> dict[str, list[str]]:
        """Fields of observation columns that it cannot do without, by column."""
        return {}

    @property
    @abstractmethod
    def shape(self) -> InputShape:
        """What an encoder of this modality gets."""

    @property
    def channel_names(self) -> list[str]:
        """What each channel holds: two channels of one name mean the same."""
        return [str(channel) for channel in range(self.shape.channels)]

    @property
    def augments(self) -> bool:
        """Whether two training views of one object differ, as a pair with itself needs."""
        return False

    @property
    def needs_flux_zero(self) -> bool:
        """Whether fluxes must be whole, not counted from the mean of each light curve."""
        return False

    @abstractmethod
    def prepare(self, table: pa.Table) -> Prepared:
        """Clean and normalise a chunk of objects; independent of any split."""

    @abstractmethod
    def fit(self, prepared: Prepared, rows: np.ndarray) -> None:
        """Learn statistics (means, scales) from the training objects `rows`."""

    @abstractmethod
    def batch(
        self, prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        """Give the tensors of some objects; with a generator crops are drawn and augmented."""

    def each(self, prepared: Prepared) -> Prepared | None:
        """Give the observations one a row, where an object may have several; else None.

        Object `i` owns the rows `prepared.offsets[i]:prepared.offsets[i + 1]`.
        """
        return None

    def unused(self, table: pa.Table) -> list[Unused]:
        """Tell which values of its flat columns count as missing though they are there.

        Parameters
        ----------
        table : pyarrow.Table
            Some objects, with the flat columns that it reads; `fit` came before.
        """
        return []

    @abstractmethod
    def summary(self, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
        """Simple statistics of some objects, (n, F), as a plain classifier would be given."""

    def state(self) -> dict[str, np.ndarray]:
        """Give what `fit` learned, to be saved with a model."""
        return {}

    def load_state(self, state: dict[str, np.ndarray]) -> None:  # noqa: B027
        """Take back what `state` gave."""


#: A number of this size, so many times the interquartile range from the median, is no measurement.
HUGE, WILD = 1e15, 1e8


def wild(values: np.ndarray) -> np.ndarray:
    """Which numbers lie so far from the others that they cannot be meant: 1e30 among 1 to 10.

    Parameters
    ----------
    values : ndarray, shape (objects, features)
        NaN where missing.

    Returns
    -------
    ndarray of bool
        Of the same shape; of a feature without a spread none.
    """
    found = np.zeros(values.shape, bool)
    for index, column in enumerate(values.T):
        known = column[np.isfinite(column)]
        if len(known):
            low, median, high = np.percentile(known, (25, 50, 75))
            with np.errstate(invalid="ignore"):
                far = (np.abs(column) > HUGE) & (np.abs(column - median) > WILD * (high - low))
            found[:, index] = far & (high > low)
    return found


class Standardiser:
    """Zero mean and unit variance by the training objects; a missing value becomes zero.

    What cannot be meant (see `wild`) is missing: one such number would be the deviation of all.

    Attributes
    ----------
    mean, scale : ndarray, shape (features,)
        Of the finite values; a constant feature has scale 1.
    """

    def __init__(self, n: int) -> None:
        self.mean = np.zeros(n)
        self.scale = np.ones(n)

    def fit(self, values: np.ndarray) -> None:
        """Learn from values of shape (objects, features); NaN where missing."""
        finite = np.isfinite(values) & ~wild(values)
        count = np.maximum(finite.sum(0), 1)
        filled = np.where(finite, values, 0.0)
        self.mean = filled.sum(0) / count
        variance = (np.where(finite, values - self.mean, 0.0) ** 2).sum(0) / count
        scale = np.sqrt(variance)
        self.scale = np.where(scale > 1e-8 * np.maximum(1.0, np.abs(self.mean)), scale, 1.0)

    def leave(self, places: Sequence[int]) -> None:
        """Leave the features at some places as they are."""
        self.mean[places], self.scale[places] = 0, 1

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardise; NaN becomes 0, the training mean."""
        standard = (values - self.mean) / self.scale
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(standard) < WILD, standard, 0.0).astype(np.float32)

    def absurd(self, values: np.ndarray) -> np.ndarray:
        """Tell which values of shape (objects, features) are so far off that `apply` passes over.

        They are taken for missing in training and afterwards alike.
        """
        with np.errstate(invalid="ignore"):
            return np.isfinite(values) & ~(np.abs((values - self.mean) / self.scale) < WILD)

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """Give mean and scale under names that begin with `prefix`."""
        return {f"{prefix}.mean": self.mean, f"{prefix}.scale": self.scale}

    def load_state(self, prefix: str, state: dict[str, np.ndarray]) -> None:
        """Take back what `state` gave."""
        self.mean, self.scale = state[f"{prefix}.mean"], state[f"{prefix}.scale"]


#: Levels of a `RankScaler`, and where a normal distribution has them [sigma].
LEVELS = np.linspace(0, 1, 65)
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS.clip(0.002, 0.998)])


#: Relative difference of two values that single precision may make.
ROUNDING = 1e-5


class RankScaler:
    """Values to those that a normal distribution has at the same rank; a missing one to zero.

    Nothing that an outlier or a heavy tail does to the others' scale.

    Attributes
    ----------
    knots : ndarray, shape (n, levels)
        Quantiles of the training objects.
    """

    def __init__(self, n: int) -> None:
        self.knots = np.tile(NORMAL, (n, 1))

    def fit(self, values: np.ndarray) -> None:
        """Learn from values of shape (objects, n); NaN where missing."""
        for index, column in enumerate(values.T):
            finite = column[np.isfinite(column)]
            if len(finite):
                self.knots[index] = np.quantile(finite, LEVELS)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scale values of shape (objects, n)."""
        scaled = np.zeros(values.shape)
        for index, knots in enumerate(self.knots):
            column = values[:, index]
            # equal knots are a step, and what differs by rounding only is equal: the middle of
            # what the step has on its two sides
            near = ROUNDING * np.abs(column)
            up = np.interp(column + near, knots, LEVELS)
            down = np.interp(near - column, -knots[::-1], LEVELS[::-1])
            scaled[:, index] = np.interp((up + down) / 2, LEVELS, NORMAL)
        return np.where(np.isfinite(values), scaled, 0.0).astype(np.float32)

    def state(self, name: str) -> dict[str, np.ndarray]:
        """Give the quantiles under a name."""
        return {name: self.knots}

    def load_state(self, name: str, state: dict[str, np.ndarray]) -> None:
        """Take back what `state` gave."""
        self.knots = state[name]


KINDS: dict[str, type[Modality]] = {}


_M = TypeVar("_M", bound=type[Modality])


def register_modality(cls: _M) -> _M:
    """Make a modality class known by its `kind` (a class decorator).

    Raises
    ------
    ConfigError
        If another class has that kind already.
    """
    known = KINDS.get(cls.kind)
    # the same class defined again (a re-run notebook cell, a reload) replaces the old one
    if known is not None and _origin(known) != _origin(cls):
        raise ConfigError(
            f"The kind of modality '{cls.kind}' is registered already by {known.__module__}."
            f"{known.__name__}: give {cls.__module__}.{cls.__name__} another one."
        )
    KINDS[cls.kind] = cls
    return cls


def _origin(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


Transform = Callable[[np.ndarray], np.ndarray]


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log10(values), np.nan)


#: What may be done to a feature before it is standardised.
TRANSFORMS: dict[str, Transform] = {
    "none": lambda values: values,
    "log": _log10,
    "sin": lambda values: np.sin(np.radians(values)),
    "cos": lambda values: np.cos(np.radians(values)),
}


def feature_matrix(table: pa.Table, names: list[str]) -> np.ndarray:
    """Read flat columns as float64, shape (objects, features); null becomes NaN.

    So does what single precision cannot hold: one such number would be the deviation of all.
    """
    if not names:
        return np.zeros((table.num_rows, 0))
    values = np.stack(
        [table[name].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names], axis=1
    )
    return np.where(np.abs(values) > np.finfo(np.float32).max, np.nan, values)


def finished_features(schema: Schema, names: Sequence[str]) -> list[int]:
    """Places of the features that a dataset marks as transformed and standardised already."""
    return [place for place, name in enumerate(names) if is_standardised(schema.attributes(name))]
