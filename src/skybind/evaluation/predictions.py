"""Numbers predicted for the test objects of a run, and the file that keeps them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.files import atomic_path
from skybind.parquet import read_parquet, write_parquet
from skybind.texts import to_texts

#: Modalities that stand together, by their mean.
Group = tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """Numbers predicted by neighbours, to draw and to keep.

    `protocol` is that of the `TargetResult`: `train` or `validation`.
    """

    target: str
    protocol: str
    fit: Group
    predict: Group
    object_id: np.ndarray
    true: np.ndarray
    predicted: np.ndarray


_COLUMNS = ("target", "fit", "predict", "object_id", "true", "predicted")


def write_predictions(path: Path, predictions: Sequence[Predictions]) -> None:
    """Write predictions as one long table, a row an object and prediction."""
    table = pa.table(
        {
            "target": _repeated(predictions, lambda p: p.target),
            "protocol": _repeated(predictions, lambda p: p.protocol),
            "fit": _repeated(predictions, lambda p: "+".join(p.fit)),
            "predict": _repeated(predictions, lambda p: "+".join(p.predict)),
            "object_id": pa.array(
                [str(name) for p in predictions for name in p.object_id], pa.string()
            ),
            "true": np.concatenate([np.zeros(0), *(p.true for p in predictions)]),
            "predicted": np.concatenate([np.zeros(0), *(p.predicted for p in predictions)]),
        }
    )
    with atomic_path(path) as temporary:
        write_parquet(table, temporary)


def read_predictions(path: Path) -> list[Predictions]:
    """Read what `write_predictions` wrote; nothing if there is no such file."""
    if not path.exists():
        return []
    table = read_parquet(path, again="'skybind evaluate' makes it anew", needs=_COLUMNS)
    if "protocol" not in table.column_names:  # before version 0.2 only this one was kept
        table = table.append_column("protocol", pa.array(["train"] * len(table), pa.string()))
    keys = [table[name].to_pylist() for name in ("target", "protocol", "fit", "predict")]
    ids = to_texts(table["object_id"])
    true, predicted = table["true"].to_numpy(), table["predicted"].to_numpy()
    found = []
    start = 0
    for (target, protocol, fit, predict), members in itertools.groupby(zip(*keys, strict=True)):
        rows = slice(start, start + sum(1 for _ in members))
        found.append(
            Predictions(
                target,
                protocol,
                tuple(fit.split("+")),
                tuple(predict.split("+")),
                ids[rows],
                true[rows],
                predicted[rows],
            )
        )
        start = rows.stop
    return found


def _repeated(predictions: Sequence[Predictions], value: Any) -> pa.Array:
    """A text for each prediction, repeated for all its objects."""
    texts = [value(p) for p in predictions]
    index = np.repeat(np.arange(len(texts)), [len(p.true) for p in predictions])
    return pa.DictionaryArray.from_arrays(index.astype(np.int32), pa.array(texts, pa.string()))
