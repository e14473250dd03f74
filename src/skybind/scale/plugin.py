"""What carries a model's files to each Dask worker."""

from pathlib import Path
from typing import Any

from distributed import WorkerPlugin

from skybind.scale.shipped import unpack


class ModelFiles(WorkerPlugin):
    """Write a model's files on every worker when it starts, and on those that are there."""

    idempotent = True

    def __init__(self, key: str, files: dict[str, bytes]) -> None:
        self.key, self.files = key, files

    def setup(self, worker: Any) -> None:
        """Run on the worker, once."""
        unpack(self.key, self.files, Path(worker.local_directory))
