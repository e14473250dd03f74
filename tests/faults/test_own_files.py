"""Every file of ours on bytes that hypothesis breaks: a sentence, or every value as it was.

Examples are drawn from a fixed seed. The campaign "broken files of ours" does the same for long, in
processes of their own.
"""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.faults.campaigns.apart import of_sentence
from tests.faults.campaigns.own_files import BREAKS, files_of, refusal
from tests.faults.made import copied
from tests.faults.test_readers import FUZZED, damage

ENDINGS = (".json", ".yaml", ".parquet", ".npy", ".npz", ".safetensors", ".bin", ".ckpt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("own"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_broken_files_of_ours(ending, folder):
    sound = {n: (folder / n).read_bytes() for n in files_of(folder) if n.endswith(ending)}
    names = sorted(sound)
    by_kind = st.tuples(st.sampled_from(sorted(BREAKS)), st.integers(0, 2**32 - 1))

    # a failure names the file and its bytes: making these fewer would take minutes
    @settings(FUZZED, max_examples=6, phases=[Phase.explicit, Phase.generate])
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(names))
        content = sound[name]
        if data.draw(st.booleans()):
            how, seed = data.draw(by_kind)
            broken = BREAKS[how](content, np.random.default_rng(seed))
        else:
            broken = data.draw(damage(content))
        try:
            said = refusal(folder, name, broken)
        finally:
            (folder / name).write_bytes(content)
        assert said is None or of_sentence(str(said)) == "sentence"

    fuzz()
