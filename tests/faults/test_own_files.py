"""Every file of ours on bytes that hypothesis breaks: a sentence, or every value as it was.

Examples are drawn from a fixed seed. The campaign "broken files of ours" does the same for long, in
processes of their own.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from skybind.footers import verify_footer_in
from skybind.record import SEAL
from skybind.study.check import check_folder
from tests.faults.campaigns.apart import of_sentence
from tests.faults.campaigns.own_files import BREAKS, HELD, copied_for, files_of, refusal
from tests.faults.test_readers import FUZZED, damage

ENDINGS = (".json", ".yaml", ".parquet", ".npy", ".npz", ".safetensors", ".bin", ".ckpt")
#: What is damaged: by ending of the files of a run, by folder of what is beside it.
LOTS = [*(("run/", ending) for ending in ENDINGS), ("stars/", ""), *((top, "") for top in HELD)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("own")
    for top in ("run/", "found/"):
        copied_for(top, place)
    return place


@pytest.mark.parametrize("name", sorted(BREAKS))
@pytest.mark.parametrize("content", [b"[1, 2]", b"[[]]", b"{}", b"3", b"", b"PAR1", b'[{"a": 3}]'])
def test_every_break_gives_bytes(name, content):
    for seed in range(4):
        assert isinstance(BREAKS[name](content, np.random.default_rng(seed)), bytes)


def test_every_json_of_ours_has_a_checksum(folder):
    """Those of models and backbones have it under another name, and vouch for what is beside."""
    other = {"model.json", "backbone.json", "calibration.json", "import.json"}
    names = [n for n in files_of(folder) if n.endswith(".json") and Path(n).name not in other]
    assert len(names) > 30
    for name in names:
        assert SEAL in json.loads((folder / name).read_bytes()), name


def test_every_table_of_ours_has_a_sealed_footer(folder):
    names = [n for n in files_of(folder) if n.endswith((".parquet", "_metadata"))]
    assert len(names) > 20
    for name in names:
        assert verify_footer_in(folder / name), name


@pytest.mark.parametrize(("top", "ending"), LOTS)
def test_broken_files_of_ours(top, ending, folder):
    names = sorted(n for n in files_of(folder) if n.startswith(top) and n.endswith(ending))
    sound = {name: (folder / name).read_bytes() for name in names}
    by_kind = st.tuples(st.sampled_from(sorted(BREAKS)), st.integers(0, 2**32 - 1))

    # a failure names the file and its bytes: making these fewer would take minutes
    @settings(FUZZED, max_examples=6, phases=[Phase.explicit, Phase.generate])
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(names))
        content = sound[name]
        if data.draw(st.booleans()):
            how, seed = data.draw(by_kind)
            broken = BREAKS[how](content, np.random.default_rng(seed))
        else:
            broken = data.draw(damage(content))
        try:
            said = refusal(folder, name, broken)
        finally:
            (folder / name).write_bytes(content)
        assert said is None or of_sentence(str(said)) == "sentence"

    fuzz()


@pytest.mark.parametrize("text", ["{}", "[]", "3"])
@pytest.mark.parametrize(
    "name", ["backbone/dataset.json", "found/discover/structure.json", "found/labels/result.json"]
)
def test_what_a_note_cannot_be_is_damage(name, text, folder):
    sound = (folder / name).read_bytes()
    top, _, inside = name.partition("/")
    try:
        (folder / name).write_text(text)
        assert inside in [damage.file for damage in check_folder(folder / top).damages]
    finally:
        (folder / name).write_bytes(sound)


@pytest.mark.parametrize("name", ["_metadata", "_common_metadata"])
def test_footers_of_a_catalogue_are_checked(name, folder):
    """LSDB reads them; nobody else does."""
    path = folder / "hats/hats/dataset" / name
    sound = path.read_bytes()
    at = sound.rindex(b"mJy")
    try:
        path.write_bytes(sound[:at] + b"n" + sound[at + 1 :])
        assert [d.file for d in check_folder(folder / "hats").damages] == [f"hats/dataset/{name}"]
    finally:
        path.write_bytes(sound)
