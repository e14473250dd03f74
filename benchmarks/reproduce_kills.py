"""A paper's study killed at random moments, against one that was not: every file is compared.

    python benchmarks/reproduce_kills.py astrom3   --out kills/astrom3   --quick
    python benchmarks/reproduce_kills.py astroclip --out kills/astroclip --quick

`skybind reproduce PAPER --small` is done in OUT/whole, and in OUT/killed, where it and all that it
started get SIGKILL at random moments (`--kills`, of the seed `--seed`) before the same command ends
it. Both use one thread: another number of threads adds numbers in another order. Then the page and
every file of both folders are compared, but for times, names of machines and processes, and the
fingerprint of the simulated survey, which tells when it was written. `--quick` takes 200 objects,
one seed and trainings of few steps: minutes on an idle core. The exit status is 1 if anything
differs.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from skybind.data.dataset import Dataset
from skybind.study import Study
from skybind.study.page import TIMES
from skybind.study.plan import make_plan
from skybind.study.work import DONE, states_of

#: Trainings of few steps, the rest as in the small studies.
QUICK = {
    "astrom3": [
        "training.epochs=3", "training.min_steps=6", "finetuning.training.epochs=2",
        "finetuning.training.min_steps=4", "finetuning.modalities=[metadata, all]",
        "evaluation.map=pca",
    ],
    "astroclip": [
        "training.epochs=3", "training.min_steps=6", "evaluation.map=pca",
        "evaluation.supervised_epochs=1",
    ],
}  # fmt: skip
#: Keys of JSON that say when, where and by whom; `key` is of units, and holds the fingerprint.
VOLATILE = {
    "seconds", "at", "host", "pid", "since", "created", "timing", "fingerprint", "key", "threads",
    "objects_per_second", "beside", "machine", "command", "dataset_fingerprint", "checksum",
}  # fmt: skip
#: Files that hold nothing but who is at work, and speeds.
APART = re.compile(r".*\.(lock|holder)|lock|measured/.*")
HASHED = re.compile(r"[0-9a-f]{8,64}")


def main() -> None:
    """Do both studies, compare them, and print what differs."""
    arguments = parse()
    folders = {name: arguments.out / name for name in ("whole", "killed")}
    took = do_whole(command(arguments, folders["whole"]))
    print(f"undisturbed: {took:.0f} s", flush=True)
    kill(arguments, command(arguments, folders["killed"]), folders["killed"], took)
    different = compare(folders["whole"], folders["killed"])
    print(f"{len(different)} files differ" if different else "no file differs", flush=True)
    for line in different:
        print(f"  {line}")
    sys.exit(1 if different else 0)


def parse() -> argparse.Namespace:
    """Read the command line; what stands after -- goes to `skybind reproduce`."""
    own, more = sys.argv[1:], []
    if "--" in own:
        place = own.index("--")
        own, more = own[:place], own[place + 1 :]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paper", choices=sorted(QUICK))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args(own)
    arguments.more = more
    return arguments


def command(arguments: argparse.Namespace, out: Path) -> list[str]:
    """The command of a study."""
    words = [sys.executable, "-m", "skybind", "reproduce", arguments.paper, "--small", "-q"]
    if arguments.quick:
        words += ["--objects", "200", "--seeds", "42"]
        words += [part for key in QUICK[arguments.paper] for part in ("--set", key)]
    return [*words, *arguments.more, "--out", str(out)]


def start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start it with one thread, in a group of its own, so that all of it can be killed."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    return subprocess.Popen(words, env=os.environ | threads, start_new_session=True)


def do_whole(words: Sequence[str]) -> float:
    """Do the study without a disturbance, unless it is done; gives its time [s]."""
    began = time.perf_counter()
    if start(words).wait() != 0:
        sys.exit("The undisturbed study failed.")
    return time.perf_counter() - began


def kill(arguments: argparse.Namespace, words: Sequence[str], out: Path, took: float) -> None:
    """Kill the study at random moments, then let it end."""
    shutil.rmtree(out, ignore_errors=True)
    rng = random.Random(arguments.seed)
    began = time.perf_counter()
    start([sys.executable, "-c", "import skybind.study, skybind.reproduce.papers"]).wait()
    slow = time.perf_counter() - began  # before it has begun nothing can be killed
    for number in range(1, arguments.kills + 1):
        lives = slow + rng.uniform(0, 1.6 * took / arguments.kills)
        process = start(words)
        try:
            process.wait(lives)
            print(f"{number}: it had ended after {lives:.1f} s already", flush=True)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"{number}: killed after {lives:.1f} s, {progress(out)}", flush=True)
    if start(words).wait() != 0:
        sys.exit("The study that was killed does not end.")


def progress(out: Path) -> str:
    """Say how far a study is."""
    if not (out / "study.yaml").exists():
        return "before it had begun"
    study = Study.open(out)
    plan = make_plan(study)
    states = states_of(study, plan)
    done = sum(state.state == DONE for state in states.values())
    begun = [unit.id for unit in plan if states[unit.id].state != DONE]
    return f"{done} of {len(plan)} units done, then {begun[0] if begun else 'the page'}"


def compare(first: Path, second: Path) -> list[str]:
    """Name the files in which two studies differ, or that one of them lacks."""
    contents = [read_all(folder) for folder in (first, second)]
    names = sorted(contents[0].keys() | contents[1].keys())
    print(f"{len(names):,} files are compared", flush=True)
    different = []
    for name in names:
        own = [content.get(name) for content in contents]
        if None in own:
            different.append(f"{name}: only in {(first, second)[own.index(None) ^ 1].name}")
        elif own[0] != own[1]:
            different.append(name)
    return different


def read_all(folder: Path) -> dict[str, list[str]]:
    """Hash of each file without what may differ, by its path.

    Of names that are hashes (they hold the fingerprint) the files are put together.
    """
    folder = folder.resolve()
    fingerprint = Dataset.open(folder / "data", computed=()).fingerprint
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not APART.fullmatch(name) and not _linked(path, folder):
            words = [HASHED.sub("HASH", part) for part in name.split("/")]
            content = read(path).replace(str(folder).encode(), b"STUDY")
            content = content.replace(fingerprint.encode(), b"FINGERPRINT")
            found.setdefault("/".join(words), []).append(hashlib.sha256(content).hexdigest())
    return {name: sorted(hashes) for name, hashes in found.items()}


def _linked(path: Path, folder: Path) -> bool:
    """Whether a file is seen through a link, and stands elsewhere in the folder."""
    return any(parent.is_symlink() for parent in path.parents if folder in parent.parents)


def read(path: Path) -> bytes:
    """Read a file without times and names of machines."""
    content = path.read_bytes()
    if path.suffix == ".json":
        return _plain(content)
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        said = {key.decode(): value for key, value in (table.schema.metadata or {}).items()}
        note = said.get("skybind", b"{}")
        note = _plain(note) if note.startswith(b"{") else b""  # else a hash with the fingerprint
        return note + repr(table.to_pydict()).encode()
    if path.name == "log.csv":
        rows = [line.split(",") for line in content.decode().splitlines()]
        keep = [place for place, name in enumerate(rows[0]) if name not in VOLATILE]
        return "\n".join(",".join(row[place] for place in keep) for row in rows).encode()
    if path.name == "last.ckpt":
        state = torch.load(path, map_location="cpu", weights_only=True)
        return _stated(_without(state))
    if path.suffix == ".html":
        return _bare_page(content.decode()).encode()
    return content


def _plain(content: bytes) -> bytes:
    """JSON without what may differ; what is none, such as a hash alone, as it is."""
    try:
        return json.dumps(_without(json.loads(content)), sort_keys=True).encode()
    except ValueError:
        return content


def _stated(state: Any) -> bytes:
    """Write a checkpoint as bytes that tell all its values."""
    if isinstance(state, dict):
        return b"".join(str(key).encode() + _stated(state[key]) for key in sorted(state, key=str))
    if isinstance(state, list | tuple):
        return b"[" + b",".join(map(_stated, state)) + b"]"
    return state.numpy().tobytes() if isinstance(state, torch.Tensor) else repr(state).encode()


def _bare_page(text: str) -> str:
    """A page without its block of times, and without tables of times of the reports of runs."""
    block = rf"<details class=\"table\"><summary>[^<]*{TIMES}.*?</details>"
    text = re.sub(block, "", text, flags=re.S)
    return re.sub(
        r"\d+(\.\d+)? (ms|s|min|h)\b( \d+ s)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^<]*", "", text
    )


def _without(value: Any) -> Any:
    """JSON without the keys that say when, where and by whom."""
    if isinstance(value, dict):
        return {key: _without(entry) for key, entry in value.items() if key not in VOLATILE}
    return [_without(entry) for entry in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
