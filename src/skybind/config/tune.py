"""What a search of hyper-parameters tries, and what it judges by."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Range(BaseModel):
    """Values that a key may take: between two numbers, or one of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int | float | None = Field(None, description="Smallest value.")
    high: int | float | None = Field(
        None, description="Largest value; whole numbers are searched if both ends are whole."
    )
    log: bool = Field(False, description="Search evenly in the logarithm.")
    step: int | float | None = Field(None, description="Distance of the values tried.", gt=0)
    choices: list[Any] | None = Field(
        None, description="The values themselves, instead.", min_length=1
    )

    @model_validator(mode="after")
    def _either(self) -> "Range":
        ends = self.low is not None, self.high is not None
        if self.choices is not None:
            if any(ends) or self.log or self.step:
                raise ValueError("give choices, or low and high, not both")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give low and high, or choices")
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and (self.low <= 0 or self.step):
            raise ValueError("with log, low must be above 0 and there is no step")
        return self

    @property
    def words(self) -> str:
        """The range in words."""
        if self.choices is not None:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', logarithmic' if self.log else ''}"

    @property
    def first(self) -> Any:
        """Some value of the range."""
        return self.low if self.choices is None else self.choices[0]


class TuneConfig(BaseModel):
    """A search of hyper-parameters; `skybind tune` does it, all else passes it by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: str = Field(
        "pretraining",
        description="`pretraining` (its validation loss), or a fine-tuning by its name, such as "
        "photometry-10-pretrained (accuracy on its validation objects).",
    )
    metric: Literal["accuracy", "balanced_accuracy"] = Field(
        "accuracy", description="What a fine-tuning is judged by."
    )
    pruning: bool = Field(
        False,
        description="Whether a trial is stopped early whose validation loss never came below the "
        "median of that of the others after as many epochs.",
    )
    space: dict[str, Range] = Field(
        {}, description="Keys and the values to try, e.g. training.learning_rate."
    )
