"""Conditions on the columns of a dataset: `label == 'EW' and period < 1`.

The grammar, from the loosest binding to the tightest:

    or        `a or b`
    and       `a and b`
    not       `not a`
    test      `a < b` (also <= > >= == = !=), `a in (b, c)`, `a not in (b, c)`, `a is null`,
              `a is not null`
    sum       `a + b`, `a - b`
    product   `a * b`, `a / b`
    atom      a number, 'text' or "text", true, false, a column, `-a`, `(a)`

A column whose name is no plain word stands in backquotes. Where a value is missing, a test is not
fulfilled. Nothing is evaluated by Python.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds

from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.words import nearest

_TOKENS = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<quoted>`[^`]+`)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign><=|>=|==|!=|[-+*/()<>=,]))"
)
_WORDS = {"and", "or", "not", "in", "is", "null", "true", "false"}
_TESTS: dict[str, Callable[[pc.Expression, pc.Expression], pc.Expression]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_DEEPEST = 100


@dataclass(frozen=True)
class Condition:
    """A condition that was read.

    Attributes
    ----------
    text : str
    expression : pyarrow.compute.Expression
    columns : tuple of str
        Columns that it asks for.
    """

    text: str
    expression: pc.Expression
    columns: tuple[str, ...]


def parse_condition(text: str, columns: Sequence[str]) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        As described in the module's docstring.
    columns : sequence of str
        Names of the columns that there are.

    Raises
    ------
    DataError
        If it is not in the grammar, or names a column that is not there.
    """
    parser = _Parser(text, columns)
    expression = parser.alternatives()
    if parser.kind:
        parser.refuse("an operator, 'and' or 'or'")
    return Condition(text, expression, tuple(dict.fromkeys(parser.used)))


def fulfilled(dataset: Dataset, text: str) -> np.ndarray:
    """Tell which objects of a dataset fulfil a condition, shape (n,) bool.

    Raises
    ------
    DataError
        If the condition cannot be read, or compares text with numbers.
    """
    schema = dataset.arrow_schema
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    condition = parse_condition(text, flat)
    if not condition.columns:
        raise DataError(f"The condition '{text}' names no column of the dataset.")
    parts = []
    for table in dataset.iter_tables(condition.columns, rows=65536):
        try:
            found = pds.dataset(_plain(table)).to_table(columns={"keep": condition.expression})
        except (pa.ArrowException, NotImplementedError) as error:
            types = ", ".join(f"{name}: {schema.field(name).type}" for name in condition.columns)
            raise DataError(
                f"The condition '{text}' does not fit its columns ({types}): text stands in "
                "quotes, numbers do not."
            ) from error
        if not pa.types.is_boolean(found["keep"].type):
            raise DataError(f"'{text}' is a value, no condition: compare it, as in 'x > 1'.")
        parts.append(pc.fill_null(found["keep"], False).to_numpy())
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def _plain(table: pa.Table) -> pa.Table:
    """Give dictionary columns as text, and NaN as missing."""
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table[field.name].cast(pa.string()))
        elif pa.types.is_floating(field.type):
            values = table[field.name]
            known = pc.if_else(pc.is_nan(values), None, values)
            table = table.set_column(i, field.name, known)
    return table


def _number(text: str) -> int | float:
    """Give a number; whole ones keep all digits, as the names of objects in surveys need."""
    return int(text) if text.isdigit() and int(text) < 2**63 else float(text)


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        self.text, self.columns = text, list(columns)
        self.used: list[str] = []
        self.place, self.depth = 0, 0
        self.kind, self.value = "", ""
        self._next()

    def refuse(self, wanted: str) -> None:
        """Say what was expected and what stands there."""
        seen = f"'{self.value}'" if self.kind else "its end"
        raise DataError(
            f"The condition '{self.text}' cannot be read: {wanted} is expected where {seen} stands."
        )

    def alternatives(self) -> pc.Expression:
        """Read terms joined by `or`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise DataError(f"The condition '{self.text[:60]}...' is nested too deeply.")
        left = self._both()
        while self._word("or"):
            left = left | self._both()
        self.depth -= 1
        return left

    def _both(self) -> pc.Expression:
        left = self._negation()
        while self._word("and"):
            left = left & self._negation()
        return left

    def _negation(self) -> pc.Expression:
        negative = False
        while self._word("not"):
            negative = not negative
        test = self._test()
        return ~test if negative else test

    def _test(self) -> pc.Expression:
        left = self._sum()
        if self.kind == "sign" and self.value in _TESTS:
            test = _TESTS[self.value]
            self._next()
            return test(left, self._sum())
        if self._word("is"):
            negative = self._word("not")
            if not self._word("null"):
                self.refuse("'null'")
            return left.is_valid() if negative else left.is_null()
        negative = self._word("not")
        if self._word("in"):
            found = left.isin(self._list())
            return ~found & left.is_valid() if negative else found
        if negative:
            self.refuse("'in'")
        return left

    def _list(self) -> list[int | float | str]:
        self._sign("(", needed=True)
        values = [self._constant()]
        while self._sign(","):
            values.append(self._constant())
        self._sign(")", needed=True)
        if len({isinstance(value, str) for value in values}) > 1:
            raise DataError(f"The condition '{self.text}' mixes text and numbers in one list.")
        return values

    def _constant(self) -> int | float | str:
        negative = self._sign("-")
        kind, value = self.kind, self.value
        if kind == "number":
            self._next()
            return -_number(value) if negative else _number(value)
        if kind != "text" or negative:
            self.refuse("a number or a text in quotes")
        self._next()
        return value[1:-1]

    def _sum(self) -> pc.Expression:
        left = self._product()
        while self.kind == "sign" and self.value in "+-":
            add = pc.add if self.value == "+" else pc.subtract
            self._next()
            left = add(left, self._product())
        return left

    def _product(self) -> pc.Expression:
        left = self._atom()
        while self.kind == "sign" and self.value in "*/":
            times = self.value == "*"
            self._next()
            right = self._atom()
            # whole numbers are divided like all others
            left = pc.multiply(left, right) if times else pc.divide(left.cast(pa.float64()), right)
        return left

    def _atom(self) -> pc.Expression:
        if self._sign("("):
            inner = self.alternatives()
            self._sign(")", needed=True)
            return inner
        if self._sign("-"):
            return pc.negate(self._atom())
        kind, value = self.kind, self.value
        if kind == "number":
            self._next()
            return pc.scalar(_number(value))
        if kind == "text":
            self._next()
            return pc.scalar(value[1:-1])
        if kind == "word" and value.lower() in ("true", "false"):
            self._next()
            return pc.scalar(value.lower() == "true")
        if kind == "quoted" or (kind == "word" and value.lower() not in _WORDS):
            self._next()
            return self._column(value.strip("`"))
        self.refuse("a column, a number or a text in quotes")
        raise AssertionError

    def _column(self, name: str) -> pc.Expression:
        if name not in self.columns:
            raise DataError(
                f"The condition '{self.text}' names the column '{name}', which the dataset has "
                f"not: {nearest(name, self.columns)}"
            )
        self.used.append(name)
        return pc.field(name)

    def _word(self, word: str) -> bool:
        if self.kind == "word" and self.value.lower() == word:
            self._next()
            return True
        return False

    def _sign(self, sign: str, needed: bool = False) -> bool:
        if self.kind == "sign" and self.value == sign:
            self._next()
            return True
        if needed:
            self.refuse(f"'{sign}'")
        return False

    def _next(self) -> None:
        found = _TOKENS.match(self.text, self.place)
        if found is None:
            rest = self.text[self.place :].strip()
            if rest:
                raise DataError(
                    f"The condition '{self.text}' cannot be read from '{rest[:20]}' on."
                )
            self.kind, self.value = "", ""
            return
        self.place = found.end()
        self.kind = str(found.lastgroup)
        self.value = str(found[self.kind])
