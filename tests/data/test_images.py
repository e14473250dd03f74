"""Datasets with images: what is told of them, and which rules they break."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info, render_info
from skybind.data.schema import METADATA_KEY, Column
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged


def images(pixels):
    """Give images of so many pixels each (0: absent)."""
    values = np.arange(sum(pixels), dtype=np.float32)
    offsets = np.concatenate([[0], np.cumsum(pixels)]).astype(np.int64)
    return Ragged({"g": values, "r": -values}, offsets, np.array(pixels) > 0)


def write(folder, pixels, fields=("nmgy", "nmgy"), **attributes):
    attributes = {"pixel_scale": 0.262, "stretch": "linear"} | attributes
    units = dict(zip("gr", fields, strict=True))
    column = Column("observation", modality="image", fields=units, attributes=attributes)
    ids = np.array([f"galaxy {i}" for i in range(len(pixels))])
    with DatasetWriter(folder, {"image": column}) as writer:
        writer.append({"object_id": ids, "image": pixels_of(pixels)})
    return folder


def pixels_of(pixels):
    return pixels if isinstance(pixels, Ragged) else images(pixels)


def sentences(folder):
    return [str(violation) for violation in check_dataset(folder)]


def test_sound_images_break_no_rule_and_masked_pixels_are_allowed(tmp_path):
    some = images([16, 0, 25])
    some.fields["g"][3] = np.nan
    assert sentences(write(tmp_path / "d", some)) == []


def test_images_that_are_no_squares_are_named(tmp_path):
    (found,) = sentences(write(tmp_path / "d", [16, 15, 0, 8]))
    assert found == "image.g: is no square of pixels (2 times), first at 'galaxy 1'."


def test_infinite_pixels_are_named(tmp_path):
    some = images([16, 16])
    some.fields["r"][20] = np.inf
    (found,) = sentences(write(tmp_path / "d", some))
    assert found == "image.r: is infinite, first at 'galaxy 1'."


def test_bands_of_other_sizes_are_named(tmp_path):
    folder = write(tmp_path / "d", [16, 16])
    (path,) = (folder / "objects").iterdir()
    table = pq.read_table(path)
    lists = [pa.array([[1.0] * n, [2.0] * 16], pa.list_(pa.float32())) for n in (16, 9)]
    column = pa.StructArray.from_arrays(lists, ["g", "r"])
    pq.write_table(table.set_column(table.column_names.index("image"), "image", column), path)
    assert any("image.r: has another length than its neighbours" in s for s in sentences(folder))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pixel_scale": None}, "image: has no pixel_scale"),
        ({"pixel_scale": -1.0}, "image: has no pixel_scale"),
        ({"stretch": "log"}, "image: has the stretch 'log', which is none of linear, display"),
        ({"fields": ("nmgy", None)}, "image.r: has no unit"),
    ],
)
def test_what_the_schema_must_say_of_images(tmp_path, changes, sentence):
    (found,) = sentences(write(tmp_path / "d", [16, 16], **changes))
    assert found.startswith(sentence)


def test_pictures_need_no_unit(tmp_path):
    assert sentences(write(tmp_path / "d", [16], (None, None), stretch="display")) == []


def test_info_tells_sizes_bands_and_pixel_scale(tmp_path):
    info = dataset_info(write(tmp_path / "d", [16, 0, 36])).modalities["image"]
    assert (info.kind, info.objects, info.sides) == ("image", 2, (4, 6))
    assert info.fields == {"g": "nmgy", "r": "nmgy"}
    assert info.attributes == {"pixel_scale": 0.262, "stretch": "linear"}
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render_info(dataset_info(tmp_path / "d")))
    text = console.export_text()
    assert "4 x 4 to 6 x 6" in text
    assert "g [nmgy], r [nmgy]; pixel_scale 0.262, stretch linear" in text


def test_a_dataset_from_before_attributes_is_read(tmp_path):
    folder = write(tmp_path / "d", [16])
    (path,) = (folder / "objects").iterdir()
    table = pq.read_table(path)
    raw = json.loads(table.schema.metadata[METADATA_KEY])
    for column in raw["columns"].values():
        del column["attributes"]
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(raw)}), path)
    assert Dataset.open(folder).schema.attributes("image") == {}
