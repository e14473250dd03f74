"""An import in shards is the import in one piece."""

import json
from functools import partial

import numpy as np
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.data.write import shards_key
from skybind.errors import AlreadyDone, DataError
from skybind.ingest import survey
from skybind.ingest.append import append_survey
from skybind.ingest.in_shards import make_dataset
from skybind.ingest.readers import astroclip_hdf5, long_pieces, pieces
from skybind.ingest.resumable import ResumableWriter
from skybind.ingest.survey import import_dataset, import_files
from skybind.shards import Shard, ShardFolder
from tests.ingest.galaxy_files import galaxies, write_hdf5
from tests.ingest.test_resumable import ROWS, STEPS, Source, contents

MAPPING = """
objects:
  file: stars.csv
  id: name
  ra: ra
  dec: dec
  labels: {class: kind}
  features: {metadata: {colour: {column: bp_rp, unit: mag}}}
photometry:
  file: curves.csv
  id: star
  time: {column: t, unit: JD - 2400000.5}
  magnitude: {column: m, unit: mag}
  magnitude_err: e
spectrum:
  folder: spectra
  pattern: "{id}.csv"
  wavelength: {column: w, unit: Angstrom}
  flux: f
"""
STARS = 50


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A catalogue with a name twice, an unsorted long table, a folder of files, and a mapping.

    Some rows and files belong to no star. Steps of seven objects; the long table is parted on disk.
    """
    monkeypatch.setattr(survey, "CHUNK", 7)
    monkeypatch.setattr(pieces, "LARGE", 0)
    monkeypatch.setattr(pieces, "PIECE", 2048)
    monkeypatch.setattr(long_pieces, "PART", 4000)
    rng = np.random.default_rng(0)
    names = [f"s{i}" for i in range(STARS)]
    rows = [f"{n},{10 + i * 0.1},{i * 0.2},EW,0.{i}" for i, n in enumerate(names)]
    rows += ["s3,1,1,EA,0.5", ",2,2,EA,0.5"]
    (tmp_path / "stars.csv").write_text("\n".join(["name,ra,dec,kind,bp_rp", *rows]))
    long = [
        f"{n},{58000 + j},{15 + rng.random():.4f},{0.01 if j else 'bad'}"
        for n in [*names[:-5], "elsewhere"]
        for j in range(9)
    ]
    (tmp_path / "curves.csv").write_text("\n".join(["star,t,m,e", *rng.permutation(long)]))
    (tmp_path / "spectra").mkdir()
    for name in [*names[::2], "nobody"]:
        cells = [f"{4000 + k},{rng.random():.3f}" for k in range(12)]
        text = "\n".join(["w,f", *cells]) if name != "s8" else "w,f\nno,spectrum"
        (tmp_path / "spectra" / f"{name}.csv").write_text(text)
    (tmp_path / "stars.yaml").write_text(MAPPING)
    return tmp_path


def everything(folder):
    """All bytes of a dataset but the time of its making."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.name != "made.json"
    }


def test_shards_in_any_order_give_all_bytes_of_one_piece(files):
    mapping, out = files / "stars.yaml", files / "out"
    whole = import_dataset(mapping, files / "whole")
    order = (np.random.default_rng(1).permutation(11) + 1).tolist()  # of eight steps
    made = [import_dataset(mapping, out, shard=Shard(k, 11)) for k in order[1:]]
    with pytest.raises(DataError, match=rf"1 of 11 shards .*\({order[0]}\)"):
        import_dataset(mapping, out)
    assert not out.exists()
    made.append(import_dataset(mapping, out, shard=Shard(order[0], 11)))
    together = import_dataset(mapping, out)
    assert everything(out) == everything(files / "whole")
    assert together == whole
    assert sum(one.objects for one in made) == whole.objects == STARS
    reasons = " ".join(row["reason"] for row in read_quarantine(out))
    for word in ("occurs twice", "no name", "no such object"):
        assert word in reasons
    assert {"elsewhere", "nobody", "s8"} <= {row["object_id"] for row in read_quarantine(out)}
    assert not list(files.glob("*.shards"))
    assert not list(files.glob(".*"))


def test_the_long_table_is_parted_once_for_all_shards(files, monkeypatch):
    write, parted = long_pieces.LongPieces._write, []

    def counted(self, workplace):
        parted.append(self.file)
        write(self, workplace)

    monkeypatch.setattr(long_pieces.LongPieces, "_write", counted)
    for number in (2, 1, 3):
        import_dataset(files / "stars.yaml", files / "out", shard=Shard(number, 3))
    import_dataset(files / "stars.yaml", files / "out")
    assert parted == ["curves.csv"]


def test_an_interrupted_shard_and_merging_are_done_again(files, monkeypatch):
    mapping, out = files / "stars.yaml", files / "out"
    whole = import_dataset(mapping, files / "whole")
    read, left = survey._Import._chunk, [3]

    def dies(self, rows):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return read(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(survey._Import, "_chunk", dies)
        with pytest.raises(KeyboardInterrupt):
            import_dataset(mapping, out, shard=Shard(1, 2))
    for number in (1, 2, 1):
        import_dataset(mapping, out, shard=Shard(number, 2))
    own, taken = ResumableWriter.take, []

    def stops(self, step):
        taken.append(1)
        if len(taken) == 4:
            raise KeyboardInterrupt
        own(self, step)

    def forbidden(self, rows):
        raise AssertionError("it is read again")

    monkeypatch.setattr(survey._Import, "_chunk", forbidden)
    monkeypatch.setattr(ResumableWriter, "take", stops)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(mapping, out)
    assert not out.exists()
    assert import_dataset(mapping, out) == whole
    assert len(taken) == 4 + 5  # of eight steps three were taken before
    assert everything(out) == everything(files / "whole")


def test_a_name_in_two_shards_is_set_aside_as_in_one_piece(tmp_path):
    """The name o0 occurs in every step; a reader knows only those of its own."""
    source = Source(tmp_path)
    make_dataset(lambda _: source.plan(), tmp_path / "whole", False)
    build = partial(make_dataset, lambda _: source.plan(), tmp_path / "out", False, None)
    for number in (3, 1, 2):
        build(Shard(number, 3))
    source.read.clear()
    build()
    assert source.read == [2, 4]  # the first of each other shard kept what occurred before it
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")
    assert contents(tmp_path / "out")["summary"]["objects"] == STEPS * (ROWS - 1)


def test_readers_of_whole_data_sets_are_imported_in_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(astroclip_hdf5, "ROWS", 8)
    write_hdf5(tmp_path / "a.h5", {str(g): galaxies(20, seed=g) for g in range(3)})
    do = partial(import_files, "astroclip_hdf5", tmp_path / "a.h5")
    whole = do(tmp_path / "whole")
    for number in (2, 4, 1, 3):
        do(tmp_path / "out", shard=Shard(number, 4))
    assert do(tmp_path / "out") == whole
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_shards_of_other_files_or_mappings_and_damaged_ones_are_refused(files, monkeypatch):
    mapping, out = files / "stars.yaml", files / "out"
    for number in (1, 2):
        import_dataset(mapping, out, shard=Shard(number, 2))
    part = next((files / "out.shards" / "2-of-2" / "objects").iterdir())
    whole = part.read_bytes()
    part.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"is damaged.*: delete .*2-of-2 to make it anew"):
        import_dataset(mapping, out)
    part.write_bytes(whole)
    with pytest.raises(DataError, match="--shard K/2"):
        import_dataset(mapping, out, shard=Shard(1, 3))
    with monkeypatch.context() as patch:
        patch.setattr(survey, "CHUNK", 25)
        with pytest.raises(DataError, match="holds 8 steps, and this import has 2"):
            import_dataset(mapping, out)
    other = files / "other.yaml"
    other.write_text(MAPPING.replace("unit: mag}}}", "unit: mag, missing: [0.5]}}}"))
    with pytest.raises(DataError, match="other data"):
        import_dataset(other, out)
    spectrum = files / "spectra" / "s2.csv"
    spectrum.write_text(spectrum.read_text() + "\n4100,1.0")
    with pytest.raises(DataError, match="other data"):
        import_dataset(mapping, out)
    assert not out.exists()


def test_the_command_line_imports_in_shards(files):
    command = ["data", "import", str(files / "stars.yaml"), "--out", str(files / "out")]
    for shard in ("2/2", "1/2"):
        done = CliRunner().invoke(app, [*command, "--shard", shard])
        assert done.exit_code == 0, done.output
        assert f"Shard {shard} is in" in done.stdout
    done = CliRunner().invoke(app, [*command, "--dry-run", "--shard", "1/2"])
    assert done.exit_code != 0
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert len(Dataset.open(files / "out")) == STARS
    there = sorted(path.name for path in files.iterdir())
    for again in (
        [*command, "--shard", "1/2"],
        command,
        [*command, "--shard", "2/2", "--overwrite"],
    ):
        done = CliRunner().invoke(app, again)
        assert done.exit_code == 0, done.output
        assert "All is in place in" in done.stdout
    assert sorted(path.name for path in files.iterdir()) == there
    with (files / "stars.csv").open("a") as table:
        table.write("\nnew,1,1,EA,0.5")
    for again in ([*command, "--shard", "1/2"], command):
        done = CliRunner().invoke(app, again)
        assert "already a dataset" in str(done.exception)
    assert sorted(path.name for path in files.iterdir()) == there


def test_a_shard_that_comes_after_an_append_finds_all_in_place(files):
    mapping, out = files / "stars.yaml", files / "out"
    for number in (1, 2):
        import_dataset(mapping, out, shard=Shard(number, 2))
    import_dataset(mapping, out)
    more = (files / "stars.csv").read_text().replace("\ns", "\nt")
    (files / "more.csv").write_text(more)
    table = "objects: {file: more.csv, id: name, ra: ra, dec: dec, labels: {class: kind}}"
    (files / "more.yaml").write_text(table)
    append_survey(out, files / "more.yaml")
    grown, there = everything(out), {path.name for path in files.iterdir()}
    assert len(Dataset.open(out)) == 2 * STARS
    for shard in (Shard(2, 2), None):
        with pytest.raises(AlreadyDone, match="in place"):
            import_dataset(mapping, out, shard=shard)
    assert everything(out) == grown
    assert {path.name for path in files.iterdir()} == there


@pytest.mark.parametrize("removing", [False, True])
@pytest.mark.parametrize("again", [None, Shard(1, 2)])
def test_what_was_left_when_all_was_in_place_is_removed(files, monkeypatch, removing, again):
    """As a process leaves it that is killed when the dataset has appeared."""
    mapping, out = files / "stars.yaml", files / "out"
    there = {path.name for path in files.iterdir()}
    for number in (2, 1):
        import_dataset(mapping, out, shard=Shard(number, 2))
    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "discard", lambda self: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            import_dataset(mapping, out)
    whole, key = everything(out), shards_key(out)
    (files / ".out.unfinished" / "journal").mkdir(parents=True)
    (files / ".out.unfinished" / "key.json").write_text(json.dumps({"key": key}))
    for left in (".out.lock", ".out.holder", ".out.shards.lock", ".out.shards.holder"):
        (files / left).touch()
    if removing:
        (files / "out.shards").rename(files / ".out.shards.gone")
    with pytest.raises(AlreadyDone, match="in place"):
        import_dataset(mapping, out, shard=again)
    assert {path.name for path in files.iterdir()} == there | {"out"}
    assert everything(out) == whole


def test_saying_that_all_is_in_place_writes_nothing_and_removes_nothing(files, monkeypatch):
    """An import that makes the dataset anew at that moment has its rows in the same folder."""
    mapping, out = files / "stars.yaml", files / "out"
    for number in (1, 2):
        import_dataset(mapping, out, shard=Shard(number, 2))
    import_dataset(mapping, out)
    rows = files / ".out.pieces" / "rows.arrow"
    rows.parent.mkdir()
    rows.touch()
    monkeypatch.setattr(long_pieces.LongPieces, "_write", lambda *_: pytest.fail("it is written"))
    with pytest.raises(AlreadyDone, match="in place"):
        import_dataset(mapping, out, shard=Shard(1, 2))
    assert rows.exists()
