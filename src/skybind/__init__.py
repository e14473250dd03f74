"""Bind the views of one star or galaxy in one embedding space.

>>> import skybind as sb
>>> sb.load  # doctest: +ELLIPSIS
<function load at ...>

Nothing heavy is imported before it is used. And nothing at all that can wait: until this is read,
the command line cannot heed a signal.
"""

from skybind.version import __version__

TYPE_CHECKING = False  # what type checkers take for true, without the time to import typing
if TYPE_CHECKING:
    from typing import Any

    from skybind.api import (
        Matches,
        Model,
        Run,
        append,
        import_survey,
        load,
        preview_survey,
        reproduce_paper,
        run_study,
    )
    from skybind.config.load import load_config
    from skybind.config.schema import Config
    from skybind.data.dataset import Dataset
    from skybind.embeddings.store import Embeddings
    from skybind.errors import ConfigError, DataError, LeakError, ModelError, SkybindError
    from skybind.ingest.catalogues import Catalogue
    from skybind.ingest.crossmatch import crossmatch
    from skybind.lightcurves.stored import compute_features
    from skybind.plugins import use_plugins
    from skybind.progress import set_verbosity
    from skybind.report.exported import export_weights
    from skybind.runs.new_config import new_config
    from skybind.runs.published import import_weights
    from skybind.simulate.write import write_galaxies as simulate_galaxies
    from skybind.simulate.write import write_stars as simulate_stars

#: Public name -> module, and its name there if it is another.
_PLACES = {
    "Catalogue": "skybind.ingest.catalogues",
    "Config": "skybind.config.schema",
    "ConfigError": "skybind.errors",
    "DataError": "skybind.errors",
    "Dataset": "skybind.data.dataset",
    "Embeddings": "skybind.embeddings.store",
    "LeakError": "skybind.errors",
    "Matches": "skybind.api",
    "Model": "skybind.api",
    "ModelError": "skybind.errors",
    "Run": "skybind.api",
    "SkybindError": "skybind.errors",
    "append": "skybind.api",
    "compute_features": "skybind.lightcurves.stored",
    "crossmatch": "skybind.ingest.crossmatch",
    "export_weights": "skybind.report.exported",
    "import_survey": "skybind.api",
    "import_weights": "skybind.runs.published",
    "load": "skybind.api",
    "load_config": "skybind.config.load",
    "new_config": "skybind.runs.new_config",
    "preview_survey": "skybind.api",
    "reproduce_paper": "skybind.api",
    "run_study": "skybind.api",
    "set_verbosity": "skybind.progress",
    "use_plugins": "skybind.plugins",
    "simulate_galaxies": "skybind.simulate.write:write_galaxies",
    "simulate_stars": "skybind.simulate.write:write_stars",
}

__all__ = [
    "Catalogue",
    "Config",
    "ConfigError",
    "DataError",
    "Dataset",
    "Embeddings",
    "LeakError",
    "Matches",
    "Model",
    "ModelError",
    "Run",
    "SkybindError",
    "__version__",
    "append",
    "compute_features",
    "crossmatch",
    "export_weights",
    "import_survey",
    "import_weights",
    "load",
    "load_config",
    "new_config",
    "preview_survey",
    "reproduce_paper",
    "run_study",
    "set_verbosity",
    "simulate_galaxies",
    "simulate_stars",
    "use_plugins",
]


def __getattr__(name: str) -> "Any":
    if name not in _PLACES:
        raise AttributeError(f"module 'skybind' has no attribute '{name}'")
    import importlib

    module, _, other = _PLACES[name].partition(":")
    value = getattr(importlib.import_module(module), other or name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
