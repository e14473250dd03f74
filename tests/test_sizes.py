"""`tools/sizes.py` fails where a file, a function or a signature is too large."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "sizes.py"


def sizes(*arguments):
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def function(lines):
    """A decorated function of so many lines, decorator included."""
    return "@staticmethod\ndef deep():\n" + "    pass\n" * (lines - 2)


def signature(parameters):
    names = ", ".join(f"p{i}" for i in range(parameters))
    return f"class A:\n    def wide(self, {names}):\n        pass\n"


@pytest.mark.parametrize(
    ("allowed", "too_large", "named"),
    [
        (function(60), function(61), "61  a.py:1 deep"),
        (signature(10), signature(11), "11  a.py:2 wide"),
        ("\n" * 400, "\n" * 401, "401  a.py"),
    ],
)
def test_one_more_than_a_limit_fails_and_is_named(tmp_path, allowed, too_large, named):
    (tmp_path / "a.py").write_text(allowed)
    assert sizes(tmp_path).returncode == 0
    (tmp_path / "a.py").write_text(too_large)
    found = sizes(tmp_path)
    assert found.returncode == 1
    assert f"{named}  TOO LARGE" in found.stdout


def test_only_the_lines_of_files_count_in_the_command_line(tmp_path):
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "a.py").write_text(function(61) + signature(11))
    assert sizes(tmp_path).returncode == 0
    (tmp_path / "cli" / "a.py").write_text("\n" * 401)
    assert sizes(tmp_path).returncode == 1


def test_a_folder_without_code_fails(tmp_path):
    assert sizes(tmp_path).returncode == 1
