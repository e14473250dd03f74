"""Options and small helpers that several commands share."""

import inspect
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skybind.errors import AlreadyDone, SkybindError
from skybind.printable import printable
from skybind.progress import set_verbosity, task

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from skybind.config import Config
    from skybind.data.splits import Split
    from skybind.evaluation.records import Metrics
    from skybind.runs.run import Run
    from skybind.shards import Shard

Data = Annotated[Path, typer.Option("--data", "-d", help="Folder of the dataset.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Set a key, e.g. training.epochs=2; may be repeated.",
    ),
]
ConfigName = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG", help="Shipped configuration (see 'skybind config list') or a YAML file."
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split", help="Use this split (Parquet, or CSV with object_id and part)."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, help="Say more; -vv for everything.", show_default=False
    ),
]
#: What `--memory` bounds, where nothing else is said of a command.
WORKING = (
    "Most memory for working arrays, 2GB by default; what it bounds in each step: docs/scale.md."
)
MaxFile = Annotated[
    str | None,
    typer.Option(
        "--max-file",
        metavar="SIZE",
        help="What one file, member of an archive, array or image may take in memory: 20GB. "
        "By default 8 GB, and beyond 200 MB no more than 200 times what is on disk.",
    ),
]
Processes = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="Processes; as many as there are cores by default."),
]
ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Do only part K of N, beside the others, in any order (docs/scale.md); when all are "
        "there, the command without it puts them together.",
    ),
]

AllowTwins = Annotated[
    bool,
    typer.Option(
        "--allow-twins",
        help="Go on with objects that the model has seen under another name, and tell them. For "
        "this command alone; the key evaluation.allow_twins is for good.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed; the configuration's by default.")]


#: Wider than any table [characters].
_WIDE = 100_000


class Commands(typer.Typer):
    """A Typer whose every command takes `-q` and `-v`, so that no function needs to."""

    def command(
        self, *args: Any, memory: bool | str = False, files: bool = False, **settings: Any
    ) -> Callable[..., Any]:
        """Make a command of a function, as Typer does; with `memory` it takes `--memory`, too.

        A text says what that bounds. With `files`, as all do that read files of others, it takes
        `--max-file`.
        """
        register = super().command(*args, **settings)
        bounds = WORKING if memory is True else memory or None

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            register(_with_common(function, bounds, files))
            return function

        return decorate


def _with_common(
    function: Callable[..., Any], bounds: str | None, files: bool
) -> Callable[..., Any]:
    """Give a command the options that say how much is told, and what memory it may take."""
    limit = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help=bounds)]

    @wraps(function)
    def command(
        *args: Any,
        quiet: bool,
        verbose: int,
        memory: str | None = None,
        max_file: str | None = None,
        **options: Any,
    ) -> Any:
        from skybind.limits import at_most

        if quiet and verbose:
            raise SkybindError("--quiet and --verbose contradict each other: give one of them.")
        if quiet or verbose:
            set_verbosity("quiet" if quiet else "verbose" if verbose == 1 else "debug")
        # what is told by nothing else: a long start, or a file that is read slowly
        try:
            with _limited(memory), at_most(max_file), task("at work", told=False, drawn=False):
                return function(*args, **options)
        except AlreadyDone as done:
            echo(done)

    common: dict[str, tuple[Any, Any]] = {"memory": (None, limit)} if bounds else {}
    common |= {"max_file": (None, MaxFile)} if files else {}
    common |= {"quiet": (False, Quiet), "verbose": (0, Verbose)}
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (default, kind) in common.items()
    ]
    own = inspect.signature(function)
    signature = own.replace(parameters=[*own.parameters.values(), *extra])
    command.__signature__ = signature  # type: ignore[attr-defined]
    kinds = {name: kind for name, (_, kind) in common.items()}
    command.__annotations__ = {**function.__annotations__, **kinds}
    del command.__wrapped__
    return command


def _limited(memory: str | None) -> AbstractContextManager[None]:
    """Keep a command to the limit that was given."""
    if memory is None:
        return nullcontext()
    from skybind.memory import memory_limit

    return memory_limit(memory)


def read_config(name: str, sets: list[str] | None, seed: int | None) -> "Config":
    """Read a configuration with what the command line sets in it."""
    from skybind.config import load_config

    extra = [] if seed is None else [f"seed={seed}"]
    return load_config(name, [*(sets or []), *extra])


def open_to_measure(folder: Path, allow_twins: bool, data: Path | None = None) -> "Run":
    """Open a run whose models shall be measured; that twins are allowed holds for this alone."""
    from skybind.runs.run import Run

    run = Run.open(folder, data=data)
    run.allow_twins = allow_twins
    return run


def read_split(path: Path | None) -> "Split | None":
    """Read a split file, if one was given."""
    from skybind.data.splits import Split

    return None if path is None else Split.read(path)


def echo_shard(shard: str | None, place: Path) -> None:
    """Say where a shard is, and what comes when all are there."""
    if shard is not None:
        echo(
            f"Shard {shard} is in {place}: when all are there, the command without --shard puts "
            "them together."
        )


def read_shard(text: str | None) -> "Shard | None":
    """Read which part of the work is to be done; None for all of it."""
    from skybind.shards import Shard

    return None if text is None else Shard.read(text)


def read_fractions(text: str) -> list[float]:
    """Read three comma-separated fractions."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise SkybindError(f"--fractions is '{text}': give three numbers, 0.8,0.1,0.1.") from error


def read_pairs(texts: list[str], option: str) -> dict[str, str]:
    """Read KEY=VALUE pairs."""
    pairs = [text.partition("=") for text in texts]
    for key, equals, value in pairs:
        if not (key and equals):
            raise SkybindError(f"{option} is '{key}{equals}{value}': write it as KEY=VALUE.")
    return {key: value for key, _, value in pairs}


def echo(text: object = "", nl: bool = True, err: bool = False) -> None:
    """Print results as `typer.echo` does, with text of data as it may be shown (`printable`)."""
    typer.echo(printable(str(text), keep="\n\t"), nl=nl, err=err)


def print_rich(renderable: "RenderableType") -> None:
    """Print tables: folded to the width of a terminal; in a file or a pipe every cell is whole."""
    from skybind.progress.consoles import PrintableConsole

    tables = _tables(renderable)
    for table in tables:  # before they are measured
        table.title = _shown(table.title)
        for column in table.columns:
            column.header = _shown(column.header)
            column._cells = [_shown(cell) for cell in column._cells]
    if not sys.stdout.isatty():
        for table in tables:  # a title is wrapped between words only
            table.min_width = max(map(len, str(table.title or "").split()), default=0)
        PrintableConsole(width=_natural_width(renderable)).print(renderable)
        return
    console = PrintableConsole()
    if _natural_width(renderable) > console.width:
        for column in (column for table in tables for column in table.columns):
            column.no_wrap, column.overflow = False, "fold"
    console.print(renderable)


def _shown(cell: Any) -> Any:
    return printable(cell, keep="\n") if isinstance(cell, str) else cell


def _natural_width(renderable: "RenderableType") -> int:
    """Return how wide it is where nothing is wrapped."""
    from rich.console import Console
    from rich.measure import Measurement

    wide = Console(width=_WIDE)
    return Measurement.get(wide, wide.options, renderable).maximum


def _tables(renderable: object) -> "list[Table]":
    """Return the tables of a group of renderables."""
    from rich.console import Group
    from rich.table import Table

    if isinstance(renderable, Group):
        return [table for part in renderable.renderables for table in _tables(part)]
    return [renderable] if isinstance(renderable, Table) else []


def print_summary(metrics: "Metrics", out: Path, report: bool = True) -> None:
    """Print the numbers of a run, and where the rest is."""
    from skybind.cli.summary import render_summary

    print_rich(render_summary(metrics))
    if report:
        typer.echo(
            f"The report is {out / 'report.html'}; every number is in {out / 'metrics.json'}."
        )
