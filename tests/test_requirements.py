"""requirements.txt pins what constraints.txt asks for, each file by its hash."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(name):
    text = (ROOT / name).read_text("utf-8")
    return {re.sub(r"[-_.]+", "-", n).lower(): version for n, version in PIN.findall(text)}


def test_every_package_has_hashes():
    blocks = (ROOT / "requirements.txt").read_text("utf-8").split("\n")
    lines = [line for line in blocks if line and not line.startswith("#")]
    assert lines
    for before, line in zip([*lines[1:], "end=="], lines, strict=True):
        if PIN.match(line):
            assert before.startswith("    --hash=sha256:"), line
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_both_files_ask_for_the_same_versions():
    hashed, asked = pins("requirements.txt"), pins("constraints.txt")
    del asked["torch"]
    assert hashed == asked
