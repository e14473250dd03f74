"""What the machine refuses is told in a sentence, however a library wraps it."""

import errno
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from skybind.files import atomic_path
from skybind.refusals import of_machine, refusal

ADVICE = "make room, or choose another place."


def raised(function, *arguments, **settings):
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - that is what is asked
        function(*arguments, **settings)
    return caught.value


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_number_of_the_system_is_one_sentence(number):
    said = refusal(OSError(number, os.strerror(number), "/a/b"))
    assert said.startswith("/a/b: ")
    assert said.endswith(".")
    assert "\n" not in said


# a process that may write files of 10,000 bytes only writes one of 800,000
TOO_LARGE = """
import resource, sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq, torch
from safetensors.torch import save_file
from skybind.refusals import refusal
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
values = np.random.default_rng(0).normal(size=100_000)
def text():
    with open("a.txt", "w") as file:
        file.write("x" * 800_000)
def array():
    with open("a.npy", "wb") as file:
        np.save(file, values)
for write in (
    text,
    array,
    lambda: pq.write_table(pa.table({"x": values}), "a.parquet"),
    lambda: torch.save(torch.from_numpy(values), "a.ckpt"),
    lambda: save_file({"x": torch.from_numpy(values)}, "a.safetensors"),
):
    try:
        write()
    except Exception as error:
        print(refusal(error))
    else:
        print("written")
"""


def test_a_file_that_cannot_grow_is_told_whatever_library_writes(tmp_path):
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", TOO_LARGE], capture_output=True, text=True, cwd=tmp_path
    )
    said = done.stdout.splitlines()
    assert len(said) == 5, done.stderr
    assert all(sentence.endswith("or choose another place.") for sentence in said), said


def test_what_rust_says_of_a_refusal_is_understood(tmp_path):
    error = raised(save_file, {"x": torch.zeros(3)}, tmp_path / "nowhere" / "x.safetensors")
    assert "no such file or directory" in refusal(error)


def test_an_error_is_told_by_what_it_came_from():
    error = ValueError("cannot save")
    error.__cause__ = OSError(errno.ENOSPC, "full", "/data/x")
    assert refusal(error) == f"/data/x: no space left on device: {ADVICE}"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: np.zeros(1 << 55),
        lambda: torch.zeros(1 << 60),
        lambda: pa.allocate_buffer(1 << 60),
    ],
    ids=["numpy", "torch", "arrow"],
)
def test_too_little_memory_is_told(ask):
    assert refusal(raised(ask)).startswith("not enough memory")


def test_a_library_that_finds_no_memory_to_be_imported_is_told():
    text = "libtorch_cpu.so: failed to map segment from shared object"
    assert refusal(ImportError(text)).startswith("not enough memory")


def test_a_layer_that_finds_no_memory_is_told():
    assert refusal(RuntimeError("could not create a primitive")).startswith("not enough memory")


@pytest.mark.parametrize(
    "fault",
    [ImportError("no x"), ValueError("x"), KeyError(3), RuntimeError("mismatch"), AssertionError()],
)
def test_a_fault_of_the_program_is_none(fault):
    assert refusal(fault) is None


def test_a_name_that_is_no_text_is_told():
    error = raised("a\udcff".encode)
    assert "'a\\udcff' is not valid UTF-8: rename" in refusal(error)


def test_the_place_that_a_user_knows_is_told_and_the_first_error_stays(tmp_path):
    def write():
        with atomic_path(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / "part").write_text("x")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert refusal(raised(write)).startswith(f"{tmp_path / 'folder'}: no space left")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [
    MemoryError("malloc of size 64 failed"),
    OSError(errno.EMFILE, "Too many open files"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes."),
    ValueError("No such thing (os error 12)"),
])  # fmt: skip
def test_what_tells_of_the_machine_tells_nothing_of_the_file(error):
    assert of_machine(error)


@pytest.mark.parametrize("error", [
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    OSError("Couldn't deserialize thrift"), ValueError("Expecting value"), RuntimeError("torn"),
])  # fmt: skip
def test_what_tells_of_the_file_does_not_tell_of_the_machine(error):
    assert not of_machine(error)
