"""What a terminal cannot show is replaced."""

import subprocess
import sys

import pytest

CODE = (
    "import sys; from skybind.encodable import replace_unprintable; replace_unprintable();"
    "print('70 ± 1 → 2 °, é, 星, a\\udcffb')"
)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"70 +- 1 -> 2 deg, e, ?, a\xffb"),
        ("latin-1", r"70 ± 1 -> 2 °, é, ?, a\xffb"),
        ("utf-8", r"70 ± 1 → 2 °, é, 星, a\xffb"),
    ],
)
def test_what_an_encoding_lacks_is_replaced(encoding, shown):
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        env={"PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.decode(encoding).rstrip("\n") == shown
