"""The README's own commands and lines are run as they stand there, on small files of a survey."""

import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table
from typer.testing import CliRunner

import skybind.api.trained
from skybind.cli import app
from skybind.config import load_config
from skybind.data.dataset import Dataset
from tests.conftest import QUICK

PAGE = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHELL = "".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = re.findall(r"^skybind .*$", SHELL, re.MULTILINE)
#: Seconds instead of minutes: everything else is as a user has it.
KEYS = [*QUICK, "finetuning.modalities=[all]", "training.epochs=1"]


def write_survey_files(folder: Path, stars: Path) -> None:
    """Write a survey as a user holds it: a catalogue, a long table of epochs, a file a spectrum."""
    dataset = Dataset.open(stars)
    schema = dataset.schema
    names = [*schema.features("metadata"), *schema.features("photometry")]
    flat = dataset.table(["object_id", "ra", "dec", "label", *names])
    pcsv.write_csv(flat, folder / "stars.csv")
    curves = dataset.ragged("photometry")
    epochs = {"id": dataset.object_ids[curves.owner].tolist(), **curves.fields}
    pq.write_table(pa.table(epochs), folder / "epochs.parquet")
    spectra = dataset.ragged("spectrum")
    (folder / "spectra").mkdir()
    for row in np.flatnonzero(spectra.present):
        inside = slice(spectra.offsets[row], spectra.offsets[row + 1])
        table = Table({name: values[inside] for name, values in spectra.fields.items()})
        table["wavelength"].unit = "Angstrom"
        table.write(folder / "spectra" / f"{dataset.object_ids[row]}.fits")
    (folder / "odd.fits").write_bytes(next((folder / "spectra").iterdir()).read_bytes())
    columns = schema.columns
    features = {
        modality: {
            name: {"column": name, "unit": columns[name].unit, "optional": True}
            if columns[name].unit
            else name
            for name in schema.features(modality)
        }
        for modality in ("metadata", "photometry")
    }
    mapping = {
        "objects": {
            "file": "stars.csv", "id": "object_id", "ra": "ra", "dec": "dec", "label": "label",
            "features": features,
        },
        "photometry": {
            "file": "epochs.parquet", "id": "id", "time": {"column": "time", "unit": "d"},
            "flux": {"column": "flux", "unit": "mJy"}, "flux_err": "flux_err",
        },
        "spectrum": {
            "folder": "spectra/", "pattern": "{id}.fits", "wavelength": "wavelength",
            "flux": "flux", "ivar": "ivar",
        },
    }  # fmt: skip
    (folder / "mapping.yaml").write_text(yaml.safe_dump(mapping))


@pytest.fixture
def place(tmp_path, stars, monkeypatch):
    """A folder with a mapping and its files, new objects, and configurations of seconds."""
    skybind.simulate_stars(tmp_path / "new", 40, seed=11)
    write_survey_files(tmp_path, stars)
    monkeypatch.chdir(tmp_path)

    def quick(name, keys=()):
        return load_config(name, [*KEYS, *keys])

    monkeypatch.setattr(skybind.api.trained, "load_config", quick)
    monkeypatch.setattr("skybind.config.load_config", quick)
    return tmp_path


def test_the_lines_of_python_run(place):
    names: dict = {}
    for block in PYTHON:
        exec(compile(block, "README.md", "exec"), names)
    assert len(names["emb"]) == 40
    assert names["emb"].mean().shape == (40, names["model"].binder.dimension)
    assert (place / "run" / "report.html").exists()
    assert (place / "run" / "discover.html").exists()
    table = names["classifier"].classify(names["new"])
    assert table["object_id"].tolist() == names["new"].object_ids.tolist()
    assert (np.asarray(table["class"]) != "").sum() > 30


def test_the_commands_run(place, monkeypatch):
    served = []
    # a server runs until Ctrl-C: it is prepared and closed, and no browser is opened
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: served.append(sockets))
    monkeypatch.setattr("webbrowser.open", served.append)
    assert len(COMMANDS) > 6
    for line in COMMANDS:
        words = shlex.split(line, comments=True)[1:]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, f"{line}: {done.output}"
    assert any("explore" in line for line in COMMANDS) == bool(served)
    assert len((place / "classes.csv").read_text().splitlines()) == 41
    assert len((place / "periods.csv").read_text().splitlines()) == 41
