"""Configurations: what is bound, how it is trained, and what is evaluated."""

from skybind.config.load import config_names, dump_config, load_config
from skybind.config.schema import Config
from skybind.config.training import TrainingOptions

__all__ = ["Config", "TrainingOptions", "config_names", "dump_config", "load_config"]
