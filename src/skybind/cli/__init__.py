"""The command line: one short function a command, each calls one public function."""

import atexit
import gc
import signal
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from skybind.cli import (
    backbone,
    check,
    classify,
    configs,
    data,
    demo,
    discover,
    explore,
    index,
    label,
    reproduce,
    run,
    search,
    simulate,
    study,
    tune,
    update,
    weights,
)
from skybind.cli.options import Commands
from skybind.encodable import replace_unprintable
from skybind.errors import SkybindError
from skybind.printable import printable
from skybind.processes import allow
from skybind.progress import has_been_asked, log, set_verbosity
from skybind.refusals import refusal
from skybind.stops import Stopped, asked, ending
from skybind.training.launcher import processes
from skybind.version import __version__

app = Commands(
    help="Bind the views of one star or galaxy - light curve, spectrum, image, catalogue row - "
    "in one embedding space.\n\nStart with: skybind demo stars",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(run.app)
app.add_typer(classify.app)
app.add_typer(search.app)
app.add_typer(index.app)
app.add_typer(discover.app)
app.add_typer(explore.app)
app.add_typer(update.app)
app.add_typer(backbone.app)
app.add_typer(tune.app)
app.add_typer(study.app, name="study")
app.add_typer(reproduce.app)
app.add_typer(check.app)
app.add_typer(data.app, name="data")
app.add_typer(simulate.app, name="simulate")
app.add_typer(demo.app, name="demo")
app.add_typer(label.app, name="label")
app.add_typer(weights.app, name="weights")
app.add_typer(configs.app, name="config")


#: Exit status of a program that Ctrl-C ended.
_INTERRUPTED = 128 + signal.SIGINT


def _version(value: bool) -> None:
    if value:
        typer.echo(f"skybind {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _together(command: Callable[[], None]) -> None:
    """Run the command in the first of several processes, which the others help to train."""
    from skybind.training.workers import lead

    lead(command)


def main() -> None:
    """Run the command line; what a user did wrong is one sentence and exit status 2."""
    if not has_been_asked():
        set_verbosity("normal")
    # Taking the modules of PyTorch apart costs a third of a second at every exit, for nothing.
    atexit.register(gc.freeze)
    allow()
    replace_unprintable()
    try:
        _together(app) if processes() > 1 else app()
    except SystemExit as end:  # Typer makes one of a KeyboardInterrupt that a library raises
        if end.code == _INTERRUPTED:
            _stop(signal.SIGINT)
        raise
    except Stopped as stop:
        _stop(stop.number)
    except Exception as error:
        if (number := asked()) is not None:  # what a signal did to the processes of this one
            _stop(number)
        sentence = str(error) if isinstance(error, SkybindError) else refusal(error)
        if sentence is None:
            raise
        log.debug("where it came from:", exc_info=True)
        _tell(sentence)
        sys.exit(2)


def _stop(number: int) -> None:
    sentence, status = ending(number)
    _tell(sentence)
    sys.exit(status)


def _tell(sentence: str) -> None:
    """Print a last sentence, whatever the level of messages, and log it for a file."""
    sentence = printable(sentence)
    typer.echo(f"skybind: {sentence}", err=True)
    log.error("%s", sentence, extra={"shown": True})


if __name__ == "__main__":
    main()
