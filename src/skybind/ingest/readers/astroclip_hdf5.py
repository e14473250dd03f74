"""The AstroCLIP data as the original work keeps them: `astroclip_desi.1.1.5.h5`, 60 GB.

Groups "0" to "9", each with `images` (n, 152, 152, 3), `spectra` (n, 7781) or (n, 7781, 1),
`redshifts` and `targetids` (n,). The first 80 % of each group train, the rest is the test: the
split `published`.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.plan import Chunk, Plan, Row, quarantine_row
from skybind.ingest.readers.astroclip import (
    BANDS,
    ROWS,
    WAVELENGTH,
    Release,
    Rows,
    image_fault,
    numbers_of,
    spectrum_fault,
)
from skybind.ingest.readers.hdf5 import open_hdf5
from skybind.ingest.readers.registry import register_dataset_reader

TRAIN = 0.8


@register_dataset_reader("astroclip_hdf5")
def read_astroclip_hdf5(path: Path, options: dict[str, Any], base: Path) -> Plan:
    """Plan the import of the HDF5 file, with its published split.

    Parameters
    ----------
    path : Path
        The file.
    options : dict
        See `AstroclipOptions`.
    base : Path
        Folder that a path among the options is relative to.

    Raises
    ------
    DataError
        If the file cannot be read or holds no such group.
    """
    release = Release(options, base)
    quarantine = list(release.quarantine)
    groups: list[tuple[str, int]] = []
    with open_hdf5(path) as file:
        for name in _groups(file):
            source = f"{path.name}/{name}"
            ids = _dataset(file[name], "targetids")
            if ids is None or ids.ndim != 1:
                reason = "the group has no list 'targetids': none of its objects can be named"
                quarantine.append(quarantine_row("", source, "objects", reason))
            elif ids.dtype.kind not in "iu":
                reason = f"'targetids' are not integers but {ids.dtype}: digits of them are lost"
                quarantine.append(quarantine_row("", source, "objects", reason))
            else:
                groups.append((name, ids.shape[0]))
                quarantine += _nameless(file[name], ids.shape[0], source)
    if not sum(n for _, n in groups):
        reason = f": {quarantine[0]['reason']}" if quarantine else ""
        raise DataError(
            f"{path.name} has no group with objects in the layout of AstroCLIP's HDF5{reason}."
        )
    return Plan(
        release.columns,
        _steps(path, groups, release),
        total=sum(n for _, n in groups),
        sources=[path, *release.sources],
        settings=["astroclip_hdf5", release.options.model_dump()],
        provenance=f"AstroCLIP, DESI EDR and Legacy Surveys DR9 ({path.name})",
        quarantine=quarantine,
        split={"kind": "published", "rule": "the first 80 % of each group train"},
    )


def _groups(file: Any) -> list[str]:
    import h5py

    names = [name for name, item in file.items() if isinstance(item, h5py.Group)]
    return sorted(names, key=lambda name: (not name.isdigit(), name.zfill(20)))


def _dataset(group: Any, name: str) -> Any:
    import h5py

    item = group.get(name)
    return item if isinstance(item, h5py.Dataset) else None


def _nameless(group: Any, n: int, source: str) -> list[Row]:
    """Rows of the quarantine for images and spectra beyond the last name."""
    rows = []
    for name, modality in (("images", "image"), ("spectra", "spectrum")):
        dataset = _dataset(group, name)
        more = 0 if dataset is None or not dataset.shape else dataset.shape[0] - n
        if more > 0:
            reason = f"'{name}' has more rows than 'targetids' ({more})"
            rows.append(quarantine_row("", source, modality, reason))
    return rows


def _steps(
    path: Path, groups: list[tuple[str, int]], release: Release
) -> Iterator[tuple[int, Callable[[], Chunk]]]:
    for name, n in groups:
        for start in range(0, n, ROWS):
            stop = min(start + ROWS, n)
            yield stop - start, partial(_chunk, path, name, n, start, stop, release)


def _chunk(path: Path, name: str, n_group: int, start: int, stop: int, release: Release) -> Chunk:
    with open_hdf5(path) as file:
        group = file[name]
        targetid, named = _read(_dataset(group, "targetids"), "targetids", start, stop, ())
        redshift, unknown = _read(_dataset(group, "redshifts"), "redshifts", start, stop, ())
        image, image_reason = _read(
            _dataset(group, "images"), "images", start, stop, (0, 0, len(BANDS)), image_fault
        )
        spectrum, spectrum_reason = _read(
            _dataset(group, "spectra"),
            "spectra",
            start,
            stop,
            (len(WAVELENGTH),),
            spectrum_fault,
        )
    part = np.where(np.arange(start, stop) < int(TRAIN * n_group), "train", "test").astype(object)
    source = f"{path.name}/{name}"
    keep = named == ""
    redshift, no_numbers = numbers_of(redshift.reshape(stop - start, -1)[:, 0])
    lost = [
        quarantine_row("", source, "objects", f"{named[i]} (row {start + i})")
        for i in np.flatnonzero(~keep)
    ]
    lost += [
        quarantine_row(str(targetid[i]), source, "objects", reason)
        for i, reason in no_numbers.items()
        if keep[i] and unknown[i] == ""
    ]
    image, spectrum = image[keep], spectrum[keep]
    image_reason, spectrum_reason = image_reason[keep], spectrum_reason[keep]
    pixels = image.shape[1] * image.shape[2]
    return release.chunk(
        Rows(
            targetid[keep],
            np.where(unknown == "", redshift, np.nan)[keep],
            image[image_reason == ""].reshape(-1, len(BANDS)),
            np.where(image_reason == "", pixels, 0),
            image_reason,
            spectrum[spectrum_reason == ""].ravel(),
            spectrum_reason,
            part[keep],
            source,
            lost,
        )
    )


def _read(
    dataset: Any,
    name: str,
    start: int,
    stop: int,
    empty: tuple[int, ...],
    fault: Callable[[tuple[int, ...]], str] = lambda shape: "",
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a dataset, and why a row cannot be used; `empty`: shape where there is none."""
    n = stop - start
    reason = np.full(n, "", dtype=object)
    nothing = np.full((n, *empty), np.nan, np.float32)
    wrong = f"the group has no dataset '{name}'" if dataset is None else fault(dataset.shape[1:])
    if dataset is not None and empty and dataset.dtype.kind not in "fiu":
        wrong = f"'{name}' holds no numbers"
    if wrong:
        reason[:] = wrong
        return nothing, reason
    try:
        values = np.asarray(dataset[start:stop])
    except (OSError, RuntimeError) as error:
        raise_of_machine(error)
        values = np.zeros((n, *dataset.shape[1:]), dataset.dtype)
        for i in range(min(n, dataset.shape[0] - start)):
            try:
                values[i] = dataset[start + i]
            except (OSError, RuntimeError) as again:
                raise_of_machine(again)
                reason[i] = f"the row of '{name}' is damaged in the file"
    short = n - len(values)
    if short > 0:
        filler = np.zeros((short, *values.shape[1:]), values.dtype)
        values = np.concatenate([values, filler])
        reason[n - short :] = f"'{name}' has fewer rows than 'targetids'"
    return values, reason
