import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.errors import ConfigError
from skybind.evaluation.targets import targets_of
from tests.runs.made_up_galaxies import write_galaxies


def test_targets_are_redshifts_by_name_or_by_attribute(tmp_path):
    write_galaxies(tmp_path)
    dataset = Dataset.open(tmp_path)
    assert [(t.name, t.redshift) for t in targets_of(dataset)] == [
        ("redshift", True),
        ("brightness", False),
    ]
    for name, is_one in (("z", 1), ("Z_HP", 1), ("mag_z", 0), ("z_err", 0), ("zspectrum", 0)):
        dataset.schema.columns[name] = Column("info")
        dataset.numbers = lambda _: np.zeros(300)
        assert targets_of(dataset, [name])[0].redshift == bool(is_one)
    dataset.schema.columns["z"] = Column("info", "mag")
    assert not targets_of(dataset, ["z"])[0].redshift
    dataset.schema.columns["distance"] = Column("info", attributes={"quantity": "redshift"})
    assert targets_of(dataset, ["distance"])[0].redshift
    with pytest.raises(ConfigError, match="redshift"):
        targets_of(dataset, ["redshif"])
