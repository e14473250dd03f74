"""What data hold never reaches a terminal as a command, whichever way it is printed."""

import io
import logging

import typer
from rich.table import Table
from typer.testing import CliRunner

from skybind.cli.options import echo, print_rich
from skybind.progress import say
from skybind.progress.consoles import PrintableConsole

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202ex\r"
SHOWN = r"\x1b]0;owned\x07\x9b2J\u202ex"


def hostile_table() -> Table:
    table = Table(title=f"title {HOSTILE}")
    table.add_column(f"column {HOSTILE}")
    table.add_row(f"cell {HOSTILE}")
    return table


def test_tables_in_a_terminal_keep_their_own_colours_only():
    out = io.StringIO()
    console = PrintableConsole(file=out, force_terminal=True, width=200, color_system="standard")
    console.print(hostile_table())
    console.print(f"[red]{SHOWN}[/red] {HOSTILE}", markup=True)
    text = out.getvalue()
    assert "\x1b[31m" in text  # what rich writes itself
    assert text.count(r"\x1b") >= 5
    for part in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert part not in text


def test_results_of_commands():
    app = typer.Typer()

    @app.command()
    def show() -> None:
        echo(f"a line {HOSTILE}\nand another")
        print_rich(hostile_table())

    said = CliRunner().invoke(app).output
    assert said.count(SHOWN) == 4
    assert "\nand another" in said
    assert not any(part in said for part in ("\x1b", "\x07", "\x9b", "\u202e"))


def test_messages(caplog):
    caplog.set_level(logging.INFO, "skybind")
    say(f"reading {HOSTILE}")
    assert caplog.messages[-1].startswith(f"reading {SHOWN}")
    assert caplog.messages[-1].isprintable()
