"""Search of hyper-parameters."""

from typing import Annotated

import typer

from skybind.cli.options import (
    Commands,
    ConfigName,
    Data,
    Out,
    Seed,
    Sets,
    SplitFile,
    echo,
    read_config,
    read_split,
)

app = Commands()


@app.command()
def tune(
    config: ConfigName,
    data: Data,
    out: Out,
    trials: Annotated[
        int, typer.Option("--trials", "-n", min=1, help="Trials in all, earlier calls included.")
    ] = 20,
    sets: Sets = None,
    split: SplitFile = None,
    seed: Seed = None,
) -> None:
    """Search hyper-parameters in the ranges of the configuration's section `tune`.

    Judged by validation objects alone. Interrupted, the same command goes on where it stopped;
    with more trials it goes on further. Given several times at once, on any machines that see the
    folder, the commands share the trials. With `pruning: true` a trial whose validation loss lies
    above the median of the others is stopped early.

    Example: skybind tune my.yaml --data stars/ --out search/ --trials 30

    with my.yaml:

    \b
    extends: stars-small
    tune:
      objective: photometry-10-pretrained   # or pretraining
      space:
        finetuning.training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
        modalities.photometry.encoder.hidden: {choices: [64, 96, 128]}
    """  # noqa: D301 - click takes the backspace for a paragraph that is not wrapped
    from skybind.tune import tune as search

    result = search(
        read_config(config, sets, seed),
        data,
        out,
        trials=trials,
        split=read_split(split),
    )
    for key, value in result.best.items():
        echo(f"{key}: {value}")
    echo(f"Best of {len(result.trials)} trials: {result.value:.4f}; see {result.config}.")
