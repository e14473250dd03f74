"""Configurations: those that are shipped, and every key."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, ConfigName, Data, Sets, echo, read_config

app = Commands(help="List and show configurations, and explain their keys.", no_args_is_help=True)


@app.command("list")
def config_list() -> None:
    """List the shipped configurations."""
    from skybind.config import config_names, load_config

    for name in config_names():
        echo(f"{name:14s} {load_config(name).description}")


@app.command("show")
def config_show(config: ConfigName, sets: Sets = None) -> None:
    """Show a configuration with every key and value."""
    from skybind.config import dump_config

    echo(dump_config(read_config(config, sets, None)), nl=False)


@app.command("new")
def config_new(
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The YAML file; standard output by default."),
    ] = None,
) -> None:
    """Write a short configuration that fits a dataset, with the reasons in its comments.

    Example: skybind config new --data survey/ --out survey.yaml
    """
    from skybind.runs.new_config import config_text, write_new_config

    if out is None:
        echo(config_text(data), nl=False)
        return
    write_new_config(data, out)
    echo(f"The configuration is {out}; skybind run {out} --data {data} --out run/ uses it.")


@app.command("keys")
def config_keys(
    section: Annotated[
        str | None,
        typer.Argument(
            metavar="[SECTION]",
            help="A section (training), a kind of modality (photometry), an encoder (informer), "
            "backbone, or a key (training.epochs); all by default.",
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write the tables of docs/configuration.md.")
    ] = False,
) -> None:
    """Show every key with its meaning, its default and what it may be.

    Example: skybind config keys training
    """
    from skybind.runs import keys

    found = keys.config_keys(section)
    if markdown:
        text = keys.keys_as_markdown(found)
        echo(text if section else keys.PREFACE + text, nl=False)
    else:
        echo(keys.keys_as_text(found, shutil.get_terminal_size().columns), nl=False)
