"""The bundle in the package is that of the sources."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "explore-page"
STATIC = ROOT / "src" / "skybind" / "explore" / "static"


def sources():
    """Files that the bundle is made of, in the order of build.mjs."""
    own = sorted(path for path in (PAGE / "src").rglob("*") if path.is_file())
    return [*own, PAGE / "build.mjs", PAGE / "package.json", PAGE / "package-lock.json"]


def test_the_bundle_is_of_these_sources():
    digest = hashlib.sha256()
    for path in sources():
        digest.update(f"{path.relative_to(PAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    stored = (STATIC / "sources.sha256").read_text().strip()
    assert stored == digest.hexdigest(), "the page's sources changed: run 'make page'"


def test_the_bundle_is_small_and_asks_nobody_else():
    size = sum(path.stat().st_size for path in STATIC.iterdir())
    assert size < 1.5e6
    script = (STATIC / "app.js").read_text()
    hosts = set(re.findall(r"https?://([^/\"'`$\s]+)", script))
    # links that open when they are clicked; what a message of the renderer names
    links = {"simbad.cds.unistra.fr", "vizier.cds.unistra.fr", "aladin.cds.unistra.fr"}
    assert hosts <= links | {"get.webgl.org"}


def test_the_lock_names_no_registry():
    lock = (PAGE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry" not in lock


@pytest.mark.skipif(
    not (PAGE / "node_modules").exists() or shutil.which("node") is None,
    reason="the page's packages are not installed (make page)",
)
def test_the_bundle_is_what_the_sources_give(tmp_path):
    subprocess.run(["node", PAGE / "build.mjs", tmp_path], check=True, cwd=PAGE)
    for path in STATIC.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
