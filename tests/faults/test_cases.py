"""Small files that once did harm, kept in `cases/`, each given to every reader.

Their own reader refuses them in words; of the others none may fail but by a sentence.
"""

import contextlib
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from skybind.config import load_config
from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.one_file import read_file
from skybind.ingest.readers.arrays import OPENERS
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import (
    ImageRequest,
    file_formats,
    image_reader,
    known_format,
)
from skybind.ingest.readers.tables import FORMATS, read_table
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.ingest.readers.zips import open_zip, read_member
from tests.broken import expect_one_sentence
from tests.ingest.curve_files import import_curves, wanted
from tests.ingest.spectrum_files import WANTED

CASES = Path(__file__).parent / "cases"
#: What is said of each by the reader of its own format.
SAID = {
    "aliases.yaml": "too many|too large|aliases|values",
    "key_twice.yaml": "twice",
    "runs_a_program.yaml": "tag|python/object",
    "declares_100_GB.h5": "would take",
    "declares_4_TB.npz": "fewer bytes than its header says",
    "pickle.npz": "pickle|object",
    "entities.vot": "entit|ENTITY",
    "stream_of_a_file.vot": "keeps its data elsewhere",
    "stream_of_an_address.vot": "keeps its data elsewhere",
    "external_link.h5": "link|another file",
    "external_storage.h5": "external|another file|outside",
    "text_in_a_dictionary.parquet": "would take",
    "text_in_pages.parquet": "would take",
    "text_of_one_prefix.parquet": "would take",
    "photometry_is_a_number.json": "no list|no rows",
    "detections_are_a_word.json.gz": "detections are no list",
    "bands_lost.fits": "no column 'FLT'",
}
#: Of those that are read all the same, the format, and what is told.
TOLD = {
    "comma_in_a_comment.csv": ("aavso", r"wrong number of columns \(line 5: 25 instead of 24\)")
}
#: Files of several objects, each read by a mapping of its own.
OF_SEVERAL = {"one_of_two_is_odd.zip"}
LIGHT_CURVES = wanted(flux="mJy", band=None)


def array_rows(kind, path):
    found = OPENERS[kind](path, path.name, None)
    for name in found:
        found.rows(name, np.array([0]))


def zip_members(path):
    with open_zip(path, "photometry") as archive:
        for name in archive.namelist():
            read_member(archive, name)


def readers():
    """All readers by their names."""
    tables = {
        f"table {format}": lambda path, format=format: read_table(
            path.read_bytes(), path.name, format
        )
        for format in FORMATS
    }
    surveys = {
        f"{kind} {name}": lambda path, name=name, reads=reads: read_file(path, reads, name)
        for kind, reads in (("photometry", LIGHT_CURVES), ("spectrum", WANTED))
        for name in file_formats(kind)
    }
    arrays = {f"arrays {kind}": lambda path, kind=kind: array_rows(kind, path) for kind in OPENERS}
    return {
        **tables,
        **arrays,
        **surveys,
        "yaml": load_config,
        "zip": zip_members,
        "pieces": lambda path: sum(1 for _ in WeighedParquet(path, path.name).iter_batches()),
        "look": lambda path: known_format("spectrum", Look(path.read_bytes(), path.name)),
        "image": lambda path: image_reader("a.fits", None)(
            path.read_bytes(), path.name, ImageRequest(["g"])
        ),
    }


OWN = {".yaml": "yaml", ".h5": "arrays hdf5", ".npz": "arrays npz", ".vot": "table votable",
       ".parquet": "table parquet", ".json": "photometry osc", ".gz": "photometry alerce",
       ".fits": "photometry snana"}  # fmt: skip


def test_every_case_is_kept():
    assert {path.name for path in CASES.iterdir()} == {*SAID, *TOLD, *OF_SEVERAL}
    assert sum(path.stat().st_size for path in CASES.iterdir()) < 100_000


@pytest.mark.parametrize("name", SAID)
def test_a_case_by_its_own_reader(name):
    path, every = CASES / name, readers()
    with pytest.raises(SkybindError, match=SAID[name]) as caught:
        every[OWN[path.suffix]](path)
    expect_one_sentence(caught.value)


@pytest.mark.parametrize("name", TOLD)
def test_a_case_that_is_told(name):
    format, said = TOLD[name]
    assert any(
        re.search(said, note)
        for note in read_file(CASES / name, wanted(magnitude="mag"), format).notes
    )


def test_one_odd_object_of_a_zip_is_set_aside(tmp_path):
    shutil.copy(CASES / "one_of_two_is_odd.zip", tmp_path / "sn.zip")
    names = {"folder": "sn.zip", "pattern": "{id}.json"}
    found = import_curves(tmp_path, ["good", "odd"], **names, format="osc")
    assert [len(found.curves[name]["time"]) for name in ("good", "odd")] == [4, 0]
    reasons = [r["reason"] for r in read_quarantine(tmp_path / "out") if r["object_id"] == "odd"]
    assert any("its photometry is no list" in reason for reason in reasons)


@pytest.mark.parametrize("name", [*SAID, *TOLD, *OF_SEVERAL])
def test_a_case_by_every_reader(name):
    path = CASES / name
    begun = time.monotonic()
    for key, read in readers().items():
        if key == "pieces" and path.suffix != ".parquet":
            continue  # whoever opens it has made sure of the format
        with contextlib.suppress(SkybindError):
            read(path)
    assert time.monotonic() - begun < 30
