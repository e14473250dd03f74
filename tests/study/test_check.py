"""`skybind check` on what was made once for all tests of faults, and on damaged copies of it."""

import json

import numpy as np
import pyarrow as pa
import pytest

from skybind.data.quarantine import QUARANTINE_FILE, write_quarantine
from skybind.data.write import MADE, Made
from skybind.discovery.written import FILES as FILES_OF_DISCOVER
from skybind.discovery.written import STEPS, files_of_step
from skybind.errors import DataError
from skybind.once import NOTE
from skybind.parquet import write_parquet
from skybind.record import write_sealed
from skybind.runs.layout import DiscoverPaths
from skybind.study.check import check_folder
from skybind.study.lacking import lacking
from tests.faults.made import CASE, copied, made
from tests.test_cli import run as command

WHOLE = {
    "run": "run",
    "stars": "dataset",
    "run/pretrain/model": "model",
    "run/embeddings": "folder of embeddings",
}
#: A file of each kind, and what its message says of making it again.
FILES = {
    "stars/objects/part-00000.parquet": "make the dataset again",
    "stars/made.json": "bring it back from where the dataset came",
    "run/split.parquet": "bring the split back",
    "run/status.json": "the run cannot be opened",
    "run/metrics.json": "run 'skybind evaluate' again",
    "run/maps.parquet": "run 'skybind evaluate' again",
    "run/embeddings/part-00000.parquet": "run 'skybind embed' again",
    "run/pretrain/result.json": "to do it anew",
    "run/pretrain/last.ckpt": "start the training anew",
    "run/pretrain/best.safetensors": "to train anew",
    "run/pretrain/model/weights.safetensors": "anew from where it came",
    "run/pretrain/model/trained_on.npy": "anew from where it came",
    f"run/finetune/{CASE.name}/model/reference.safetensors": "anew from where it came",
    f"run/finetune/{CASE.name}/classes.parquet": "made again when it is asked for",
}


@pytest.mark.parametrize("folder", WHOLE)
def test_what_is_whole_passes(folder):
    found = check_folder(made() / folder)
    assert (found.kind, found.damages) == (WHOLE[folder], [])
    assert found.verified > 0


def test_every_damaged_file_is_named_with_what_makes_it_again(tmp_path):
    copied(tmp_path)
    for name in FILES:
        path = tmp_path / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 16
        path.write_bytes(data)
    for name in ("photometry", "metadata"):
        (path,) = (tmp_path / "run" / "prepared").glob(f"{name}-*/_present.bin")
        path.write_bytes(np.invert(np.fromfile(path, bool)).tobytes())
    found = {
        f"{top}/{damage.file}": damage.said
        for top in ("stars", "run")
        for damage in check_folder(tmp_path / top).damages
    }
    for name, again in FILES.items():
        # a model is one: its note vouches for the files beside it, and names the first
        known = found.get(name) or found[f"{name.rpartition('/')[0]}/model.json"]
        assert again in known, name
        assert known.endswith(".")
        assert "\n" not in known
    assert sum("prepared again" in said for said in found.values()) == 2


#: What is gone, and what is said of it.
GONE = {
    "stars/made.json": "whether all of its files are there",
    "stars/objects/part-00000.parquet": "make the dataset again",
    "run/status.json": "start another run",
    "run/metrics.json": "run 'skybind evaluate' again",
    "run/maps.parquet": "run 'skybind evaluate' again",
    "run/embeddings/part-00000.parquet": "run 'skybind embed' again",
    "run/pretrain/result.json": "to do it anew",
    "run/pretrain/last.ckpt": "the model is whole without it",
    "run/pretrain/best.safetensors": "the model is whole without it",
    "run/pretrain/log.csv": "the model is whole without it",
    "run/pretrain/model/model.json": "to do it anew",
    "run/pretrain/model/seen.safetensors": "make it again",
    f"run/finetune/{CASE.name}/result.json": "to do it anew",
    f"run/finetune/{CASE.name}/model/model.json": "to do it anew",
}


def test_every_file_that_is_gone_is_named(tmp_path):
    copied(tmp_path)
    index = next((tmp_path / "run" / "prepared").glob("photometry-*/index.json"))
    gone = {**GONE, index.relative_to(tmp_path).as_posix(): "prepared again"}
    for name, again in gone.items():
        path = tmp_path / name
        data = path.read_bytes()
        path.unlink()
        found = check_folder(tmp_path / name.split("/")[0])
        assert any(again in damage.said for damage in found.damages), name
        path.write_bytes(data)


def test_the_truth_may_be_left_out_and_is_told(tmp_path):
    copied(tmp_path)
    (tmp_path / "stars" / "truth.parquet").unlink()
    found = check_folder(tmp_path / "stars")
    assert not found.damages
    assert found.left_out == ["truth.parquet"]
    assert "as it was written but for what was left out" in found.sentence
    write_quarantine(tmp_path / "stars", [])
    write_sealed(tmp_path / "stars" / MADE, Made.of(tmp_path / "stars", "2026-01-01").plain())
    (tmp_path / "stars" / QUARANTINE_FILE).unlink()
    (damage,) = check_folder(tmp_path / "stars").damages
    assert damage.file == QUARANTINE_FILE


def discovered(folder):
    """The files of all steps of `discover`, as far as these tests look into them."""
    paths = DiscoverPaths(folder / "discover")
    files = [paths.record]
    for name in STEPS:
        record = {"labels": {"n": 1}, "decisions": {"n": 1}}
        write_sealed(paths.step(name) / NOTE, {"finished": True, "record": record})
        files += [paths.step(name) / NOTE, *files_of_step(paths, name, record)]
    for path in files:
        if not path.exists():
            path.write_text("")
    return files


def test_every_file_of_discover_is_asked_for(tmp_path):
    files = discovered(tmp_path)
    (tmp_path / "status.json").write_text("{}")
    (tmp_path / "embeddings").mkdir()
    (tmp_path / "embeddings" / "part-00000.parquet").write_text("")
    present = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert len(files) == 20
    assert list(lacking(sorted(present))) == []
    for path in files:
        path.rename(tmp_path / "aside")
        assert path in [lack for lack, _ in lacking(sorted(present - {path}))], path
        (tmp_path / "aside").rename(path)


@pytest.mark.parametrize("name", FILES_OF_DISCOVER)
def test_json_of_discover_is_sealed(name, tmp_path):
    copied(tmp_path)
    path = tmp_path / "run" / "discover" / name
    path.parent.mkdir()
    key = name.removesuffix(".json")
    write_sealed(path, {key: [], **({"decisions": None} if key == "importance" else {})})
    assert not check_folder(tmp_path / "run").damages
    for broken in ("{}", path.read_text().replace("[]", "[ [] ]")):
        path.write_text(broken)
        (damage,) = check_folder(tmp_path / "run").damages
        assert damage.file == f"discover/{name}"
        assert "run 'skybind discover' again" in damage.said


def test_a_gap_among_shards_of_embeddings_is_found(tmp_path):
    (tmp_path / "part-00000.parquet").write_text("")
    (tmp_path / "part-00002.parquet").write_text("")
    assert [path.name for path, _ in lacking(list(tmp_path.iterdir()))] == ["part-00001.parquet"]


def test_a_part_of_a_run_is_not_checked_alone(tmp_path):
    copied(tmp_path)
    (tmp_path / "run" / "labels").mkdir()
    for name in ("pretrain", "finetune", f"finetune/{CASE.name}", "labels"):
        with pytest.raises(DataError, match=f"'skybind check {tmp_path / 'run'}'"):
            check_folder(tmp_path / "run" / name)
    (tmp_path / "out.shards").mkdir()
    with pytest.raises(DataError, match="without --shard"):
        check_folder(tmp_path / "out.shards")
    (tmp_path / "index.html").write_text("")
    with pytest.raises(DataError, match="pages, which have no checksums"):
        check_folder(tmp_path)


def test_a_hats_catalogue_is_checked(tmp_path):
    folder = tmp_path / "dataset" / "Norder=0" / "Dir=0"
    folder.mkdir(parents=True)
    (tmp_path / "hats.properties").write_text("dataproduct_type=object\nhats_nrows=3\n")
    write_parquet(pa.table({"ra": [1.0, 2.0, 3.0]}), folder / "Npix=4.parquet")
    (tmp_path / "skybind").mkdir()  # of the dataset that was exported
    write_sealed(tmp_path / "skybind" / MADE, {"created": "2026-01-01", "parts": 3})
    found = check_folder(tmp_path)
    assert (found.kind, found.damages, found.verified) == ("HATS catalogue", [], 2)
    write_parquet(pa.table({"ra": [1.0, 2.0]}), folder / "Npix=4.parquet")
    (damage,) = check_folder(tmp_path).damages
    assert "2 rows where its properties say 3" in damage.said


def test_what_does_not_fit_together_is_found(tmp_path):
    copied(tmp_path)
    log = tmp_path / "run" / "pretrain" / "log.csv"
    log.write_text("\n".join(log.read_text().splitlines()[:-1]) + "\n")
    other = tmp_path / "stars" / "objects" / "part-00001.parquet"
    other.write_bytes((tmp_path / "stars" / "objects" / "part-00000.parquet").read_bytes())
    said = [d.said for top in ("stars", "run") for d in check_folder(tmp_path / top).damages]
    assert any("has 2 files, 1 were written" in text for text in said)
    assert any("does not agree with the history" in text for text in said)


def test_the_command_ends_with_1_and_prints_json(tmp_path):
    copied(tmp_path)
    done = command("check", tmp_path / "stars")
    assert done.exit_code == 0
    assert "is as it was written" in done.output
    part = tmp_path / "stars" / "objects" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-30])
    done = command("check", tmp_path / "stars", "--json")
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert told["kind"] == "dataset"
    assert told["damaged"][0]["file"] == "objects/part-00000.parquet"


def test_any_other_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no dataset, run, model"):
        check_folder(tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        check_folder(tmp_path / "nothing")
