"""The optimiser that the options ask for."""

import torch
from torch import nn

from skybind.config.training import TrainingOptions


def make_optimizer(
    module: nn.Module, options: TrainingOptions, device: torch.device
) -> torch.optim.Optimizer:
    """Give the optimiser of a module's trainable weights."""
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    trained = [p for p in module.parameters() if p.requires_grad]
    # one kernel for all weights; it cannot be joined with clipping under a loss scaler
    fused = device.type in ("cpu", "cuda") and options.precision != "16-mixed"
    return kinds[options.optimizer](
        trained,
        lr=options.learning_rate,
        betas=options.betas,
        weight_decay=options.weight_decay,
        fused=fused,
    )
