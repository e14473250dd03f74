"""Print the largest file, the longest functions and the most parameters of skybind.

`python tools/sizes.py [FOLDER]` ends with 1 where a limit is broken. A function is counted from its
first decorator to its end, docstring and all; `self` and `cls` are no parameters. The command line
is free in its functions and parameters, and so is the constructor of an encoder in its parameters:
they are what a user writes, options and keys of a configuration that are read from signatures.
"""

import ast
import sys
from pathlib import Path
from typing import NamedTuple

FILE, FUNCTION, PARAMETERS = 400, 60, 10
SHOWN = 5
SOURCE = Path(__file__).resolve().parents[1] / "src" / "skybind"


class Size(NamedTuple):
    """How many lines or parameters something has, and where it stands."""

    number: int
    where: str


def functions(tree: ast.AST, file: str) -> tuple[list[Size], list[Size]]:
    """Return the lines and the parameters of all functions of a file."""
    lines, parameters = [], []
    free = {id(node) for node in _options_of_encoders(tree)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        where = f"{file}:{first} {node.name}"
        lines.append(Size((node.end_lineno or first) - first + 1, where))
        every = node.args
        names = [a.arg for a in (*every.posonlyargs, *every.args, *every.kwonlyargs)]
        names += [a.arg for a in (every.vararg, every.kwarg) if a is not None]
        if id(node) not in free:
            parameters.append(Size(sum(name not in ("self", "cls") for name in names), where))
    return lines, parameters


def _options_of_encoders(tree: ast.AST) -> list[ast.stmt]:
    """Return the constructors whose parameters are keys of a configuration."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    encoders = [c for c in classes if any(getattr(b, "id", "") == "Encoder" for b in c.bases)]
    return [f for c in encoders for f in c.body if getattr(f, "name", "") == "__init__"]


def measure(folder: Path) -> tuple[list[Size], list[Size], list[Size]]:
    """Return the sizes of files, functions and parameter lists, each the largest first."""
    files, lines, parameters = [], [], []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(folder)
        files.append(Size(len(text.splitlines()), str(name)))
        if name.parts[0] != "cli":
            found = functions(ast.parse(text), str(name))
            lines += found[0]
            parameters += found[1]
    return tuple(sorted(sizes, reverse=True) for sizes in (files, lines, parameters))


def tell(title: str, limit: int, sizes: list[Size], shown: int) -> bool:
    """Print the largest of one kind, and all that are too large; return whether any is."""
    too_large = [size for size in sizes if size.number > limit]
    print(f"{title} (at most {limit}):")
    for size in too_large if len(too_large) > shown else sizes[:shown]:
        print(f"  {size.number:5d}  {size.where}{'  TOO LARGE' if size.number > limit else ''}")
    return bool(too_large)


def main(folder: Path = SOURCE) -> int:
    """Print all sizes; return 1 where a limit is broken."""
    files, lines, parameters = measure(folder)
    if not files:
        print(f"There is no Python file in {folder}: name the folder of the package.")
        return 1
    broken = [
        tell("Lines of a file", FILE, files, 1),
        tell("Lines of a function", FUNCTION, lines, SHOWN),
        tell("Parameters of a function", PARAMETERS, parameters, SHOWN),
    ]
    return int(any(broken))


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
