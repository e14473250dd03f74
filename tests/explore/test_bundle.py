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


def sources(page=PAGE):
    """Files that the bundle is made of, in the order of build.mjs."""
    own = sorted(path for path in (page / "src").rglob("*") if path.is_file())
    return [*own, page / "build.mjs", page / "package.json", page / "package-lock.json"]


def digest(paths, folder):
    found = hashlib.sha256()
    for path in paths:
        name = path.relative_to(folder).as_posix()
        found.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def stated():
    """The hashes that the last build wrote, of the sources and of the bundle."""
    lines = (STATIC / "sources.sha256").read_text().splitlines()
    return {what: found for found, what in map(str.split, lines)}


def test_the_bundle_is_of_these_sources():
    assert stated()["sources"] == digest(sources(), PAGE), "the sources changed: run 'make page'"


def test_the_bundle_is_whole():
    """Neither changed by hand, nor merged from two builds."""
    made = sorted(path for path in STATIC.iterdir() if path.name != "sources.sha256")
    assert stated()["bundle"] == digest(made, STATIC), "the bundle is of no build: run 'make page'"


def test_a_changed_source_or_one_more_is_noticed(tmp_path):
    page = tmp_path / "page"
    shutil.copytree(PAGE, page, ignore=shutil.ignore_patterns("node_modules"))
    assert digest(sources(page), page) == stated()["sources"]
    (page / "src" / "more.ts").write_text("")
    assert digest(sources(page), page) != stated()["sources"]
    (page / "src" / "more.ts").unlink()
    for path in sources(page):
        before = path.read_bytes()
        path.write_bytes(before + b" ")
        assert digest(sources(page), page) != stated()["sources"], path.name
        path.write_bytes(before)


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
