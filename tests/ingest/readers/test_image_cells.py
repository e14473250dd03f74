"""Images as bytes in the cells of a Parquet table are those of a folder of the same files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import DataError
from skybind.ingest.survey import import_dataset
from tests.ingest.readers.test_images import CUBE, cutout, picture

PIXELS = np.random.default_rng(3).integers(0, 255, (4, 12, 12, 3)).astype(np.uint8)
PICTURES = [picture("PNG", pixels) for pixels in PIXELS]


def run(folder, column, spec=None, ids=("a", "b", "c", "d"), groups=2, objects="abcd"):
    table = pa.table({"row": list(ids), "picture": column})
    pq.write_table(table, folder / "cells.parquet", row_group_size=groups)
    (folder / "o.csv").write_text("\n".join(["name", *objects]) + "\n")
    image = {"file": "cells.parquet", "id": "row", "array": "picture", **(spec or {})}
    mapping = {"objects": {"file": "o.csv", "id": "name"}, "image": image}
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    return Dataset.open(folder / "out"), summary


def planes(data, name):
    return {band: np.asarray(data[name].image[band]).ravel() for band in data[name].image}


@pytest.mark.parametrize("groups", [1, 3, 100])
def test_each_object_gets_its_own_picture(tmp_path, groups):
    data, summary = run(
        tmp_path,
        [PICTURES[k] for k in (2, 0, 3, 1)],
        {"pixel_scale": 0.2, "bands": ["i", "r", "g"]},
        ids=("c", "a", "d", "b"),
        groups=groups,
    )
    assert summary.observed == {"image": 4}
    assert data.schema.attributes("image") == {"pixel_scale": 0.2, "stretch": "display"}
    for k, name in enumerate("abcd"):
        found = planes(data, name)
        for plane, band in enumerate(("i", "r", "g")):
            assert np.array_equal(found[band], PIXELS[k][::-1, :, plane].ravel())


def test_records_with_bytes_and_fits_files(tmp_path):
    column = [{"bytes": cutout(image=CUBE * (k + 1)), "path": f"{k}.fits"} for k in range(4)]
    data, summary = run(tmp_path, column)
    assert summary.observed == {"image": 4}
    assert data.schema.attributes("image")["stretch"] == "linear"
    for k, name in enumerate("abcd"):
        assert np.allclose(planes(data, name)["g"], (CUBE[0] * (k + 1)).ravel())


def test_what_cannot_be_used_is_set_aside_with_its_row(tmp_path):
    column = [PICTURES[0], b"GIF89a", PICTURES[2], None, PICTURES[1], PICTURES[3]]
    data, summary = run(tmp_path, column, {"pixel_scale": 0.2}, ids=("a", "b", "c", "d", "a", "x"))
    assert summary.observed == {"image": 2}
    assert data.present("image").tolist() == [True, False, True, False]
    rows = {(row["object_id"], row["source"]): row["reason"] for row in read_quarantine(data.path)}
    assert rows.pop(("b", "cells.parquet, row 2")).startswith("row 2 of cells.parquet is no JPEG")
    assert (
        rows.pop(("a", "cells.parquet, row 5"))
        == "the name occurs twice: its first row counts (row 1)"
    )
    assert "x" in rows.popitem()[0]
    assert not rows  # an empty cell is an object that was not observed


@pytest.mark.parametrize(
    ("column", "spec", "said"),
    [
        (PICTURES, {"array": "pictur", "pixel_scale": 0.2}, "did you mean 'picture'"),
        ([1, 2, 3, 4], {"pixel_scale": 0.2}, "holds int64, not the bytes of image files"),
        (PICTURES, {}, "do not state their pixel scale"),
        ([b"GIF89a"] * 4, {"pixel_scale": 0.2}, "none of the first images"),
    ],
)
def test_a_wrong_column_stops_the_import_with_one_sentence(tmp_path, column, spec, said):
    with pytest.raises(Exception, match=said) as stopped:
        run(tmp_path, column, spec)
    assert str(stopped.value).count("\n") == 0


def test_a_table_without_an_image_of_the_objects_stops_the_import(tmp_path):
    with pytest.raises(DataError, match=r"no image of any object.*'a'.*'q'"):
        run(tmp_path, PICTURES, {"pixel_scale": 0.2}, ids=tuple("qrst"))


def test_a_row_group_is_read_once_for_all_its_objects(tmp_path, monkeypatch):
    from pyarrow.parquet import ParquetFile

    read, read_row_group = [], ParquetFile.read_row_group

    def counting(self, group, *args, **keywords):
        read.append(group)
        return read_row_group(self, group, *args, **keywords)

    monkeypatch.setattr(ParquetFile, "read_row_group", counting)
    data, _ = run(
        tmp_path,
        [PICTURES[k] for k in (0, 2, 1, 3)],  # objects a and b, c and d lie in turn in two groups
        {"pixel_scale": 0.2},
        ids=("a", "c", "b", "d"),
    )
    assert data.present("image").all()
    for k, name in enumerate("abcd"):
        assert np.array_equal(planes(data, name)["r"], PIXELS[k][::-1, :, 1].ravel())
    assert len(read) <= 5  # what is empty, the layout, and the images: two groups
