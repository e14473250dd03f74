"""The published papers, made again."""

from typing import Annotated

import typer

from skybind.cli.options import Commands, Sets, echo
from skybind.cli.study import DryRun, Shard, StudyFolder, Workers, end_of
from skybind.errors import ConfigError

app = Commands()


@app.command()
def reproduce(
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="astrom3 or astroclip.")],
    out: StudyFolder,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            "-d",
            metavar="[SEED=]DIR",
            help="Folder of a dataset; repeated with SEED= where each seed has its own, as "
            "published splits have. Without it a survey of the paper's size is simulated.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option("--config", help="Another configuration than the paper's, name or YAML."),
    ] = None,
    sets: Sets = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Comma-separated; the paper's by default.")
    ] = None,
    objects: Annotated[
        int | None, typer.Option("--objects", "-n", min=1, help="Of the simulated survey.")
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="A small survey and small networks, for a laptop.")
    ] = False,
    tune: Annotated[
        int | None,
        typer.Option(
            "--tune",
            metavar="TRIALS",
            min=1,
            help="First search the hyper-parameters of the pre-training and of each classifier, "
            "by validation objects of the first seed.",
        ),
    ] = None,
    shard: Shard = None,
    workers: Workers = 1,
    dry_run: DryRun = False,
) -> None:
    """Make a whole paper again: every table and figure, the published values beside ours.

    It is a study: interrupted, the same command goes on where it stopped, and any number of them
    may work on it at once. How far it is: skybind study status STUDY

    Example: skybind reproduce astrom3 --small --out study/
    """
    from skybind.reproduce.papers import paper_of
    from skybind.reproduce.papers import reproduce as make_again
    from skybind.shards import Shard as Part
    from skybind.study.do import foresee

    part = None if shard is None else Part.read(shard)
    options = paper_of(paper).options(
        data=None if data is None else _data(data),
        config=config,
        sets=sets or [],
        seeds=None if seeds is None else [_whole(text, "--seeds") for text in seeds.split(",")],
        objects=objects,
        small=small,
        tune=tune,
    )
    if dry_run:
        for line in foresee(options, out, part):
            echo(line)
        return
    end_of(make_again(paper, out, options, shard=part, workers=workers))


def _data(entries: list[str]) -> str | dict[int, str]:
    """Read one folder, or several with the seeds that they are for."""
    if len(entries) == 1 and "=" not in entries[0]:
        return entries[0]
    folders: dict[int, str] = {}
    for entry in entries:
        seed, equals, folder = entry.partition("=")
        if not equals:
            raise ConfigError(f"--data {entry}: of several write the seed before each, 42={entry}.")
        folders[_whole(seed, "--data")] = folder
    return folders


def _whole(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(f"{option}: '{text}' is no seed, which is a whole number.") from error
