"""Starting the processes of a training run with Lightning Fabric, without its remarks."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from skybind.config.training import TrainingOptions
from skybind.errors import ConfigError
from skybind.training.distributed import send_maps_by_name

if TYPE_CHECKING:
    from lightning.fabric import Fabric

_PRECISIONS: dict[str, Any] = {
    "32": "32-true",
    "bf16-mixed": "bf16-mixed",
    "16-mixed": "16-mixed",
}
_LOGGERS = ("lightning.fabric", "lightning.pytorch")


def make_fabric(options: TrainingOptions) -> "Fabric":
    """Give the Fabric that trains on the devices that the options ask for.

    Several devices of one machine get a process each, which ends with the training; under
    SLURM or torchrun the processes are there already.

    Raises
    ------
    ConfigError
        If the devices are not to be had.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments import LightningEnvironment
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    several = options.devices * options.nodes > 1
    launched = "LOCAL_RANK" in os.environ or int(os.environ.get("SLURM_NTASKS", "1")) > 1
    if options.nodes > 1 and not launched:
        raise ConfigError(
            f"training.nodes is {options.nodes}, but this process was not started by SLURM or "
            "torchrun; start one process a device with srun or torchrun."
        )
    send_maps_by_name()
    try:
        return Fabric(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.nodes,
            strategy=("ddp" if launched else "ddp_spawn") if several else "auto",
            precision=_PRECISIONS[options.precision],
            # a process that was started alone must not mind that it runs inside a SLURM job
            plugins=None if several and launched else LightningEnvironment(),
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        raise ConfigError(
            f"training.accelerator '{options.accelerator}' with {options.devices} device(s) "
            f"cannot be used here: {error}"
        ) from error


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
