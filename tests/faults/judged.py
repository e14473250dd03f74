"""What came of a survey of which one file is damaged, and whether that may be."""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.one_file import read_file
from skybind.ingest.survey import import_dataset, import_files
from tests.faults.campaigns.apart import Silent, of_sentence
from tests.faults.harm import Harm
from tests.ingest.written.seeds import Key, Seed, files_below, seed

#: Fields that tell where a number belongs, the numbers themselves, and what takes them out.
_AT = ("time", "wavelength")
_NUMBERS = ("flux", "magnitude")


class Brought(NamedTuple):
    """What an import gave: by object and column the arrays, and what it said."""

    objects: dict[str, dict[str, Any]]
    aside: list[tuple[str, str]]
    told: str


def brought(of: Seed, folder: Path) -> Brought:
    """Import a survey that stands in a folder, and read all of it."""
    out = folder / "out"
    if of.reader:
        summary = import_files(of.reader, folder / "source", out)
    else:
        summary = import_dataset(folder / "m.yaml", out)
    violations = check_dataset(out)
    if violations:
        raise Silent(f"the dataset is not as it should be: {violations[0]}")
    aside = sorted((row["object_id"], row["reason"]) for row in read_quarantine(out))
    told = json.dumps([summary.repaired, summary.quarantined, summary.notes], sort_keys=True)
    return Brought(_objects(Dataset.open(out)), aside, told)


def _objects(dataset: Dataset) -> dict[str, dict[str, Any]]:
    names = dataset.object_ids.tolist()
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for column, said in dataset.schema.columns.items():
        if said.fields:  # observations, and limits of them
            ragged = dataset.ragged(column)
            for i, name in enumerate(names):
                start, stop = ragged.offsets[i : i + 2]
                for field, values in ragged.fields.items():
                    found[name][f"{column}.{field}"] = values[start:stop]
        else:
            values = dataset.column(column)
            for i, name in enumerate(names):
                found[name][column] = values[i : i + 1]
    return found


@cache
def right(key: Key, place: Path) -> Brought:
    """What comes of the sound survey; `place` is an empty folder."""
    return brought(seed(key), seed(key).write(place))


def judge(key: Key, name: str, harm: Harm, folder: Path, sound: Brought) -> str:
    """Import a survey with one file damaged; the outcome, as of `registry.FINE`.

    Raises
    ------
    Silent
        If a sound object is lost, a number is another one although nothing was written that could
        be one, or numbers are lost without a word.
    """
    of = seed(key)
    of.write(folder)
    (folder / name).write_bytes(harm.content)
    before = set(files_below(folder))
    try:
        found = brought(of, folder)
    except SkybindError as error:
        if of_sentence(str(error)) != "sentence":
            raise Silent(f"no sentence: {error}") from error
        if set(files_below(folder)) != before:
            raise Silent("an import that stopped left files behind") from error
        found = None
    if of.wanted is not None:
        _given(of, name, folder)
    return "sentence" if found is None else _judged(of, harm, found, sound)


def _given(of: Seed, name: str, folder: Path) -> None:
    """Give the file to a model, as one to search with."""
    try:
        read_file(folder / name, of.wanted, of.format)
    except SkybindError as error:
        if of_sentence(str(error)) != "sentence":
            raise Silent(f"no sentence: {error}") from error


def _judged(of: Seed, harm: Harm, found: Brought, sound: Brought) -> str:
    if of.sound:
        own, want = found.objects.get(of.sound, {}), sound.objects[of.sound]
        if not _same(own, want):
            raise Silent(f"the sound object is not what it was: {sorted(own)}")
        if any(name == of.sound and (name, why) not in sound.aside for name, why in found.aside):
            raise Silent("the sound object was set aside")
    told = (found.aside, found.told) != (sound.aside, sound.told)
    if harm.numberless:
        have, want = _numbers(found), _numbers(sound)
        if have - want and not harm.nothing:
            raise Silent(f"numbers that were not there: {sorted(have - want)[:3]}")
        if want - have and not told:
            raise Silent(f"numbers are lost without a word: {sorted(want - have)[:3]}")
    return "quarantined" if found.aside != sound.aside else "right value"


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return one.keys() == two.keys() and all(
        np.array_equal(one[key], two[key]) or str(one[key]) == str(two[key]) for key in one
    )


def _numbers(found: Brought) -> set[tuple[str, str, float, float]]:
    """Every number that is not masked, with its column and the time or wavelength of it."""
    every = set()
    for fields in found.objects.values():
        for key, at in fields.items():
            column, _, field = key.rpartition(".")
            if field not in _AT:
                continue
            bad = fields.get(f"{column}.mask", np.zeros(len(at), bool))
            for value in _NUMBERS:
                own = fields.get(f"{column}.{value}")
                if own is not None:
                    pairs = zip(at[~bad].tolist(), own[~bad].tolist(), strict=True)
                    every |= {(column, value, *pair) for pair in pairs if pair[1] == pair[1]}
    return every
