"""Libraries are not loaded where a limit on addresses leaves them no room."""

import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="there are no such limits on Windows")

# with so many bytes of addresses more than it has already
LIMITED = """
import resource, sys
from pathlib import Path
from skybind import addresses
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {more}, resource.RLIM_INFINITY))
addresses.watch()
import {library}
print("loaded")
"""


def limited(library, more, before=""):
    code = before + LIMITED.format(library=library, more=more)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("library", ["numpy", "scipy.special"])
def test_what_would_find_no_memory_is_not_loaded(library):
    done = limited(library, 100 * 2**20)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "MemoryError: the limit on addresses, ulimit -v, is too low"
    assert limited(library, 8 * 2**30).stdout == "loaded\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_other_modules_are_loaded_where_openblas_is_there():
    before = "import numpy, scipy.linalg, sys\nassert 'scipy.spatial' not in sys.modules\n"
    assert limited("scipy.spatial", 150 * 2**20, before).stdout == "loaded\n"


def test_without_a_limit_imports_are_as_ever():
    code = "import sys; n = len(sys.meta_path); from skybind import addresses; addresses.watch()"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(len(sys.meta_path) - n)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "0\n"
