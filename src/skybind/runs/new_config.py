"""A configuration that fits a dataset: looked at, chosen, and written with its reasons."""

from pathlib import Path

from skybind.config.load import load_config, validate
from skybind.config.schema import Config
from skybind.config.written import read_yaml
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError
from skybind.files import write_text
from skybind.runs.config_text import safe_name, write_facts
from skybind.runs.survey_facts import look_at
from skybind.words import join


def new_config(data: Dataset | str | Path, out: str | Path | None = None) -> Config:
    """Make a configuration that fits a dataset, and write it as a commented file.

    Parameters
    ----------
    data : Dataset, str or Path
        The dataset, or its folder. It is read in bounded memory: objects are counted, what
        observations are like is read from a sample.
    out : str or Path, optional
        The YAML file. Its comments give the reason of every choice; change what you like.

    Returns
    -------
    Config

    Raises
    ------
    ConfigError
        If `out` exists, or the dataset has nothing to bind.
    DataError
        If the dataset cannot be read.
    """
    if out is None:
        return validate(Config, read_yaml(config_text(data)), "the new configuration")
    write_new_config(data, out)
    return load_config(out)


def write_new_config(data: Dataset | str | Path, out: str | Path) -> None:
    """Write the text of `config_text` to a file that does not exist yet.

    Raises
    ------
    ConfigError
        If `out` exists, or the dataset has nothing to bind.
    """
    out = Path(out)
    if out.exists():
        raise ConfigError(f"{out} exists already: choose another name, or delete it.")
    if not out.parent.is_dir():
        raise ConfigError(f"There is no folder {out.parent} to write {out.name} to: make it first.")
    write_text(out, config_text(data, out.stem))


def config_text(data: Dataset | str | Path, name: str | None = None) -> str:
    """Return the text of a configuration that fits a dataset: YAML with comments.

    Parameters
    ----------
    data : Dataset, str or Path
        The dataset, or its folder.
    name : str, optional
        Of the configuration; that of the dataset's folder by default.

    Raises
    ------
    ConfigError
        If the dataset has nothing to bind.
    """
    dataset = data if isinstance(data, Dataset) else Dataset.open(data)
    facts = look_at(dataset)
    if not facts.modalities:
        reasons = join([f"{column} ({why})" for column, why in facts.left.items()])
        raise ConfigError(
            f"The dataset at {dataset.path} has nothing to bind{': ' if reasons else ''}{reasons}; "
            "a configuration needs light curves, spectra, images or features of a catalogue."
        )
    return write_facts(facts, safe_name(name or facts.name))
