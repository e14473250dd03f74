"""What a machine allows: the bare matrix products of a network's layers, and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skybind.encoders import MLP, GalSpecNet, Informer
from skybind.modalities.batch import Batch
from skybind.models.binder import Binder


@dataclass(frozen=True)
class Product:
    """Rows of `inputs` numbers times a matrix to rows of `outputs` numbers.

    `first` is a layer of the data, for whose input no gradient is needed.
    """

    rows: int
    inputs: int
    outputs: int
    first: bool = False

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.inputs * self.outputs


def products_of(binder: Binder, batch: Batch) -> list[Product]:
    """List the products of the published network's layers in one pass over a batch.

    Those within the attention, a hundredth of the others, and the loss's are left out.
    """
    size = len(batch)
    found: list[Product] = []
    for name, encoder in binder.encoders.items():
        shape = batch.inputs[name]["values"].shape
        if isinstance(encoder, Informer):
            places = _every(encoder, size * shape[1])
        elif isinstance(encoder, GalSpecNet):
            places = _convolutions(encoder, size, shape[2])
        elif isinstance(encoder, MLP):
            places = _every(encoder, size)
        else:
            raise TypeError(f"the products of {type(encoder).__name__} are not known")
        found += [
            Product(rows, layer.weight[0].numel(), len(layer.weight), first=number == 0)
            for number, (rows, layer) in enumerate(places)
        ]
        weight = binder.projections[name].weight
        found.append(Product(size, weight.shape[1], len(weight)))
    return found


def _every(module: nn.Module, rows: int) -> Iterator[tuple[int, nn.Module]]:
    layers = (nn.Linear, nn.Conv1d)
    return ((rows, layer) for layer in module.modules() if isinstance(layer, layers))


def _convolutions(encoder: GalSpecNet, size: int, length: int) -> Iterator[tuple[int, nn.Module]]:
    for layer in encoder.layers:
        if isinstance(layer, nn.Conv1d):
            length -= layer.kernel_size[0] - 1
            yield size * length, layer
        elif isinstance(layer, nn.MaxPool1d):
            length //= int(layer.kernel_size)


def bare(
    products: list[Product], size: int, device: torch.device, dtype: torch.dtype, training: bool
) -> Callable[[], int]:
    """Make a function that does the products of one batch, with those of the gradients or not."""
    work = [(_matrices(product, device, dtype), product.first) for product in products]

    def step() -> int:
        for (rows, weight, gradient), first in work:
            rows @ weight.T
            if training:
                gradient.T @ rows
                if not first:
                    gradient @ weight
        return size

    return step


def _matrices(
    product: Product, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    shapes = (
        (product.rows, product.inputs),
        (product.outputs, product.inputs),
        (product.rows, product.outputs),
    )
    rows, weight, gradient = (torch.randn(shape, device=device).to(dtype) for shape in shapes)
    return rows, weight, gradient
