"""Surveys that grow, for tests."""

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.write import part_writer
from skybind.ingest.append import append_dataset
from skybind.ragged import Ragged
from skybind.runs.run import Run

KEPT = 160  # objects of the dataset before it grows
CORRECTED = 21  # an object with a magnitude


def piece(survey, folder, rows, names=None, halved=()):
    """Some objects of a survey as a dataset; of those in `halved` every other epoch."""
    data = Dataset.open(survey, computed=())
    table = data.table(data.arrow_schema.names, rows)
    curves = Ragged.from_arrow(table["photometry"])
    keep = (np.arange(len(curves.owner)) % 2 == 0) | ~np.isin(rows[curves.owner], list(halved))
    place = table.column_names.index("photometry")
    kept = curves.filter(keep).to_arrow().cast(table["photometry"].type)
    table = table.set_column(place, table.field("photometry"), kept)
    if names is not None:
        table = table.set_column(0, table.field(0), pa.array(names, pa.string()))
    return _written(table, data, folder)


def _written(table, data, folder):
    (folder / "objects").mkdir(parents=True)
    schema = table.schema.with_metadata(data.schema.to_metadata())
    with part_writer(folder / "objects" / "part-00000.parquet", schema) as writer:
        writer.write_table(table.replace_schema_metadata(schema.metadata))
    return folder


def correct(stars, folder, value):
    """Replace a magnitude of one object by another; gives the one that it had."""
    return replace_values(stars, folder, CORRECTED, {"mean_vmag": value})["mean_vmag"]


def replace_values(stars, folder, row, values):
    """Replace numbers of one object by others, by column; gives those that it had."""
    data = Dataset.open(stars, computed=())
    new = data.table(data.arrow_schema.names, np.asarray([row]))
    was = {name: new[name].to_pylist()[0] for name in values}
    for name, value in values.items():
        place = new.column_names.index(name)
        own = pa.array([value], new.schema.field(name).type)
        new = new.set_column(place, new.schema.field(name), own)
    append_dataset(stars, _written(new, data, folder), replacing=True)
    return was


def correct_and_take_back(stars, folder, value):
    """Replace a magnitude of one object, and bring the one that it had back."""
    was = correct(stars, folder / "wrong", value)
    correct(stars, folder / "right", was)


def opened(folder):
    return Run.open(folder / "run", data=folder / "stars")
