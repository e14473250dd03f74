"""A command on several processes: the first leads, the others help it to train.

`torchrun --nproc-per-node 4 -m skybind run ...` or `srun skybind run ...` start the same command
several times. Only the first process runs it; the others wait for the trainings that come up in
it and take their part in each. So nothing but training needs to know of the others, and one
process writes every file.
"""

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Protocol

import torch.distributed as dist

from skybind.training.distributed import pack
from skybind.training.lost import told_of_lost

# Between two trainings the leader may prepare, embed and evaluate for as long as it likes.
_PATIENCE = timedelta(days=30)


class Work(Protocol):
    """What the leader hands to the others."""

    def join(self) -> None:
        """Do this process's part of it."""


_group: Any = None
_at_work = False


def together() -> bool:
    """Whether this process belongs to a command on several processes."""
    return _group is not None


def lead(command: Callable[[], None]) -> None:
    """Run `command` in the first of the processes; in the others, the work that it shares.

    Raises
    ------
    Whatever `command` raises; in the middle of shared work the others are left where they
    are, and the launcher ends them.
    """
    global _group
    _connect()
    _group = group = dist.new_group(backend="gloo", timeout=_PATIENCE)
    if dist.get_rank() > 0:
        with told_of_lost():
            while (work := _receive(group)) is not None:
                work.join()
    else:
        try:
            command()
        finally:
            if not _at_work:
                with suppress(RuntimeError):  # one of the others may be gone
                    _send(None, group)
    _group = None
    dist.destroy_process_group()


@contextmanager
def shared(work: Work) -> Iterator[None]:
    """Hand `work` to the processes that wait, if there are any; inside, this one does its part."""
    global _at_work
    if _group is not None and dist.get_rank() == 0:
        _send(work, _group)
        _at_work = True
    yield
    _at_work = False


def _connect() -> None:
    from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    environment = TorchElasticEnvironment() if "LOCAL_RANK" in os.environ else SLURMEnvironment()
    os.environ["MASTER_ADDR"] = environment.main_address
    os.environ["MASTER_PORT"] = str(environment.main_port)
    dist.init_process_group(rank=environment.global_rank(), world_size=environment.world_size())


def _send(work: Work | None, group: Any) -> None:
    dist.broadcast_object_list([pack(work)], src=0, group=group)


def _receive(group: Any) -> Any:
    content: list[Any] = [None]
    dist.broadcast_object_list(content, src=0, group=group)
    return pickle.loads(content[0])
