"""One truth, a list in each cell, written in every layout that has such cells."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import DataError, SkybindError
from skybind.ingest.given import take_given
from skybind.ingest.lists import lists_of_text
from skybind.ingest.one_file import read_file
from skybind.ingest.readers.tables import read_table
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

IDS = ["a", "b", "c"]
TIME = [[1.0, 2, 3, 4], [1.5, 2.5, 3.5], [0.25, 1.25, 2.25, 3.25, 4.25]]
FLUX = [[2.0, 2.5, 2.125, 2.25], [9.0, 9.5, 9.25], [1.0, 1.5, 1.25, 1.75, 1.125]]
WANTED = {"photometry": Wanted("photometry", "photometry", "photometry",
                               {"time": "d", "flux": "mJy"})}  # fmt: skip


def cells(lists):
    out = np.empty(len(lists), object)
    out[:] = [np.array(values) for values in lists]
    return out


def parquet(path, ids, time, flux):
    pq.write_table(pa.table({"id": ids, "t": time, "f": flux}), path)


def large_lists(path, ids, time, flux):
    kind = pa.large_list(pa.float32())
    pq.write_table(
        pa.table({"id": ids, "t": pa.array(time, kind), "f": pa.array(flux, kind)}), path
    )


def structs(path, ids, time, flux):
    lc = [{"t": t, "f": f} for t, f in zip(time, flux, strict=True)]
    pq.write_table(pa.table({"id": ids, "lc": lc}), path)


def lists_of_structs(path, ids, time, flux):
    lc = [
        [{"t": x, "f": y} for x, y in zip(t, f, strict=True)]
        for t, f in zip(time, flux, strict=True)
    ]
    pq.write_table(pa.table({"id": ids, "lc": lc}), path)


def variable_fits(path, ids, time, flux):
    columns = [fits.Column("id", "8A", array=np.array(ids))]
    columns += [
        fits.Column(name, "PD()", array=cells(values))
        for name, values in (("t", time), ("f", flux))
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)


def votable(path, ids, time, flux):
    Table({"id": ids, "t": cells(time), "f": cells(flux)}).write(path, format="votable")


def ecsv(path, ids, time, flux):
    Table({"id": ids, "t": cells(time), "f": cells(flux)}).write(path)


def text(form):
    def write(path, ids, time, flux):
        rows = zip(ids, time, flux, strict=True)
        lines = [f'{name},"{form(t)}","{form(f)}"' for name, t, f in rows]
        path.write_text("\n".join(["id,t,f", *lines, ""]))

    return write


def text_in_parquet(path, ids, time, flux):
    parquet(path, ids, list(map(json.dumps, time)), list(map(json.dumps, flux)))


def numpys(values):
    return str(np.array(values))


LAYOUTS = {
    "lists": (parquet, "x.parquet", ""),
    "large lists": (large_lists, "x.parquet", ""),
    "a struct of lists": (structs, "x.parquet", "lc."),
    "a list of structs": (lists_of_structs, "x.parquet", "lc."),
    "arrays of variable length": (variable_fits, "x.fits", ""),
    "VOTable": (votable, "x.vot", ""),
    "ECSV": (ecsv, "x.ecsv", ""),
    "JSON in CSV": (text(json.dumps), "x.csv", ""),
    "tuples": (text(lambda values: str(tuple(values))), "x.csv", ""),
    "numpy's text": (text(numpys), "x.csv", ""),
    "blanks": (text(lambda values: " ".join(map(str, values))), "x.csv", ""),
    "semicolons": (text(lambda values: ";".join(map(str, values))), "x.csv", ""),
    "braces": (text(lambda values: "{" + ",".join(map(str, values)) + "}"), "x.csv", ""),
    "JSON in Parquet": (text_in_parquet, "x.parquet", ""),
}


def mapping(folder, name, prefix, **more):
    (folder / "o.csv").write_text("id\n" + "\n".join(IDS) + "\n")
    written = {
        "objects": {"file": "o.csv", "id": "id"},
        "photometry": {
            "file": name,
            "id": "id",
            "time": {"column": f"{prefix}t", "unit": "d"},
            "flux": {"column": f"{prefix}f", "unit": "mJy"},
            **more,
        },
    }
    (folder / "m.yaml").write_text(yaml.safe_dump(written))
    return folder / "m.yaml"


def curves(folder):
    r = Dataset.open(folder).ragged("photometry")
    return [
        {name: values[a:b].tolist() for name, values in r.fields.items()} if there else None
        for a, b, there in zip(r.offsets[:-1], r.offsets[1:], r.present, strict=True)
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_light_curves(tmp_path, layout):
    write, name, prefix = LAYOUTS[layout]
    order = [2, 0, 1]  # rows of the file need not be those of the table of objects
    write(tmp_path / name, *([each[i] for i in order] for each in (IDS, TIME, FLUX)))
    summary = import_dataset(mapping(tmp_path, name, prefix), tmp_path / "out")
    assert summary.quarantined == {}
    for curve, time, flux in zip(curves(tmp_path / "out"), TIME, FLUX, strict=True):
        assert curve["time"] == time
        assert curve["flux"] == flux


@pytest.mark.parametrize("layout", ["lists", "a struct of lists", "arrays of variable length"])
def test_the_table_of_objects_may_hold_the_light_curves(tmp_path, layout):
    write, name, prefix = LAYOUTS[layout]
    write(tmp_path / name, IDS, TIME, FLUX)
    path = mapping(tmp_path, name, prefix)
    path.write_text(path.read_text().replace("o.csv", name))
    import_dataset(path, tmp_path / "out")
    assert [curve["flux"] for curve in curves(tmp_path / "out")] == FLUX


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_one_object(tmp_path, layout):
    write, name, prefix = LAYOUTS[layout]
    (tmp_path / "lc").mkdir()
    ending = name.removeprefix("x")
    for row, each in enumerate(IDS):
        write(tmp_path / f"lc/{each}{ending}", [each], [TIME[row]], [FLUX[row]])
    path = mapping(tmp_path, name, prefix)
    written = yaml.safe_load(path.read_text())
    del written["photometry"]["file"], written["photometry"]["id"]
    written["photometry"] |= {"folder": "lc", "pattern": "{id}" + ending}
    path.write_text(yaml.safe_dump(written))
    import_dataset(path, tmp_path / "out")
    assert [curve["flux"] for curve in curves(tmp_path / "out")] == FLUX


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_no_mapping_describes(tmp_path, layout):
    write, name, _ = LAYOUTS[layout]
    write(tmp_path / name, ["a"], TIME[:1], FLUX[:1])
    rename = {"t": "time", "f": "flux"}
    wanted = {"photometry": Wanted("photometry", "photometry", "photometry",
                                   {"time": "d", "flux": "mJy"})}  # fmt: skip
    if name.endswith((".csv", ".ecsv")):
        content = (tmp_path / name).read_text().replace("id,t,f", "id,time,flux")
        content = content.replace("id t f", "id time flux")
        content = content.replace("name: t,", "name: time,").replace("name: f,", "name: flux,")
        (tmp_path / name).write_text(content)
    elif name.endswith(".parquet"):
        table = pq.read_table(tmp_path / name)
        if "lc" in table.column_names:
            lc = [table["lc"][0].as_py()]
            many = isinstance(lc[0], list)
            lc = [[{rename[k]: v for k, v in e.items()} for e in lc[0]]] if many else [
                {rename[k]: v for k, v in lc[0].items()}]  # fmt: skip
            pq.write_table(pa.table({"id": ["a"], "lc": lc}), tmp_path / name)
        else:
            pq.write_table(table.rename_columns(["id", "time", "flux"]), tmp_path / name)
    else:
        table = Table.read(tmp_path / name)
        table.rename_columns(["t", "f"], ["time", "flux"])
        table.write(tmp_path / name, overwrite=True,
                    format="votable" if name.endswith("vot") else "fits")  # fmt: skip
    found = read_file(tmp_path / name, wanted)
    assert found.fields["time"].tolist() == TIME[0]
    assert found.fields["flux"].tolist() == FLUX[0]


def test_lists_of_unequal_length_set_their_object_aside(tmp_path):
    parquet(tmp_path / "x.parquet", IDS, TIME, [FLUX[0], FLUX[1][:2], FLUX[2]])
    import_dataset(mapping(tmp_path, "x.parquet", ""), tmp_path / "out")
    assert [curve is None for curve in curves(tmp_path / "out")] == [False, True, False]
    (row,) = read_quarantine(tmp_path / "out")
    assert row["object_id"] == "b"
    assert row["reason"] == "lists of different length: 3 in t, 2 in f"


def test_null_is_not_observed_and_empty_is_told(tmp_path):
    parquet(tmp_path / "x.parquet", IDS, [TIME[0], None, []], [FLUX[0], None, []])
    import_dataset(mapping(tmp_path, "x.parquet", ""), tmp_path / "out")
    assert [curve is None for curve in curves(tmp_path / "out")] == [False, True, True]
    (row,) = read_quarantine(tmp_path / "out")
    assert (row["object_id"], row["reason"]) == ("c", "empty light curve")


def test_a_row_a_band_is_one_light_curve(tmp_path):
    table = {"id": ["a", "a", "b"], "t": TIME, "f": FLUX, "fid": ["g", "r", "g"]}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    import_dataset(mapping(tmp_path, "x.parquet", "", band="fid"), tmp_path / "out")
    first, second, third = curves(tmp_path / "out")
    assert first["time"] == sorted(TIME[0] + TIME[1])
    assert dict(zip(first["flux"], first["band"], strict=True)) == dict.fromkeys(
        FLUX[0], "g"
    ) | dict.fromkeys(FLUX[1], "r")
    assert second["flux"] == FLUX[2]
    assert third is None


def test_several_spectra_of_one_object_are_not_mixed(tmp_path):
    wave = [4000.0, 4001, 4002, 4003]
    table = {"id": ["a", "a", "b"], "w": [wave] * 3, "f": [[1.0, 2, 1, 2], [9.0, 8, 9, 8], wave]}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    path = mapping(tmp_path, "x.parquet", "")
    written = yaml.safe_load(path.read_text())
    del written["photometry"]
    written["spectrum"] = {
        "file": "x.parquet", "id": "id", "wavelength": {"column": "w", "unit": "Angstrom"},
        "flux": "f",
    }  # fmt: skip
    path.write_text(yaml.safe_dump(written))
    import_dataset(path, tmp_path / "out")
    spectra = Dataset.open(tmp_path / "out").ragged("spectrum")
    assert spectra.fields["flux"][: spectra.lengths[0]].tolist() == [1, 2, 1, 2]
    (row,) = read_quarantine(tmp_path / "out")
    assert (row["object_id"], row["reason"]) == ("a", "a second spectrum of the object (row 2)")


def test_numbers_beside_lists_are_refused(tmp_path):
    pq.write_table(pa.table({"id": ["a"], "t": TIME[:1], "f": [1.0]}), tmp_path / "x.parquet")
    with pytest.raises(SkybindError, match=r"x.parquet: 'f' holds no lists where 't' does"):
        import_dataset(mapping(tmp_path, "x.parquet", ""), tmp_path / "out")


def test_a_list_is_no_feature(tmp_path):
    Table({"id": ["a", "b"], "x": [[1.0, 2], [3, 4]]}).write(tmp_path / "x.fits")
    table = read_table((tmp_path / "x.fits").read_bytes(), "x.fits")
    with pytest.raises(DataError, match="column 'x': it holds lists"):
        table["x"]


def test_a_list_that_was_cut_short_is_told():
    found = lists_of_text(np.array(["[1 2 3]", "[1 2 ... 9]", None, " ", "x"], object))
    assert found.values.tolist() == [1, 2, 3]
    assert found.lengths.tolist() == [3, -1, -1, -1, -1]
    assert found.wrong == {
        1: "text, not a list ('[1 2 ... 9]')",
        4: "text, not a list ('x')",
    }


@pytest.mark.parametrize("cell", ["06 37 15.9", "V1 Cyg", "1,5", "12.5", "2020-01-01"])
def test_text_that_is_no_list_in_brackets(cell):
    assert lists_of_text(np.array([cell], object), bracketed=True) is None


@pytest.mark.parametrize("cell", ["V1 Cyg", "1,5", "12.5", "2020-01-01"])
def test_text_that_is_no_list(cell):
    assert lists_of_text(np.array([cell], object)) is None


@pytest.mark.parametrize("kind", ["pandas", "astropy", "arrow", "file"])
def test_lists_written_as_text_are_read_in_memory_too(tmp_path, kind):
    columns = {
        "id": IDS,
        "time": list(map(json.dumps, TIME)),
        "flux": list(map(json.dumps, FLUX)),
    }
    data = {"astropy": Table, "arrow": pa.table}.get(kind, dict)(columns)
    if kind == "pandas":
        data = pytest.importorskip("pandas").DataFrame(columns)
    if kind == "file":
        Table(columns).write(tmp_path / "new.csv")
        data = tmp_path / "new.csv"
    given = take_given(data, wanted=WANTED)
    assert given.dataset["b"].photometry.flux.value.tolist() == FLUX[1]


def fixed_fits(path, ids, time, flux):
    Table({"id": ids, "t": np.array(time), "f": np.array(flux)}).write(path)


def stacked(path, ids, time, flux):
    np.savez(path, id=ids, t=np.array(time), f=np.array(flux))


@pytest.mark.parametrize("fill", [0.0, -99.0, np.nan])
@pytest.mark.parametrize(
    ("write", "name"),
    [(fixed_fits, "x.fits"), (parquet, "x.parquet"), (stacked, "x.npz"), (votable, "x.vot")],
)
def test_padding_is_no_epoch(tmp_path, fill, write, name):
    time, flux = ([each + [fill] * (6 - len(each)) for each in lists] for lists in (TIME, FLUX))
    write(tmp_path / name, IDS, time, flux)
    summary = import_dataset(mapping(tmp_path, name, ""), tmp_path / "out")
    assert [curve["time"] for curve in curves(tmp_path / "out")] == TIME
    assert [curve["flux"] for curve in curves(tmp_path / "out")] == FLUX
    named = "epochs without a finite time" if np.isnan(fill) else "epochs of padding"
    assert summary.repaired["photometry"][named] == 18 - sum(map(len, TIME))


def test_missing_counts_for_times_too(tmp_path):
    time = [each + [55.5] * (6 - len(each)) for each in TIME]
    flux = [each + [7.0] * (6 - len(each)) for each in FLUX]
    fixed_fits(tmp_path / "x.fits", IDS, time, flux)
    told = {"column": "t", "unit": "d", "missing": [55.5]}
    summary = import_dataset(mapping(tmp_path, "x.fits", "", time=told), tmp_path / "out")
    assert [curve["time"] for curve in curves(tmp_path / "out")] == TIME
    assert summary.repaired["photometry"] == {"epochs without a finite time": 6}
