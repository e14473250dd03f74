"""A frozen backbone under a trained head."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skybind.data.seen import Seen
from skybind.encoders.registry import Encoder

# Rows that go through a backbone at once: without a gradient more are no quicker, and the
# activations of 32 DESI spectra in Spender's encoder take 0.4 GB.
_CHUNK = 32


class Backboned(Encoder):
    """An encoder that is never trained, and a head on its features that is.

    The backbone stays in evaluation mode (dropout off, running statistics of batch norms as they
    are) and takes no gradient; it computes in 32 bits whatever the precision of the training,
    so that cached features are what it would give.

    Parameters
    ----------
    backbone : Encoder
    head : Encoder
        Built for `InputShape(backbone.out_features)`.

    Attributes
    ----------
    seen : Seen
        Hashes of the objects that the backbone was trained on; none where that is not known, as of
        published weights.
    dataset : str
        Fingerprint of the dataset that it was trained with; "" where that is not known.
    statistics : dict of str to ndarray
        What the preprocessing learned when the backbone was trained; empty where nothing was
        learned or it is not known.
    preprocessing : dict
        Options of the modality when the backbone was trained; empty where that is not known.
    observation : dict
        Bands, units and pixel scale of what it was trained on; empty where that is not known.
    origin : str
        Form of the published weights that the backbone has (`stein`, `spender`, ...); "" of others.
    """

    def __init__(self, backbone: Encoder, head: Encoder) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()
        self.head = head
        self.out_features = head.out_features
        self.seen = Seen()
        self.dataset = ""
        self.statistics: dict[str, np.ndarray] = {}
        self.preprocessing: dict[str, Any] = {}
        self.observation: dict[str, Any] = {}
        self.origin = ""

    def train(self, mode: bool = True) -> "Backboned":
        """Switch the head to training, or back; the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def frozen_features(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Give the backbone's features, (B, backbone.out_features), without a gradient."""
        pieces = []
        with torch.no_grad(), torch.autocast(values.device.type, enabled=False):
            for start in range(0, len(values), _CHUNK):
                part = slice(start, start + _CHUNK)
                pieces.append(self.backbone(values[part], None if mask is None else mask[part]))
        return torch.cat(pieces)

    def forward(
        self,
        values: Tensor | None = None,
        mask: Tensor | None = None,
        features: Tensor | None = None,
    ) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        values, mask : Tensor, optional
            Inputs of the backbone; not needed with `features`.
        features : Tensor, optional
            What the backbone gave for the inputs before, (B, backbone.out_features).

        Returns
        -------
        Tensor
            (B, out_features)
        """
        if features is None:
            if values is None:
                raise TypeError("Backboned needs values or features.")
            features = self.frozen_features(values, mask)
        encoded: Tensor = self.head(features)
        return encoded


def linear_layers(head: nn.Module) -> list[nn.Linear]:
    """Give the linear layers of a head, in order."""
    return [module for module in head.modules() if isinstance(module, nn.Linear)]
