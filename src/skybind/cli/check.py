"""Whether what stands on disk is what was written."""

import json
from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, echo

app = Commands()


@app.command()
def check(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Of a dataset, a run, a model, a backbone, a study, a HATS catalogue, "
            "embeddings, or what 'skybind index' made beside them.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Verify every file by its checksum, whole; exit status 1 if any is damaged.

    Names what is damaged or not there, and how it is made again. Whether a dataset keeps the
    rules is told by 'skybind data check'.

    Example: skybind check run/
    """
    from skybind.study.check import check_folder

    found = check_folder(folder)
    if as_json:
        echo(json.dumps(found.plain_values(), indent=1))
    else:
        for damage in found.damages:
            echo(damage.said)
        echo(found.sentence)
    if found.damages:
        raise typer.Exit(1)
