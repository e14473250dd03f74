"""Columns as a mapping names them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from skybind.data.quantities import Quantity


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

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, raw: Any) -> Any:
        return {"column": str(raw)} if isinstance(raw, str | int) else raw

    @field_validator("missing", "keep", mode="before")
    @classmethod
    def _one_or_more(cls, raw: Any) -> Any:
        several = raw if isinstance(raw, list | tuple) else [raw]
        numbers = (str(value) if isinstance(value, int | float) else value for value in several)
        return list(numbers)


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
