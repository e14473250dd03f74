"""Head: features (of a frozen backbone) -> features, by a perceptron of any widths."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from skybind.encoders.dropout import Dropout
from skybind.encoders.options import Count, Share
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape

Activation = Literal["relu", "prelu", "gelu"]


@register_encoder("head")
class Head(Encoder):
    """Linear, activation, dropout for each hidden layer; perhaps a last linear with dropout.

    The heads of the AstroCLIP reports are its configurations (sections 3.2 and 3.3 of the June
    report and its code). On Spender's 256 features: `hidden: [256, 256, 256]` with a linear
    projection to 128 (230,272 parameters, that of the text); `hidden: [128, 128, 128],
    activation: prelu, dropout: 0.1` and `hidden: [256, 256, 128]` likewise, without a projection
    (66,304 and 165,120, those of the runs, whose lists of sizes begin with the input). On the
    ResNet-50's 2048 features: `hidden: [2048]` with a linear projection to 128 (4.5 M, Stein et
    al.'s `fc`).

    Parameters
    ----------
    shape : InputShape
        `channels` is the number of features; `length` is not used.
    hidden : sequence of int
        Widths of the hidden layers.
    out : int, optional
        Width of a last layer without activation; then `projection: none` makes its output the
        embedding. None: the last hidden layer is the output.
    activation : {"relu", "prelu", "gelu"}
        PReLU has one slope a unit.
    dropout : float
        Probability after every layer, the last included.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    def __init__(
        self,
        shape: InputShape,
        *,
        hidden: Sequence[Count] = (256,),
        out: Count | None = None,
        activation: Activation = "relu",
        dropout: Share = 0.0,
    ) -> None:
        super().__init__()
        if not hidden and out is None:
            raise ConfigError("encoder 'head' has no layer: give hidden or out")
        widths = [shape.channels, *hidden]
        steps: list[nn.Module] = []
        for before, after in pairwise(widths):
            steps += [nn.Linear(before, after), _activation(activation, after), Dropout(dropout)]
        if out is not None:
            steps += [nn.Linear(widths[-1], out), Dropout(dropout)]
        self.layers = nn.Sequential(*steps)
        self.activation = activation
        self.channels = shape.channels
        self.out_features = widths[-1] if out is None else out

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, F) -> (B, out_features); a feature with mask 0 counts as 0."""
        check_values("head", values, 2, 1, self.channels)
        if mask is not None:
            values = values.masked_fill(mask == 0, 0)
        features: Tensor = self.layers(values)
        return features


def _activation(name: Activation, width: int) -> nn.Module:
    if name == "prelu":
        return nn.PReLU(width)
    return nn.ReLU() if name == "relu" else nn.GELU()
