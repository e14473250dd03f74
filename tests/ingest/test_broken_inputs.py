"""Broken input of every kind: one clear sentence, a row in the quarantine, or a violation.

Each case breaks one thing in a small sound survey or dataset. Nothing may raise anything but an
error of skybind, whose message names the culprit, and a failed import leaves nothing behind.
"""

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info
from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.survey import import_dataset
from tests.broken import GARBAGE, everything, expect_one_sentence, named

STARS = "id,ra,dec,class,colour\na,10,5,M,0.5\nb,20,-5,EW,1.5\n"
EPOCHS = "id,hjd,flux,err\n" + "".join(
    f"{name},{t},{10 + (t * 7) % 5},0.1\n" for name in "ab" for t in range(6)
)


def lamost(change: Callable[[np.ndarray, fits.Header], None] | None = None) -> bytes:
    rows = np.ones((5, 40), np.float32)
    rows[0] = np.arange(40)
    rows[3:] = 0
    header = fits.Header({"COEFF0": 3.5682, "COEFF1": 1e-4})
    if change is not None:
        change(rows, header)
    buffer = io.BytesIO()
    fits.PrimaryHDU(rows, header).writeto(buffer)
    return buffer.getvalue()


class Survey:
    """Two stars with epochs and spectra, and their mapping."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mapping: dict = {
            "objects": {
                "file": "stars.csv",
                "id": "id",
                "ra": "ra",
                "dec": "dec",
                "label": "class",
                "features": {"metadata": {"colour": {"column": "colour", "unit": "mag"}}},
            },
            "photometry": {
                "file": "epochs.csv",
                "id": "id",
                "time": {"column": "hjd", "unit": "d"},
                "flux": {"column": "flux", "unit": "mJy"},
                "flux_err": "err",
            },
            "spectrum": {"folder": "spectra", "pattern": "{id}.fits", "format": "lamost"},
        }
        self.write("stars.csv", STARS)
        self.write("epochs.csv", EPOCHS)
        for name in "ab":
            self.write(f"spectra/{name}.fits", lamost())

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def set(self, key: str, value: object) -> None:
        *path, last = key.split(".")
        section = self.mapping
        for step in path:
            section = section[step]
        section[last] = value

    def replace(self, name: str, old: str, new: str) -> None:
        text = self.read(name).decode()
        assert old in text
        self.write(name, text.replace(old, new))

    def run(self) -> Path:
        if not (self.folder / "m.yaml").exists():
            self.write("m.yaml", yaml.safe_dump(self.mapping, allow_unicode=True))
        import_dataset(self.folder / "m.yaml", self.folder / "out")
        return self.folder / "out"


def table_of_format(suffix: str, content: bytes) -> Callable[[Survey], None]:
    def change(s: Survey) -> None:
        s.write(f"stars.{suffix}", content)
        s.set("objects.file", f"stars.{suffix}")

    return change


def spectrum_bytes(content: bytes) -> Callable[[Survey], None]:
    return lambda s: s.write("spectra/a.fits", content)


def spectrum_where(change: Callable[[np.ndarray, fits.Header], None]) -> Callable[[Survey], None]:
    return spectrum_bytes(lamost(change))


def curve_a(*rows: str) -> Callable[[Survey], None]:
    """Replace the epochs of star a."""
    kept = [line for line in EPOCHS.splitlines() if not line.startswith("a,")]
    return lambda s: s.write("epochs.csv", "\n".join([*kept, *rows]) + "\n")


def fits_table(**columns: list) -> bytes:
    buffer = io.BytesIO()
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(name, "D", array=np.array(v, float)) for name, v in columns.items()]
    )
    hdu.writeto(buffer)
    return buffer.getvalue()


def csv_folder(content: str | bytes, suffix: str = "csv") -> Callable[[Survey], None]:
    """Light curves in a folder, that of star a broken."""

    def change(s: Survey) -> None:
        good = "hjd,flux,err\n" + "".join(f"{t},{t % 3 + t},0.1\n" for t in range(6))
        s.write("lc/b." + suffix, gzip.compress(good.encode()) if "gz" in suffix else good)
        s.write("lc/a." + suffix, content)
        p = s.mapping["photometry"]
        del p["file"], p["id"]
        p |= {"folder": "lc", "pattern": "{id}." + suffix}

    return change


def zero(rows: np.ndarray, which: int) -> None:
    rows[which] = 0


def to_nan(rows: np.ndarray) -> None:
    rows[0] = np.nan


def some_bad(rows: np.ndarray) -> None:
    rows[1, :5] = -1
    rows[0, 5] = np.inf


def remove(s: Survey, name: str) -> None:
    (s.folder / name).unlink()


# Cases that stop an import: name, what breaks, what the sentence holds
ERRORS: list[tuple[str, Callable[[Survey], object], str]] = [
    ("no table of objects", lambda s: remove(s, "stars.csv"), "no file .*stars.csv"),
    ("empty table", lambda s: s.write("stars.csv", ""), "stars.csv is empty"),
    ("only blank lines", lambda s: s.write("stars.csv", "\n\n \n"), "stars.csv is empty"),
    ("header only", lambda s: s.write("stars.csv", "id,ra,dec,class,colour\n"),
     "stars.csv.*no row"),
    ("wrong delimiter", lambda s: s.write("stars.csv", STARS.replace(",", ":")), "no column 'id'"),
    ("garbage as CSV", lambda s: s.write("stars.csv", GARBAGE), "stars.csv"),
    ("NUL bytes as CSV", lambda s: s.write("stars.csv", b"\0" * 999), "stars.csv"),
    ("garbage as FITS", table_of_format("fits", GARBAGE), "stars.fits cannot be read as fits"),
    ("garbage as Parquet", table_of_format("parquet", GARBAGE), "stars.parquet cannot be read"),
    ("garbage as VOTable", table_of_format("vot", GARBAGE), "stars.vot cannot be read"),
    ("garbage as ECSV", table_of_format("ecsv", GARBAGE), "stars.ecsv cannot be read"),
    ("HTML as VOTable", table_of_format("xml", b"<html><p>404</p></html>"), "stars.xml cannot"),
    ("FITS cut off", table_of_format("fits", fits_table(id=[1] * 999)[:-6000]),
     "stars.fits cannot"),
    ("FITS without a table", table_of_format("fits", lamost()), "stars.fits cannot be read"),
    ("gzip cut off", table_of_format("csv.gz", gzip.compress(STARS.encode())[:-9]), "damaged gzip"),
    ("damaged gzip", table_of_format("csv.gz", b"\x1f\x8b" + GARBAGE), "damaged gzip"),
    ("unknown suffix", table_of_format("doc", b"x"), "format of stars.doc"),
    ("unknown format", lambda s: s.set("objects.format", "cvs"), "'cvs'.*'csv'"),
    ("a folder for a file", lambda s: s.set("objects.file", "spectra"),
     "spectra/a.fits cannot be read as fits: No table"),
    ("a file for a folder", lambda s: s.set("spectrum.folder", "stars.csv"), "neither a folder"),
    ("folder missing", lambda s: s.set("spectrum.folder", "spektra"), "no folder .*spektra"),
    ("column misspelt", lambda s: s.set("objects.id", "ids"), "no column 'ids'.*'id'"),
    ("label absent", lambda s: s.set("objects.label", "clas"), "no column 'clas'.*'class'"),
    ("flux column absent", lambda s: s.set("photometry.flux.column", "flx"), "'flx'.*'flux'"),
    ("columns twice", lambda s: s.replace("stars.csv", "ra,dec", "ra,ra"), "more than one .*'ra'"),
    ("no object has a name", lambda s: s.write("stars.csv", "id,ra,dec,class,colour\n,1,1,M,1\n"),
     "stars.csv holds no object"),
    ("key misspelt", lambda s: s.set("objects.labl", "class"), "'objects.labl'.*'label'"),
    ("section misspelt", lambda s: s.set("spectra", {}), "'spectra'.*'spectrum'"),
    ("unit key misspelt", lambda s: s.set("photometry.time.unitt", "d"), "unitt.*'unit'"),
    ("key missing", lambda s: s.mapping["objects"].pop("id"), "'objects.id' is missing"),
    ("value of a wrong type", lambda s: s.set("objects.features", ["colour"]), "objects.features"),
    ("unknown unit", lambda s: s.set("photometry.flux.unit", "mJansky"), "'mJansky'"),
    ("unit of another kind", lambda s: s.set("photometry.flux.unit", "mag"), "'mag'.*mJy"),
    ("feature's unit unknown", lambda s: s.set("objects.features.metadata.colour.unit", "magg"),
     "'colour'.*'magg'"),
    ("no unit", lambda s: s.set("photometry.time", "hjd"), "'hjd'.*no unit"),
    ("angle in metres", lambda s: s.set("objects.ra", {"column": "ra", "unit": "m"}), "'m'.*deg"),
    ("flux and magnitude", lambda s: s.set("photometry.magnitude", "flux"), "not both"),
    ("no time", lambda s: s.mapping["photometry"].pop("time"), "column of time is not given"),
    ("file and folder", lambda s: s.set("photometry.folder", "x"), "either a file"),
    ("folder without pattern", lambda s: s.mapping["spectrum"].pop("pattern"), "'pattern'"),
    ("pattern without column", lambda s: s.set("spectrum.pattern", "a.fits"), "names no column"),
    ("pattern's braces", lambda s: s.set("spectrum.pattern", "{id.fits"), r"pattern '\{id.fits'"),
    ("pattern matches nothing", lambda s: s.set("spectrum.pattern", "{id}.fit"), r"'a\.fit'"),
    ("pattern's column absent", lambda s: s.set("spectrum.pattern", "{file}.fits"), "'file'"),
    ("format has columns", lambda s: s.set("spectrum.flux", "f"), "leave out 'flux'"),
    ("unknown file format", lambda s: s.set("spectrum.format", "lamots"), "'lamots'.*'lamost'"),
    ("unknown catalogue", lambda s: s.set("objects.catalogue", "assasn"), "'assasn'.*'asassn'"),
    ("reserved name", lambda s: s.set("objects.info", {"ra": "ra"}), "'ra' is used twice"),
    ("mapping is no YAML", lambda s: s.write("m.yaml", "a: [1, 2\nb: }"), "m.yaml is not YAML"),
    ("mapping is garbage", lambda s: s.write("m.yaml", GARBAGE), "m.yaml is not YAML"),
    ("mapping is empty", lambda s: s.write("m.yaml", ""), "m.yaml has no keys"),
    ("mapping is a list", lambda s: s.write("m.yaml", "[1, 2]"), "m.yaml has no keys"),
    ("unknown reader", lambda s: s.write("m.yaml", "reader: astrom3_hu\npath: x\n"), "astrom3_hub"),
    ("hub's folder missing", lambda s: s.write("m.yaml", "reader: astrom3_hub\npath: x\n"),
     "no folder .*x"),
    ("hub's folder without files",
     lambda s: s.write("m.yaml", "reader: astrom3_hub\npath: spectra\n"), "holds no file train"),
    ("out holds other files", lambda s: s.write("out/thesis.tex", "x"), "holds other files"),
]  # fmt: skip

# Cases that an import survives: name, what breaks, the quarantine's row (object, reason)
QUARANTINED: list[tuple[str, Callable[[Survey], object], str, str]] = [
    ("one epoch", curve_a("a,1,10,0.1"), "a", "one epoch"),
    ("only NaN", curve_a("a,1,nan,0.1", "a,2,nan,0.1"), "a",
     "no epoch with a finite time and flux"),
    ("infinite flux", curve_a("a,1,inf,0.1", "a,2,-inf,0.1"), "a", "no epoch with a finite"),
    ("flux too large", curve_a("a,1,1e300,1", "a,2,1e300,1"), "a", "no epoch with a finite"),
    ("no times", curve_a("a,,1,0.1", "a,,2,0.1"), "a", "no epoch with a finite"),
    ("one epoch many times", curve_a(*["a,1,5,0.1"] * 9), "a", "one epoch"),
    ("constant flux", curve_a("a,1,5,1", "a,2,5,1", "a,3,5,1", "a,4,6,1"), "a", "zero MAD"),
    ("text for numbers", curve_a("a,1,x,0.1", "a,2,y,0.1"), "a", "no epoch with a finite"),
    ("unknown object", curve_a("zz,1,5,0.1", "zz,2,5,0.1"), "zz", r"no such object.*\(2 rows\)"),
    ("epochs without id", curve_a(",1,5,0.1"), "", "1 row without an id"),
    ("row too long", curve_a("a,1,5,0.1,7,7"), "", "wrong number of columns"),
    ("row too short", lambda s: s.replace("stars.csv", "b,20,-5,EW,1.5", "b,20,-5,EW,1.5\nc,1"),
     "", "wrong number of columns"),
    ("name twice", lambda s: s.replace("stars.csv", "b,20", "a,30,1,M,1\nb,20"), "a",
     "the name occurs twice"),
    ("name missing", lambda s: s.replace("stars.csv", "b,20", ",30,1,M,1\nb,20"), "", "no name"),
    ("ra out of range", lambda s: s.replace("stars.csv", "a,10", "a,400"), "a",
     "ra is out of range"),
    ("dec out of range", lambda s: s.replace("stars.csv", ",-5,", ",-95,"), "b", "dec is out of"),
    ("ra is text", lambda s: s.replace("stars.csv", "a,10", "a,north"), "a", "no angle.*'north'"),
    ("feature is text", lambda s: s.replace("stars.csv", "M,0.5", "M,red"), "a",
     "no number.*'red'"),
    ("feature infinite", lambda s: s.replace("stars.csv", "M,0.5", "M,inf"), "a", "infinite"),
    ("spectrum empty", spectrum_bytes(b""), "a", "a.fits is empty"),
    ("spectrum garbage", spectrum_bytes(GARBAGE), "a", "a.fits is no readable FITS"),
    ("spectrum cut off", spectrum_bytes(lamost()[:3000]), "a", "a.fits is no readable FITS"),
    ("spectrum's gzip cut off", spectrum_bytes(gzip.compress(lamost())[:-20]), "a", "damaged gzip"),
    ("no COEFF0", spectrum_where(lambda r, h: h.remove("COEFF0")), "a", "no COEFF0"),
    ("a card of a header only", spectrum_bytes(b"SIMPLE  =".ljust(2880)), "a", "a.fits"),
    ("table of other columns", spectrum_bytes(fits_table(x=[1, 2])), "a", "no column FLUX"),
    ("all ivar zero", spectrum_where(lambda r, h: zero(r, 1)), "a", "all pixels masked"),
    ("flux all NaN", spectrum_where(lambda r, h: to_nan(r)), "a", "all pixels masked"),
    ("flux all zero", spectrum_where(lambda r, h: zero(r, 0)), "a", "zero MAD"),
    ("one wavelength for all", spectrum_where(lambda r, h: h.set("COEFF1", 1e-9)), "a",
     "several spectra in one"),
    ("spectrum of nobody", lambda s: s.write("spectra/zz.fits", lamost()), "zz", "no such object"),
    ("curve's file empty", csv_folder(""), "a", "a.csv is empty"),
    ("curve's file garbage", csv_folder(GARBAGE), "a", "a.csv"),
    ("curve with header only", csv_folder("hjd,flux,err\n"), "a", "empty light curve"),
    ("curve's column absent", csv_folder("hjd,flx,err\n1,2,3\n"), "a", "no column 'flux'"),
    ("curve's gzip cut off", csv_folder(gzip.compress(EPOCHS.encode())[:-5], "csv.gz"), "a",
     "damaged gzip"),
]  # fmt: skip

# Cases that are put right and counted: name, what breaks, modality, the count's name
REPAIRED: list[tuple[str, Callable[[Survey], object], str, str]] = [
    ("unsorted", curve_a("a,3,1,1", "a,1,2,1", "a,2,3,1"), "photometry", "unsorted light curves"),
    ("duplicates", curve_a("a,1,1,1", "a,1,1,1", "a,2,3,1"), "photometry", "duplicate epochs"),
    ("a NaN", curve_a("a,1,1,1", "a,2,nan,1", "a,3,3,1"), "photometry",
     "epochs without a finite flux"),
    ("an infinite time", curve_a("a,1,1,1", "a,inf,2,1", "a,3,3,1"), "photometry",
     "epochs without a finite time"),
    ("negative errors", curve_a("a,1,1,1", "a,2,2,-1", "a,3,3,0", "a,4,2,1"), "photometry",
     "epochs without an error among others with one"),
    ("an error of 0", curve_a("a,1,1,1", "a,2,2,1", "a,3,3,0"), "photometry",
     "epochs given the median error"),
    ("no errors", curve_a("a,1,1,", "a,2,2,", "a,3,3,"), "photometry",
     "light curves without errors"),
    ("negative ivar", spectrum_where(lambda r, h: some_bad(r)), "spectrum",
     "pixels masked in the source"),
    ("infinite pixel", spectrum_where(lambda r, h: some_bad(r)), "spectrum",
     "pixels without a finite flux"),
    ("wavelengths fall", spectrum_where(lambda r, h: h.set("COEFF1", -1e-4)), "spectrum",
     "unsorted spectra"),
]  # fmt: skip

# Oddities that are no fault
SOUND: list[tuple[str, Callable[[Survey], object]]] = [
    ("a line of a megabyte", lambda s: s.replace("stars.csv", "EW", "x" * 1_500_000)),
    ("Latin-1 text", lambda s: s.write("stars.csv", STARS.replace("EW", "é").encode("latin-1"))),
    ("a byte order mark", lambda s: s.write("stars.csv", b"\xef\xbb\xbf" + STARS.encode())),
    ("Windows line ends", lambda s: s.write("stars.csv", STARS.replace("\n", "\r\n"))),
    ("quoted commas", lambda s: s.replace("stars.csv", "EW", '"E,W"')),
    ("a name with slashes", lambda s: s.replace("stars.csv", "EW", "../../etc")),
    ("no label at all", lambda s: s.replace("stars.csv", "EW", "")),
]


@pytest.mark.parametrize(("breaks", "sentence"), named(ERRORS))
def test_an_import_stops_with_one_sentence(tmp_path, breaks, sentence):
    survey = Survey(tmp_path)
    breaks(survey)
    before = {path for path in tmp_path.rglob("*") if path.name != "m.yaml"}
    with pytest.raises(SkybindError, match=sentence) as caught:
        survey.run()
    expect_one_sentence(caught.value)
    assert {path for path in tmp_path.rglob("*") if path.name != "m.yaml"} == before


@pytest.mark.parametrize(("breaks", "object_id", "reason"), named(QUARANTINED))
def test_an_import_sets_aside_what_cannot_be_used(tmp_path, breaks, object_id, reason):
    survey = Survey(tmp_path)
    breaks(survey)
    out = survey.run()
    rows = read_quarantine(out)
    assert len(rows) == 1, rows
    assert rows[0]["object_id"] == object_id
    assert re.search(reason, rows[0]["reason"]), rows
    assert rows[0]["source"]
    assert check_dataset(out) == []
    everything(out)
    assert sum(dataset_info(out).quarantine.values()) == 1


@pytest.mark.parametrize(("breaks", "modality", "count"), named(REPAIRED))
def test_an_import_repairs_and_counts(tmp_path, breaks, modality, count):
    survey = Survey(tmp_path)
    breaks(survey)
    out = survey.run()
    assert read_quarantine(out) == []
    summary = json.loads((out / "import.json").read_text())
    assert summary["repaired"][modality][count] >= 1
    assert summary["observed"] == {"photometry": 2, "spectrum": 2, "metadata": 2}
    assert check_dataset(out) == []
    everything(out)


@pytest.mark.parametrize("breaks", named(SOUND))
def test_oddities_are_no_fault(tmp_path, breaks):
    survey = Survey(tmp_path)
    breaks(survey)
    out = survey.run()
    assert read_quarantine(out) == []
    assert check_dataset(out) == []
    everything(out)
    assert Dataset.open(out).object_ids.tolist() == ["a", "b"]


def test_a_file_without_permission(tmp_path, monkeypatch):
    survey = Survey(tmp_path)
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "stars.csv":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything
    with pytest.raises(SkybindError, match=r"stars.csv .*no permission"):
        survey.run()


def test_a_zip_cut_off(tmp_path):
    survey = Survey(tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.fits", lamost())
    survey.write("spectra.zip", buffer.getvalue()[:-50])
    survey.set("spectrum.folder", "spectra.zip")
    with pytest.raises(SkybindError, match=r"spectra.zip is neither a folder nor a zip"):
        survey.run()


def test_a_damaged_file_in_a_zip(tmp_path):
    survey = Survey(tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.fits", lamost())
        archive.writestr("b.fits", lamost())
    content = bytearray(buffer.getvalue())
    content[200] ^= 255
    survey.write("spectra.zip", bytes(content))
    survey.set("spectrum.folder", "spectra.zip")
    (row,) = read_quarantine(survey.run())
    assert (row["object_id"], row["source"]) == ("a", "spectra.zip/a.fits")
    assert "cannot be read from the zip" in row["reason"]


def test_there_are_more_than_fifty_kinds():
    names = {case[0] for case in [*ERRORS, *QUARANTINED, *REPAIRED]}
    assert len(names) == len(ERRORS) + len(QUARANTINED) + len(REPAIRED) > 50
