"""Conditions on the columns of a dataset: `label == 'EW' and period < 1`.

The operators, from the loosest to the tightest:

    or        `a or b`
    and       `a and b`
    not       `not a`
    test      `a < b` (also <= > >= == = !=), `a in (1, 2)`, `a not in ('b', 'c')`, `a is null`,
              `a is not null`
    sum       `a + b`, `a - b`
    product   `a * b`, `a / b`
    sign      `-a`

They join columns, numbers, 'text' or "text", true, false, and conditions in parentheses. A column
whose name is no plain word stands in backquotes. Where a value is missing, a test is not
fulfilled. Whole numbers keep all their digits; what does not fit 64 bits is refused. A number of
single precision is the shortest decimal that tells it, as it is shown: 0.1, not 0.10000000149.

Columns, values and lists are set aside under placeholders, so that Python's parser sees nothing
of what they contain. Of its tree only the nodes named in `_expression` count.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds

from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.words import nearest

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_TEXT = r"'[^']*'|\"[^\"]*\""
_VALUE = rf"(?:-?\s*{_NUMBER}|{_TEXT})"
_TOKEN = re.compile(
    rf"(?P<list>(?<=\b[iI][nN])\s*\(\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\)(?!\s*[-+*/]))"
    rf"|(?P<value>{_NUMBER}|{_TEXT}|(?i:true|false)\b)"
    r"|(?P<sign><=|>=|==|!=|[-+*/()<>=]|(?i:and|or|not|in|is|null)\b)"
    r"|`(?P<quoted>[^`]+)`|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>\S)"
)
_SPELLING = {"=": "==", "null": "None"}
_Join = Callable[[pc.Expression, pc.Expression], pc.Expression]
_OPERATORS: dict[type, _Join] = {
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Add: pc.add_checked,
    ast.Sub: pc.subtract_checked,
    ast.Mult: pc.multiply_checked,
    # whole numbers are divided like all others
    ast.Div: lambda a, b: pc.divide(a.cast(pa.float64()), b),
}
_CHUNK = 65_536  # objects whose columns are read at once
_DEEPEST = 100  # parentheses inside one another
_HIGHEST = 400  # operations inside one another, such as the terms of a sum
_LONGEST = 20_000  # columns, values and signs; a list counts as one


def parse_condition(text: str, columns: Sequence[str]) -> tuple[pc.Expression, list[str]]:
    """Read a condition.

    Parameters
    ----------
    text : str
        As described in the module's docstring.
    columns : sequence of str
        Names of the columns that there are.

    Returns
    -------
    expression : pyarrow.compute.Expression
    used : list of str
        Columns that it asks for.

    Raises
    ------
    DataError
        If it is not in the language, is too long, or names a column that is not there.
    """
    python = ""
    try:
        python, operands, used = _translate(text, columns)
        return _expression(ast.parse(python, mode="eval").body, operands), used
    except (RecursionError, MemoryError):  # Python's own parser raises either
        wrong = (
            "is too long or nested too deeply: join fewer tests, and put many values into one "
            "list, as in 'x in (1, 2, 3)'."
        )
    except SyntaxError as error:
        wrong = error.msg
        if error.offset is not None:  # from 1 on, and 0 is the end
            before = python[: error.offset or len(python)].count(" ")
            rest = [found[0].strip() for found in _TOKEN.finditer(text)][before:]
            seen = f"'{_short(rest[0])}'" if rest else "its end"
            wrong = (
                "cannot be read: a column, a number or a text in quotes is expected where "
                f"{seen} stands."
            )
    raise DataError(f"The condition '{_short(text)}' {wrong}")


def fulfilled(dataset: Dataset, text: str, rows: np.ndarray | None = None) -> np.ndarray:
    """Tell which objects of a dataset fulfil a condition, shape (n,) bool.

    Only the columns that it names are read, piece by piece.

    Parameters
    ----------
    dataset : Dataset
    text : str
        The condition.
    rows : ndarray of int, optional
        Only of these objects, in this order; nothing of others is told, and little is read.

    Raises
    ------
    DataError
        If the condition cannot be read, or does not fit the types of its columns.
    """
    schema = dataset.arrow_schema
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    expression, columns = parse_condition(text, flat)
    if not columns:
        raise DataError(f"The condition '{_short(text)}' names no column of the dataset.")
    if rows is None:
        tables = dataset.iter_tables(columns, rows=_CHUNK)
    else:
        some = (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))
        tables = (dataset.table(columns, own) for own in some)
    parts = [_rows(table, expression, text) for table in tables]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def fulfilled_rows(columns: Mapping[str, np.ndarray], text: str) -> np.ndarray:
    """Tell which rows of plain columns fulfil a condition, shape (n,) bool; as `fulfilled`.

    A column of which every cell is a number is one of numbers, also where the file has text.
    """
    expression, used = parse_condition(text, list(columns))
    if not used:
        raise DataError(f"The condition '{_short(text)}' names no column of the file.")
    table = pa.table({name: _arrow(columns[name]) for name in used})
    return _rows(table, expression, text)


def columns_of(text: str) -> list[str]:
    """Names of the columns that a condition asks for, whatever there is."""
    found = [m for m in _TOKEN.finditer(text) if m.lastgroup in ("quoted", "word")]
    return list(dict.fromkeys(m[str(m.lastgroup)] for m in found))


def is_condition(text: str) -> bool:
    """Whether a text compares something, so that it is more than the name of a column."""
    signs = ("<", ">", "<=", ">=", "=", "==", "!=", "in", "is")
    return any(m.lastgroup == "sign" and m[0].lower() in signs for m in _TOKEN.finditer(text))


def _rows(table: pa.Table, expression: pc.Expression, text: str) -> np.ndarray:
    try:
        found = pds.dataset(_plain(table)).to_table(columns={"keep": expression})["keep"]
    except (pa.ArrowException, NotImplementedError) as error:
        raise_of_machine(error)
        types = ", ".join(f"{field.name}: {field.type}" for field in table.schema)
        raise DataError(
            f"The condition '{_short(text)}' does not fit its columns ({types}): text stands "
            "in quotes, numbers do not, and whole numbers must fit 64 bits."
        ) from error
    if not pa.types.is_boolean(found.type):
        raise DataError(f"'{_short(text)}' is a value, no condition: compare it, as in 'x > 1'.")
    return np.asarray(pc.fill_null(found, False).to_numpy())


def _arrow(values: np.ndarray) -> pa.Array:
    """Give a column of a file to Arrow: numbers as numbers, also where some cells are text."""
    if values.dtype.kind in "fiub":
        return pa.array(values)
    cells = [None if v is None or str(v).strip() == "" else v for v in values.tolist()]
    numbers: list[float | None] = []
    for cell in cells:
        try:
            numbers.append(None if cell is None else float(cell))
        except (TypeError, ValueError):
            return pa.array([None if c is None else str(c) for c in cells], pa.string())
    return pa.array(numbers, pa.float64())


def decimals(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers of single precision as the decimals that they show: 0.1, not 0.10000000149."""
    return values.cast(pa.string()).cast(pa.float64())


def _plain(table: pa.Table) -> pa.Table:
    """Give dictionary columns as text, NaN as missing, numbers with 64 bits and a sign."""
    for i, field in enumerate(table.schema):
        values = table[field.name]
        if pa.types.is_dictionary(field.type):
            values = values.cast(pa.string())
        elif pa.types.is_floating(field.type):
            values = pc.if_else(pc.is_nan(values), None, values)
            if pa.types.is_float32(values.type):
                values = decimals(values)
        elif pa.types.is_integer(field.type) and (pc.max(values).as_py() or 0) < 2**63:
            values = values.cast(pa.int64())
        table = table.set_column(i, field.name, values)
    return table


def _translate(text: str, columns: Sequence[str]) -> tuple[str, dict[str, Any], list[str]]:
    """Give the condition as Python has it, its operands by placeholder, and the columns used."""
    python: list[str] = []
    operands: dict[str, Any] = {}
    used: list[str] = []
    before, depth = "", 0
    for found in _TOKEN.finditer(text):
        kind = str(found.lastgroup)
        token = found[kind]
        if kind == "other":
            raise SyntaxError(f"cannot be read from '{text[found.start() :][:20].strip()}' on.")
        if before == "in" and kind != "list":
            raise SyntaxError(
                "cannot be read: after 'in' stands a list of numbers or of texts in quotes, as in "
                "(1, 2) or ('EW', 'EA')."
            )
        if kind == "sign":
            this = _SPELLING.get(token.lower(), token.lower())
        else:
            this = f"_{len(python)}"
            operands[this] = _operand(kind, token, columns)
            used += [token] if kind in ("quoted", "word") else []
        depth += (this == "(") - (this == ")")
        if this == "None" and before not in ("is", "not"):
            raise SyntaxError("cannot be read: 'null' stands after 'is' or 'is not' only.")
        begins = this == "(" or (this in operands and kind != "list")
        if depth < 0 or (begins and (before in operands or before in (")", "None"))):
            raise SyntaxError(
                "cannot be read: an operator, 'and' or 'or' is expected where "
                f"'{_short(token)}' stands."
            )
        if depth > _DEEPEST or len(python) == _LONGEST:
            raise RecursionError
        python.append(this)
        before = this
    if depth and (before in operands or before in (")", "None")):
        raise SyntaxError("cannot be read: ')' is expected where its end stands.")
    return "".join(f"{this} " for this in python), operands, list(dict.fromkeys(used))


def _operand(kind: str, token: str, columns: Sequence[str]) -> pc.Expression | pa.Array:
    """Give a column, a value or a list as Arrow has it."""
    if kind == "value":
        return pc.scalar(_value(token))
    if kind == "list":
        try:
            return pa.array([_value(found[0]) for found in re.finditer(_VALUE, token)])
        except pa.ArrowException:
            raise SyntaxError(
                "mixes text and numbers, or fractions and whole numbers of more than 15 digits, "
                "in one list."
            ) from None
    if token not in columns:
        raise SyntaxError(
            f"names the column '{_short(token)}', which the dataset has not: "
            f"{nearest(token, columns)}"
        )
    return pc.field(token)


def _value(text: str) -> bool | int | float | str:
    """Give a value; whole numbers keep all digits, as the names of objects need."""
    if text[0] in "'\"":
        return text[1:-1]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    number = text.removeprefix("-").lstrip()
    digits = number.lstrip("0") or "0"
    whole = digits.isdigit() and len(digits) < 20 and int(digits) < 2**63
    size = int(digits) if whole else float(number)
    return -size if text[0] == "-" else size


def _expression(node: ast.expr, operands: dict[str, Any], height: int = 0) -> pc.Expression:
    """Make an expression of a node of Python's tree."""
    if height > _HIGHEST:
        raise RecursionError
    part = partial(_expression, operands=operands, height=height + 1)
    match node:
        case ast.Name(id=name):
            return operands[name]
        case ast.UnaryOp(op=ast.Not()):
            return ~part(node.operand)
        case ast.UnaryOp(op=ast.USub()):
            return pc.negate_checked(part(node.operand))
        case ast.BoolOp(op=sign, values=parts):
            return _joined(_OPERATORS[type(sign)], [part(inner) for inner in parts])
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as sign], comparators=[right]):
            if not isinstance(right, ast.Constant):
                raise SyntaxError("cannot be read: 'null' is expected after 'is'.")
            return part(left).is_null() if isinstance(sign, ast.Is) else part(left).is_valid()
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as sign], comparators=[right]):
            value = part(left)
            found = value.isin(part(right))
            return found if isinstance(sign, ast.In) else ~found & value.is_valid()
        case (
            ast.Compare(left=left, ops=[sign], comparators=[right])
            | ast.BinOp(left=left, op=sign, right=right)
        ):
            return _OPERATORS[type(sign)](part(left), part(right))
        case ast.Compare():
            raise SyntaxError(
                "cannot be read: two tests are joined by 'and' or 'or', as in 'a < b and b < c'."
            )
    raise SyntaxError("", ("", 1, node.col_offset + 1, ""))


def _joined(join: _Join, parts: list[pc.Expression]) -> pc.Expression:
    """Join expressions by halves: Arrow goes as deep as they are nested."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return join(_joined(join, parts[:half]), _joined(join, parts[half:]))


def _short(text: str) -> str:
    """Give a text, or its beginning where the whole would bury the message."""
    return text if len(text) <= 200 else f"{text[:60]}..."
