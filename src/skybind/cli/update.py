"""What came to a run's dataset."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, RunFolder, echo

app = Commands()


@app.command(memory=True, files=True)
def update(
    folder: RunFolder,
    append: Annotated[
        Path | None,
        typer.Option(
            "--append",
            metavar="NEW",
            help="Append this to the run's dataset first: a dataset's folder, or a mapping.",
        ),
    ] = None,
) -> None:
    """Look at what was appended to a run's dataset since last time; for every night.

    What is new or changed is prepared, embedded and classified, the rest is taken over. A page and
    a table in RUN/updates tell what is strange: unlike the training objects, a stranger to the
    classes, undecided, or of another class than before its new observations. Nothing is trained,
    and no new object is measured on.

    Killed at any moment, the same command goes on; a second time it changes nothing. Nothing is
    appended to the dataset of a run that has no model or cannot be written.

    skybind update run/

    skybind update run/ --append tonight.yaml
    """
    from skybind.discovery.update import append_to_run, update_run
    from skybind.runs.run import Run

    if append is not None:
        echo(append_to_run(folder, append).text)
    echo(update_run(Run.open(folder)).text)
