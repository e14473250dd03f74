"""Making a dataset of a plan, in one piece or in shards (docs/scale.md).

What an import decides, it decides by the whole: which objects there are, what their columns mean,
whose a file or a row is, and which belong to none. So each shard looks through the survey as the
import in one piece does, and then does a stretch of its steps: it reads, cleans and writes the
observations of these objects alone. Shards are put together as an interrupted import goes on: all
steps are done already.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.write import refuse_place, shards_key
from skybind.errors import DataError, SkybindError
from skybind.ingest.build import ImportSummary, build_dataset, build_steps, writer_of
from skybind.ingest.plan import Chunk, Plan
from skybind.ingest.resumable import read_steps
from skybind.locks import waiting_for
from skybind.once import Workplace
from skybind.shards import Shard, ShardFolder, begun, remedy, shards_of

#: Among the shards: the rows of large tables, which the first shard parts by objects for all.
PIECES = "pieces"


def make_dataset(
    look: Callable[[Path | None], Plan],
    out: Path,
    overwrite: bool,
    processes: int | None = None,
    shard: Shard | None = None,
) -> ImportSummary:
    """Make a dataset, or one shard of it, or put shards together where there are any.

    Parameters
    ----------
    look : callable
        Makes the plan, given a folder for the rows of large tables; without it none are written.
    out : Path
        Folder of the dataset.
    overwrite, processes
        As of `build_dataset`.
    shard : Shard, optional
        Only this part of the objects, into `OUT.shards/`.

    Returns
    -------
    ImportSummary
        Of the shard alone what is counted in it.

    Raises
    ------
    AlreadyDone
        If the dataset is there, put together of these shards.
    DataError
        As `build_dataset`; if shards are missing, damaged, or of something else.
    """
    # before a large table is gone through
    refuse_again(out, overwrite and shard is None, lambda: writer_of(look(None), out, True).key)
    refuse_place(out, overwrite)
    if shard is None and not begun(out):
        aside = pieces_folder(out)
        try:
            plan = look(aside)
        except SkybindError:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        return build_dataset(plan, out, overwrite, processes)
    # what all shards need stays until they are put together
    plan = replace(look(shards_of(out) / PIECES), aside=None)
    plan.steps = steps = list(plan.steps)
    shards = ShardFolder(out, writer_of(plan, out, overwrite).key, "import")
    if shard is not None:
        note = shards.do(shard, partial(_make_shard, plan, steps, shard))
        return ImportSummary(**note["summary"])
    with shards.together() as parts:
        done = [step for part, _ in parts for step in read_steps(part, remedy(part))]
        if parts and len(done) != len(steps):
            raise DataError(
                f"{shards.path} holds {len(done)} steps, and this import has {len(steps)}: "
                "delete it, and import anew."
            )
        return build_dataset(plan, out, overwrite, processes, done if parts else None)


def refuse_again(out: Path, anew: bool, key: Callable[[], str]) -> None:
    """Stop where the dataset is there, put together of the same shards; tidy up after that.

    Parameters
    ----------
    out : Path
        Folder of the dataset.
    anew : bool
        It is to be made again.
    key : callable
        Gives the key of the shards; asked only of a dataset that was put together of some.

    Raises
    ------
    AlreadyDone
    """
    noted = None if anew else shards_key(out)
    same = False
    if noted is not None:
        with suppress(SkybindError):  # such as sources that are gone: these are not the same
            same = key() == noted
    if noted is not None and same:
        shards = ShardFolder(out, noted, "import")
        shards.finish()
        Workplace(out, noted, waiting_for(f"writes {out}")).tidy()
        raise shards.already_done()


def pieces_folder(out: Path) -> Path:
    """Name the folder that holds the rows of large tables while a dataset is made."""
    return out.parent / f".{out.name}.pieces"


def _make_shard(
    plan: Plan, steps: Sequence[tuple[int, Callable[[], Chunk]]], shard: Shard, folder: Path
) -> dict[str, Any]:
    """Do the steps of one shard into its folder."""
    first, last = shard.stretch(np.arange(max(len(steps), 1)), len(steps))
    own = steps[first:last]
    total = sum(n for n, _ in own)
    # what is told of the whole is told when the shards are put together
    part = replace(plan, steps=own, total=total, quarantine=[], notes=[])
    return {"summary": vars(build_steps(part, folder))}
