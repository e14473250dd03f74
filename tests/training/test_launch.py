import logging

import pytest
import torch

from skybind.errors import ConfigError
from skybind.training import launch
from skybind.training.launch import make_fabric, quiet
from tests.training.training_toys import toy_options


def test_several_nodes_need_a_launcher(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    with pytest.raises(ConfigError, match="start one process a device with srun or torchrun"):
        make_fabric(toy_options(nodes=2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_told_in_one_sentence():
    with pytest.raises(ConfigError, match=r"training\.accelerator 'cuda' with 1 device"):
        make_fabric(toy_options(accelerator="cuda"))


def test_a_single_process_inside_a_slurm_job_is_a_single_process(monkeypatch):
    for name, value in {"SLURM_NTASKS": "8", "SLURM_PROCID": "3", "SLURM_JOB_NAME": "x"}.items():
        monkeypatch.setenv(name, value)
    fabric = make_fabric(toy_options())
    assert (fabric.world_size, fabric.global_rank) == (1, 0)


def test_a_command_on_several_processes_leaves_the_devices_to_the_launcher(monkeypatch):
    environment = {"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(launch, "together", lambda: True)
    for options in (toy_options(), toy_options(devices=2, nodes=2)):
        assert launch._devices(options) == (2, 2)
    with pytest.raises(ConfigError, match="is 3 x 1, but 4 processes were started"):
        launch._devices(toy_options(devices=3))
    monkeypatch.setattr(launch, "together", lambda: False)
    assert launch._devices(toy_options(devices=3)) == (3, 1)


def test_lightning_is_quiet_only_meanwhile():
    logger = logging.getLogger("lightning.fabric")
    with quiet():
        assert not logger.isEnabledFor(logging.INFO)
    assert logger.isEnabledFor(logging.INFO)
