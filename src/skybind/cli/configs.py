"""Shipped configurations."""

import typer

from skybind.cli.options import Commands, ConfigName, Sets, read_config

app = Commands(help="List and show the shipped configurations.", no_args_is_help=True)


@app.command("list")
def config_list() -> None:
    """List the shipped configurations."""
    from skybind.config import config_names, load_config

    for name in config_names():
        typer.echo(f"{name:14s} {load_config(name).description}")


@app.command("show")
def config_show(config: ConfigName, sets: Sets = None) -> None:
    """Show a configuration with every key and value."""
    from skybind.config import dump_config

    typer.echo(dump_config(read_config(config, sets, None)), nl=False)
