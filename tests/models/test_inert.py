"""Checkpoints of others: their tensors, and nothing that they ask to be called."""

import builtins
import os
import subprocess
from collections import OrderedDict

import pytest
import torch

from skybind.models.inert import Nothing, read_inert

CALLED: list = []


def note(*values):
    """What a file may ask for by its name."""
    CALLED.append(values)
    return values


class Asks:
    """Unpickled, it calls a function with arguments; then it is given a state and entries."""

    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return (*self.asked, {"state": torch.ones(1)}, iter([1, 2]), iter([("key", 3)]))


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (note, (1,)),
        (builtins.eval, ("__import__('tests.models.test_inert').CALLED.append(1)",)),
        (os.mkdir, ("made-by-a-file",)),
        (subprocess.check_output, (["touch", "made-by-a-file"],)),
        (builtins.getattr, (int, "from_bytes")),
        (torch.nn.Linear, (2, 2)),
    ],
)
def test_nothing_that_a_file_names_is_called(function, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = OrderedDict(a=torch.arange(6.0).view(2, 3), b=torch.nn.Parameter(torch.ones(2)))
    half = {"c": torch.ones(3, dtype=torch.bfloat16), "d": torch.arange(4)[::2]}
    asks = Asks(function, *arguments)
    torch.save({"state": state, "more": [half, asks, {"x": asks}], "n": 3}, tmp_path / "file")
    CALLED.clear()
    read = read_inert(tmp_path / "file")
    assert not CALLED
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert read["n"] == 3
    assert list(read["state"]) == ["a", "b"]
    for wanted, found in ((state, read["state"]), (half, read["more"][0])):
        assert all(torch.equal(found[key], value) for key, value in wanted.items())
        assert all(found[key].dtype == value.dtype for key, value in wanted.items())
    assert type(read["more"][1]) is Nothing
    assert type(read["more"][2]["x"]) is Nothing
