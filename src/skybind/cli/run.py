"""The steps of a run: pre-train, fine-tune, embed, evaluate, report."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import (
    AllowTwins,
    Commands,
    ConfigName,
    Data,
    Out,
    RunFolder,
    Seed,
    Sets,
    ShardOf,
    SplitFile,
    echo,
    echo_shard,
    open_to_measure,
    print_summary,
    read_config,
    read_shard,
    read_split,
)
from skybind.cli.study import end_of
from skybind.errors import ConfigError

app = Commands()

#: What `--memory` bounds of a training.
_OF_TRAINING = (
    "Most memory for blocks of the dataset that are read while it is prepared, 2GB by default. The "
    "training itself takes what model and batch need (docs/scale.md)."
)


@app.command(memory=True)
def run(
    config: ConfigName,
    data: Data,
    out: Out,
    sets: Sets = None,
    split: SplitFile = None,
    seed: Seed = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds",
            metavar="SEED,SEED,...",
            help="A run each, below the folder, and one page of all: a study.",
        ),
    ] = None,
    allow_twins: AllowTwins = False,
) -> None:
    """Do everything: pre-train, fine-tune with and without, embed, evaluate, report.

    Interrupted, the same command goes on where it stopped.

    Example: skybind run stars-small --data stars/ --out run/
    """
    from skybind.study import do_study, run_all, several_seeds

    if seeds is not None:
        numbers = _read_seeds(seeds, seed, split)
        if allow_twins:
            raise ConfigError(
                "--allow-twins is for one command, and the runs of a study are done by many: give "
                "--set evaluation.allow_twins=true."
            )
        end_of(do_study(several_seeds(config, data, numbers, sets or []), out))
        return
    asked = read_config(config, sets, seed)
    metrics = run_all(asked, data, out, split=read_split(split), allow_twins=allow_twins)
    print_summary(metrics, out)


def _read_seeds(text: str, seed: int | None, split: Path | None) -> list[int]:
    """Read `42,0,66`."""
    if seed is not None:
        raise ConfigError("--seed and --seeds contradict each other: give one of them.")
    if split is not None:
        raise ConfigError(
            "--seeds draws a split by each seed, so --split cannot be given: store the split with "
            "the dataset ('skybind data split') and set split.name to use one for all."
        )
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--seeds is '{text}': give whole numbers, 42,0,66.") from error


@app.command(memory=_OF_TRAINING)
def pretrain(
    config: ConfigName,
    data: Data,
    out: Out,
    sets: Sets = None,
    split: SplitFile = None,
    seed: Seed = None,
    resume: Annotated[
        bool, typer.Option("--resume/--restart", help="Go on from the last epoch, or start anew.")
    ] = True,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="Take AstroM3's published weights (folder, .safetensors, .pth), train nothing.",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            help="Begin from another model's weights, as far as they fit (its folder, or its "
            "run's).",
        ),
    ] = None,
) -> None:
    """Bind the modalities, without labels; the model is written to RUN/pretrain/model.

    Killed at any moment, the same command with --resume gives the same losses as an
    uninterrupted run.
    """
    from skybind.runs.run import Run
    from skybind.runs.steps import run_pretraining

    if weights is not None and start is not None:
        raise ConfigError("Published weights are taken whole: give --weights or --start.")
    started = Run.start(read_config(config, sets, seed), data, out, split=read_split(split))
    if weights is not None:
        from skybind.runs.published import adopt_published

        adopt_published(started, weights)
    else:
        run_pretraining(started, resume=resume, start=start)
    echo(f"The model is in {started.paths.model}.")


@app.command(memory=_OF_TRAINING)
def finetune(
    folder: RunFolder,
    modalities: Annotated[
        list[str] | None,
        typer.Option(
            "--modalities", "-m", help="A modality, or several joined by '+'; may be repeated."
        ),
    ] = None,
    subset: Annotated[
        list[str] | None,
        typer.Option(
            "--subset",
            help="full, a percentage of the labels (10), or objects a class (5-each); may be "
            "repeated.",
        ),
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option("--start", help="scratch or pretrained; may be repeated.")
    ] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="Train the head only.")] = False,
    pretrained: Annotated[
        Path | None,
        typer.Option("--pretrained", help="Start from the model of another run (its folder)."),
    ] = None,
) -> None:
    """Train classifiers with labels; all that the configuration asks for by default.

    Example: skybind finetune run/ --modalities photometry --subset 10 --start pretrained
    """
    from skybind.runs.cases import choose_cases
    from skybind.runs.run import Run
    from skybind.runs.steps import find_pretrained, run_finetuning

    opened = Run.open(folder)
    schema = opened.dataset.schema
    model = find_pretrained(pretrained, schema) if pretrained is not None else None
    for case in choose_cases(opened, modalities, subset, start, frozen):
        result = run_finetuning(opened, case, pretrained=model)
        echo(f"{result['name']}: best epoch {result['best_epoch']}, loss {result['best_loss']:.4f}")


@app.command(memory=True, files=True)
def embed(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or of a saved model.")
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Embed this dataset instead of the run's."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where to write; RUN/embeddings by default."),
    ] = None,
    shard: ShardOf = None,
) -> None:
    """Embed all objects; one vector a modality and object, as Parquet."""
    from skybind.runs.embedding import embed_anything

    written, n = embed_anything(folder, data, out, shard=read_shard(shard))
    echo(f"{n} objects are in {written}.")
    echo_shard(shard, written)


@app.command(memory=True)
def evaluate(folder: RunFolder, allow_twins: AllowTwins = False) -> None:
    """Measure everything on the test objects; writes RUN/metrics.json."""
    from skybind.evaluation.evaluate import evaluate_run
    from skybind.runs.cases import finished_cases

    opened = open_to_measure(folder, allow_twins)
    print_summary(evaluate_run(opened, finished_cases(opened)), folder, report=False)


@app.command(memory=True)
def report(folder: RunFolder) -> None:
    """Write RUN/report.html, one file that opens offline."""
    from skybind.report.from_run import write_report
    from skybind.runs.run import Run

    echo(f"The report is {write_report(Run.open(folder))}.")
