"""What `import skybind` gives: a survey, a run, a model, and what they find.

Everything here calls one public function of the library; nothing is computed here.
"""

from skybind.api.doors import append, import_survey, load, preview_survey
from skybind.api.found import Discoveries, Matches
from skybind.api.studied import Studied, reproduce_paper, run_study
from skybind.api.trained import Model, Run

__all__ = [
    "Discoveries",
    "Matches",
    "Model",
    "Run",
    "Studied",
    "append",
    "import_survey",
    "load",
    "preview_survey",
    "reproduce_paper",
    "run_study",
]
