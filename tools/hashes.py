"""Write every package of a fresh install into requirements.txt and the end of constraints.txt.

    python tools/hashes.py

Installs the project with its tests under the versions chosen in constraints.txt into a new
environment, and asks the package index for the hashes of what was installed (with uv):
requirements.txt has them. What the chosen packages need in turn is written below them into
constraints.txt, so that `pip install --constraint` takes the same. PyTorch is left out of
requirements.txt: which of its builds is taken (CPU, CUDA) depends on the machine.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "requirements.txt"
CONSTRAINTS = ROOT / "constraints.txt"
#: The line in it after which nobody chooses.
BELOW = "# What these need in turn, written by `make hashes`.\n"
#: What builds the project.
BUILDS = ("hatchling", "editables")
HEAD = """\
# Every package of `make test`, with the hashes of its files for all machines; .ci/run installs from
# here. Without torch, of which each machine has its own build. Written by `make hashes`.
"""


def main() -> None:
    """Write the file."""
    chosen = CONSTRAINTS.read_text("utf-8").split(BELOW)[0]
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "chosen.txt")
        asked.write_text(chosen, "utf-8")
        run(sys.executable, "-m", "venv", folder)
        python = str(Path(folder, "bin", "python"))
        pip = (python, "-m", "pip", "install", "--quiet")
        run(*pip, "--constraint", str(asked), "--editable", ".[dev]", *BUILDS)
        frozen = run(python, "-m", "pip", "freeze", "--all", "--exclude-editable")
        pins = Path(folder, "pins.txt")
        kept = [pin for pin in frozen.split() if not pin.startswith(("torch==", "pip=="))]
        pins.write_text("\n".join(kept))
        run(*pip, "uv")
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        about = ("--no-deps", "--no-header", "--no-annotate", "--python-version", version)
        hashed = run(python, "-m", "uv", "pip", "compile", str(pins), "--generate-hashes", *about)
    OUT.write_text(HEAD + hashed, encoding="utf-8")
    known = {plain(pin) for pin in chosen.split() if "==" in pin}
    rest = [pin for pin in kept if plain(pin) not in known]
    CONSTRAINTS.write_text(f"{chosen}{BELOW}" + "\n".join(rest) + "\n", encoding="utf-8")
    print(f"{OUT.name} has {hashed.count('==')} packages.")


def plain(pin: str) -> str:
    """Give the name of a pinned package, as all of its spellings have it."""
    return re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower()


def run(*command: str) -> str:
    """Run a command in the project's folder; gives what it printed."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
