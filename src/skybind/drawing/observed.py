"""Observed objects and maps, as figures draw them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Picture:
    """An image as people look at it.

    Attributes
    ----------
    pixels : ndarray of float, shape (H, W, 3)
        Red, green, blue between 0 and 1; the first row is drawn at the bottom, as astronomers
        store images.
    pixel_scale : float, optional
        Size of a pixel [arcsec].
    planes : ndarray, shape (C, H, W), optional
        What was observed in each band; NaN where masked.
    bands : tuple of str
        Names of these bands.
    display : bool
        Whether they were stretched for display already.
    column : str
        That it is of, where the survey has several of images; empty else.
    side : int, optional
        Pixels of a side of the whole image, where the picture is its middle only.
    """

    pixels: np.ndarray
    pixel_scale: float | None = None
    planes: np.ndarray | None = None
    bands: tuple[str, ...] = ()
    display: bool = False
    column: str = ""
    side: int | None = None


@dataclass
class Limits:
    """Upper limits of a light curve.

    Attributes
    ----------
    time, value : ndarray, shape (m,)
        As of the light curve.
    band : ndarray of str, shape (m,), optional
        Band of each.
    """

    time: np.ndarray
    value: np.ndarray
    band: np.ndarray | None = None


@dataclass
class LightCurve:
    """A light curve to draw.

    Attributes
    ----------
    time : ndarray, shape (n,)
        Time [`time_unit`].
    value : ndarray, shape (n,)
        Brightness [`value_unit`].
    error : ndarray, shape (n,), optional
        Its standard error.
    period : float, optional
        Period [d] to fold with; without it only the curve in time is drawn.
    searched : bool
        Whether the period was found in the light curve: it may be half or twice the true one, so
        the curve is folded at these too.
    value_name : str
        What `value` is: `Flux` or `Magnitude` (drawn with the bright end on top).
    value_unit, time_unit : str
        Units for the axis labels; empty for none.
    band : ndarray of str, shape (n,), optional
        Band of each epoch.
    bands : sequence of str
        All bands of the survey, in the order of their colours, so that a band has one colour
        whatever else its object was observed in.
    limits : Limits, optional
        Upper limits, which are no epochs.
    column : str
        That it is of, where the survey has several of light curves; empty else.
    """

    time: np.ndarray
    value: np.ndarray
    error: np.ndarray | None = None
    period: float | None = None
    searched: bool = False
    value_name: str = "Flux"
    value_unit: str = ""
    time_unit: str = "d"
    band: np.ndarray | None = None
    bands: Sequence[str] = ()
    limits: Limits | None = None
    column: str = ""

    @property
    def seen(self) -> np.ndarray:
        """Times of its epochs and of its upper limits; empty where there is nothing to draw."""
        return self.time if self.limits is None else np.append(self.time, self.limits.time)


@dataclass
class Spectrum:
    """A spectrum to draw.

    Attributes
    ----------
    wavelength : ndarray, shape (n,)
        Wavelength [Angstrom], in air or vacuum as `vacuum` says.
    flux : ndarray, shape (n,)
        Flux [`flux_unit`]; NaN where masked.
    redshift : float
        Lines are drawn at (1 + redshift) times their rest wavelength; beyond 0.003, farther than
        any star, those of galaxies. NaN: it has one that is not known, so no lines are drawn.
    redshift_of : str
        Column that the redshift is of; empty where it is not known, or the survey has none.
    flux_unit : str
        Unit for the axis label.
    vacuum : bool
        Whether wavelengths are in vacuum.
    column : str
        That it is of, where the survey has several of spectra; empty else.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    redshift: float = 0.0
    redshift_of: str = ""
    flux_unit: str = "arbitrary units"
    vacuum: bool = True
    column: str = ""


@dataclass
class ExampleObject:
    """One object that the report shows.

    Attributes
    ----------
    object_id : str
        Its name.
    split : str
        Which split it belongs to.
    true_class, predicted_class : str, optional
        Its class in the catalogue and from the model.
    light_curve : LightCurve, optional
        Its photometry, if observed.
    spectrum : Spectrum, optional
        Its spectrum, if observed.
    image : Picture, optional
        Its image, if observed.
    properties : dict of str to str
        What else the caption tells: name -> value with unit.
    """

    object_id: str
    split: str = "test"
    true_class: str | None = None
    predicted_class: str | None = None
    light_curve: LightCurve | None = None
    spectrum: Spectrum | None = None
    image: Picture | None = None
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class MapPanel:
    """The objects of one split on the map of the embeddings.

    Attributes
    ----------
    split : str
        Name of the split.
    position : ndarray, shape (n, 2)
        Where they lie.
    code : ndarray of int, shape (n,)
        Class code, index into the metrics' `classes`; -1 for no class.
    """

    split: str
    position: np.ndarray
    code: np.ndarray


Group = tuple[str, ...]


@dataclass
class ColourColumn:
    """Values of a column that colour a map.

    Attributes
    ----------
    name : str
        The column.
    values : ndarray, shape (n,)
        Numbers (NaN where missing) or text ("" where missing).
    unit : str or None
        Unit of the numbers.
    order : sequence of str
        Of text: all names there are, in the order of their colours and markers, which so are the
        same in every figure; those of the values, sorted, by default.
    """

    name: str
    values: np.ndarray
    unit: str | None = None
    order: Sequence[str] = ()


@dataclass
class MapView:
    """Objects on the map of some modalities' embeddings.

    Attributes
    ----------
    modalities : tuple of str
        Whose (mean) embeddings were mapped.
    part : ndarray of str, shape (n,)
        `train` for those that the map was fitted on, `test` for those placed on it.
    position : ndarray, shape (n, 2)
        Where they lie.
    columns : list of ColourColumn
        What may colour them.
    clusters : dict of str to ndarray of int, shape (n,)
        Method -> cluster of each object, -1 for none.
    """

    modalities: Group
    part: np.ndarray
    position: np.ndarray
    columns: list[ColourColumn] = field(default_factory=list)
    clusters: dict[str, np.ndarray] = field(default_factory=dict)
