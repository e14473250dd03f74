"""A sound survey of every reader, of which one file is damaged in many ways (`harm.py`).

What may come of it: the right values, a quarantine with a reason, or one sentence. The campaign
"broken survey files" does the same for long, in processes of their own.
"""

import time

import numpy as np
import pytest

from skybind.ingest.hats_restored import READER
from skybind.ingest.readers import registry
from skybind.ingest.readers.arrays import OPENERS
from skybind.ingest.readers.tables import FORMATS
from tests.faults.harm import harmed
from tests.faults.judged import judge, right
from tests.ingest.written.seeds import SEEDS, seed

TRIES = 3
#: A try that takes longer hangs, whatever else the machine does [s].
SECONDS = 60
KEYS = list(SEEDS)


def test_every_reader_has_a_seed():
    registered = {
        (kind, name)
        for kind in ("photometry", "spectrum", "image")
        for name in registry.file_formats(kind)
    }
    registered |= {("data set", name) for name in [*registry.dataset_readers(), READER]}
    registered |= {("catalogue", name) for name in registry._CATALOGUES}
    registered |= {("table", name) for name in FORMATS}
    registered |= {("arrays", name) for name in OPENERS}
    known = {(key.kind, key.name) for key in KEYS}
    assert registered - known == set(), "write a seed: tests/ingest/written/seeds.py"


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_damaged_file(key, tmp_path):
    sound = right(key, tmp_path / "sound")
    assert sound.objects
    for number in range(TRIES):
        rng = np.random.default_rng([KEYS.index(key), number])
        name = seed(key).harmed[int(rng.integers(len(seed(key).harmed)))]
        harm = harmed(seed(key).files[name], rng)
        folder = tmp_path / f"{number}"
        folder.mkdir()
        begun = time.monotonic()
        try:
            judge(key, name, harm, folder, sound)
        except BaseException as error:
            error.add_note(f"try {number}: {name}: {harm.what}")
            raise
        assert time.monotonic() - begun < SECONDS
        assert {p.name for p in tmp_path.iterdir()} <= {"sound", *map(str, range(TRIES))}
