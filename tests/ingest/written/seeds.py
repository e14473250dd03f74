"""A sound survey for every reader, small, which tests and campaigns damage.

Each is a mapping and its files. A format that is added to the registry needs one here.
"""

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted
from skybind.scale.export import export_hats
from tests.ingest.curve_files import wanted
from tests.ingest.galaxy_files import (
    galaxies,
    provabgs_rows,
    write_hdf5,
    write_provabgs,
    write_shard,
)
from tests.ingest.hats_files import write_hats
from tests.ingest.spectrum_files import WANTED
from tests.ingest.written import (
    aavso,
    alerce,
    apogee,
    astrom3,
    atlas,
    catalina,
    desi,
    gaia,
    galah,
    kepler,
    lamost_mrs,
    manga,
    ogle,
    osc,
    plain,
    plasticc,
    sixdf,
    skypatrol,
    snana,
    surveys,
    tess,
    ztf,
)

Files = dict[str, bytes]


@dataclass(frozen=True)
class Seed:
    """A sound survey.

    Attributes
    ----------
    files : dict of str to bytes
        By their paths in a folder; the mapping is `m.yaml`.
    harmed : tuple of str
        Those that may be damaged, all of them data.
    sound : str
        Name of an object of which they hold nothing, and which has to arrive whatever they hold;
        "" where all objects are in one file.
    reader : str
        Of a whole data set that is brought without a mapping: its path is `source`.
    wanted : dict, optional
        What a model reads, where one of these files may be given to it.
    format : str, optional
        Of such a file.
    """

    files: Mapping[str, bytes]
    harmed: tuple[str, ...]
    sound: str = ""
    reader: str = ""
    wanted: Mapping[str, Wanted] | None = None
    format: str | None = None

    def write(self, folder: Path) -> Path:
        """Write all files."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


@dataclass(frozen=True)
class Key:
    """Of which reader a seed is: the kind of what it reads, its name, and which layout."""

    kind: str
    name: str
    layout: str = ""

    def __str__(self) -> str:
        return " ".join([self.kind, self.name, self.layout]).strip()


def files_below(folder: Path) -> Files:
    """Read all files below a folder."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def mapped(files: Files, harmed: tuple[str, ...], mapping: dict[str, Any], **more: Any) -> Seed:
    """Make a seed of files and their mapping."""
    return Seed({"m.yaml": yaml.safe_dump(mapping).encode(), **files}, harmed, **more)


OBJECTS = {"objects.csv": b"id,ra,dec\na,10,20\nb,30,-40\n"}
_OF_OBJECTS = {"file": "objects.csv", "id": "id", "ra": "ra", "dec": "dec"}


def one_a_file(kind: str, format: str, own: Files, reads: Any = None, **keys: Any) -> Seed:
    """Make a seed of a format with one file an object, or some: names have `{id}` in them."""
    files = dict(OBJECTS)
    for name in "ab":
        files |= {f"data/{file.format(id=name)}": content for file, content in own.items()}
    section = {"folder": "data", "pattern": next(iter(own)), "format": format, **keys}
    harmed = tuple(f"data/{file.format(id='a')}" for file in own)
    mapping = {"objects": _OF_OBJECTS, kind: section}
    return mapped(files, harmed, mapping, sound="b", wanted=reads, format=format)


def curves(format: str, ending: str, write: Callable[[Path], Any], **units: str | None) -> Seed:
    """Make a seed of light curves; `write` writes a file."""
    with TemporaryDirectory() as place:
        path = Path(place) / f"x{ending}"
        path = write(path) or path
        own = {f"{{id}}{ending}": path.read_bytes()}
    return one_a_file("photometry", format, own, wanted(**(units or MAGNITUDES)))


def spectra(format: str, own: Files) -> Seed:
    """Make a seed of spectra."""
    return one_a_file("spectrum", format, own, WANTED)


def written(write: Callable[[Path], Any]) -> bytes:
    """Give the bytes of a file that a function writes."""
    with TemporaryDirectory() as place:
        write(Path(place) / "x.fits")
        return (Path(place) / "x.fits").read_bytes()


MAGNITUDES = {"magnitude": "mag", "magnitude_err": "mag", "band": None}
FLUXES = {"flux": "mJy", "flux_err": "mJy", "band": None}
COUNTS = {"flux": "electron / s", "flux_err": "electron / s"}


def _gaia(layout: str) -> Seed:
    ending = "." + layout.rpartition(".")[2]
    return curves("gaia", ending, lambda p: gaia.files(p.parent, layout), **MAGNITUDES)


def _snana() -> Seed:
    with TemporaryDirectory() as place:
        path = Path(place)
        snana.written(path)
        files = {name: gzip.decompress(data) for name, data in files_below(path).items()}
    files = {name.removesuffix(".gz"): data for name, data in files.items()}
    objects = {"objects.csv": b"id\n1001\n1002\n"}
    keys = {"file": "M_PHOT.FITS", "format": "snana"}
    mapping = {"objects": {"file": "objects.csv", "id": "id"}, "photometry": keys}
    return mapped(files | objects, tuple(files), mapping)


def _galah(format: str) -> Seed:
    own = {}
    with TemporaryDirectory() as place:
        for camera in (1, 2, 3, 4):
            own[f"{{id}}{camera}.fits"] = galah.write(Path(place), camera).read_bytes()
    return spectra(format, own)


def _mrs(late: bool) -> bytes:
    parts = [lamost_mrs.extension(f"COADD_{arm}", arm, late=late) for arm in "BR"]
    return written(lambda path: lamost_mrs.write(path, *parts))


def _sdss() -> bytes:
    columns = {"flux": surveys.FLUX, "loglam": np.log10(surveys.WAVE), "ivar": surveys.IVAR}
    return surveys.sdss_file(**columns)


def _aspcap() -> bytes:
    images = (apogee.FLUX / 100, apogee.ERROR / 100, np.ones(apogee.N))
    return written(lambda path: apogee.write(path, *(image.astype("f4") for image in images)))


def _image(ending: str, content: bytes, **keys: Any) -> Seed:
    format = "fits" if ending == "fits" else "jpeg"
    return one_a_file("image", format, {f"{{id}}.{ending}": content}, None, **keys)


def _brought(reader: str, source: str, write: Callable[[Path], Any], **options: Any) -> Seed:
    """Make a seed of a whole data set."""
    with TemporaryDirectory() as place:
        (Path(place) / "data").mkdir()
        write(Path(place) / "data")
        files = files_below(Path(place))
    mapping = {"reader": reader, "path": f"data/{source}", "options": options}
    return mapped(files, tuple(files), mapping)


def _desi(folder: Path) -> None:
    desi.write_coadd(folder / "coadd-1.fits", desi.arms(), desi.fibermap())
    desi.write_redrock(folder / "redrock-1.fits", desi.redrock())


def _astroclip(folder: Path) -> None:
    arrays = galaxies(3)
    write_hdf5(folder / "a.h5", {"0": arrays}, chunks=True, compression="gzip")
    write_provabgs(folder / "bgs.hdf5", provabgs_rows(arrays["targetids"]))


def _astrom3_hub(folder: Path) -> None:
    rng = np.random.default_rng(7)
    numbers = {"train": 3, "validation": 1, "test": 1}
    stars = {part: [astrom3.star(rng, 20) for _ in range(n)] for part, n in numbers.items()}
    astrom3.write_hub(folder / "full_42", stars)


def _exported() -> Seed:
    """Make a seed of a dataset that was exported as a HATS catalogue."""
    with TemporaryDirectory() as place:
        survey = _tables("csv").write(Path(place) / "survey")
        import_dataset(survey / "m.yaml", survey / "out")
        export_hats(survey / "out", Path(place) / "source", rows=20)
        files = files_below(Path(place) / "source")
    files = {f"source/{name}": content for name, content in files.items()}
    return Seed(files, tuple(files), reader="hats")


def _hats() -> Seed:
    """Make a seed of a HATS catalogue with nested light curves."""
    rng, n = np.random.default_rng(0), 12
    cells = [{"mjd": [58000.0 + k, 58001.5, 58003.0 + k], "mag": [14.0, 14.5, 15 + k / 100],
              "err": [0.1, 0.2, 0.1]} for k in range(n)]  # fmt: skip
    table = pa.table({"source_id": np.arange(n), "ra": rng.uniform(40, 43, n),
                      "dec": rng.uniform(-3, 3, n), "lc": cells})  # fmt: skip
    with TemporaryDirectory() as place:
        write_hats(Path(place) / "cat", table)
        files = files_below(Path(place))
    curve = {"file": "cat", "id": "source_id", "time": {"column": "lc.mjd", "unit": "MJD"},
             "magnitude": {"column": "lc.mag", "unit": "mag"},
             "magnitude_err": "lc.err"}  # fmt: skip
    objects = {"file": "cat", "id": "source_id", "ra": "ra", "dec": "dec"}
    return mapped(files, tuple(files), {"objects": objects, "photometry": curve})


def _catalogue() -> Seed:
    text = "asassn_name,raj2000,dej2000,l,b,variable_type,mean_vmag,period,parallax\n"
    text += "A,99.3,27.2,186.1,9.4,EW,13.1,0.31,1.2\nB,0.1,-5,97,-66,SR,11.1,80,\n"
    files = {"catalogue.csv": text.encode()}
    return mapped(files, ("catalogue.csv",), {"objects": {"file": "catalogue.csv",
                                                          "catalogue": "asassn"}})  # fmt: skip


def _tables(format: str, zipped: bool = False) -> Seed:
    """Make a seed of two tables: objects, and their epochs."""
    ending = plain.ENDINGS.get(format, format)
    stars = {"id": ["a", "b"], "ra": [10.0, 30], "dec": [5.0, -40], "kind": ["M", "EW"],
             "colour": [0.5, 1.5], "z": [0.25, 0.125]}  # fmt: skip
    epochs = {"id": ["a"] * 4 + ["b"] * 4, "hjd": [1.5, 2.5, 3.5, 5.25] * 2,
              "flux": [10.0, 12.5, 11, 14, 20, 21.5, 23, 22], "err": [0.5] * 8}  # fmt: skip
    end = f"{ending}.gz" if zipped else ending
    tables = {f"stars.{end}": stars, f"epochs.{end}": epochs}
    files = {name: plain.table_bytes(format, columns) for name, columns in tables.items()}
    if zipped:
        files = {name: gzip.compress(content) for name, content in files.items()}
    objects = {"file": f"stars.{end}", "id": "id", "ra": "ra", "dec": "dec", "label": "kind",
               "features": {"metadata": {"colour": {"column": "colour", "unit": "mag"}}},
               "targets": {"redshift": {"column": "z"}}}  # fmt: skip
    curve = {"file": f"epochs.{end}", "id": "id", "time": {"column": "hjd", "unit": "d"},
             "flux": {"column": "flux", "unit": "mJy"}, "flux_err": "err"}  # fmt: skip
    mapping = {"objects": objects, "photometry": curve}
    return mapped(files, tuple(files), mapping, wanted=wanted(**FLUXES), format=format)


def _arrays(kind: str) -> Seed:
    ending = {"hdf5": "h5", "npz": "npz", "fits_images": "fits"}[kind]
    waves = {"hdf5": "group/wavelength", "npz": "wavelength", "fits_images": "WAVELENGTH"}[kind]
    flux = "FLUX" if kind == "fits_images" else "flux"
    spectrum = {"file": f"s.{ending}", "flux": {"column": flux, "unit": ""},
                "wavelength": {"column": waves, "unit": "Angstrom"}}  # fmt: skip
    spectrum |= {"format": kind} if kind == "fits_images" else {}
    files = {f"s.{ending}": plain.array_file(kind)}
    return mapped(OBJECTS | files, tuple(files), {"objects": _OF_OBJECTS, "spectrum": spectrum})


def _zip(packed: int) -> Seed:
    """Make a seed of light curves in a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name in "ab":
            archive.writestr(f"{name}.dat", surveys.DAT)
    section = {"folder": "data.zip", "pattern": "{id}.dat", "format": "asassn"}
    files = OBJECTS | {"data.zip": out.getvalue()}
    return mapped(files, ("data.zip",), {"objects": _OF_OBJECTS, "photometry": section})


_CURVES: dict[Key, Callable[[], Seed]] = {
    Key("photometry", format, layout): (
        lambda format=format, ending=ending, write=write, units=units: curves(
            format, ending, write, **units
        )
    )
    for format, layout, ending, write, units in (
        ("aavso", "download", ".csv", aavso.download, MAGNITUDES),
        ("aavso", "extended", ".txt", aavso.extended, MAGNITUDES),
        ("alerce", "csv", ".csv", alerce.written, FLUXES),
        ("alerce", "json", ".json", alerce.written, FLUXES),
        ("asassn", "", ".dat", lambda p: p.write_text(surveys.DAT) and None, FLUXES),
        ("atlas", "", ".txt", lambda p: p.write_text(atlas.TEXT) and None, FLUXES),
        ("catalina", "", ".csv", lambda p: catalina.written(p, catalina.ONE), MAGNITUDES),
        ("kepler", "", ".fits", kepler.kepler, COUNTS),
        ("ogle", "", ".dat", ogle.written, MAGNITUDES),
        ("osc", "", ".json", osc.written, MAGNITUDES),
        ("plasticc", "", ".csv", lambda p: plasticc.written(p, plasticc.ROWS), FLUXES),
        ("skypatrol", "client", ".csv", skypatrol.written, FLUXES),
        ("skypatrol", "page", ".csv", lambda p: skypatrol.written(p, True), FLUXES),
        ("tess", "spoc", ".fits", tess.spoc, COUNTS),
        ("tess", "qlp", ".fits", tess.qlp, {"flux": "", "flux_err": ""}),
        ("ztf", "csv", ".csv", ztf.written, MAGNITUDES),
        ("ztf", "parquet", ".parquet", ztf.written, MAGNITUDES),
        ("ztf", "votable", ".xml", ztf.written, MAGNITUDES),
        ("ztf", "ipac", ".tbl", ztf.written, MAGNITUDES),
    )
}
SEEDS: dict[Key, Callable[[], Seed]] = {
    **_CURVES,
    **{Key("photometry", "gaia", name): lambda name=name: _gaia(name) for name in gaia.LAYOUTS},
    Key("photometry", "snana"): _snana,
    Key("spectrum", "6df"): lambda: spectra("6df", {"{id}.fits": written(sixdf.write)}),
    Key("spectrum", "apogee"): lambda: spectra("apogee", {"{id}.fits": written(apogee.star)}),
    Key("spectrum", "aspcap"): lambda: spectra("aspcap", {"{id}.fits": _aspcap()}),
    Key("spectrum", "galah"): lambda: _galah("galah"),
    Key("spectrum", "galah_normalised"): lambda: _galah("galah_normalised"),
    Key("spectrum", "lamost", "image"): lambda: spectra(
        "lamost", {"{id}.fits": surveys.one_hdu()}
    ),
    Key("spectrum", "lamost", "table"): lambda: spectra(
        "lamost", {"{id}.fits.gz": gzip.compress(surveys.two_hdus())}
    ),
    Key("spectrum", "lamost_mrs", "early"): lambda: spectra(
        "lamost_mrs", {"{id}.fits": _mrs(False)}
    ),
    Key("spectrum", "lamost_mrs", "late"): lambda: spectra("lamost_mrs", {"{id}.fits": _mrs(True)}),
    Key("spectrum", "manga"): lambda: spectra("manga", {"{id}.fits": written(manga.write)}),
    Key("spectrum", "sdss"): lambda: spectra("sdss", {"{id}.fits": _sdss()}),
    Key("image", "fits"): lambda: _image("fits", plain.cutout(), pixel_scale=0.262, unit="nmgy"),
    Key("image", "jpeg"): lambda: _image("jpg", plain.picture("JPEG"), bands=["z", "r", "g"],
                                         pixel_scale=0.262),
    Key("image", "jpeg", "png"): lambda: _image("png", plain.picture("PNG"),
                                                bands=["z", "r", "g"], pixel_scale=0.262),
    Key("data set", "astroclip_hdf5"): lambda: _brought(
        "astroclip_hdf5", "a.h5", _astroclip, provabgs="data/bgs.hdf5"
    ),
    Key("data set", "astroclip_hub"): lambda: _brought(
        "astroclip_hub", "", lambda folder: write_shard(folder / "train-0.parquet", galaxies(3))
    ),
    Key("data set", "astrom3_hub"): lambda: _brought("astrom3_hub", "full_42", _astrom3_hub),
    Key("data set", "astrom3_raw"): lambda: _brought(
        "astrom3_raw", "", astrom3.write_raw, configuration="full_42"
    ),
    Key("data set", "desi"): lambda: _brought("desi", "coadd-1.fits", _desi),
    Key("data set", "hats"): _exported,
    Key("table", "hats"): _hats,
    Key("catalogue", "asassn"): _catalogue,
    **{Key("table", name): lambda name=name: _tables(name) for name in plain.FORMATS},
    Key("table", "csv", "gzip"): lambda: _tables("csv", True),
    **{Key("arrays", kind): lambda kind=kind: _arrays(kind) for kind in plain.ARRAYS},
    Key("zip", "stored"): lambda: _zip(zipfile.ZIP_STORED),
    Key("zip", "deflated"): lambda: _zip(zipfile.ZIP_DEFLATED),
}  # fmt: skip


@cache
def seed(key: Key) -> Seed:
    """Make a seed; every process does so once."""
    return SEEDS[key]()
