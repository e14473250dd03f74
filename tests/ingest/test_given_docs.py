"""What docs/given.md shows works as it stands there."""

import re
from pathlib import Path

import numpy as np

from skybind.ingest.given import take_given
from tests.ingest.test_given import WANTED

PAGE = (Path(__file__).parents[2] / "docs" / "given.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_of_the_page(capsys):
    shown: dict = {}
    for block in BLOCKS:
        exec(block, shown)
    given = shown["given"]
    assert given.dataset.object_ids.tolist() == ["a", "b"]
    assert given.dataset.lengths("photometry").tolist() == [60, 40]
    assert "AB magnitudes" in capsys.readouterr().out
    whole = take_given(shown["table"], wanted=WANTED)
    assert whole.dataset.numbers("parallax").tolist() == [1.2, 0.4]
    one = take_given(shown["new"], wanted=WANTED)
    flux = one.dataset.ragged("photometry").fields["flux"]
    magnitude = -2.5 * np.log10(flux / 3.631e6)
    np.testing.assert_allclose(magnitude, shown["magnitude"], rtol=1e-6)
