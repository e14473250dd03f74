"""What a search of hyper-parameters of a study chose, as it is kept beside the search."""

from pathlib import Path
from typing import Any

from pydantic import Field

from skybind.record import Number, Record, read_record, write_sealed

#: In the folder of a search.
CHOSEN = "chosen.json"


class Chosen(Record):
    """`chosen.json`: what all seeds of a study are trained with."""

    values: dict[str, Any] = Field(..., description="Keys of the configuration and their values.")
    best: dict[str, Any] = Field(..., description="Keys that were searched, of the best trial.")
    value: Number = Field(..., description="What the best trial reached.")
    measure: str = Field(..., description="What the trials are judged by.")
    trials: list[float | None] = Field(..., description="What each trial reached; null if none.")
    apart_from: list[int] = Field(
        default=[], description="Seeds whose test objects took no part in it."
    )
    run: str = Field(..., description="The best trial, below the folder of the search.")


def read_chosen(path: Path) -> Chosen:
    """Read what a search chose.

    Raises
    ------
    DataError
        If it is damaged.
    FileNotFoundError
        If there is none.
    """
    return read_record(path, Chosen, "delete it to search anew")


def write_chosen(path: Path, chosen: Chosen) -> None:
    """Write what a search chose, whole or not at all."""
    write_sealed(path, chosen.plain())
