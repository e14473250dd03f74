"""The shape of the house; its layers are checked by import-linter (`make lint`)."""

import grimp
import pytest


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
