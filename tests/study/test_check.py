"""`skybind check` on what was made once for all tests of faults, and on damaged copies of it."""

import json

import numpy as np
import pytest

from skybind.errors import DataError
from skybind.study.check import check_folder
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
    "stars/made.json": "delete that file",
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
