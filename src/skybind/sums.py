"""Checksums of large files of numbers, block by block: quick to verify, whole or in a sample."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from skybind.errors import DataError
from skybind.files import raise_of_machine

#: Bytes of a block; each has a CRC-32.
BLOCK = 4 * 2**20
#: Of a file with more blocks than this, 256 MB, some are verified when it is opened: the first,
#: the last, and others drawn at random. `skybind check` verifies all.
SAMPLE = 64


def block_sums(path: Path) -> list[int]:
    """Compute the checksum of every block of a file."""
    with path.open("rb") as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(BLOCK), b"")]


def verify_sums(path: Path, sums: Sequence[int], again: str, *, whole: bool = False) -> None:
    """Refuse a file that is not what was written.

    Parameters
    ----------
    path : Path
    sums : sequence of int
        As `block_sums` gave them when it was written.
    again : str
        What makes it anew, for the message.
    whole : bool
        Verify all blocks of a large file too.

    Raises
    ------
    DataError
        If it is gone, of another length, or a block of it differs.
    """
    try:
        blocks = -(-path.stat().st_size // BLOCK)
        damaged = blocks != len(sums) or any(
            zlib.crc32(block) != sums[number] for number, block in _blocks(path, blocks, whole)
        )
    except OSError as error:
        raise_of_machine(error)
        said = str(error.strerror or error).lower()
        raise DataError(f"{path} cannot be read ({said}): {again}.") from error
    if damaged:
        raise DataError(f"{path} is damaged, its checksum differs: {again}.")


def _blocks(path: Path, number: int, whole: bool) -> Iterator[tuple[int, bytes]]:
    chosen = np.arange(number)
    if number > SAMPLE and not whole:
        inner = np.random.default_rng().choice(chosen[1:-1], SAMPLE - 2, replace=False)
        chosen = np.concatenate([chosen[:1], np.sort(inner), chosen[-1:]])
    with path.open("rb") as file:
        for index in chosen.tolist():
            file.seek(index * BLOCK)
            yield index, file.read(BLOCK)
