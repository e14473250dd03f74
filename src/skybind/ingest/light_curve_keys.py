"""Keys of light curves in a mapping that say nothing of a column."""

from pydantic import Field

from skybind.ingest.column import Section


class LightCurveKeys(Section):
    """What is kept of light curves beside their measurements."""

    keep_flags: bool | None = Field(
        None,
        description="Keep the flag of every epoch that stays, as the integers 'flag'. Left out: "
        "where 'bits', or the usual ones of a survey, say which flags are bad.",
    )
