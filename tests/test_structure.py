"""The shape of the house; its layers are checked by import-linter (`make lint`)."""

import ast
import re
from pathlib import Path

import grimp
import pytest

import skybind

#: Errors as which a failing machine (no memory, a disk that does not answer) may come.
WIDE = ("Exception", "OSError")
#: What a handler says of the file that was read.
BLAMES = re.compile(
    r"raise (?:Data|DamagedRows|Model|Config)Error|is damaged|cannot be (?:read|used)"
)


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("skybind", cache_dir=None, exclude_type_checking_imports=True)


def cycles(graph):
    """Modules that import each other, by way of whatever others (Tarjan's components by reach)."""
    found = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if graph.chain_exists(importer=imported, imported=module):
                found.add(frozenset((module, imported)))
    return sorted(map(sorted, found))


def test_no_module_imports_itself_by_way_of_others(graph):
    assert cycles(graph) == []


def test_a_cycle_would_be_found(graph):
    graph.add_import(importer="skybind.errors", imported="skybind.progress")
    assert ["skybind.errors", "skybind.progress"] in cycles(graph)


def handlers_that_blame_the_file(text):
    """Lines of handlers of wide errors that blame the file before they look at the machine."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        wide = any(ast.unparse(node.type).count(name) for name in WIDE)
        body = "".join(map(ast.unparse, node.body))
        blames = BLAMES.search(body) is not None
        if wide and blames and not body.startswith("raise_of_machine("):
            found.append(node.lineno)
    return found


def test_nothing_takes_a_failing_machine_for_a_bad_file():
    top = Path(skybind.__file__).parent
    found = {path.relative_to(top).as_posix(): handlers_that_blame_the_file(path.read_text())
             for path in top.rglob("*.py")}  # fmt: skip
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_what_blames_the_file_would_be_found():
    handler = "except OSError as error:\n{}    raise DataError('bad') from error\n"
    blames = "try:\n    read()\n" + handler
    assert handlers_that_blame_the_file(blames.format("")) == [3]
    assert handlers_that_blame_the_file(blames.format("    raise_of_machine(error)\n")) == []
