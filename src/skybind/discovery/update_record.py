"""What an update of a run found: the content of its `result.json`."""

from pydantic import Field

from skybind.record import Record


class UpdateRecord(Record):
    """What an update found."""

    state: str = Field(..., description="Fingerprint of the dataset.")
    since: str = Field(..., description="Fingerprint of the dataset at the update before.")
    date: str = Field(..., description="When the last objects were appended.")
    objects: int = Field(..., description="Objects of the dataset.")
    new: int = Field(..., description="New objects.")
    changed: int = Field(..., description="Objects with new observations that the model reads.")
    compared: int = Field(..., description="Training objects that they are compared with.")
    case: str | None = Field(None, description="The classifier.")
    classes: dict[str, int] = Field({}, description="Class -> new objects.")
    reasons: dict[str, int] = Field({}, description="Why objects deserve a look -> how many.")
    strange: int = Field(0, description="Objects that deserve a look.")
    indexed: list[str] = Field([], description="Modalities whose index they were added to.")
