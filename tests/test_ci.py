"""What continuous integration says of tests that it could not run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[1] / ".ci" / "run"


def run(folder, tests, chromium):
    """Run it where make only tells what it was given; gives its code, and what both streams say."""
    programs = {
        "make": f'echo "browser=${{SKYBIND_BROWSER-}}"; exit {tests}',
        "apt-get": "exit 100",
    }
    if chromium:
        programs["chromium"] = ""
    folder.mkdir()
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / name).chmod(0o755)
    for name in ("bash", "dirname", "id"):
        (folder / name).symlink_to(shutil.which(name))
    environment = {k: v for k, v in os.environ.items() if k != "SKYBIND_BROWSER"}
    environment["PATH"] = str(folder)
    out = subprocess.PIPE
    done = subprocess.run(
        ["bash", CI], env=environment, stdout=out, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("tests", [0, 2])
def test_a_browser_that_cannot_be_had_is_said_at_the_end(tmp_path, tests):
    code, said = run(tmp_path / "without", tests, chromium=False)
    assert (code, said.splitlines()[0]) == (tests, "browser=")
    assert "NOT TESTED: the page of the explorer." in said.splitlines()[-2]
    assert run(tmp_path / "with", tests, chromium=True) == (tests, "browser=required\n")
