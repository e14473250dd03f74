"""Campaigns of faults: each does harm in one way, many times, and tells what came of it.

`benchmarks/faults.py` runs them long and prints the table; `test_campaigns.py` runs each for a few
tries. A campaign is a module of this folder with one function under `@campaign` (which starts and
watches its own programs) or `@each_apart` (whose tries run in children of this process).
"""

import importlib
import pkgutil

from tests.faults.campaigns.registry import CAMPAIGNS, Campaign


def campaigns() -> dict[str, Campaign]:
    """Return all campaigns by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return CAMPAIGNS
