"""Classes of new objects."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, ShardOf, echo, echo_shard, read_shard

app = Commands()


@app.command(memory=True, files=True)
def classify(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or of a saved classifier.")
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            "-d",
            help="Folder of a dataset, or files of observations, one an object (may be repeated); "
            "the run's own objects by default.",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Table to write: .parquet, .csv, .vot, .ecsv or .fits."),
    ] = Path("classes.parquet"),
    modalities: Annotated[
        str | None,
        typer.Option(
            "--modalities", "-m", help="Classify by these alone, joined by '+'; all by default."
        ),
    ] = None,
    case: Annotated[
        str | None,
        typer.Option(
            "--case",
            help="Which of the run's classifiers, such as photometry-10-pretrained. By default the "
            "one of --modalities, or of most modalities, trained with most labels.",
        ),
    ] = None,
    shard: ShardOf = None,
) -> None:
    """Classify objects, the run's own or new ones.

    One row an object, in their order: class, calibrated probabilities, novelty (the share of
    validation objects that lie nearer to the training objects: near 1, a stranger), the modalities
    that were there, and why there is no class, which is empty text then. Interrupted, the same
    command goes on.

    Example: skybind classify run/ --data new/ --out classes.csv
    """
    from skybind.runs.classify import classify_anything

    given = data[0] if data is not None and len(data) == 1 else data
    names = None if modalities is None else modalities.split("+")
    found = classify_anything(
        folder, given, out, modalities=names, case=case, shard=read_shard(shard)
    )
    told = ", ".join(f"{name} {number}" for name, number in found.counts.items())
    echo(f"{found.n} objects classified by {found.case}: {told or 'none has a class'}.")
    for note in found.notes:
        echo(note)
    if shard is None:
        echo(f"The table is {found.out}.")
    echo_shard(shard, found.out.parent)
