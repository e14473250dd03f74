"""Options and small helpers that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skybind.errors import SkybindError

if TYPE_CHECKING:
    from skybind.config import Config
    from skybind.data.splits import Split

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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed; the configuration's by default.")]


def read_config(name: str, sets: list[str] | None, seed: int | None) -> "Config":
    """Read a configuration with what the command line sets in it."""
    from skybind.config import load_config

    extra = [] if seed is None else [f"seed={seed}"]
    return load_config(name, [*(sets or []), *extra])


def read_split(path: Path | None) -> "Split | None":
    """Read a split file, if one was given."""
    from skybind.data.splits import Split

    return None if path is None else Split.read(path)


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


def print_rich(renderable: object) -> None:
    """Print a table or panel."""
    from rich.console import Console

    Console().print(renderable)


def print_summary(metrics: dict[str, Any], out: Path, report: bool = True) -> None:
    """Print the numbers of a run, and where the rest is."""
    from skybind.cli.summary import render_summary

    print_rich(render_summary(metrics))
    if report:
        typer.echo(
            f"The report is {out / 'report.html'}; every number is in {out / 'metrics.json'}."
        )
