"""The explorer: a run's objects in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, RunFolder

app = Commands()


@app.command(memory=True, files=True)
def explore(
    folder: RunFolder,
    port: Annotated[
        int,
        typer.Option(
            "--port", help="Port to listen at; any free one by default.", min=0, max=65535
        ),
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Write nothing into the run's folder.")
    ] = False,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen at. Any other than this machine's lets others look at the "
            "run, unencrypted.",
        ),
    ] = "127.0.0.1",
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Dataset, where it is not where the run left it."),
    ] = None,
    static: Annotated[
        Path | None,
        typer.Option(
            "--static",
            help="Write a still copy to this folder instead, which any server of files shows.",
        ),
    ] = None,
    static_objects: Annotated[
        int,
        typer.Option(
            "--static-objects",
            help="Most objects whose observations the copy has, drawn from the maps.",
            min=1,
        ),
    ] = 1000,
) -> None:
    """Look at a run in a browser: map, light curves, spectra, images, neighbours.

    Needs the extra 'explore'. The page is served to this machine alone, and its address holds a
    token; Ctrl-C ends it.

    Example: skybind explore demo-stars/run
    """
    if static is not None:
        from skybind.explore.serve import explore_still

        explore_still(folder, static, data=data, objects=static_objects)
        return
    from skybind.explore.serve import explore as open_explorer

    open_explorer(folder, data=data, host=host, port=port, browser=browser, read_only=read_only)
