"""The index by which many objects are searched."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, Processes, ShardOf, echo, echo_shard, read_shard

app = Commands()


@app.command(memory=True)
def index(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or of embeddings.")
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Modality that will be searched; several joined by '+' stand for their mean, all "
            "by default.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", "-d", help="Dataset, where RUN does not tell: its positions are sorted."
        ),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            "--recall",
            help="Fraction of the 10 nearest to be found: 0.95 by default, or what the index that "
            "is there had to find.",
        ),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Train again, instead of adding what is new.")
    ] = False,
    processes: Processes = None,
    shard: ShardOf = None,
) -> None:
    """Build the index by which 'skybind search' finds objects alike among many, or add to it.

    Embeddings that were added since are added to it; what it cost and how well it finds is told.
    The positions of the objects are sorted too, for 'skybind search --cone'. Needs 'skybind[ann]';
    searches do not. Interrupted, the same command goes on.

    Example: skybind index run/ --to photometry --shard 3/64
    """
    from skybind.processes import allowed
    from skybind.search.indexing import index_survey

    found = index_survey(
        folder,
        None if target is None else target.split("+"),
        data=data,
        recall=recall,
        shard=read_shard(shard),
        anew=anew,
        processes=processes or allowed(),
    )
    if found.index is not None:
        note = found.index.note
        recalls = ", ".join(f"{name} {share:.3f}" for name, share in note.recall.items())
        echo(f"{found.n:,} objects are in {found.place}: nprobe {note.probes:,} of {note.lists:,}.")
        echo(f"Recall of the 10 nearest, by what is searched by: {recalls}.")
        if note.advice:
            echo(note.advice)
    if found.positions is not None:
        echo(f"The positions of {found.positions:,} objects are sorted.")
    echo_shard(shard, found.place)
