"""The supervised baseline: one modality's encoder trained on the targets, without binding."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from skybind.models.binder import best_device
from skybind.models.build import build_classifier
from skybind.models.inference import infer
from skybind.runs.run import Run

BATCH, LEARNING_RATE, WEIGHT_DECAY = 64, 1e-3, 1e-2


def supervised_predictions(
    run: Run, name: str, values: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Train the encoder of one modality to predict numbers, and predict.

    The encoder is the configuration's, with weights drawn at random (of a frozen backbone the
    run's cached features are used) and a linear layer on its features. The loss is the mean
    squared error of the standardised numbers; AdamW with a cosine schedule; the last epoch's
    weights are used, so that no validation object is needed.

    Parameters
    ----------
    run : Run
    name : str
        The modality.
    values : ndarray, shape (n, T)
        Numbers of all objects, NaN where not known.
    train, test : ndarray of int
        Objects to train on and to predict for; all have the modality.

    Returns
    -------
    ndarray of float64, shape (len(test), T)
    """
    mean = np.nanmean(values[train], axis=0)
    scale = np.nanstd(values[train], axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    standard = torch.from_numpy(((values - mean) / scale).astype(np.float32))
    source = run.source.select([name])
    device = best_device()
    # of a frozen backbone the run has the features, so its file is not needed
    model = build_classifier(run.config, run.shapes, (name,), values.shape[1], load=False)
    model.to(device)
    rng = np.random.default_rng(run.config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.config.seed)  # of dropout
        epochs = run.config.evaluation.supervised_epochs
        steps = epochs * max(1, len(train) // BATCH)
        trained = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trained, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))
        )
        model.train()
        for _ in range(epochs):
            order = rng.permutation(train)
            # batches of nearly one size: a last one of few objects would disturb batch norms
            for rows in np.array_split(order, max(1, len(order) // BATCH)):
                predicted = model(source.batch(rows, rng).to(device))
                loss = _squared_error(predicted, standard[rows].to(device))
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(trained, 5.0)
                optimiser.step()
                schedule.step()
    found = infer(model, source, test, lambda batch: {"values": model(batch)})
    predicted = found.get("values", np.zeros((0, values.shape[1]))).astype(np.float64)
    return predicted * scale + mean


def _squared_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean over the numbers that are known."""
    known = torch.isfinite(true)
    error = torch.where(known, predicted - torch.nan_to_num(true), 0.0)
    return error.square().sum() / known.sum().clamp(min=1)
