"""One small survey written in a hundred ways: it is imported to the same values, or refused.

The truth is five stars with positions, periods, magnitudes, light curves and spectra. Hypothesis
chooses the format, the layout, units, sentinels, order and precision; the mapping says what such
a file needs. There is no third outcome, and a refusal is one sentence.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from astropy import units
from astropy.coordinates import Angle
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skybind.data.dataset import Dataset
from skybind.errors import SkybindError
from skybind.ingest.survey import import_dataset

NAMES = ["007", "b 1", "c", "d", "e"]
NUMBERS = [7, 4611686018427387905, 12, 3, 4611686018427387904]
RA = np.array([99.31625, 0.0, 359.9995, 180.25, 12.5])
DEC = np.array([-10.5, -0.25, 89.75, 45.0, -0.0125])
PERIOD = np.array([0.5, 2.25, 0.1, 110.0, np.nan])  # days
BRIGHT = np.array([12.5, 13.25, np.nan, 9.75, 18.5])  # mag
LABEL = ["EW", "RRAB", "", "M", "EW"]
DAYS = 2457000.0 + np.array([1.25, 2.5, 4.0, 7.75, 11.0, 20.5])
#: mJy, and its errors
FLUX = np.array([[(1 + star) * (5 + (7 * k) % 4) for k in range(6)] for star in range(5)], float)
FLUX_ERR = 0.01 * FLUX * np.array([1, 1.5, 1, 2, 1, 1.25])
WAVELENGTH = np.linspace(4000, 4055, 12)  # Angstrom
SPECTRUM = np.array([[2 + star + np.sin(k + star) for k in range(12)] for star in range(5)])
SENTINELS = {"g": -999.9, "period": -1.0, "f": 99.99}
#: Where an epoch that was no measurement stands among the others.
BAD = 3


@dataclass
class Way:
    """How the survey is written."""

    format: str
    layout: str
    single: bool
    order: list[int]
    period: str
    position: str
    time: str
    flux: str
    error: str
    wavelength: str
    missing: str
    stated: bool
    bad: str
    strangers: bool
    integers: bool
    text: str


ways = st.builds(
    Way,
    format=st.sampled_from(["csv", "tsv", "dat", "fits", "votable", "ecsv", "parquet"]),
    layout=st.sampled_from(["long", "files", "lists"]),
    single=st.booleans(),
    order=st.permutations(range(5)),
    period=st.sampled_from(["d", "h", "min", "s"]),
    position=st.sampled_from(["deg", "rad", "hourangle", "text", "text units", "parts"]),
    time=st.sampled_from(["d", "MJD", "BJD - 2457000, days", "h"]),
    flux=st.sampled_from(["mJy", "uJy", "nJy", "Jy", "nmgy", "erg / (s cm2 Hz)", "mag"]),
    error=st.sampled_from(["same", "left out", "none"]),
    wavelength=st.sampled_from(["Angstrom", "nm", "um", "m", "dex(Angstrom)", "ln(Angstrom)"]),
    missing=st.sampled_from(["sentinel", "blank"]),
    stated=st.booleans(),
    bad=st.sampled_from(["none", "blank", "sentinel", "error sentinel"]),
    strangers=st.booleans(),
    integers=st.booleans(),
    text=st.sampled_from(["plain", "mark", "dos", "comments", "fortran", "minus"]),
)
ENDINGS = {"votable": "vot", "dat": "dat"}


def write(way: Way, path: Path, columns: dict[str, Any], stated: dict[str, str]) -> str:
    """Write a table with another library than ours; the file states units where it can."""
    path = path.with_suffix("." + ENDINGS.get(way.format, way.format))
    table = Table({name: np.asarray(values) for name, values in columns.items()})
    if way.format == "parquet":
        arrays = {k: pa.array(list(v)) for k, v in columns.items()}
        if way.text == "plain":  # names and classes as categories
            arrays = {k: a.dictionary_encode() if pa.types.is_string(a.type) else a
                      for k, a in arrays.items()}  # fmt: skip
        pq.write_table(pa.table(arrays), path)
        return path.name
    if way.stated and way.format in ("fits", "votable", "ecsv"):
        for name, unit in stated.items():
            table[name].unit = None if unit == "nmgy" else unit
    if way.format in ("csv", "tsv", "dat"):
        _text(way, path, columns)
    else:
        format = {"ecsv": "ascii.ecsv"}.get(way.format, way.format)
        table.write(path, format=format)
    return path.name


def _text(way: Way, path: Path, columns: dict[str, Any]) -> None:
    between = {"csv": ",", "tsv": "\t", "dat": " "}[way.format]
    quote = {"csv": "", "tsv": "", "dat": '"'}[way.format]
    lines = [between.join(columns)]
    for row in zip(*columns.values(), strict=True):
        cells = [_cell(value, way.text) for value in row]
        cells = [
            f"{quote}{cell}{quote}" if not cell or (" " in cell and cell[0] != '"') else cell
            for cell in cells
        ]
        lines.append(between.join(cells))
        if way.text == "comments":
            lines.append("# the next night")
    end = "\r\n" if way.text == "dos" else "\n"
    text = ("\ufeff" if way.text == "mark" else "") + end.join(lines) + end
    path.write_text(text, encoding="utf-8", newline="")


def _cell(value: Any, way: str) -> str:
    if isinstance(value, list | np.ndarray):
        return '"' + json.dumps(list(map(float, value))) + '"'
    if isinstance(value, str | int | np.integer):
        return str(value)
    if np.isnan(value):
        return ""
    if way == "fortran":
        return f"{float(value):.17E}".replace("E", "D")
    text = repr(float(value))
    return text.replace("-", "\N{MINUS SIGN}") if way == "minus" else text


def known(way: Way, values: np.ndarray, name: str) -> np.ndarray:
    """Write what is missing as the survey does."""
    sentinel = SENTINELS[name] if way.missing == "sentinel" else np.nan
    return np.where(np.isnan(values), sentinel, values)


def positions(way: Way) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of positions, and what the mapping says of them."""
    ra, dec = Angle(RA, "deg"), Angle(DEC, "deg")
    if way.position in ("deg", "rad", "hourangle"):
        second = "deg" if way.position == "hourangle" else way.position
        columns = {"ra": ra.to_value(way.position), "dec": dec.to_value(second)}
        said = {
            "ra": {"column": "ra", "unit": way.position},
            "dec": {"column": "dec", "unit": second},
        }
        return columns, said
    if way.position == "parts":
        h, d = ra.hms, dec.signed_dms
        columns = {
            "rh": h.h, "rm": h.m, "rs": np.round(h.s, 6),
            "sign": np.where(np.asarray(d.sign) < 0, "-", "+"),
            "dd": d.d, "dm": d.m, "ds": np.round(d.s, 6),
        }  # fmt: skip
        said = {
            "ra": {"columns": ["rh", "rm", "rs"]},
            "dec": {"columns": ["dd", "dm", "ds"], "sign": "sign"},
        }
        return columns, said
    sep = ":" if way.position == "text" else "fromunit"
    columns = {
        "ra": ra.to_string(unit="hourangle", sep=sep, precision=6, pad=True),
        "dec": dec.to_string(unit="deg", sep=sep, precision=6, pad=True, alwayssign=True),
    }
    return columns, {"ra": "ra", "dec": "dec"}


def curves(way: Way) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, str]]:
    """Fields of light curves (5, 6), what the mapping says, and what the file can state."""
    offset = {"MJD": 2400000.5, "BJD - 2457000, days": 2457000.0}.get(way.time, 0.0)
    times = np.tile(DAYS - offset, (5, 1)) * (24 if way.time == "h" else 1)
    said: dict[str, Any] = {"time": {"column": "t", "unit": way.time}}
    if way.flux == "mag":
        value = -2.5 * np.log10(FLUX / 3.631e6)
        error = 2.5 / np.log(10) * FLUX_ERR / FLUX
        field = "magnitude"
    else:
        own = "3.631e-6 Jy" if way.flux == "nmgy" else way.flux
        factor = (1 * units.mJy).to_value(own)
        value, error, field = FLUX * factor, FLUX_ERR * factor, "flux"
    said[field] = {"column": "f", "unit": way.flux}
    if way.bad == "sentinel":
        said[field]["missing"] = SENTINELS["f"]
    columns = {"t": times, "f": value}
    stated = {"f": way.flux}
    if way.error != "none":
        columns["fe"] = error
        said[f"{field}_err"] = {"column": "fe"}
        if way.bad == "error sentinel":
            said[f"{field}_err"]["missing"] = SENTINELS["f"]
        if way.error == "same":
            said[f"{field}_err"]["unit"] = way.flux
            stated["fe"] = way.flux
    return with_bad(way, columns), said, stated


def with_bad(way: Way, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Put an epoch without a measurement in each light curve."""
    if way.bad == "none" or (way.bad == "error sentinel" and "fe" not in columns):
        return columns
    longer = {name: np.insert(values, BAD, values[:, BAD], axis=1)
              for name, values in columns.items()}  # fmt: skip
    longer["t"][:, BAD] = longer["t"][:, BAD - 1 : BAD + 2 : 2].mean(axis=1)
    empty = np.nan if way.bad == "blank" else SENTINELS["f"]
    longer["fe" if way.bad == "error sentinel" else "f"][:, BAD] = empty
    return longer


def spectra(way: Way) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, str]]:
    """Fields of spectra (5, 12), what the mapping says, and what the file can state."""
    if way.wavelength == "dex(Angstrom)":
        wave = np.log10(WAVELENGTH)
    elif way.wavelength == "ln(Angstrom)":
        wave = np.log(WAVELENGTH)
    else:
        wave = (WAVELENGTH * units.Angstrom).to_value(way.wavelength)
    columns = {"w": np.tile(wave, (5, 1)), "s": SPECTRUM}
    said = {"wavelength": {"column": "w", "unit": way.wavelength}, "flux": "s"}
    stated = {} if "(" in way.wavelength else {"w": way.wavelength}
    return columns, said, stated


def observation(
    way: Way, folder: Path, name: str, fields: dict[str, np.ndarray], stated: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the observations; gives keys of the mapping, and columns of the objects."""
    dtype = np.float32 if way.single and name == "spectrum" else np.float64
    fields = {key: values.astype(dtype) for key, values in fields.items()}
    if way.layout == "long":
        rows = {key: values[way.order].ravel() for key, values in fields.items()}
        n = len(rows[next(iter(rows))]) // 5
        names = list(NUMBERS if way.integers else NAMES)
        ids = [names[star] for star in way.order for _ in range(n)]
        if way.strangers:
            ids += [99 if way.integers else "z"] * 2
            rows = {key: np.concatenate([values, values[:2]]) for key, values in rows.items()}
        file = write(way, folder / name, {"star": ids, **rows}, stated)
        return {"file": file, "id": "star"}, {}
    if way.layout == "files":
        (folder / name).mkdir()
        for star in range(5):
            rows = {key: values[star] for key, values in fields.items()}
            own = str(NUMBERS[star]) if way.integers else NAMES[star]
            file = write(way, folder / name / own, rows, stated)
        return {"folder": name, "pattern": "{id}" + Path(file).suffix}, {}
    return {"id": "star"}, {key: list(values[way.order]) for key, values in fields.items()}


def survey(way: Way, folder: Path) -> Path:
    """Write the whole survey and its mapping."""
    at, of_positions = positions(way)
    factor = (1 * units.d).to_value(way.period)
    columns: dict[str, Any] = {"star": np.asarray(NUMBERS if way.integers else NAMES)[way.order]}
    columns |= {name: np.asarray(values)[way.order] for name, values in at.items()}
    columns["cls"] = np.asarray(LABEL)[way.order]
    dtype = np.float32 if way.single else np.float64
    columns["g"] = known(way, BRIGHT, "g").astype(dtype)[way.order]
    columns["per"] = known(way, PERIOD * factor, "period").astype(dtype)[way.order]
    stated = {"g": "mag", "per": way.period}
    period: dict[str, Any] = {"column": "per", "unit": way.period}
    bright: dict[str, Any] = {"column": "g", "unit": "mag"}
    if way.missing == "sentinel":
        period["missing"], bright["missing"] = SENTINELS["period"], SENTINELS["g"]
    mapping: dict[str, Any] = {
        "objects": {
            "id": "star",
            **of_positions,
            "label": "cls",
            "features": {"photometry": {"period": period}, "metadata": {"g_mag": bright}},
        }
    }
    for name, make in (("photometry", curves), ("spectrum", spectra)):
        fields, said, units_of = make(way)
        keys, more = observation(way, folder, name, fields, units_of)
        columns |= more
        stated |= units_of if more else {}
        mapping[name] = {**keys, **said}
    file = write(way, folder / "objects", columns, stated)
    mapping["objects"]["file"] = file
    for name in ("photometry", "spectrum"):
        if "folder" not in mapping[name]:
            mapping[name].setdefault("file", file)
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
    return folder / "m.yaml"


def check(way: Way, data: Dataset) -> None:
    """Compare a dataset with the truth."""
    row = {name: place for place, name in enumerate(data.object_ids.tolist())}
    names = [str(name) for name in (NUMBERS if way.integers else NAMES)]
    assert sorted(row) == sorted(names)
    place = [row[name] for name in names]
    turned = (data.numbers("ra")[place] - RA + 180) % 360 - 180
    assert np.allclose(turned, 0, atol=1e-7)
    assert np.allclose(data.numbers("dec")[place], DEC, atol=1e-7)
    assert data.labels()[place].tolist() == LABEL
    assert np.allclose(data.numbers("period")[place], PERIOD, rtol=1e-6, equal_nan=True)
    assert np.allclose(data.numbers("g_mag")[place], BRIGHT, rtol=1e-6, equal_nan=True)
    for star, name in enumerate(names):
        curve, spectrum = data[name].photometry, data[name].spectrum
        times = np.asarray(getattr(curve["time"], "value", curve["time"]))
        assert np.allclose(times - times[0], DAYS - DAYS[0], atol=1e-6)
        if data.schema.attributes("photometry").get("time_system"):
            assert np.allclose(times, DAYS, atol=1e-6)
        flux = FLUX[star]
        if "flux" in curve:
            assert np.allclose(curve["flux"].to_value("mJy"), flux, rtol=1e-5)
        else:
            assert np.allclose(curve["magnitude"].value, -2.5 * np.log10(flux / 3.631e6), atol=1e-5)
        errors = [field for field in curve if field.endswith("_err")]
        assert bool(errors) or way.error == "none"
        if errors and way.error != "none":
            relative = np.asarray(curve[errors[0]].value)
            if errors[0] == "flux_err":
                relative = relative / np.asarray(curve["flux"].value)
            else:
                relative = relative * np.log(10) / 2.5
            assert np.allclose(relative, (FLUX_ERR / FLUX)[star], rtol=1e-4)
        assert np.allclose(spectrum["wavelength"].value, WAVELENGTH, rtol=1e-6)
        found = spectrum["flux"]
        assert np.allclose(getattr(found, "value", found), SPECTRUM[star], rtol=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(way=ways)
def test_one_survey_written_in_many_ways_is_the_same_or_refused(way):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mapping = survey(way, folder)
        try:
            import_dataset(mapping, folder / "out")
        except SkybindError as error:
            said = str(error)
        else:
            said = ""
            check(way, Dataset.open(folder / "out"))
        assert "\n" not in said
        assert bool(said) == refused(way), f"{way}: {said}"


def refused(way: Way) -> bool:
    """Whether there is a reason to refuse the survey."""
    return False
