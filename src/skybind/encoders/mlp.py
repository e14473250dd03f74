"""Multi-layer perceptron: a catalogue row -> features."""

from itertools import pairwise

from torch import Tensor, nn

from skybind.encoders.dropout import Dropout
from skybind.encoders.options import Count, Share
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.modalities.shape import InputShape


@register_encoder("mlp")
class MLP(Encoder):
    """Linear, ReLU, dropout, as many times as there are layers.

    The metadata encoder of AstroM3 (Rizhko & Bloom 2024, section "Metadata Encoder"; release
    MeriDK/AstroM3, MIT). Written from the description; state-dict names as in the release.
    Parameters with 34 features, hidden 512, 2 layers: 280,576.

    Parameters
    ----------
    shape : InputShape
        `channels` is the number of features; `length` is not used.
    hidden : int
        Width of every layer, and `out_features`.
    layers : int
        Number of linear layers.
    dropout : float
        Probability after each activation.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    def __init__(
        self, shape: InputShape, *, hidden: Count = 512, layers: Count = 2, dropout: Share = 0.1
    ) -> None:
        super().__init__()
        widths = [shape.channels] + [hidden] * layers
        steps: list[nn.Module] = []
        for before, after in pairwise(widths):
            steps += [nn.Linear(before, after), nn.ReLU(), Dropout(dropout)]
        self.model = nn.Sequential(*steps)
        self.channels = shape.channels
        self.out_features = hidden

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, F) -> (B, hidden); a feature with mask 0 counts as 0, its mean."""
        check_values("mlp", values, 2, 1, self.channels)
        if mask is not None:
            values = values.masked_fill(mask == 0, 0)
        features: Tensor = self.model(values)
        return features
