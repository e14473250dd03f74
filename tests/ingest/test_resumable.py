"""Work that is interrupted goes on where it stopped, whatever stopped it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.errors import DataError
from skybind.ingest import survey
from skybind.ingest.build import build_dataset
from skybind.ingest.plan import Chunk, Plan
from skybind.ingest.resumable import source_state
from skybind.ingest.survey import import_dataset
from skybind.ragged import Ragged
from tests.ingest.galaxy_files import galaxies, write_hdf5

STEPS, ROWS = 6, 4


class Source:
    """A source of numbered objects, which can be made to fail at a step."""

    def __init__(self, folder: Path, fails: dict[int, BaseException] | None = None) -> None:
        self.file = folder / "source"
        if not self.file.exists():
            self.file.write_text("x")
        self.fails, self.read = fails or {}, []

    def step(self, k: int) -> Chunk:
        if k in self.fails:
            raise self.fails[k]
        self.read.append(k)
        names = np.asarray([f"o{k * ROWS + i}" for i in range(ROWS)], object)
        names[-1] = "o0"  # occurs once more in each step
        flux = np.tile(np.arange(5.0, dtype=np.float32), ROWS) * (k + 1)
        flux[:5] = np.where(k == 2, np.nan, flux[:5])
        r = Ragged(
            {"wavelength": np.tile(np.arange(4000.0, 4005, dtype=np.float32), ROWS), "flux": flux},
            np.arange(ROWS + 1) * 5,
            np.ones(ROWS, bool),
        )
        row = {"object_id": f"lost{k}", "source": "s", "modality": "spectrum", "reason": "lost"}
        part = np.where(np.arange(ROWS) < 2, "train", "test").astype(object)
        return Chunk({"object_id": names, "spectrum": r}, {"spectrum": "s"}, part, [row])

    def plan(self, settings: int = 0) -> Plan:
        fields = {"wavelength": "Angstrom", "flux": None, "mask": None}
        return Plan(
            {"spectrum": Column("observation", modality="spectrum", fields=fields)},
            ((ROWS, partial(self.step, k)) for k in range(STEPS)),
            STEPS * ROWS,
            [self.file],
            settings=settings,
            quarantine=[{"object_id": "", "source": "s", "modality": "m", "reason": "before"}],
            split={"kind": "published"},
        )


def contents(folder: Path) -> dict:
    d = Dataset.open(folder)
    split = Split.read(folder / "splits" / "published.parquet")
    return {
        "ids": d.object_ids.tolist(),
        "flux": d.ragged("spectrum").fields["flux"].tolist(),
        "quarantine": read_quarantine(folder),
        "summary": json.loads((folder / "import.json").read_text()),
        "split": dict(zip(split.object_id.tolist(), split.part.tolist(), strict=True)),
        "parts": sorted(p.name for p in (folder / "objects").iterdir()),
    }


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


@pytest.mark.parametrize("stops_at", range(STEPS))
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("no space left on device")])
def test_an_interrupted_import_goes_on_with_the_same_result(tmp_path, stops_at, error):
    build_dataset(Source(tmp_path).plan(), tmp_path / "whole", False)
    with pytest.raises(type(error)):
        build_dataset(Source(tmp_path, {stops_at: error}).plan(), tmp_path / "out", False)
    assert not (tmp_path / "out").exists()
    again = Source(tmp_path)
    build_dataset(again.plan(), tmp_path / "out", False)
    assert again.read == list(range(stops_at, STEPS))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert left(tmp_path) == []
    states = {Dataset.open(tmp_path / name).fingerprint for name in ("out", "whole")}
    assert len(states) == 1
    assert contents(tmp_path / "out")["summary"]["objects"] == STEPS * (ROWS - 1)


@pytest.mark.parametrize("how", ["noise", "footer"])
def test_a_part_that_was_damaged_meanwhile_is_a_sentence_and_then_made_anew(tmp_path, how):
    with pytest.raises(KeyboardInterrupt):
        build_dataset(Source(tmp_path, {3: KeyboardInterrupt()}).plan(), tmp_path / "out", False)
    part = tmp_path / ".out.unfinished/work/objects/part-00001.parquet"
    whole = part.read_bytes()
    at = whole.rindex(b"object_id")
    part.write_bytes(bytes(len(whole)) if how == "noise" else whole[:at] + b"O" + whole[at + 1 :])
    with pytest.raises(DataError, match=r"part-00001.parquet cannot be read .* made anew"):
        build_dataset(Source(tmp_path).plan(), tmp_path / "out", False)
    build_dataset(Source(tmp_path).plan(), tmp_path / "out", False)
    assert contents(tmp_path / "out")["summary"]["objects"] == STEPS * (ROWS - 1)


@pytest.mark.parametrize("what", ["source", "settings", "version"])
def test_other_work_begins_anew(tmp_path, what, monkeypatch):
    stopped = Source(tmp_path, {3: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        build_dataset(stopped.plan(), tmp_path / "out", False)
    if what == "source":
        stopped.file.write_text("longer")
    if what == "version":
        monkeypatch.setattr("skybind.ingest.resumable.__version__", "99.0")
    again = Source(tmp_path)
    build_dataset(again.plan(settings=int(what == "settings")), tmp_path / "out", False)
    assert again.read == list(range(STEPS))
    assert left(tmp_path) == []


def test_an_import_of_rows_that_was_begun_with_smaller_steps_begins_anew(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("\n".join(["id,g", *(f"o{k},{k}" for k in range(10))]))
    (tmp_path / "m.yaml").write_text("objects: {file: t.csv, id: id, features: {rows: {g: g}}}")
    monkeypatch.setattr(survey, "ROW_CHUNK", 2)
    with monkeypatch.context() as patch:
        steps = iter([survey._Import._chunk] * 2)
        patch.setattr(survey._Import, "_chunk", lambda *given: next(steps)(*given))
        with pytest.raises(StopIteration):
            import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    monkeypatch.setattr(survey, "ROW_CHUNK", 4)
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert Dataset.open(tmp_path / "out").object_ids.tolist() == [f"o{k}" for k in range(10)]


@pytest.mark.parametrize("damage", ["part cut", "part gone", "journal cut", "journal gone"])
def test_only_steps_that_are_whole_are_kept(tmp_path, damage):
    build_dataset(Source(tmp_path).plan(), tmp_path / "whole", False)
    with pytest.raises(KeyboardInterrupt):
        build_dataset(Source(tmp_path, {4: KeyboardInterrupt()}).plan(), tmp_path / "out", False)
    hidden = tmp_path / ".out.unfinished"
    file = {
        "part": hidden / "work" / "objects" / "part-00002.parquet",
        "journal": hidden / "journal" / "00002.json",
    }[damage.split()[0]]
    if damage.endswith("gone"):
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-9])
    again = Source(tmp_path)
    build_dataset(again.plan(), tmp_path / "out", False)
    assert again.read == [2, 3, 4, 5]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_wrong_sources_leave_nothing_behind(tmp_path):
    with pytest.raises(DataError, match="is wrong"):
        build_dataset(
            Source(tmp_path, {3: DataError("It is wrong.")}).plan(), tmp_path / "out", False
        )
    assert left(tmp_path) == []
    assert not (tmp_path / "out").exists()


def test_a_dataset_is_replaced_only_when_the_new_one_is_there(tmp_path):
    build_dataset(Source(tmp_path).plan(), tmp_path / "out", False)
    before = contents(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        build_dataset(Source(tmp_path, {3: KeyboardInterrupt()}).plan(1), tmp_path / "out", True)
    assert contents(tmp_path / "out") == before
    again = Source(tmp_path)
    build_dataset(again.plan(1), tmp_path / "out", True)
    assert again.read == [3, 4, 5]
    assert left(tmp_path) == []


def test_two_processes_do_not_write_one_dataset(tmp_path):
    inner: list[str] = []

    class Nested(Source):
        def step(self, k: int) -> Chunk:
            if k == 1:
                with pytest.raises(DataError, match="is being made by another program") as caught:
                    build_dataset(Source(tmp_path).plan(), tmp_path / "out", False)
                inner.append(str(caught.value))
            return super().step(k)

    build_dataset(Nested(tmp_path).plan(), tmp_path / "out", False)
    assert len(inner) == 1
    assert len(Dataset.open(tmp_path / "out")) == STEPS * (ROWS - 1)


def test_the_state_of_sources_sees_every_change(tmp_path):
    folder = tmp_path / "d" / "e"
    folder.mkdir(parents=True)
    (folder / "a").write_text("1")
    states = [source_state([tmp_path])]
    (folder / "b").write_text("1")
    states.append(source_state([tmp_path]))
    (folder / "b").write_text("22")
    states.append(source_state([tmp_path]))
    os.utime(folder / "b", (1, 1))
    states.append(source_state([tmp_path]))
    (folder / "a").unlink()
    states.append(source_state([tmp_path]))
    assert all(a != b for a, b in itertools.pairwise(states))
    assert source_state([tmp_path / "none"]) == {}


SLOWED = """
import sys, time
from pathlib import Path
from skybind.ingest import resumable
from skybind.ingest.survey import import_files
from skybind.ingest.readers import astroclip_hdf5
astroclip_hdf5.ROWS = 8
record = resumable.Workplace.record
def slow(self, entry):
    record(self, entry)
    time.sleep(0.2)
resumable.Workplace.record = slow
import_files("astroclip_hdf5", sys.argv[1], sys.argv[2])
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_is_continued(tmp_path, sent):
    groups = {str(g): galaxies(24, seed=g) for g in range(4)}
    write_hdf5(tmp_path / "a.h5", groups)
    command = [sys.executable, "-c", SLOWED, str(tmp_path / "a.h5"), str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    journal = tmp_path / ".out.unfinished" / "journal"
    begun = time.monotonic()
    while not (journal / "00002.json").exists() and time.monotonic() - begun < 60:
        time.sleep(0.02)
    process.send_signal(sent)
    assert process.wait(30) != 0
    assert not (tmp_path / "out").exists()
    written = {p.name: p.stat().st_mtime_ns for p in journal.glob("*.json")}
    assert 3 <= len(written) < 12
    subprocess.run(command, check=True)
    d = Dataset.open(tmp_path / "out")
    assert d.object_ids.tolist() == [str(i) for g in groups.values() for i in g["targetids"]]
    image = d.ragged("image")
    for band, name in enumerate("grz"):
        want = np.concatenate([g["images"][..., band].ravel() for g in groups.values()])
        np.testing.assert_array_equal(image.fields[name], want)
    kept = (tmp_path / "out" / "objects" / "part-00001.parquet").stat().st_mtime_ns
    assert kept <= max(written.values())
    assert left(tmp_path) == []
