"""Options of pre-training and fine-tuning; the defaults are AstroM3's published values."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainingOptions(BaseModel):
    """How a model is trained.

    The defaults are those of AstroM3's pre-training (arXiv:2411.08842, appendix on
    hyper-parameters, and the authors' release).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_size: int = Field(
        512,
        ge=2,
        description="Objects of one optimiser step, over all devices together; at most, with "
        "`min_batches`.",
    )
    epochs: int = Field(
        100,
        ge=1,
        description="Passes over the training objects, at most; more, with `min_steps`. Who sets "
        "it in a file or with --set, and `min_steps` not along with it, gets exactly so many.",
    )
    min_batches: int | None = Field(
        None,
        ge=1,
        description="Batches of an epoch, at least: with few objects they are smaller, down to 16 "
        "objects, and nearly no object is left over; null: always `batch_size` (published).",
    )
    min_steps: int | None = Field(
        None,
        ge=1,
        description="Optimiser steps, at least: with few objects there are more epochs, and what "
        "is counted in epochs (warm-up, patience) grows with them; null: `epochs` (published).",
    )
    min_patience: int | None = Field(
        None,
        ge=1,
        description="Steps without a better validation loss before training stops, at least, and "
        "half as many before the rate falls; null: counted in epochs (published).",
    )
    learning_rate: float = Field(0.00392, gt=0, description="Learning rate after the warm-up.")
    betas: tuple[float, float] = Field((0.926, 0.999), description="Adam's two decay rates.")
    weight_decay: float = Field(
        0.00467, ge=0, description="L2 penalty (adam) or decoupled weight decay (adamw)."
    )
    optimizer: Literal["adam", "adamw"] = Field("adam", description="Name of the optimiser.")
    gradient_clip: float | None = Field(
        45.0, gt=0, description="Largest norm of the gradient of all weights; null: no clipping."
    )
    warmup_epochs: int = Field(10, ge=0, description="Epochs of linear warm-up.")
    warmup_start: float = Field(
        1e-5, gt=0, le=1, description="Where the warm-up starts, as a fraction of learning_rate."
    )
    warmup_by: Literal["epoch", "step"] = Field(
        "epoch", description="Raise the rate once an epoch (as published) or at every step."
    )
    decay: Literal["plateau", "cosine"] = Field(
        "plateau",
        description="How the rate falls after the warm-up: on plateaus of a loss (as published), "
        "or along half a cosine to nothing at the last epoch, whatever the losses do.",
    )
    plateau_factor: float = Field(
        0.113, gt=0, lt=1, description="The rate is multiplied by this on a plateau."
    )
    plateau_patience: int = Field(
        3, ge=0, description="Epochs without a better loss that a rate is kept for."
    )
    plateau_by: Literal["validation", "training"] = Field(
        "validation",
        description="Which loss is watched for a plateau (training: code of the AstroCLIP "
        "reports). Stopping goes by the validation loss.",
    )
    early_stop_patience: int | None = Field(
        6, ge=1, description="Stop after so many epochs without a better validation loss; null: no."
    )
    loss_mean: Literal["objects", "batches"] = Field(
        "objects",
        description="Mean of the losses of an epoch: each object counts the same, or each batch, "
        "also a smaller last one (published).",
    )
    keep_by: Literal["loss", "accuracy", "last"] = Field(
        "loss",
        description="Keep the weights of the lowest validation loss, of the highest validation "
        "accuracy (AstroM3's release), or of the last epoch (AstroCLIP reports). The accuracy of a "
        "pre-training is the share of objects that are their own likeliest partner in the batch, "
        "by the mean probability of all pairs. Stopping and plateaus go by the loss.",
    )
    average: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Validate and keep an exponential moving average of the weights, which keeps "
        "this much of itself at every step (0.99: about the last 100 steps); null: the weights.",
    )
    precision: Literal["32", "bf16-mixed", "16-mixed"] = Field(
        "32", description="Arithmetic of the encoders; losses are always in 32 bits."
    )
    cached_chunk: int | None = Field(
        None,
        ge=1,
        description="Pre-training: objects that are embedded at once, with cached gradients "
        "(same gradient, less memory, about a third more work); null: the whole batch.",
    )
    accumulate: int = Field(
        1,
        ge=1,
        description="Fine-tuning: parts that a batch is computed in, one after the other "
        "(same gradient, less memory).",
    )
    drop_last: bool = Field(
        True, description="Leave out the last, smaller batch of an epoch (never the only one)."
    )
    validation_views: Literal["clean", "augmented"] = Field(
        "clean",
        description="Validate on observations as they are, or on views that are drawn as for "
        "training, the same in every epoch (code of the AstroCLIP reports: anew).",
    )
    validation_batch_size: int | None = Field(
        None, ge=2, description="Objects of a validation batch; null: batch_size."
    )
    devices: int = Field(1, ge=1, description="Devices (or CPU processes) a node.")
    nodes: int = Field(
        1,
        ge=1,
        description="Nodes, when a script of your own is started by SLURM or torchrun; commands "
        "that are started so take all its processes by themselves.",
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where to train; auto takes a GPU if there is one."
    )
    compile: bool = Field(False, description="Compile the model with torch.compile.")
    loader_threads: int = Field(
        1, ge=0, description="Threads that prepare the next batches; 0: none. No number changes."
    )
    max_minutes: float | None = Field(
        None, gt=0, description="Stop before an epoch that would end later than this; null: no."
    )


class LossOptions(BaseModel):
    """The loss of fine-tuning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    class_weights: float = Field(
        0.0,
        description="Weigh classes in the loss by the inverse of their number to this power: 0 "
        "all objects alike (published), 0.5 between, 1 all classes alike.",
        ge=0,
        le=1,
    )
    label_smoothing: float = Field(
        0.0, description="Share of each label spread over all classes in the loss.", ge=0, lt=1
    )
