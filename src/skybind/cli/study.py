"""Studies: configurations x seeds x subsets, and how far they are."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from skybind.cli.options import Commands, echo, print_rich

if TYPE_CHECKING:
    from skybind.study import StudyResult


class _FileFirst(TyperGroup):
    """Commands on studies, of which `run` need not be named: `skybind study my.yaml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before what names no command."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = Commands(
    help="Configurations x seeds x subsets of the labels, in one folder and on one page.\n\n"
    "`skybind study my.yaml --out STUDY` does a study, or goes on with it; `skybind study status "
    "STUDY` says how far it is.",
    no_args_is_help=True,
    cls=_FileFirst,
)

StudyFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder of the study.")]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Do only part K of N, on any machine that sees the folder; the command without it "
        "then does what is missing and makes the page.",
    ),
]
Workers = Annotated[
    int,
    typer.Option("--workers", "-w", min=1, help="Processes on this machine that share the work."),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="List the units of work, the objects they look at and the time; nothing is written.",
    ),
]


@app.command("run", memory=True)
def run_study(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What to do: a YAML file (docs/studies.md).")
    ],
    out: StudyFolder,
    shard: Shard = None,
    workers: Workers = 1,
    dry_run: DryRun = False,
) -> None:
    """Do a study: simulate, pre-train, fine-tune, evaluate each run, and make one page.

    Interrupted, the same command goes on where it stopped; any number of them may work on one
    study at once.

    Example: skybind study my.yaml --out study/ --workers 2

    with my.yaml:

    \b
    data: stars/
    configurations:
      plain: stars-small
      wide: {config: stars-small, set: [model.dimension=256]}
    seeds: [42, 0, 66]
    subsets: [full, 10]
    """  # noqa: D301 - click takes the backspace for a paragraph that is not wrapped
    from skybind.shards import Shard as Part
    from skybind.study.do import do_study, foresee
    from skybind.study.options import read_options

    options = read_options(file)
    part = None if shard is None else Part.read(shard)
    if dry_run:
        for line in foresee(options, out, part):
            echo(line)
        return
    end_of(do_study(options, out, shard=part, workers=workers))


@app.command("status")
def study_status(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say how far a study is: done, under way and by whom, failed, time spent and left."""
    from skybind.cli.summary_of_study import render_status
    from skybind.study.forecast import look_at
    from skybind.study.merge import Study

    status = look_at(Study.open(folder))
    if as_json:
        echo(json.dumps(status.plain(), indent=1))
    else:
        print_rich(render_status(status))


def end_of(result: "StudyResult") -> None:
    """Say what a study came to; what failed or is missing makes the exit status 1."""
    if result.page is not None:
        echo(f"The page of the study is {result.page}.")
    else:
        echo("This part is done; the command without --shard makes the page.")
    for name, reason in result.failed.items():
        echo(f"{name} failed: {reason}", err=True)
    if result.missing:
        echo(f"Not done for it: {', '.join(result.missing)}.", err=True)
    if result.failed or result.missing:
        raise typer.Exit(1)
