"""What the page of discoveries is made from."""

from dataclasses import dataclass, field

import numpy as np

from skybind.discovery.records import ClassParts, DiscoverRecord
from skybind.drawing.blocks import origin_of
from skybind.drawing.observed import ExampleObject


@dataclass(frozen=True)
class Neighbour:
    """An object near another one in the embedding of all its modalities.

    Attributes
    ----------
    object_id, label, split : str
    cosine : float
    numbers : dict of str to str
        What the catalogue says of it that can be predicted, such as the redshift.
    """

    object_id: str
    cosine: float
    label: str
    split: str
    numbers: dict[str, str] = field(default_factory=dict)


@dataclass
class ObjectPage:
    """One suspect object.

    Attributes
    ----------
    rank : int
        From 1, the most suspect.
    suspicion : float
    reasons : str
    suggested : str
        The class that its neighbours suggest; "" for none.
    example : ExampleObject
        Its observations.
    catalogue : dict of str to str
        Its row of the catalogue, values with units.
    neighbours : list of Neighbour
    """

    rank: int
    suspicion: float
    reasons: str
    suggested: str
    example: ExampleObject
    catalogue: dict[str, str]
    neighbours: list[Neighbour]


@dataclass(frozen=True)
class MeanSpectrum:
    """Mean of spectra of unit median, with its standard error; `n` spectra were averaged.

    `frame` is `rest`, `observed`, or empty where the survey knows no redshifts. In the rest frame
    `left_out` spectra have no known redshift. `column` is that of the spectra, where the survey has
    several.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    n: int
    frame: str = ""
    left_out: int = 0
    column: str = ""

    @property
    def axis(self) -> str:
        """What the axis of its wavelengths is called."""
        name = f"{self.frame} wavelength".strip().capitalize() + " [Å]"
        return f"{name}, {self.column}" if self.column else name


@dataclass(frozen=True)
class ColourMagnitude:
    """A colour-magnitude diagram: names with units, and values (NaN where unknown)."""

    colour_name: str
    magnitude_name: str
    colour: np.ndarray
    magnitude: np.ndarray


@dataclass
class StructureView:
    """The parts of one class to draw.

    Attributes
    ----------
    record : ClassParts
    part : ndarray of int, shape (n,)
        Part of each of its objects.
    position : ndarray, shape (n, 2), optional
        Where they lie on the map of everything.
    diagram : ColourMagnitude, optional
    spectra : list of MeanSpectrum
        One a part; empty without spectra.
    """

    record: ClassParts
    part: np.ndarray
    position: np.ndarray | None = None
    diagram: ColourMagnitude | None = None
    spectra: list[MeanSpectrum] = field(default_factory=list)


@dataclass
class DiscoverData:
    """All that the page of discoveries shows.

    Attributes
    ----------
    title : str
    record : DiscoverRecord
        Content of `discover.json`.
    position : ndarray, shape (n, 2)
        All objects on the map of all modalities.
    label : ndarray of str, shape (n,)
        Class in the catalogue, in use or not; "" for none.
    objects : list of ObjectPage
        The most suspect ones.
    structures : list of StructureView
    """

    title: str
    record: DiscoverRecord
    position: np.ndarray
    label: np.ndarray
    objects: list[ObjectPage] = field(default_factory=list)
    structures: list[StructureView] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """A sentence for captions: simulated or real."""
        return origin_of(self.record.simulated)
