"""What a file holds of one object, as a model reads it."""

from dataclasses import dataclass, field

from skybind.errors import DataError
from skybind.ingest.readers.registry import Fields


@dataclass
class Content:
    """What a file holds of one object.

    Attributes
    ----------
    modality : str
    fields : dict of str to ndarray
        Of the observation, as the model reads them; empty for a row of a catalogue.
    units : dict of str to (str or None)
        Of the fields.
    features : dict of str to float
        Numbers of a row of a catalogue, in the model's units.
    notes : list of str
        What was converted or assumed.
    limits : dict of str to ndarray
        Fields of upper limits, which are no epochs of the light curve; empty where there are none.
    """

    modality: str
    fields: Fields = field(default_factory=dict)
    units: dict[str, str | None] = field(default_factory=dict)
    features: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    limits: Fields = field(default_factory=dict)


class FileError(DataError):
    """A file cannot be read.

    Attributes
    ----------
    modality : str
        Of which it probably was meant to be.
    """

    def __init__(self, message: str, modality: str) -> None:
        super().__init__(message)
        self.modality = modality
