"""How a mapping joins observations of another survey by position, in place of a name."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from skybind.ingest.column import Section

if TYPE_CHECKING:
    from skybind.ingest.observation_spec import ObservationSpec


class NearSpec(Section):
    """How the sources of another survey are matched to the objects."""

    radius: float = Field(description="Largest separation, in arcsec.", gt=0, le=3600)
    ra: str | None = Field(
        None, description="Column (or array) of right ascension; else found by its usual name."
    )
    dec: str | None = Field(None, description="Likewise declination.")
    unit: str | None = Field(
        None, description="Of both, where the file states none; hourangle is of ra alone."
    )
    index: str | None = Field(
        None,
        description="Table with a row a source, where positions do not stand beside the "
        "observations: with the same names, or for a folder with the columns of its pattern.",
    )
    pm: list[str] | None = Field(
        None,
        description="Columns of the table of objects with their proper motions: pmra (times "
        "cos(dec)) and pmdec, in mas/yr if no unit is stated.",
        min_length=2,
        max_length=2,
    )
    epoch: float | None = Field(None, description="Of the objects' positions, a Julian year.")
    other_epoch: float | None = Field(None, description="Of the sources' positions.")
    ambiguous: Literal["nearest", "leave out"] = Field(
        "nearest",
        description="Which is taken where several candidates lie within the radius, or another "
        "nearly as near: the nearest, or none.",
    )


def check_near(spec: "ObservationSpec") -> None:
    """Refuse what does not go with a join by position.

    Raises
    ------
    ValueError
        With the reason.
    """
    if spec.join is None:
        return
    if spec.match is not None:
        raise ValueError("'join' and 'match' exclude each other: give one")
    if spec.file is not None and spec.id is None:
        raise ValueError("'join' needs 'id', which names the sources of the other survey")
    if spec.folder is None:
        return
    if spec.join.index is None:
        raise ValueError("'join' of a folder needs its 'index', a table with the positions")
    if spec.id is not None or "{id}" in str(spec.pattern):
        raise ValueError("with 'join' the pattern names columns of the index; '{id}' is none")
