"""DESI coadded spectra (`coadd-*.fits`) with their redshifts (`redrock-*.fits`).

The arms b, r and z become one spectrum: where they overlap, the mean weighted by ivar of the
pixels that are not masked. The resolution matrices are not used. FIBERMAP gives the positions and
the fluxes of the imaging survey; it is joined on TARGETID, and so is the file of redrock
(`zbest-*.fits` before 2021). A redshift with ZWARN != 0 is kept; `redshift_doubtful` is 1 there.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from skybind.config.load import validate
from skybind.data.schema import Column
from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.plan import Chunk, Plan, Row, quarantine_row
from skybind.ingest.readers.contents import open_fits_file
from skybind.ingest.readers.registry import register_dataset_reader
from skybind.ingest.readers.sdss import FLUX_UNIT, IVAR_UNIT
from skybind.ragged import Ragged

ROWS = 512


#: Pixels of two arms whose wavelengths differ by less are one pixel [Angstrom].
SAME_WAVELENGTH = 0.01


NOTE = "The resolution matrices of the spectra were not used."


COLUMNS = {
    "spectrum": Column(
        "observation",
        modality="spectrum",
        fields={"wavelength": "Angstrom", "flux": FLUX_UNIT, "ivar": IVAR_UNIT, "mask": None},
    ),
    **{
        f"mag_{band}": Column(
            "feature", "mag", f"22.5 - 2.5 log10(FLUX_{band.upper()}), AB", "metadata"
        )
        for band in "grz"
    },
    "redshift": Column("target", None, "Z of redrock, doubtful ones included"),
    "redshift_err": Column("info", None, "ZERR of redrock"),
    "zwarn": Column("info", None, "ZWARN of redrock; 0 is good"),
    "fiberstatus": Column("info", None, "COADD_FIBERSTATUS; bits 3 and 20 alone are good"),
    "redshift_doubtful": Column("info", None, "1 where ZWARN is not 0"),
    "spectype": Column("info", None, "SPECTYPE of redrock: GALAXY, QSO, STAR"),
}


Arm = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


REDROCK = {"redshift": "Z", "redshift_err": "ZERR", "zwarn": "ZWARN", "spectype": "SPECTYPE"}


class DesiOptions(BaseModel):
    """Options of the reader: none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Redshifts:
    """What redrock found, sorted by TARGETID."""

    targetid: np.ndarray
    columns: dict[str, np.ndarray]


@register_dataset_reader("desi")
def read_desi(path: Path, options: dict[str, Any], base: Path) -> Plan:
    """Plan the import of one coadd file, or of all in a folder and its subfolders.

    Parameters
    ----------
    path : Path
    options : dict
        None are known.
    base : Path
        Folder that a path among the options would be relative to.

    Raises
    ------
    DataError
        If there is no coadd file, or none can be read.
    """
    validate(DesiOptions, options, "options")
    if not path.exists():
        raise DataError(f"There is no file or folder {path}.")
    files = sorted(path.rglob("coadd-*.fits*")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no file coadd-*.fits.")
    quarantine: list[Row] = []
    counts: list[tuple[Path, int]] = []
    sources = list(files)
    for file in files:
        try:
            with _opened(file) as hdus:
                counts.append((file, int(hdus["FIBERMAP"].header["NAXIS2"])))
        except DataError as error:
            quarantine.append(quarantine_row("", file.name, "objects", str(error)))
        sources += [found for found in [redrock_file(file)] if found is not None]
    if not counts:
        raise DataError(f"None of the coadd files can be read: {quarantine[0]['reason']}")
    return Plan(
        COLUMNS,
        _steps(counts),
        total=sum(n for _, n in counts),
        sources=sources,
        settings="desi",
        provenance=f"DESI coadded spectra with redshifts of redrock ({path.name}). {NOTE}",
        quarantine=quarantine,
        notes=[NOTE],
    )


def redrock_file(coadd: Path) -> Path | None:
    """The file with the redshifts of a coadd file: of the same name, in the same folder."""
    for word in ("redrock", "zbest"):
        name = coadd.name.replace("coadd", word, 1).removesuffix(".gz")
        for found in (coadd.with_name(name), coadd.with_name(name + ".gz")):
            if found != coadd and found.exists():
                return found
    return None


def combine_arms(
    arms: list[Arm],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Put the arms of spectra onto one wavelength axis.

    Parameters
    ----------
    arms : list of (wavelength, flux, ivar, mask)
        Of shapes (pixels,) and (n, pixels); `mask` is true where a pixel is bad.

    Returns
    -------
    wavelength : ndarray, shape (m,)
        Every wavelength once, ascending.
    flux, ivar, mask : ndarray, shape (n, m)
        The mean flux weighted by ivar, the sum of ivar; masked where no arm has a good pixel.
    """
    every = np.concatenate([arm[0] for arm in arms])
    order = np.argsort(every, kind="stable")
    new = np.ones(len(every), bool)
    new[1:] = np.diff(every[order]) > SAME_WAVELENGTH
    place = np.empty(len(every), np.int64)
    place[order] = np.cumsum(new) - 1
    wavelength = every[order][new]
    n = len(arms[0][1])
    weight = np.zeros((n, len(wavelength)))
    total = np.zeros_like(weight)
    start = 0
    for wave, flux, ivar, mask in arms:
        index = place[start : start + len(wave)]
        start += len(wave)
        good = ~mask & np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
        use = np.where(good, ivar, 0)
        weight[:, index] += use
        total[:, index] += use * np.where(good, flux, 0)
    bad = weight == 0
    return wavelength, np.where(bad, 0, total / np.where(bad, 1, weight)), weight, bad


def _steps(counts: list[tuple[Path, int]]) -> Iterator[tuple[int, Callable[[], Chunk]]]:
    for file, n in counts:
        for start in range(0, n, ROWS):
            stop = min(start + ROWS, n)
            yield stop - start, partial(_chunk, file, start, stop)


def _chunk(file: Path, start: int, stop: int) -> Chunk:
    name, lost = file.name, []
    try:
        with _opened(file) as hdus:
            fibermap = {
                key: _native(hdus["FIBERMAP"].data[key][start:stop])
                for key in hdus["FIBERMAP"].columns.names
                if key in _FIBERMAP
            }
            wavelength, flux, ivar, mask = combine_arms(_arms(hdus, start, stop))
    except DataError as error:
        lost.append(
            quarantine_row("", name, "objects", f"{str(error)[:-1]} ({stop - start} objects).")
        )
        fibermap = {"TARGETID": np.zeros(0, np.int64)}
        wavelength, (flux, ivar, mask) = np.zeros(1), np.zeros((3, 0, 1))
    targetid = fibermap["TARGETID"]
    kind = fibermap.get("OBJTYPE", np.full(len(targetid), "TGT", object))
    target = np.asarray([str(k).strip() == "TGT" for k in kind], bool) & (targetid > 0)
    for i in np.flatnonzero(~target):
        reason = f"no target but a fibre of type '{str(kind[i]).strip()}'"
        if targetid[i] <= 0:
            reason = "no target: TARGETID is not positive"
        lost.append(quarantine_row(str(targetid[i]), name, "objects", reason))
    rows = np.flatnonzero(target)
    n, m = len(rows), len(wavelength)
    fields = {
        "wavelength": np.tile(wavelength.astype(np.float32), n),
        "flux": flux[rows].astype(np.float32).ravel(),
        "ivar": ivar[rows].astype(np.float32).ravel(),
        "mask": mask[rows].astype(bool).ravel(),
    }
    columns: dict[str, Any] = {
        "object_id": targetid[rows].astype(str).astype(object),
        "ra": _numbers(fibermap, "TARGET_RA", len(targetid))[rows],
        "dec": _numbers(fibermap, "TARGET_DEC", len(targetid))[rows],
        "spectrum": Ragged(fields, np.arange(n + 1, dtype=np.int64) * m, np.ones(n, bool)),
        **{
            f"mag_{b}": _magnitude(_numbers(fibermap, f"FLUX_{b.upper()}", len(targetid)))[rows]
            for b in "grz"
        },
    }
    found, notes = _redshifts(file, targetid[rows])
    status = next((fibermap[key] for key in FIBERSTATUS if key in fibermap), None)
    columns["fiberstatus"] = np.full(n, np.nan) if status is None else status[rows].astype(float)
    if status is not None:
        notes += _only_good_fibres(found, status[rows], targetid[rows], name)
    return Chunk({**columns, **found}, {"spectrum": name}, None, lost + notes)


def _only_good_fibres(
    found: dict[str, np.ndarray], status: np.ndarray, targetid: np.ndarray, name: str
) -> list[Row]:
    """Take away the redshifts of bad fibres, whatever ZWARN says of them; gives the reasons."""
    bad = (status.astype(np.int64) & ~HARMLESS) != 0
    lost = bad & np.isfinite(found["redshift"])
    for column in ("redshift", "redshift_err", "redshift_doubtful"):
        found[column] = np.where(bad, np.nan, found[column])
    return [
        quarantine_row(
            str(targetid[i]), name, "targets", f"bad fibre (COADD_FIBERSTATUS {status[i]})"
        )
        for i in np.flatnonzero(lost)
    ]


#: The status of a fibre in coadd files, and in older ones, and bits with which its redshift counts
#: for the survey itself (desispec.validredshifts.get_good_fiberstatus): 3, RESTRICTED, says only
#: that the positioner could not reach everywhere, 20, VARIABLE, that the object may be variable.
FIBERSTATUS, HARMLESS = ("COADD_FIBERSTATUS", "FIBERSTATUS"), 1 << 3 | 1 << 20
_FIBERMAP = (
    *FIBERSTATUS, "TARGETID", "TARGET_RA", "TARGET_DEC", "OBJTYPE", "FLUX_G", "FLUX_R", "FLUX_Z"
)  # fmt: skip


def _arms(hdus: Any, start: int, stop: int) -> list[Arm]:
    names = [hdu.name.removesuffix("_WAVELENGTH") for hdu in hdus if "_WAVELENGTH" in hdu.name]
    if not names:
        raise DataError("the file has no extension B_WAVELENGTH, R_WAVELENGTH or Z_WAVELENGTH.")
    masked = any(f"{arm}_MASK" in hdus for arm in names)
    arms: list[Arm] = []
    for arm in names:
        wave = np.asarray(hdus[f"{arm}_WAVELENGTH"].data, float)
        # pixels of one arm at one place would be lost, and one without a place would take another's
        rises = wave.ndim == 1 and bool((np.diff(wave) > SAME_WAVELENGTH).all())
        if not rises or np.isinf(wave).any():
            raise DataError(f"the wavelengths of arm {arm} do not rise: the file is damaged.")
        flux = _section(hdus, f"{arm}_FLUX", start, stop)
        ivar = _section(hdus, f"{arm}_IVAR", start, stop)
        mask = np.zeros(flux.shape, bool)
        if masked:  # one arm without its mask is a file that was cut off
            mask = _section(hdus, f"{arm}_MASK", start, stop) != 0
        if not flux.shape == ivar.shape == mask.shape == (stop - start, len(wave)):
            raise DataError(f"the extensions of arm {arm} do not fit each other and FIBERMAP.")
        arms.append((wave, flux, ivar, mask))
    return arms


def _section(hdus: Any, name: str, start: int, stop: int) -> np.ndarray:
    if hdus[name].header.get("NAXIS") != 2:
        raise DataError(f"the extension {name} is no table of spectra.")
    return _native(np.asarray(hdus[name].section[start:stop, :]))


def _redshifts(coadd: Path, targetid: np.ndarray) -> tuple[dict[str, np.ndarray], list[Row]]:
    """Redshifts of some targets; null where there are none, with the reason."""
    n = len(targetid)
    nothing: dict[str, np.ndarray] = {
        name: np.full(n, np.nan) for name in (*REDROCK, "redshift_doubtful")
    }
    nothing["spectype"] = np.full(n, "", object)
    file = redrock_file(coadd)
    if not n:
        return nothing, []
    if file is None:
        reason = "no redrock file beside the coadd file"
        return nothing, [quarantine_row("", coadd.name, "targets", f"{reason} ({n} objects)")]
    try:
        table = _read_redrock(file)
    except DataError as error:
        reason = f"{str(error)[:-1]} ({n} objects)"
        return nothing, [quarantine_row("", file.name, "targets", reason)]
    place = np.minimum(np.searchsorted(table.targetid, targetid), len(table.targetid) - 1)
    known = table.targetid[place] == targetid
    found = {
        name: np.where(known, values[place], "" if values.dtype == object else np.nan)
        for name, values in table.columns.items()
    }
    found["redshift_doubtful"] = np.where(known, found["zwarn"] != 0, np.nan)
    lost = [
        quarantine_row(str(targetid[i]), file.name, "targets", "no row in the redrock file")
        for i in np.flatnonzero(~known)
    ]
    return found, lost


def _read_redrock(file: Path) -> Redshifts:
    with _opened(file) as hdus:
        name = next((n for n in ("REDSHIFTS", "ZBEST") if n in hdus), None)
        if name is None:
            raise DataError(f"{file.name} has no table REDSHIFTS.")
        data = hdus[name].data
        targetid = _native(data["TARGETID"])
        columns = {key: _native(data[column]) for key, column in REDROCK.items()}
    if not len(targetid):
        raise DataError(f"{file.name} has no rows.")
    targetid, first = np.unique(targetid, return_index=True)
    for key, values in columns.items():
        if values.dtype.kind in "US":
            columns[key] = np.asarray([str(v).strip() for v in values.tolist()], object)
        else:
            columns[key] = values.astype(float)
    return Redshifts(targetid, {key: values[first] for key, values in columns.items()})


def _numbers(table: dict[str, np.ndarray], name: str, n: int) -> np.ndarray:
    return table[name].astype(float) if name in table else np.full(n, np.nan)


def _magnitude(flux: np.ndarray) -> np.ndarray:
    good = np.isfinite(flux) & (flux > 0)
    return np.where(good, 22.5 - 2.5 * np.log10(np.where(good, flux, 1)), np.nan)


def _native(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind in "iuf" else array


class _opened:
    """A FITS file on disk; what goes wrong while it is open becomes a `DataError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        self._quiet = warnings.catch_warnings()
        self._quiet.__enter__()
        warnings.simplefilter("ignore")
        try:
            self.hdus = open_fits_file(self.path)
            return self.hdus
        except Exception as error:  # whatever astropy raises on bytes that are not FITS
            self._quiet.__exit__(None, None, None)
            raise self._error(error) from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.hdus.close()
        self._quiet.__exit__(None, None, None)
        if isinstance(error, Exception):
            raise self._error(error) from error

    def _error(self, error: Exception) -> DataError:
        raise_of_machine(error)
        first = (str(error).splitlines() or [type(error).__name__])[0][:200].strip("'\". ")
        return DataError(f"{self.path.name} is no readable DESI file: {first}.")
