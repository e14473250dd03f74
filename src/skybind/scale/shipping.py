"""Sending a model to the Dask workers."""

from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_client

from skybind.scale.shipped import Shipped, contents_of, key_of, unpack


class ModelFiles(WorkerPlugin):
    """Write a model's files on every worker when it starts, and on those that are there."""

    idempotent = True

    def __init__(self, key: str, files: dict[str, bytes]) -> None:
        self.key, self.files = key, files

    def setup(self, worker: Any) -> None:
        """Run on the worker, once."""
        unpack(self.key, self.files, Path(worker.local_directory))


def ship(folder: Path) -> Shipped:
    """Name a saved model for tasks, and send its files to the workers, if there is a client.

    Each worker gets them once, also those that start later. Without a client, or with one that is
    made afterwards, workers read the folder itself, which they must then see.
    """
    model = Shipped(str(folder.resolve()), key_of(folder))
    try:
        client = get_client()
    except ValueError:  # there is none: threads of this process
        return model
    client.register_plugin(ModelFiles(model.key, contents_of(folder)), name=f"skybind-{model.key}")
    return model
