"""Write requirements.txt: every package of a fresh install with the hashes of its files.

    python tools/hashes.py

Installs the project with its tests under constraints.txt into a new environment, and asks the
package index for the hashes of what was installed (with uv). PyTorch is left out: which of its
builds is taken (CPU, CUDA) depends on the machine.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "requirements.txt"
#: What builds the project.
BUILDS = ("hatchling", "editables")
HEAD = """\
# Every package of `make test`, with the hashes of its files for all machines; .ci/run installs from
# here. Without torch, of which each machine has its own build. Written by `make hashes`.
"""


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "venv", folder)
        python = str(Path(folder, "bin", "python"))
        pip = (python, "-m", "pip", "install", "--quiet")
        run(*pip, "--constraint", "constraints.txt", "--editable", ".[dev]", *BUILDS)
        frozen = run(python, "-m", "pip", "freeze", "--all", "--exclude-editable")
        pins = Path(folder, "pins.txt")
        kept = [pin for pin in frozen.split() if not pin.startswith(("torch==", "pip=="))]
        pins.write_text("\n".join(kept))
        run(*pip, "uv")
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        about = ("--no-deps", "--no-header", "--no-annotate", "--python-version", version)
        hashed = run(python, "-m", "uv", "pip", "compile", str(pins), "--generate-hashes", *about)
    OUT.write_text(HEAD + hashed, encoding="utf-8")
    print(f"{OUT.name} has {hashed.count('==')} packages.")


def run(*command: str) -> str:
    """Run a command in the project's folder; gives what it printed."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
