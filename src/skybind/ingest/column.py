"""Columns as a mapping names them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from skybind.data.quantities import Quantity
from skybind.data.systems import canonical
from skybind.data.where import columns_of, is_condition


class Section(BaseModel):
    """A section of a mapping: an unknown key is refused."""

    model_config = ConfigDict(extra="forbid")


class ColumnSpec(Section):
    """A column of a file; a bare name stands for `{column: name}`."""

    column: str = Field(description="Name of the column in the file.")
    unit: str | None = Field(None, description="Its unit; if left out, the one the file states.")
    description: str = Field("", description="One sentence about it.")
    quantity: Quantity | None = Field(
        None, description="What the numbers are, where the name does not tell it."
    )
    missing: list[str] = Field(
        [], description="Numbers or words that stand for 'not known', such as 99.99 or unknown."
    )
    keep: list[str] = Field(
        [], description="Labels that look like a word for nothing and are classes, such as None."
    )
    optional: bool = Field(False, description="Leave it out where the file lacks it.")
    system: str | None = Field(
        None, description="Photometric system of a magnitude: AB, Vega or another name."
    )
    convert_to: str | None = Field(
        None, description="Photometric system to convert the magnitude to, by 'offset'."
    )
    offset: float | None = Field(None, description="What is added for 'convert_to' [mag].")

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, raw: Any) -> Any:
        return {"column": str(raw)} if isinstance(raw, str | int) else raw

    @field_validator("system", "convert_to")
    @classmethod
    def _system(cls, raw: str | None) -> str | None:
        return None if raw is None else canonical(raw)

    @model_validator(mode="after")
    def _offset_and_system(self) -> "ColumnSpec":
        if (self.convert_to is None) != (self.offset is None):
            raise ValueError("give 'convert_to' and its 'offset', or neither")
        return self

    @field_validator("missing", "keep", mode="before")
    @classmethod
    def _one_or_more(cls, raw: Any) -> Any:
        several = raw if isinstance(raw, list | tuple) else [raw]
        numbers = (str(value) if isinstance(value, int | float) else value for value in several)
        return list(numbers)


class FlagSpec(ColumnSpec):
    """A column of flags: bad where it is not 0, or where some of its bits are set."""

    bits: list[int] | None = Field(
        None, description="Numbers of the bits that mean bad, counted from 0; none: no flag counts."
    )
    bitmask: int | None = Field(
        None, description="The same as one number, the sum of 2 ** bit.", ge=0
    )

    @field_validator("bits")
    @classmethod
    def _real_bits(cls, bits: list[int] | None) -> list[int] | None:
        if any(not 0 <= bit < 63 for bit in bits or []):
            raise ValueError("bits are counted from 0 to 62")
        return bits

    @model_validator(mode="after")
    def _one_of_both(self) -> "FlagSpec":
        if self.bits is not None and self.bitmask is not None:
            raise ValueError("give 'bits' or 'bitmask', not both")
        return self

    @property
    def mask(self) -> int | None:
        """The bits that mean bad as one number; None where any flag does."""
        return self.bitmask if self.bits is None else sum(1 << bit for bit in set(self.bits))


class LimitSpec(Section):
    """Which epochs are upper limits; a bare text is a column, or a condition if it compares."""

    column: str | None = Field(
        None, description="Column that says so: not 0, or a word or sign such as U, true or >."
    )
    where: str | None = Field(
        None, description="Condition on the columns of the file, such as 'snr < 3'."
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_text(cls, raw: Any) -> Any:
        if not isinstance(raw, str):
            return raw
        return {"where": raw} if is_condition(raw) else {"column": raw}

    @model_validator(mode="after")
    def _one_of_both(self) -> "LimitSpec":
        if (self.column is None) == (self.where is None):
            raise ValueError("give 'column' or 'where'")
        return self

    @property
    def columns(self) -> list[str]:
        """Columns of the file that it asks for."""
        return [str(self.column)] if self.where is None else columns_of(self.where)


class VisitSpec(Section):
    """What tells the spectra of one object apart; a bare name stands for `{column: name}`."""

    column: str | None = Field(
        None,
        description="Column of a long table, the same in all rows of one spectrum; of arrays with "
        "a row a spectrum, another array or a column of their index.",
    )
    header: str | None = Field(
        None,
        description="Key of the headers of FITS files, such as MJD-OBS, where a pattern with '*' "
        "finds several files of an object.",
    )
    unit: str | None = Field(
        None, description="Unit of their times, such as MJD or d; without it they are names only."
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, raw: Any) -> Any:
        return {"column": str(raw)} if isinstance(raw, str | int) else raw

    @model_validator(mode="after")
    def _one_of_both(self) -> "VisitSpec":
        if (self.column is None) == (self.header is None):
            raise ValueError("give 'column' (of a long table) or 'header' (of FITS files)")
        return self

    def check(self, rows: bool, pattern: str | None) -> None:
        """Refuse what means nothing for rows with names, or for files under a pattern."""
        if self.column is not None and not rows:
            raise ValueError(
                "'visit' names a column of a long table, or of the rows of arrays with an 'id'; of "
                "several files an object it names a key of their headers, {header: MJD-OBS, unit: "
                "MJD}"
            )
        if self.header is not None and "*" not in (pattern or ""):
            raise ValueError(
                "the 'header' of 'visit' is that of several files an object, which a pattern with "
                "'*' finds, such as {id}/*.fits"
            )


class PositionSpec(ColumnSpec):
    """A right ascension or declination: in one column, or in parts."""

    columns: list[str] = Field(
        [],
        description="Columns of hours or degrees, minutes and seconds, in place of 'column'.",
    )
    sign: str | None = Field(
        None, description="Column with + or -, where the degrees cannot say -00."
    )

    @model_validator(mode="before")
    @classmethod
    def _in_parts(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not raw.get("columns"):
            return raw
        if "column" in raw:
            raise ValueError("give 'column' or 'columns', not both")
        named = [str(name) for name in raw["columns"]]
        return {"column": ", ".join(named), **raw, "columns": named}

    @model_validator(mode="after")
    def _two_or_three(self) -> "PositionSpec":
        if self.columns and len(self.columns) not in (2, 3):
            raise ValueError(
                "'columns' are of hours or degrees, minutes and seconds: give two or three; the "
                "sign has a key of its own"
            )
        if self.sign is not None and not self.columns:
            raise ValueError("'sign' belongs to 'columns', which are not given")
        return self
