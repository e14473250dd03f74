"""Starting the processes of a training run with Lightning Fabric, without its remarks."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from skybind.config.training import TrainingOptions
from skybind.errors import ConfigError
from skybind.files import raise_of_machine
from skybind.progress import step
from skybind.training.distributed import send_maps_by_name
from skybind.training.launcher import processes, processes_here
from skybind.training.workers import together

if TYPE_CHECKING:
    from lightning.fabric import Fabric
import ctypes
import sys

_PRECISIONS: dict[str, Any] = {
    "32": "32-true",
    "bf16-mixed": "bf16-mixed",
    "16-mixed": "16-mixed",
}


_LOGGERS = ("lightning.fabric", "lightning.pytorch")


@step("starting the training", told=False)
def make_fabric(options: TrainingOptions) -> "Fabric":
    """Give the Fabric that trains on the devices that the options ask for.

    Several devices of one machine get a process each, which ends with the training; under
    SLURM or torchrun the processes are there already. A command that leads the processes of
    such a launcher (see `workers`) trains on all of them.

    Raises
    ------
    ConfigError
        If the devices are not to be had.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments import LightningEnvironment
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    devices, nodes = _devices(options)
    several, launched = devices * nodes > 1, processes() > 1
    if nodes > 1 and not launched:
        raise ConfigError(
            f"training.nodes is {nodes}, but this process was not started by SLURM or "
            "torchrun; start one process a device with srun or torchrun."
        )
    send_maps_by_name()
    try:
        return Fabric(
            accelerator=options.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=("ddp" if launched else "ddp_spawn") if several else "auto",
            precision=_PRECISIONS[options.precision],
            # a process that was started alone must not mind that it runs inside a SLURM job
            plugins=None if several and launched else LightningEnvironment(),
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        raise_of_machine(error)
        raise ConfigError(
            f"training.accelerator '{options.accelerator}' with {devices} device(s) "
            f"cannot be used here: {error}"
        ) from error


def _devices(options: TrainingOptions) -> tuple[int, int]:
    """Devices a node, and nodes; where a command leads, the launcher decides."""
    if not together():
        return options.devices, options.nodes
    started, here = processes(), processes_here()
    if options.devices * options.nodes not in (1, started):
        raise ConfigError(
            f"training.devices x training.nodes is {options.devices} x {options.nodes}, but "
            f"{started} processes were started: leave both at 1, the launcher decides."
        )
    return here, started // here


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's remarks from the user."""
    before = silence(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        try:
            yield
        finally:
            silence(before)


def silence(level: int) -> int:
    """Set the level of Lightning's messages; gives what it was."""
    import lightning  # noqa: F401 - importing it sets the level

    before = logging.getLogger(_LOGGERS[0]).level
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(level)
    return before


# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


_KEEP = 2**31 - 1  # bytes


def keep_freed_memory() -> bool:
    """Let the C library keep large freed blocks instead of handing them back each time.

    Every step of training on a CPU allocates the same hundreds of megabytes; handed back and
    fetched again, page by page, they cost a tenth to a quarter of the step. The peak stays the
    same. Holds for the rest of the process.

    Returns
    -------
    bool
        Whether it was done; False where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(library.mallopt(_MMAP_MAX, 0)) and bool(library.mallopt(_TRIM_THRESHOLD, _KEEP))
