"""What the releases of the AstroCLIP data have in common: columns, grid, and checks.

Images of the DESI Legacy Surveys DR9 in g, r, z [nanomaggies, 0.262 arcsec a pixel] and spectra
of the DESI early data release on one grid of 7,781 bins [1e-17 erg/s/cm2/Angstrom], without
errors. Parker et al. 2024 (MNRAS 531, 4990).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skybind.config.load import validate
from skybind.data.schema import Column
from skybind.ingest.plan import Chunk, Row, quarantine_row
from skybind.ingest.readers.provabgs import COLUMNS, Provabgs, read_provabgs
from skybind.ingest.readers.sdss import FLUX_UNIT
from skybind.printable import printable
from skybind.ragged import Ragged, offsets_of

BANDS = ("g", "r", "z")


WAVELENGTH = (3600 + 0.8 * np.arange(7781)).astype(np.float32)


ROWS = 256


REDSHIFT = Column("target", None, "Redshift as the file gives it")


REDSHIFT_KEPT = Column("info", None, "Redshift as the file gives it")


class AstroclipOptions(BaseModel):
    """Options of the readers."""

    model_config = ConfigDict(extra="forbid")
    provabgs: str | None = Field(
        None, description="The PROVABGS HDF5 file, joined on TARGETID, relative to the mapping."
    )
    pixel_scale: float = Field(0.262, description="Arcsec a pixel.", gt=0)


@dataclass
class Rows:
    """Some rows of a release.

    Attributes
    ----------
    targetid : ndarray of int, shape (n,)
    redshift : ndarray, shape (n,)
    image, spectrum : ndarray, shape (pixels, 3) and (bins,)
        Of the rows whose reason is "", one after the other.
    image_lengths : ndarray of int, shape (n,)
        Pixels of each image, 0 where it has a reason.
    image_reason, spectrum_reason : ndarray of str objects, shape (n,)
        Why a row's image or spectrum cannot be used.
    part : ndarray of str objects, shape (n,)
    source : str
    quarantine : list of dict
    """

    targetid: np.ndarray
    redshift: np.ndarray
    image: np.ndarray
    image_lengths: np.ndarray
    image_reason: np.ndarray
    spectrum: np.ndarray
    spectrum_reason: np.ndarray
    part: np.ndarray
    source: str
    quarantine: list[Row] = field(default_factory=list)


class Release:
    """Turns rows of a release to chunks of a dataset.

    Parameters
    ----------
    options : dict
        See `AstroclipOptions`.
    base : Path
        Folder that a path among the options is relative to.
    """

    def __init__(self, options: dict[str, Any], base: Path) -> None:
        self.options = validate(AstroclipOptions, options, "options")
        self.catalogue: Provabgs | None = None
        self.sources: list[Path] = []
        if self.options.provabgs is not None:
            self.sources = [base / self.options.provabgs]
            self.catalogue = read_provabgs(self.sources[0])
        self.quarantine: list[Row] = [] if self.catalogue is None else self.catalogue.quarantine
        image = Column(
            "observation",
            modality="image",
            fields=dict.fromkeys(BANDS, "nmgy"),
            attributes={"pixel_scale": self.options.pixel_scale, "stretch": "linear"},
        )
        spectrum = Column(
            "observation",
            modality="spectrum",
            fields={"wavelength": "Angstrom", "flux": FLUX_UNIT, "mask": None},
        )
        targets = (
            {"redshift": REDSHIFT}
            if self.catalogue is None
            else {**COLUMNS, "redshift_release": REDSHIFT_KEPT}
        )
        self.columns = {"image": image, "spectrum": spectrum, **targets}

    def chunk(self, rows: Rows) -> Chunk:
        """Give the columns of some rows."""
        name = rows.targetid.astype(str).astype(object)
        quarantine = list(rows.quarantine)
        for modality, reason in (("image", rows.image_reason), ("spectrum", rows.spectrum_reason)):
            quarantine += [
                quarantine_row(name[i], rows.source, modality, reason[i])
                for i in np.flatnonzero(reason != "")
            ]
        columns: dict[str, Any] = {
            "object_id": name,
            "image": _image(rows),
            "spectrum": _spectrum(rows),
        }
        redshift = np.where(np.isfinite(rows.redshift), rows.redshift, np.nan).astype(np.float64)
        quarantine += [
            quarantine_row(name[i], rows.source, "targets", "no finite redshift")
            for i in np.flatnonzero(np.isnan(redshift))
        ]
        if self.catalogue is None:
            columns["redshift"] = redshift
        else:
            values, reason = self.catalogue.match(rows.targetid.astype(np.int64))
            columns |= {"redshift_release": redshift, **values}
            quarantine += [
                quarantine_row(name[i], self.catalogue.name, "targets", reason[i])
                for i in np.flatnonzero(reason != "")
            ]
        source = {"image": rows.source, "spectrum": rows.source}
        return Chunk(columns, source, rows.part, quarantine)


def image_fault(shape: tuple[int, ...]) -> str:
    """Why one image of this shape cannot be used; "" if it can."""
    if len(shape) == 3 and shape[0] == shape[1] > 0 and shape[2] == len(BANDS):
        return ""
    return f"the image is not square with the bands g, r, z ({' x '.join(map(str, shape))})"


def spectrum_fault(shape: tuple[int, ...]) -> str:
    """Why one spectrum of this shape cannot be used; "" if it can."""
    if int(np.prod(shape)) == len(WAVELENGTH) == max(shape, default=0):
        return ""
    return f"the spectrum has not 7,781 bins ({' x '.join(map(str, shape))})"


def _image(rows: Rows) -> Ragged:
    fields = {band: rows.image[:, i].astype(np.float32) for i, band in enumerate(BANDS)}
    offsets = offsets_of(rows.image_lengths)
    return Ragged(fields, offsets, rows.image_reason == "")


def _spectrum(rows: Rows) -> Ragged:
    present = rows.spectrum_reason == ""
    lengths = np.where(present, len(WAVELENGTH), 0)
    fields = {
        "wavelength": np.tile(WAVELENGTH, int(present.sum())),
        "flux": rows.spectrum.astype(np.float32),
    }
    offsets = offsets_of(lengths)
    return Ragged(fields, offsets, present)


def numbers_of(values: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Read redshifts, whatever they are stored as.

    Parameters
    ----------
    values : ndarray, shape (n,)

    Returns
    -------
    numbers : ndarray of float, shape (n,)
        NaN where there is none.
    reasons : dict of int to str
        Row -> why its value is no number.
    """
    if values.dtype.kind in "fiub":
        return values.astype(np.float64), {}
    numbers, reasons = np.full(len(values), np.nan), {}
    for i, value in enumerate(values.tolist()):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        try:
            numbers[i] = np.nan if text is None else float(text)
        except (TypeError, ValueError):
            reasons[i] = f"its redshift is no number: '{printable(str(text)[:50])}'"
    return numbers, reasons
