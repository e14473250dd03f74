"""AstroM3's published weights in a binder of ours."""

from pathlib import Path

import torch

from skybind.encoders.release import load_astrom3_state, load_parameters, map_astrom3_state
from skybind.errors import ModelError
from skybind.models.binder import Binder


def load_published(binder: Binder, weights: str | Path) -> None:
    """Load the weights of an AstroM3 release (a pre-trained model) into a binder, by name.

    Parameters
    ----------
    binder : Binder
        Of the configuration `astrom3`, or one with the same architecture; its modalities are
        photometry, spectrum and metadata.
    weights : str or Path
        `model.safetensors`, or a `.pth` of the state dict.

    Raises
    ------
    ModelError
        If the file is no release of AstroM3, or a name or a shape does not fit the binder.
    """
    mapped = map_astrom3_state(load_astrom3_state(weights))
    if mapped["classifier"] is not None or set(mapped["encoders"]) != set(binder.modalities):
        raise ModelError(
            f"{weights} holds {', '.join(mapped['encoders'])}"
            f"{' and a classifier' if mapped['classifier'] is not None else ''}: give the weights "
            f"of a pre-trained model of {', '.join(binder.modalities)}."
        )
    for name in binder.modalities:
        load_parameters(binder.encoders[name], mapped["encoders"][name], f"{name} encoder")
        load_parameters(binder.projections[name], mapped["projections"][name], f"{name} projection")
    logs = {frozenset(pair): value for pair, value in mapped["log_scales"].items()}
    with torch.no_grad():
        for pair in binder.pairs:
            if frozenset(pair) in logs:
                binder.scales.logs["-".join(pair)].copy_(logs[frozenset(pair)].reshape(()))
