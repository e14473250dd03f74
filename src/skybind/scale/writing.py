"""Writing what was planned: the work is done now, and a HATS catalogue appears as a whole."""

import shutil
from pathlib import Path

from skybind.errors import ConfigError, DataError
from skybind.files import json_hash, put_in_place
from skybind.locks import alone
from skybind.progress import step
from skybind.scale.adapter import Lsdb, identity_of, properties_of, write_catalog


def write(catalog: Lsdb, out: str | Path, *, name: str | None = None) -> Path:
    """Compute a catalogue and write it as HATS, with its margins and where it comes from.

    It appears at `out` when all of it is written. Killed or stopped by a worker's failure, the
    same call goes on: partitions that were written are not computed again.

    Parameters
    ----------
    catalog : lsdb.Catalog
        What `embed`, `classify`, `features` or `match` gives, or LSDB made of it.
    out : str or Path
        A new folder.
    name : str, optional
        Of the catalogue; by default that of the folder.

    Returns
    -------
    Path
        The folder, a HATS collection.

    Raises
    ------
    ConfigError
        If LSDB is not installed, or this is no catalogue of it.
    DataError
        If something stands at `out`, or another program writes it.
    """
    out = Path(out)
    if out.exists():
        raise DataError(f"{out} exists already: choose another folder, or remove it.")
    if not hasattr(catalog, "hc_structure"):
        raise ConfigError(f"A {type(catalog).__name__} is no catalogue of LSDB.")
    out.parent.mkdir(parents=True, exist_ok=True)
    key = json_hash([identity_of(catalog), properties_of(catalog), name])
    unfinished = out.parent / f".{out.name}.unfinished"
    lock = out.parent / f".{out.name}.lock"

    def refuse(who: str) -> None:
        raise DataError(f"{out} is being written by {who}: wait for it, or choose another folder.")

    with alone(lock, otherwise=refuse):
        work = unfinished / key
        if unfinished.exists() and not work.exists():
            shutil.rmtree(unfinished)  # of other work
        work.mkdir(parents=True, exist_ok=True)
        with step(f"writing {out.name}"):
            write_catalog(catalog, work, name or out.name)
        put_in_place(work, out)
        unfinished.rmdir()
        lock.unlink(missing_ok=True)  # while it is still held
    return out
