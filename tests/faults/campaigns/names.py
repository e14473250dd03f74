"""Names that become names of files: paths, dots, devices, controls, of any length."""

import json
import string
import unicodedata
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from skybind.config import load_config
from skybind.data.stored_splits import split_dataset
from skybind.errors import SkybindError
from skybind.lightcurves.stored import compute_features
from skybind.runs.checks import refuse_unsafe_names
from skybind.study.options import read_options
from tests.data.test_broken_datasets import write_dataset
from tests.faults.campaigns.apart import Silent, Try, each_apart
from tests.ingest.test_broken_inputs import Survey

HOSTILE = [
    "../../x", "..", ".", "", "/tmp/x", "a/b", "a\\b", "..\\x", ".hidden", "~", "~root", "a b",
    "$(touch x)", "`x`", "x;y", "con", "NUL", "aux.txt", "COM1", "lpt9.parquet", "x\0y", "x\ny",
    "x\ry", "x\ty", "\x1b[2Jx", "\x9b2J", "\u202egpj", "\u2028x", "\ufeffx", "ａ", "é", "-" * 101,
    "x" * 101, "x" * 5000, "*", "?", "x:y", "x|y", "<x>", '"', "'", "%2e%2e%2fx", "{x}", "x" * 256,
    "/dev/null", "/proc/self/mem", "file:///etc/x", "http://127.0.0.1/x", "CON ", "nul.", "x/../y",
]  # fmt: skip
GOOD = ["x", "G-band", "10.5-a", "_", "console", "nulls", "com10", "x.y.z", "x" * 100, "-x"]
#: A modality as the shipped configuration has it.
STARS = {"kind": "photometry", "encoder": {"name": "folded"}}


def _split(name: str, folder: Path) -> None:
    data = write_dataset(folder)
    split_dataset(data, name)
    if not (data / "splits" / f"{name}.parquet").is_file():
        raise Silent(f"no split {name!r} was written")


def _split_of_a_run(name: str, folder: Path) -> None:
    load_config("stars-small", [f"split.name={yaml.safe_dump(name).split(chr(10) + '...')[0]}"])


def _modality(name: str, folder: Path) -> None:
    own = {"extends": "stars-small", "modalities": {name: STARS}}
    (folder / "own.yaml").write_text(yaml.safe_dump(own))
    config = load_config(folder / "own.yaml")
    refuse_unsafe_names(config)
    if name not in config.modalities:
        raise Silent(f"the modality {name!r} was lost")


def _observation(name: str, folder: Path) -> None:
    survey = Survey(folder)
    survey.mapping["more_photometry"] = {name: survey.mapping.pop("photometry")}
    survey.run()
    compute_features(folder / "out", [name], periods_only=True)
    if not (folder / "out" / "features" / f"{name}.parquet").is_file():
        raise Silent(f"no features of {name!r} were written")


def _column_of_a_dataset(name: str, folder: Path) -> None:
    """A dataset that somebody else wrote, whose schema names the light curves so."""
    data = write_dataset(folder)
    part = next((data / "objects").glob("*.parquet"))
    table = pq.read_table(part)
    note = json.loads(table.schema.metadata[b"skybind"])
    note["columns"] = {name if k == "photometry" else k: v for k, v in note["columns"].items()}
    named = [name if k == "photometry" else k for k in table.column_names]
    table = table.rename_columns(named).replace_schema_metadata({b"skybind": json.dumps(note)})
    pq.write_table(table, part)
    compute_features(data, [name], periods_only=True)
    if not (data / "features" / f"{name}.parquet").is_file():
        raise Silent(f"no features of {name!r} were written")


def _configuration_of_a_study(name: str, folder: Path) -> None:
    asked = {"name": "x", "data": "y", "configurations": {name: {"config": "stars-small"}}}
    (folder / "study.yaml").write_text(yaml.safe_dump(asked))
    if name not in read_options(folder / "study.yaml").configurations:
        raise Silent(f"the configuration {name!r} was lost")


_PLACES = {
    "split": _split,
    "split of a run": _split_of_a_run,
    "modality": _modality,
    "observation of a mapping": _observation,
    "column of a dataset": _column_of_a_dataset,
    "configuration of a study": _configuration_of_a_study,
}
#: Where a name was given before, perhaps under the rules of an older skybind.
_OPENED = ("split of a run", "column of a dataset")


@each_apart("names", quick=60)
def names(this: Try) -> str:
    """Do harm by one name in one place."""
    place = this.one_of(list(_PLACES))
    good = this.rng.random() < 0.2
    listed = GOOD if good else HOSTILE
    name = listed[int(this.rng.integers(len(listed)))]
    if not good and this.rng.random() < 0.3:  # a name of random characters
        name = "".join(map(chr, this.rng.integers(0, 0x300, this.rng.integers(1, 40))))
        good = is_name(name)
    if place in _OPENED:
        good = is_known(name)
    this.does(f"{place} {name[:80]!r}")
    try:
        _PLACES[place](name, this.folder)
    except SkybindError as error:
        if good:
            raise Silent(f"the name {name!r} was refused: {error}") from error
        raise
    if not good:
        raise Silent(f"the name {name[:200]!r} was taken")
    return "right value"


def is_name(name: str) -> bool:
    """Say what a name is in other words than the code does."""
    allowed = set(string.ascii_letters + string.digits + "_-.+")
    device = name.split(".")[0].lower().rstrip("0123456789") in ("con", "prn", "aux", "nul")
    return (
        0 < len(name) <= 100
        and set(name) <= allowed
        and name[0] != "."
        and name[-1] != "."
        and not device
        and not (name.split(".")[0][:3].lower() in ("com", "lpt") and len(name.split(".")[0]) == 4)
    )


def is_known(name: str) -> bool:
    """Say what a name of something that is there already is, in other words too."""
    shown = all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in name)
    size = len(name) <= 100 and len(name.encode("utf-8", "replace")) <= 200
    return (
        shown and size and name != "" and not name.startswith(".") and not set(name) & set("/\\:")
    )
