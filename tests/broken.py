"""What the tests of broken input share."""

from pathlib import Path

import numpy as np
import pytest

from skybind.data.dataset import Dataset

GARBAGE = bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8))


def everything(folder: Path) -> None:
    """Read all of a dataset."""
    d = Dataset.open(folder)
    len(d), d.object_ids, d.fingerprint
    for name in d.schema.columns:
        if name in d.schema.observations:
            d.ragged(name)
            d.present(name)
        else:
            d.column(name)


def expect_one_sentence(error: BaseException) -> None:
    text = str(error)
    assert "\n" not in text
    assert 10 < len(text) < 500
    assert text[-1] in ".?)"
    assert "Traceback" not in text


def named(cases: list) -> list:
    return [pytest.param(*case[1:], id=case[0].replace(" ", "-")) for case in cases]
