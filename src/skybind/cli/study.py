"""Studies: configurations x seeds x subsets, and how far they are."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, Out

app = Commands()


@app.command()
def study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to do, a YAML file.")],
    out: Out,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="K/N", help="Do only this part.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes on this machine.")
    ] = 1,
) -> None:
    """Do a study."""
    from skybind.study.do import do_study
    from skybind.study.options import read_options
    from skybind.study.plan import read_shard

    result = do_study(
        read_options(file), out, shard=None if shard is None else read_shard(shard), workers=workers
    )
    if result.failed or result.missing:
        raise typer.Exit(1)
