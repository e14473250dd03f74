"""Tables for other programs carry positions, units and descriptions."""

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.placed import placed
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.tables import write_table


@pytest.fixture
def dataset(tmp_path):
    columns = {"mass": Column("target", "Msun", "Stellar mass")}
    with DatasetWriter(tmp_path / "data", columns) as writer:
        writer.append(
            {
                "object_id": np.array(["a", "b", "c"]),
                "ra": np.array([10.0, 20.0, np.nan]),
                "dec": np.array([-1.0, -2.0, np.nan]),
                "mass": np.array([1e10, 2e10, 3e10]),
            }
        )
    return Dataset.open(tmp_path / "data")


@pytest.mark.parametrize("ending", [".vot", ".fits", ".ecsv"])
def test_positions_units_and_descriptions_reach_other_programs(dataset, tmp_path, ending):
    table = pa.table(
        {"object_id": ["c", "a", "z"], "mass": [3e10, 1e10, None], "p_EW": [0.1, 0.2, 0.3]}
    )
    made = placed(table, dataset, {"p_*": (None, "Probability of the class")})
    assert made.column_names == ["object_id", "ra", "dec", "mass", "p_EW"]
    assert made["ra"].to_pylist() == [None, 10.0, None]
    write_table(made, tmp_path / f"t{ending}")
    read = Table.read(tmp_path / f"t{ending}")
    assert str(read["ra"].unit) == str(read["dec"].unit) == "deg"
    assert "Msun" in str(read["mass"].unit) or "solMass" in str(read["mass"].unit)
    if ending != ".fits":  # which has no place for descriptions
        assert read["mass"].description == "Stellar mass"
        assert read["p_EW"].description == "Probability of the class"


def test_what_is_there_stays(dataset):
    table = pa.table({"object_id": ["b"], "ra": [1.5]})
    assert placed(table, dataset)["ra"].to_pylist() == [1.5]
    said = pa.table(
        [pa.array(["b"]), pa.array([1.0])],
        schema=pa.schema([("object_id", pa.string()),
                          pa.field("mass", pa.float64(), metadata={"unit": "kg"})]),
    )  # fmt: skip
    assert placed(said, dataset).schema.field("mass").metadata[b"unit"] == b"kg"
