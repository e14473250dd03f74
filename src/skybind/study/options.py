"""What a study is asked to do, read from a YAML file."""

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from skybind.config.load import validate
from skybind.config.subsets import FULL, read_subset
from skybind.config.written import read_yaml
from skybind.errors import ConfigError, quoted
from skybind.files import check_name, raise_of_machine
from skybind.processes import allowed
from skybind.simulate.write import write_galaxies, write_stars
from skybind.words import nearest

#: Surveys that can be simulated.
SURVEYS: dict[str, Callable[..., None]] = {"stars": write_stars, "galaxies": write_galaxies}

#: Pages and tables that a run can have beside its metrics.
Step = Literal["report", "discover", "clusters"]

# Of the simulators: what is given otherwise, or decides no object.
_NOT_ASKED = {"path", "n_objects", "overwrite", "processes"}


class Simulation(BaseModel):
    """A survey that is simulated for the study; other options are those of the simulator."""

    model_config = ConfigDict(extra="allow", frozen=True)

    survey: Literal["stars", "galaxies"] = Field(..., description="What is simulated.")
    objects: int = Field(..., description="How many objects.", ge=1)
    seed: int = Field(0, description="The same seed gives the same survey.")

    @model_validator(mode="after")
    def _known(self) -> "Simulation":
        known = set(inspect.signature(SURVEYS[self.survey]).parameters) - _NOT_ASKED
        for key in self.model_extra or {}:
            if key not in known:
                names = sorted({"survey", "objects", *known})
                raise ValueError(f"there is no key '{key}': {nearest(key, names)}")
        return self


class Backbone(BaseModel):
    """A backbone that is trained for every seed of a configuration, with what it sets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str = Field(..., description="Name of a shipped backbone, or a YAML file.")
    set: list[str] = Field(
        [], description="Keys set otherwise: a list of `key=value`, or key -> value."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"config": value} if isinstance(value, str) else value

    @field_validator("set", mode="before")
    @classmethod
    def _by_key(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return [f"{key}={_one_line(wanted)}" for key, wanted in value.items()]


class Configured(Backbone):
    """A configuration of the study, with what it sets differently."""

    config: str = Field(..., description="Name of a shipped configuration, or a YAML file.")
    backbones: dict[str, Backbone] = Field(
        {},
        description="Modality -> the frozen backbone that is trained for it on the training "
        "objects of each seed, instead of weights from elsewhere.",
    )


class StudyOptions(BaseModel):
    """A study: configurations x seeds x subsets of the labels, on one dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(..., description="Heading of the page.")
    description: str = Field("", description="What it is for, in words.")
    data: str | dict[int, str] | None = Field(
        None, description="Folder of the dataset; or seed -> folder, where each seed has its own."
    )
    simulate: Simulation | None = Field(
        None, description="A survey that is simulated into STUDY/data, instead of `data`."
    )
    configurations: dict[str, Configured] = Field(
        ..., description="Name in the study -> configuration.", min_length=1
    )
    seeds: list[int] = Field(
        [42], description="One run each: of the split, the first weights, the training.",
        min_length=1,
    )  # fmt: skip
    subsets: list[str] | None = Field(
        None,
        description="`full`, percentages of the labels or objects a class; sets "
        "`finetuning.subsets` of every configuration.",
        min_length=1,
    )
    tune: int | None = Field(
        None,
        description="Trials of a search of hyper-parameters in the ranges of each configuration's "
        "`tune.space`, for the pre-training and for each classifier, before the runs.",
        ge=1,
    )
    steps: list[Step] = Field(["report"], description="What each run gets beside its metrics.")

    @field_validator("seeds", "subsets", "steps")
    @classmethod
    def _once(cls, values: list[Any] | None) -> list[Any] | None:
        for value in values or []:
            if (values or []).count(value) > 1:
                raise ValueError(f"'{value}' is named twice")
        return values

    @field_validator("subsets")
    @classmethod
    def _subsets(cls, values: list[str] | None) -> list[str] | None:
        for name in values or []:
            if name != FULL:
                read_subset(name)
        return values

    @model_validator(mode="after")
    def _one_survey(self) -> "StudyOptions":
        if (self.data is None) == (self.simulate is None):
            raise ValueError("give data (a dataset) or simulate (a survey to make), one of them")
        if isinstance(self.data, dict):
            missing = [seed for seed in self.seeds if seed not in self.data]
            if missing:
                raise ValueError(f"data names no dataset for the seed {missing[0]}")
        for name in self.configurations:
            try:
                check_name(name, "the configuration's name")
            except ConfigError as error:
                raise ValueError(str(error)) from error
        return self

    def folder_of(self, seed: int) -> Path | None:
        """Folder of the dataset of a seed; None where it is simulated."""
        if self.data is None:
            return None
        return Path(self.data[seed] if isinstance(self.data, dict) else self.data)


def _one_line(value: Any) -> str:
    """Write a value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def simulate(wanted: Simulation, out: Path) -> None:
    """Simulate a survey."""
    more = dict(wanted.model_extra or {})
    if wanted.survey == "galaxies":
        more["processes"] = allowed()
    SURVEYS[wanted.survey](out, wanted.objects, seed=wanted.seed, **more)


def read_options(path: str | Path) -> StudyOptions:
    """Read the YAML file of a study; the paths in it are relative to the file.

    Raises
    ------
    ConfigError
        If a key is unknown (its nearest neighbour is named) or a value cannot be.
    """
    path = Path(path)
    try:
        raw = read_yaml(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}: a study is described in a YAML.") from error
    except (UnicodeDecodeError, OSError) as error:
        raise_of_machine(error)
        raise ConfigError(f"The study {path} cannot be read as text: {error}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"The study {path} is not YAML: {quoted(error)}.") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"The study {path} is not a mapping of keys to values.")
    raw.setdefault("name", path.stem)
    return with_whole_paths(validate(StudyOptions, raw, str(path)), path.parent)


def with_whole_paths(options: StudyOptions, base: str | Path) -> StudyOptions:
    """Give the options with the files and folders that they name as whole paths."""

    def whole(name: str) -> str:
        return str((Path(base) / name).resolve())

    data: str | dict[int, str] | None = options.data
    if isinstance(data, dict):
        data = {seed: whole(folder) for seed, folder in data.items()}
    elif data is not None:
        data = whole(data)

    def found(entry: Backbone) -> str:
        return whole(entry.config) if (Path(base) / entry.config).is_file() else entry.config

    configurations: dict[str, Configured] = {}
    for name, entry in options.configurations.items():
        backbones = {
            modality: backbone.model_copy(update={"config": found(backbone)})
            for modality, backbone in entry.backbones.items()
        }
        change = {"config": found(entry), "backbones": backbones}
        configurations[name] = entry.model_copy(update=change)
    return options.model_copy(update={"data": data, "configurations": configurations})
