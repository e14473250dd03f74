"""What is measured, as it is written to metrics.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skybind.errors import DataError

METRICS_VERSION = 1


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Read `metrics.json`.

    Raises
    ------
    DataError
        If it is missing, damaged, or of a newer version.
    """
    path = Path(path)
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}: run 'skybind evaluate' first.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged ({error}): run 'skybind evaluate' again.") from error
    version = metrics.get("metrics_version") if isinstance(metrics, Mapping) else None
    if version != METRICS_VERSION:
        raise DataError(
            f"{path} has metrics version {version}, this skybind reads {METRICS_VERSION}: "
            "run 'skybind evaluate' again."
        )
    return dict(metrics)
