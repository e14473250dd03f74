"""Training objects among what is classified are counted alike, wherever the dataset is cut."""

from types import SimpleNamespace

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.seen import Seen
from skybind.data.write import DatasetWriter
from skybind.models import taught
from skybind.models.taught import count_taught


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
def test_case_tells_names_apart_wherever_the_dataset_is_cut(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(taught, "_PIECE", piece)
    names = ["Star A", "other", "star a", "STAR B", "new"]
    with DatasetWriter(tmp_path / "d", {"x": Column("feature", modality="metadata")}) as writer:
        places = {name: np.arange(5.0) for name in ("ra", "dec", "x")}
        writer.append({"object_id": np.array(names), **places})
    seen = Seen.of(np.array(["STAR A", "star b"]))
    model = SimpleNamespace(seen=seen, identity={"weights": "w"}, modalities={})
    # two stars of which neither need be STAR A, and one that is star b
    counted = count_taught(model, Dataset.open(tmp_path / "d"))
    assert counted == {"taught": 1, "such_as": "STAR B"}
