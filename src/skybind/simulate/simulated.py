"""A simulated survey in memory, and how one is made block by block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from skybind.errors import ConfigError
from skybind.ragged import Ragged, offsets_of


@dataclass
class SimulatedSurvey:
    """Simulated objects, ready to be written as a dataset.

    Attributes
    ----------
    objects : dict of str to ndarray, shape (n,)
        Flat columns, one row an object; what they are is in `columns`.
    observations : dict of str to Ragged
        Light curves, spectra, images; also to be had as attributes of those names.
    truth : dict of str to ndarray, shape (n,)
        What was planted; never to be read by training.
    columns : dict of str to dict
        Flat column -> `role`, `unit`, `description`, `modality`.
    """

    objects: dict[str, np.ndarray]
    observations: dict[str, Ragged]
    truth: dict[str, np.ndarray]
    columns: dict[str, dict[str, str | None]]

    def __len__(self) -> int:
        return len(self.objects["object_id"])

    @property
    def photometry(self) -> Ragged:
        """Light curves."""
        return self.observations["photometry"]

    @property
    def spectrum(self) -> Ragged:
        """Spectra."""
        return self.observations["spectrum"]

    @property
    def image(self) -> Ragged:
        """Images."""
        return self.observations["image"]

    def take(self, rows: np.ndarray) -> "SimulatedSurvey":
        """Select objects by index."""
        return SimulatedSurvey(
            {key: values[rows] for key, values in self.objects.items()},
            {key: values.take(rows) for key, values in self.observations.items()},
            {key: values[rows] for key, values in self.truth.items()},
            self.columns,
        )


@dataclass(frozen=True)
class Plan:
    """The arguments of a simulation; a survey's own adds the fractions of what it plants.

    Attributes
    ----------
    modalities : int
        How many an object has when all are observed.
    seed : int
    missing : float
        Fraction of each modality left unobserved.
    """

    modalities: ClassVar[int]
    seed: int
    missing: float

    def __post_init__(self) -> None:
        check_missing(self.missing, self.modalities)
        planted = [field.name for field in fields(self)[2:]]
        check_fractions({name: getattr(self, name) for name in planted}, self.seed)

    def generator(self, block: int, stage: int) -> np.random.Generator:
        """Give the random generator of one stage of one block."""
        return np.random.default_rng([self.seed, block, stage])


def in_chunks(
    blocks: Iterator[SimulatedSurvey],
    n_objects: int,
    chunk: int,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[SimulatedSurvey]:
    """Cut a stream of blocks into chunks.

    Parameters
    ----------
    blocks : iterator of SimulatedSurvey
        At least `n_objects` in all; no block is asked for that is not needed.
    chunk : int
        Objects a chunk; the last may have fewer.
    progress : callable, optional
        Called with (objects done, objects in all) after each block.

    Raises
    ------
    skybind.errors.ConfigError
        If a number is not positive.
    """
    if n_objects < 1 or chunk < 1:
        raise ConfigError(
            f"A survey of {n_objects} objects in chunks of {chunk} is not possible: "
            "give whole numbers from 1 up."
        )
    waiting: list[SimulatedSurvey] = []
    held = done = 0
    while done < n_objects:
        made = next(blocks)
        rest = n_objects - done
        waiting.append(made.take(np.arange(rest)) if rest < len(made) else made)
        held += len(waiting[-1])
        done += len(waiting[-1])
        if progress is not None:
            progress(done, n_objects)
        while held >= chunk or (done == n_objects and held):
            together = concatenate(waiting)
            held = max(len(together) - chunk, 0)
            if not held:
                yield together
                waiting = []
                continue
            yield together.take(np.arange(chunk))
            waiting = [together.take(np.arange(chunk, len(together)))]


def concatenate(chunks: list[SimulatedSurvey]) -> SimulatedSurvey:
    """Put surveys one after the other."""
    if len(chunks) == 1:
        return chunks[0]

    def join(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}

    def join_ragged(parts: list[Ragged]) -> Ragged:
        lengths = np.concatenate([p.lengths for p in parts])
        offsets = offsets_of(lengths)
        present = np.concatenate([p.present for p in parts])
        return Ragged(join([p.fields for p in parts]), offsets, present)

    return SimulatedSurvey(
        join([c.objects for c in chunks]),
        {
            name: join_ragged([c.observations[name] for c in chunks])
            for name in chunks[0].observations
        },
        join([c.truth for c in chunks]),
        chunks[0].columns,
    )


def hide(values: Ragged, observed: np.ndarray) -> Ragged:
    """Drop the observations of objects that were not observed so."""
    if observed.all():
        return values
    kept = values.filter(np.repeat(observed, values.lengths))
    return Ragged(kept.fields, kept.offsets, observed)


def check_fractions(fractions: dict[str, float], seed: int) -> None:
    """Refuse fractions outside 0 to 1 and a negative seed.

    Raises
    ------
    skybind.errors.ConfigError
    """
    for name, value in fractions.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} = {value} is not a fraction: give a number from 0 to 1.")
    if seed < 0:
        raise ConfigError(f"seed = {seed} is negative: give a whole number from 0 up.")


def check_missing(missing: float, modalities: int) -> None:
    """Refuse a fraction of missing observations that leaves some objects with none.

    Raises
    ------
    skybind.errors.ConfigError
    """
    if not 0 <= missing <= (modalities - 1) / modalities:
        raise ConfigError(
            f"missing = {missing} is not between 0 and {modalities - 1}/{modalities}: every object "
            f"keeps at least one of its {modalities} modalities, so give a smaller fraction."
        )


def choose_observed(
    n: int, missing: float, modalities: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw which modalities of each object were observed; every object keeps at least one.

    Parameters
    ----------
    missing : float
        Fraction of each modality that is missing in the end, 0 to 1 - 1 / `modalities`.

    Returns
    -------
    ndarray of bool, shape (n, modalities)
    """
    # where all are lost one is given back, so more must be lost first:
    # p - p^modalities / modalities = missing
    p = missing
    for _ in range(100):
        p = min(missing + p**modalities / modalities, 1.0)
    observed = rng.random((n, modalities)) >= p
    kept = rng.integers(0, modalities, n)
    empty = np.flatnonzero(~observed.any(axis=1))
    observed[empty, kept[empty]] = True
    return observed
