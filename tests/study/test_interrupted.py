"""A study that is killed, or divided, ends in the page of one that was neither."""

import random
import re
import subprocess
import sys
import time

import pytest
import yaml

from skybind.shards import Shard
from skybind.study import Study, do_study
from skybind.study.page import TIMES
from skybind.study.plan import make_plan
from skybind.study.work import DONE, states_of


@pytest.fixture(scope="module")
def whole(done):
    """The page of a study in one go."""
    return content(done.page)


def content(page):
    """A page but for its block of times and machines, and the files beside it."""
    text = page.read_text()
    assert text.count(TIMES) == 1
    text = re.sub(
        rf"<details class=\"table\"><summary>[^<]*{TIMES}.*?</details>", "", text, flags=re.S
    )
    assert TIMES not in text
    files = sorted(
        path for folder in ("figures", "tables") for path in (page.parent / folder).iterdir()
    )
    return text, {path.name: path.read_bytes() for path in files}


def states(folder):
    study = Study.open(folder)
    return {state.state for state in states_of(study, make_plan(study)).values()}


@pytest.mark.slow
def test_a_study_killed_at_random_moments_ends_in_the_same_page(whole, tiny, tmp_path):
    file, folder = tmp_path / "tiny.yaml", tmp_path / "study"
    file.write_text(yaml.safe_dump(tiny.model_dump(mode="json", exclude_none=True)))
    command = [sys.executable, "-m", "skybind", "study", str(file), "--out", str(folder), "-q"]
    rng = random.Random(11)
    for _ in range(3):
        begun = len(list((folder / "units").rglob("*.json")))
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        more = rng.randint(1, 4)
        while process.poll() is None and time.monotonic() < deadline:
            if len(list((folder / "units").rglob("*.json"))) >= begun + more:
                break
            time.sleep(0.02)
        time.sleep(rng.random() * 0.5)
        process.kill()
        process.wait()
    assert (folder / "units").exists()
    subprocess.run(command, check=True, timeout=300)
    assert content(folder / "index.html") == whole
    assert states(folder) == {DONE}


def test_shards_in_any_order_end_in_the_same_page(whole, tiny, tmp_path):
    folder = tmp_path / "study"
    for number in (2, 3, 1):
        part = do_study(tiny, folder, shard=Shard(number, 3))
        assert part.page is None
        assert not part.missing
    assert states(folder) == {DONE}
    assert not (folder / "index.html").exists()
    assert content(do_study(tiny, folder).page) == whole


@pytest.mark.slow
def test_two_processes_share_a_study(tiny, tmp_path, whole):
    result = do_study(tiny, tmp_path / "study", workers=2)
    study = result.study
    notes = [study.notes.read(unit) for unit in make_plan(study)]
    assert len({note.pid for note in notes}) >= 2
    assert all(note.done for note in notes)
    assert set(content(result.page)[1]) == set(whole[1])
