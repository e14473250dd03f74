"""Models: encoders with their projections and pair scales, and the classifier on top."""

from skybind.models.binder import Binder, PairScales
from skybind.models.build import build_binder, build_classifier, build_modalities
from skybind.models.classifier import Classifier
from skybind.models.model import Model
from skybind.models.saving import save_model

__all__ = [
    "Binder",
    "Classifier",
    "Model",
    "PairScales",
    "build_binder",
    "build_classifier",
    "build_modalities",
    "save_model",
]
