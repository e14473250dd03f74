"""What an encoder is told about the tensors of its modality."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InputShape:
    """Size of one object's tensor, without the batch.

    Attributes
    ----------
    channels : int
        Channels of a light curve or a spectrum; bands of an image; features of a catalogue
        row.
    length : int or None
        Epochs of a light curve (the longest one if they differ), pixels of a spectrum,
        pixels a side of an image.
        None where there is no such axis, or where any length may come.
    """

    channels: int
    length: int | None = None
