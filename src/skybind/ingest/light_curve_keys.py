"""Keys of light curves in a mapping that say nothing of a column of measurements."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from skybind.data.systems import ANY_BAND, Offsets, canonical
from skybind.ingest.column import Section


class SystemSpec(Section):
    """The photometric system of magnitudes: one for all, one a band, or that of a column."""

    name: str | None = Field(None, description="Of all magnitudes, such as AB or Vega.")
    bands: dict[str, str] = Field({}, description="Of the magnitudes of each band.")
    column: str | None = Field(None, description="Column of the file that names it.")

    @model_validator(mode="before")
    @classmethod
    def _written(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            return {"name": canonical(raw)}
        if isinstance(raw, Mapping) and not set(raw) <= {"name", "bands", "column"}:
            return {"bands": {str(band): canonical(str(name)) for band, name in raw.items()}}
        return raw


def of_one_band(keys: Mapping[str, Any], band: str) -> dict[str, Any]:
    """Give the keys of one band of several: of `system` and `offsets` what is its own."""
    made = dict(keys)
    system, offsets = keys.get("system"), keys.get("offsets")
    if isinstance(system, Mapping) and not set(system) <= {"name", "bands", "column"}:
        made["system"] = system.get(band)
    if isinstance(offsets, Mapping):
        own = offsets.get(band, offsets.get(ANY_BAND))
        made["offsets"] = {} if own is None else {ANY_BAND: own}
    return made


class LightCurveKeys(Section):
    """What is kept of light curves beside their measurements, and how these are calibrated."""

    keep_flags: bool | None = Field(
        None,
        description="Keep the flag of every epoch that stays, as the integers 'flag'. Left out: "
        "where 'bits', or the usual ones of a survey, say which flags are bad.",
    )
    system: SystemSpec | None = Field(
        None,
        description="Photometric system of the magnitudes: AB, Vega or another name; "
        "{g: AB, V: Vega} by band; or {column: NAME}.",
    )
    convert_to: str | None = Field(
        None, description="Photometric system to convert magnitudes to, by 'offsets'."
    )
    offsets: Offsets = Field(
        {},
        description="What is added to a magnitude of each band for 'convert_to': {V: 0.02}, or "
        "{V: {Vega: 0.02}} where a band has several systems; one number for all bands.",
    )

    @field_validator("offsets", mode="before")
    @classmethod
    def _of_all(cls, raw: Any) -> Any:
        if isinstance(raw, int | float):
            return {ANY_BAND: raw}
        if not isinstance(raw, Mapping):
            return raw
        return {
            str(band): {canonical(str(k)): v for k, v in own.items()}
            if isinstance(own, Mapping)
            else own
            for band, own in raw.items()
        }

    @field_validator("convert_to")
    @classmethod
    def _name(cls, raw: str | None) -> str | None:
        return None if raw is None else canonical(raw)

    @model_validator(mode="after")
    def _together(self) -> "LightCurveKeys":
        if self.convert_to is not None and getattr(self, "flux", None) is not None:
            raise ValueError("'convert_to' is of magnitudes: a flux density has no system")
        if self.offsets and self.convert_to is None:
            raise ValueError("'offsets' lead to a system: name it, convert_to: AB")
        return self
