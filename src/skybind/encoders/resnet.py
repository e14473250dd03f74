"""Residual network: an image -> features."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.options import Count, Range, check_range
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.modalities.shape import InputShape


class _Block(nn.Module):
    """A residual block: convolutions with batch norms, added to the (projected) input."""

    expansion: int

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        out = planes * self.expansion
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def _residual(self, x: Tensor) -> Tensor:
        """What is added to the input."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(self._residual(x) + shortcut)


class BasicBlock(_Block):
    """Two 3 x 3 convolutions; the first has the stride."""

    expansion = 1

    def __init__(self, channels: int, planes: int, stride: int, width: int) -> None:
        super().__init__(channels, planes, stride)
        self.conv1 = nn.Conv2d(channels, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)

    def _residual(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        residual: Tensor = self.bn2(self.conv2(x))
        return residual


class Bottleneck(_Block):
    """1 x 1, 3 x 3 with the stride, 1 x 1 to four times the planes."""

    expansion = 4

    def __init__(self, channels: int, planes: int, stride: int, width: int) -> None:
        super().__init__(channels, planes, stride)
        inner = planes * width // 64
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)

    def _residual(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        residual: Tensor = self.bn3(self.conv3(x))
        return residual


_BLOCKS: dict[str, type[BasicBlock] | type[Bottleneck]] = {
    "basic": BasicBlock,
    "bottleneck": Bottleneck,
}


@register_encoder("resnet")
class ResNet(Encoder):
    """Convolution and max-pool, stages of residual blocks, mean over the image.

    He et al. 2016 (arXiv:1512.03385), with the stride of a bottleneck in its 3 x 3 convolution,
    as torchvision (BSD-3) and with it Stein et al. (2021, arXiv:2110.13151; MIT) have it.
    Written from the description; state-dict names as in torchvision, without `fc`. The
    classification layer is left out: the features are the mean over the image.

    Parameters
    ----------
    shape : InputShape
        `channels` is the number of bands; `length` is not used: any size will do.
    block : {"basic", "bottleneck"}
        Two convolutions of 3 x 3, or 1 x 1, 3 x 3 and 1 x 1 to four times the planes.
    blocks : sequence of int
        Blocks of each stage; every stage but the first halves the image.
    stem : int
        Channels of the first convolution, and planes of the first stage; each further stage has
        twice as many.
    width : int
        Bottlenecks: inner channels in 64ths of the planes (torchvision's `width_per_group`).
    pooling : {"mean", "both"}
        Features: the mean over the image (torchvision), or the mean and the maximum side by side;
        the maximum keeps what is seen in one place only.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    def __init__(
        self,
        shape: InputShape,
        *,
        block: Literal["basic", "bottleneck"] = "basic",
        blocks: Annotated[Sequence[Count], Range(1)] = (1, 1, 1, 1),
        stem: Count = 16,
        width: Count = 64,
        pooling: Literal["mean", "both"] = "mean",
    ) -> None:
        super().__init__()
        check_range("resnet", "stem * width / 64", stem * width // 64, 1)
        make = _BLOCKS[block]
        self.channels = shape.channels
        self.conv1 = nn.Conv2d(shape.channels, stem, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.stages = [f"layer{number}" for number in range(1, len(blocks) + 1)]
        channels = stem
        for number, (name, count) in enumerate(zip(self.stages, blocks, strict=True)):
            planes, stride = stem * 2**number, 1 if number == 0 else 2
            steps: list[nn.Module] = []
            for index in range(count):
                steps.append(make(channels, planes, stride if index == 0 else 1, width))
                channels = planes * make.expansion
            self.add_module(name, nn.Sequential(*steps))
        self.pooling = pooling
        self.out_features = channels * (2 if pooling == "both" else 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, C, H, W) -> (B, out_features); pixels with mask 0, (B, H, W), count as 0."""
        check_values("resnet", values, 4, 1, self.channels)
        if mask is not None:
            values = values.masked_fill(mask[:, None] == 0, 0)
        x = functional.relu(self.bn1(self.conv1(values)))
        x = functional.max_pool2d(x, 3, 2, padding=1)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        mean = x.mean(dim=(2, 3))
        return mean if self.pooling == "mean" else torch.cat([mean, x.amax(dim=(2, 3))], dim=1)


@register_encoder("resnet50")
class ResNet50(ResNet):
    """ResNet-50: 2048 features, 23,508,032 parameters with three bands.

    The image backbone of Stein et al. (2021) and of the AstroCLIP reports (June 2024,
    section 3.2); see `ResNet`.

    Parameters
    ----------
    shape : InputShape
        `channels` is the number of bands.
    """

    def __init__(self, shape: InputShape) -> None:
        super().__init__(shape, block="bottleneck", blocks=(3, 4, 6, 3), stem=64)
