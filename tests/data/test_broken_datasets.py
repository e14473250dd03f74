"""Broken datasets and splits: `skybind data check` names every rule that they break.

Each case breaks one thing in a small sound dataset. The check must name it, and whoever reads the
dataset all the same gets its content or one clear sentence.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info
from skybind.data.schema import METADATA_KEY, Column
from skybind.data.splits import Split, random_split
from skybind.data.write import DatasetWriter
from skybind.errors import SkybindError
from skybind.ragged import Ragged
from tests.broken import GARBAGE, everything, expect_one_sentence, named


def curves(**changes: list[float]) -> Ragged:
    fields = {
        "time": np.array([1, 2, 3, 1, 2, 3.0]),
        "flux": np.array([1, 2, 4, 1, 2, 5], np.float32),
        "flux_err": np.full(6, 0.1, np.float32),
    }
    fields |= {k: np.array(v, fields[k].dtype) for k, v in changes.items()}
    return Ragged(fields, np.array([0, 3, 6]), np.ones(2, bool))


def spectra(**changes: list[float]) -> Ragged:
    fields = {
        "wavelength": np.array([4000, 4001, 4002] * 2, np.float32),
        "flux": np.array([1, 2, 4, 1, 2, 5], np.float32),
        "ivar": np.full(6, 4, np.float32),
    }
    fields |= {k: np.array(v, fields[k].dtype) for k, v in changes.items()}
    return Ragged(fields, np.array([0, 3, 6]), np.ones(2, bool))


COLUMNS = {
    "label": Column("label"),
    "colour": Column("feature", "mag", modality="metadata"),
    "photometry": Column(
        "observation",
        modality="photometry",
        fields={"time": "d", "flux": "mJy", "flux_err": "mJy"},
    ),
    "spectrum": Column(
        "observation",
        modality="spectrum",
        fields={"wavelength": "Angstrom", "flux": None, "ivar": None},
    ),
}


def write_dataset(folder: Path, columns: dict | None = None, **values: object) -> Path:
    path = folder / "d"
    with DatasetWriter(path, {**COLUMNS, **(columns or {})}) as writer:
        writer.append(
            {
                "object_id": np.array(["a", "b"]),
                "ra": np.array([1.0, 2.0]),
                "dec": np.array([3.0, 4.0]),
                "label": np.array(["M", "EW"]),
                "colour": np.array([0.5, 1.0]),
                "photometry": curves(),
                "spectrum": spectra(),
                **values,
            }
        )
    return path


def part(path: Path) -> Path:
    return next((path / "objects").iterdir())


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(part(path))), part(path))


def with_column(name: str, values: pa.Array) -> Callable[[Path], None]:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, values)

    return lambda path: rewrite(path, change)


def with_schema(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def changed(table: pa.Table) -> pa.Table:
        raw = json.loads(table.schema.metadata[METADATA_KEY])
        change(raw)
        return table.replace_schema_metadata({METADATA_KEY: json.dumps(raw).encode()})

    return lambda path: rewrite(path, changed)


def struct_without(field: str) -> Callable[[Path], None]:
    def change(table: pa.Table) -> pa.Table:
        old = table["photometry"].combine_chunks()
        names = [f.name for f in old.type if f.name != field]
        new = pa.StructArray.from_arrays([old.field(n) for n in names], names)
        return table.set_column(table.column_names.index("photometry"), "photometry", new)

    return lambda path: rewrite(path, change)


def unequal_lists(path: Path) -> None:
    lists = pa.list_(pa.float64())
    names = ["time", "flux", "flux_err"]
    arrays = [pa.array(v, lists) for v in ([[1, 2], [1]], [[1], [1]], [[1, 2], [1]])]
    with_column("photometry", pa.StructArray.from_arrays(arrays, names))(path)


def cut(path: Path, keep: float) -> None:
    data = part(path).read_bytes()
    part(path).write_bytes(data[: int(len(data) * keep)])


def damage_pages(path: Path) -> None:
    data = bytearray(part(path).read_bytes())
    data[4:600] = GARBAGE[:596]
    part(path).write_bytes(bytes(data))


def second_part(path: Path, content: bytes | None = None) -> None:
    target = path / "objects" / "part-00001.parquet"
    if content is not None:
        target.write_bytes(content)
        return
    target.write_bytes(part(path).read_bytes())


def other_columns(path: Path) -> None:
    table = pq.read_table(part(path)).drop_columns(["colour"])
    pq.write_table(table, path / "objects" / "part-00001.parquet")


def split_of(ids: list[str], parts: list[str]) -> Callable[[Path], None]:
    return lambda path: Split(np.array(ids), np.array(parts)).write(path / "splits" / "s.parquet")


def changed_split(path: Path) -> None:
    split_of(["a", "b"], ["train", "test"])(path)
    file = path / "splits" / "s.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(1, "part", pa.array(["test", "train"])), file)


def split_table(**columns: list) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        (path / "splits").mkdir()
        pq.write_table(pa.table(columns), path / "splits" / "s.parquet")

    return write


def raw_split(path: Path) -> None:
    (path / "splits").mkdir()
    (path / "splits" / "s.parquet").write_bytes(GARBAGE)


NAN, INF = np.nan, np.inf
# What check_dataset names: name, values to write or a way to break it, the violation
VIOLATIONS: list[tuple[str, dict | Callable[[Path], object], str]] = [
    ("time NaN", {"photometry": curves(time=[1, 2, NAN, 1, 2, 3])},
     "photometry.time: is not finite"),
    ("time unsorted", {"photometry": curves(time=[1, 3, 2, 1, 2, 3])},
     "photometry.time: is unsorted"),
    ("epoch twice",
     {"photometry": curves(time=[1, 2, 2, 1, 2, 3], flux=[1, 2, 2, 1, 2, 5])}, "an epoch twice"),
    ("flux infinite", {"photometry": curves(flux=[1, INF, 2, 1, 2, 3])},
     "photometry.flux: is not fin"),
    ("error zero", {"photometry": curves(flux_err=[1, 0, 1, 1, 1, 1])},
     "flux_err: is not positive"),
    ("error NaN", {"photometry": curves(flux_err=[1, NAN, 1, 1, 1, 1])},
     "flux_err: is NaN for a part"),
    ("ivar negative", {"spectrum": spectra(ivar=[1, 1, -1, 1, 1, 1])}, "ivar: is negative"),
    ("wavelength falls", {"spectrum": spectra(wavelength=[3, 2, 1, 1, 2, 3])},
     "wavelength: is uns"),
    ("wavelength twice", {"spectrum": spectra(wavelength=[1, 1, 2, 1, 2, 3])},
     "wavelength: occurs"),
    ("wavelength zero", {"spectrum": spectra(wavelength=[0, 1, 2, 1, 2, 3])}, "is not positive"),
    ("ra of 400", {"ra": np.array([400.0, 1])}, "ra: is not between 0 and 360 deg"),
    ("dec of -91", {"dec": np.array([0, -91.0])}, "dec: is not between -90 and 90 deg"),
    ("empty curve", {"photometry": Ragged(curves().take(np.array([0])).fields, np.array([0, 0, 3]),
     np.ones(2, bool))}, "photometry: has no values where the object was observed"),
    ("names twice", lambda p: second_part(p), "object_id: occurs more than once"),
    ("name null", with_column("object_id", pa.array(["a", None])), "object_id: is empty"),
    ("name empty", with_column("object_id", pa.array(["a", ""])), "object_id: is empty"),
    ("feature infinite", with_column("colour", pa.array([1.0, INF])), "colour: is infinite"),
    ("feature of many digits", with_column("colour", pa.array([2**60 + 1, 2])),
     "colour: has more digits than a float keeps"),
    ("names are numbers", with_column("object_id", pa.array([1, 2])), "object_id: is int64"),
    ("feature is text", with_column("colour", pa.array(["x", "y"])), "colour: is string"),
    ("label is a number", with_column("label", pa.array([1, 2])), "label: is int64"),
    ("light curve is a number", with_column("photometry", pa.array([1.0, 2])),
     "photometry: is double"),
    ("lists are numbers", with_column("photometry",
     pa.array([{"time": 1.0, "flux": 1.0, "flux_err": 1.0}] * 2)), "photometry.time: is double"),
    ("times are text", with_column("photometry",
     pa.array([{"time": ["x"], "flux": [1.0], "flux_err": [1.0]}] * 2)),
     "time: is a list of string"),
    ("null times", with_column("photometry",
     pa.array([{"time": None, "flux": [1.0], "flux_err": [1.0]}] * 2,
     pa.struct([(n, pa.list_(pa.float64())) for n in ("time", "flux", "flux_err")]))),
     "photometry.time: is null"),
    ("lists of unequal length", unequal_lists, "photometry.flux: has another length"),
    ("no flux", struct_without("flux"), "photometry: has no field flux or magnitude"),
    ("no time", struct_without("time"), "photometry: has no field time"),
    ("column absent", lambda p: rewrite(p, lambda t: t.drop_columns(["label"])),
     "label: is in the schema but not in the files"),
    ("column unknown", lambda p: rewrite(p, lambda t: t.append_column("x", pa.array([1, 2]))),
     "x: is in the files but not in the schema"),
    ("no ra at all", lambda p: rewrite(p, lambda t: t.drop_columns(["ra"])),
     "ra: is in the schema"),
    ("no unit", with_schema(lambda r: r["columns"]["photometry"]["fields"].update(time=None)),
     "photometry.time: has no unit"),
    ("unit unknown", with_schema(lambda r: r["columns"]["colour"].update(unit="magg")), "'magg'"),
    ("feature of nothing", with_schema(lambda r: r["columns"]["colour"].update(modality=None)),
     "colour: is a feature of no modality"),
    ("future version", with_schema(lambda r: r.update(format_version=99)), "format version 99"),
    ("schema damaged", with_schema(lambda r: r.pop("columns")), "damaged skybind schema"),
    ("role unknown", with_schema(lambda r: r["columns"]["label"].update(role="spam")), "'spam'"),
    ("schema is no JSON", lambda p: rewrite(
        p, lambda t: t.replace_schema_metadata({METADATA_KEY: GARBAGE})), "damaged skybind schema"),
    ("plain Parquet", lambda p: rewrite(p, lambda t: t.replace_schema_metadata({})),
     "without skybind's schema"),
    ("file cut off", lambda p: cut(p, 0.7), "part-00000.parquet: is no readable Parquet"),
    ("file empty", lambda p: cut(p, 0), "part-00000.parquet: is no readable Parquet"),
    ("pages damaged", damage_pages, "part-00000.parquet: is damaged"),
    ("second file garbage", lambda p: second_part(p, GARBAGE),
     "part-00001.parquet: is no readable"),
    ("second file differs", other_columns, "part-00001.parquet: columns differ"),
    ("split with strangers", split_of(["a", "zz"], ["train", "test"]),
     "split s: names an object that"),
    ("split changed", changed_split, "split s: .*hash differs"),
    ("split overlaps", split_of(["a", "a"], ["train", "test"]), "split s: .*twice.*'a'"),
    ("split garbage", raw_split, "split s: .*cannot be read"),
    ("split without parts", split_table(object_id=["a"]), "split s: .*no column 'part'"),
    ("split of a fourth part", split_table(object_id=["a"], part=["dev"]), "split s: .*'dev'"),
    ("quarantine garbage", lambda p: (p / "quarantine.parquet").write_bytes(GARBAGE),
     "quarantine: "),
]  # fmt: skip


@pytest.mark.parametrize(("breaks", "violation"), named(VIOLATIONS))
def test_check_names_the_violation(tmp_path, breaks, violation):
    path = write_dataset(tmp_path, **(breaks if isinstance(breaks, dict) else {}))
    if callable(breaks):
        breaks(path)
    found = [str(v) for v in check_dataset(path)]
    assert any(re.search(violation, v) for v in found), found
    for sentence in found:
        assert "\n" not in sentence
        assert sentence.endswith(".")
    for use in (everything, dataset_info):  # these may refuse it, but only in a sentence
        try:
            use(path)
        except SkybindError as error:
            expect_one_sentence(error)


def test_every_violation_is_named_not_only_the_first(tmp_path):
    path = write_dataset(
        tmp_path,
        ra=np.array([400.0, 500.0]),
        dec=np.array([-91.0, 0]),
        photometry=curves(time=[3, 2, 1, 3, 2, 1], flux_err=[-1, 1, 1, 1, 1, 1]),
    )
    split_of(["zz"], ["train"])(path)
    found = {v.where: v for v in check_dataset(path)}
    assert set(found) == {"ra", "dec", "photometry.time", "photometry.flux_err", "split s"}
    assert (found["ra"].count, found["ra"].example) == (2, "a")
    assert (found["photometry.time"].count, found["split s"].example) == (2, "zz")


@pytest.mark.parametrize("use", [check_dataset, dataset_info, Dataset.open])
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.write_text("x"), "is a file: a dataset is a folder"),
        (lambda p: p.mkdir(), "is not a skybind dataset"),
        (lambda p: (p / "objects").mkdir(parents=True), "is not a skybind dataset"),
    ],
)
def test_where_there_is_no_dataset(tmp_path, make, sentence, use):
    make(tmp_path / "d")
    with pytest.raises(SkybindError, match=sentence) as caught:
        use(tmp_path / "d")
    expect_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("s.parquet", None, "There is no split"),
        ("s.parquet", GARBAGE, "cannot be read"),
        ("s.parquet", b"", "cannot be read"),
        ("s.csv", b"", "cannot be read"),
        ("s.csv", GARBAGE, "s.csv"),
        ("s.csv", b"name,part\na,train\n", "no column 'object_id'"),
        ("s.csv", b"object_id,part\na,train\na,test\n", "'a'"),
        ("s.csv", b"object_id,part\na,dev\n", "'dev'"),
        ("s.csv", b"object_id,part\na,train,b\n", "cannot be read"),
    ],
)
def test_split_files(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SkybindError, match=sentence) as caught:
        Split.read(tmp_path / name)
    expect_one_sentence(caught.value)


def test_a_folder_for_a_split(tmp_path):
    with pytest.raises(SkybindError, match="cannot be read"):
        Split.read(tmp_path)


def test_a_subset_that_is_not_there(tmp_path):
    with pytest.raises(SkybindError, match="no subset '10'"):
        random_split(np.array(["a", "b"])).rows("train", "10")
