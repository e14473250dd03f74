import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "skybind.config.subsets",
        "skybind.config.written",
        "skybind.data.subsets",
        "skybind.data.write",
        "skybind.embeddings.store",
    ],
)
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
