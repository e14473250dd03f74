"""A paper as a study: what is trained, on what, and its exhibits section by section."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from skybind.config import load_config
from skybind.config.load import validate
from skybind.drawing.style import report_style
from skybind.errors import ConfigError
from skybind.progress import say
from skybind.reproduce.shown import Make, Shown
from skybind.runs.checks import differences
from skybind.study.exhibits import Chapter, Exhibit, gather
from skybind.study.found import searched
from skybind.study.merge import Study
from skybind.study.options import Backbone, Step, StudyOptions
from skybind.words import join

#: Keys of a configuration that are named where it differs from the paper's.
_LISTED = 12


@dataclass(frozen=True)
class Planned:
    """One exhibit: its number in the paper, its title where it cannot be made, and its maker."""

    number: str
    title: str
    make: Make


@dataclass(frozen=True)
class Part:
    """Exhibits under one heading."""

    title: str
    text: str
    exhibits: Sequence[Planned]


@dataclass(frozen=True)
class Size:
    """One size of a paper's study.

    Attributes
    ----------
    configuration : str
        A shipped one.
    objects : int
        Of the simulated survey.
    seeds : tuple of int
    set : tuple of str
        Keys set otherwise, each `key=value`.
    backbones : mapping of str to Backbone
        Modality -> the frozen backbone that is trained for it.
    """

    configuration: str
    objects: int
    seeds: tuple[int, ...]
    set: tuple[str, ...] = ()
    backbones: Mapping[str, Backbone] = field(default_factory=dict)


@dataclass(frozen=True)
class Paper:
    """A published paper and the study that makes it again.

    Attributes
    ----------
    name : str
        Of the command, and of the configuration in the study.
    title, description : str
        Heading of the page, and what the study is.
    survey : str
        What is simulated where no data are given: `stars` or `galaxies`.
    full, small : Size
        Of the paper, and for a laptop.
    subsets : tuple of str
        Subsets of the labels; empty: those of the configuration.
    steps : tuple of str
        Pages of each run.
    parts : sequence of Part
        The exhibits, in the order of the page.
    """

    name: str
    title: str
    description: str
    survey: str
    full: Size
    small: Size
    subsets: tuple[str, ...]
    steps: tuple[Step, ...]
    parts: Sequence[Part]

    def options(
        self,
        *,
        small: bool = False,
        data: str | Mapping[int, str] | None = None,
        config: str | None = None,
        sets: Sequence[str] = (),
        seeds: Sequence[int] | None = None,
        objects: int | None = None,
        tune: int | None = None,
    ) -> StudyOptions:
        """Return the options of the study.

        Parameters
        ----------
        small : bool
            The size for a laptop.
        data : str or dict, optional
            Folder of a dataset, or one a seed; without it a survey is simulated.
        config : str, optional
            Another than the paper's; in what it differs is told, and stands on the page.
        sets : sequence of str
            Keys set otherwise, each `key=value`.
        seeds : sequence of int, optional
            The paper's by default, or those that `data` names.
        objects : int, optional
            Of the simulated survey; the paper's number by default.
        tune : int, optional
            Trials of a search of hyper-parameters for each training, before the runs.

        Raises
        ------
        ConfigError
            If the seeds do not fit the data or are given twice, or `objects` beside `data`.
        """
        if data is not None and objects is not None:
            raise ConfigError("A number of objects is of a simulated survey: give it, or data.")
        if isinstance(data, Mapping):
            data, seeds = dict(data), seeds or list(data)
        size = self.small if small else self.full
        own = config is None  # the keys of a size are those of its configuration
        chosen = {
            "config": config or size.configuration,
            "set": [*(size.set if own else ()), *sets],
            "backbones": _backbones(size, objects) if own else {},
        }
        departures = self._departures(size, chosen) if not own or sets else ""
        survey = {"survey": self.survey, "objects": objects or size.objects, "seed": 42}
        raw = {
            "name": self.title,
            "description": f"{self.description} {departures}".strip(),
            "data": data,
            "simulate": survey if data is None else None,
            "configurations": {self.name: chosen},
            "seeds": list(seeds or size.seeds),
            "subsets": list(self.subsets) or None,
            "steps": list(self.steps),
            "tune": tune,
        }
        return validate(StudyOptions, raw, f"the study of {self.name}")

    def _departures(self, size: Size, chosen: Mapping[str, Any]) -> str:
        """Say in what a configuration differs from the paper's of this size."""
        own = load_config(size.configuration, list(size.set))
        keys = differences(own, load_config(chosen["config"], chosen["set"]))
        keys = [key for key in keys if key not in ("name", "description")]
        said = []
        if keys:
            named = ", ".join(keys[:_LISTED])
            more = f" and {len(keys) - _LISTED:,} more" if len(keys) > _LISTED else ""
            said.append(
                f"Its configuration differs from the paper's ({size.configuration}) in "
                f"{len(keys):,} {'key' if len(keys) == 1 else 'keys'}: {named}{more}."
            )
        dropped = [name for name in size.backbones if name not in chosen["backbones"]]
        if dropped:
            said.append(
                f"The backbones of {join(dropped)}, which the study of the paper trains, are not "
                "trained: the configuration says which weights they have."
            )
        own = chosen["config"] == size.configuration
        if said:  # a key that was set by hand is no news
            say(" ".join(said), logging.INFO if own else logging.WARNING)
        return " ".join(said)

    def chapters(self, study: Study) -> list[Chapter]:
        """Return the exhibits of a study, of what is done of it."""
        shown = Shown(study, self.name)
        with report_style():
            chapters = [
                Chapter(
                    f"{self.name}-{number}",
                    part.title,
                    part.text,
                    gather(study, [_maker(one, shown) for one in part.exhibits]),
                )
                for number, part in enumerate(self.parts, start=1)
            ]
            if study.options.tune:
                title = "Hyper-parameters that were searched"
                key = "appendix-chosen"
                make = partial(searched, self.name, key, title)
                made = gather(study, [(key, "", title, make)])
                chapters.append(Chapter("searched", title, "Appendix A of the paper.", made))
        return chapters


def _backbones(size: Size, objects: int | None) -> dict[str, Any]:
    """Return the backbones that are trained; of fewer objects than usual with shorter queues."""
    made = {}
    for name, backbone in size.backbones.items():
        found = backbone.model_dump()
        found["set"] = [_shortened(key, size.objects, objects) for key in backbone.set]
        made[name] = found
    return made


def _shortened(key: str, usual: int, objects: int | None) -> str:
    """Return a key; a queue of momentum contrast holds no more than half of the objects."""
    name, _, value = key.partition("=")
    if name != "moco.queue" or objects is None or objects >= usual:
        return key
    return f"{name}={min(int(value), max(objects // 2, 1))}"


def _maker(planned: Planned, shown: Shown) -> tuple[str, str, str, "partial[Exhibit]"]:
    key = re.sub(r"[^a-z0-9]+", "-", f"{planned.number} {planned.title}".lower())
    return key, planned.number, planned.title, partial(_made, planned, shown)


def _made(planned: Planned, shown: Shown, study: Study) -> Exhibit:
    return planned.make(shown)
