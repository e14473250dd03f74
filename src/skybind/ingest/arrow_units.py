"""Units that Parquet files and Arrow tables state, in each of the usual ways."""

from contextlib import suppress
from xml.etree import ElementTree

import pyarrow as pa

from skybind.portable import is_list

#: Where astropy writes the units of a Parquet file, and which columns are masked.
ASTROPY = b"table_meta_yaml"
#: Where VOParquet has a VOTable without rows (IVOA note "VOParquet: VO-ready Parquet", 1.0).
_VOTABLE = b"IVOA.VOTable-Parquet.content"


def units_of_arrow(schema: pa.Schema) -> dict[str, str]:
    """Give the units that a schema states: of its fields, as the IVOA has it, or as astropy.

    Those of the fields of records are under `column.field`.
    """
    found: dict[str, str] = {}
    if ASTROPY in (schema.metadata or {}):
        from astropy.table.meta import get_header_from_yaml

        lines = schema.metadata[ASTROPY].decode("utf-8", "replace").split("\n")
        with suppress(Exception):  # it is damaged, or somebody else's, and states nothing
            columns = get_header_from_yaml(lines)["datatype"]
            found = {c["name"]: str(c["unit"]) for c in columns if c.get("unit")}
    if _VOTABLE in (schema.metadata or {}):
        found |= _units_of_votable(schema.metadata[_VOTABLE])
    for column in schema:
        kind = column.type.value_type if is_list(column.type) else column.type
        inner = [kind.field(i) for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []
        named = {column.name: column} | {f"{column.name}.{one.name}": one for one in inner}
        for name, one in named.items():
            said = one.metadata or {}
            unit = said.get(b"unit", said.get(b"units", b"")).decode("utf-8", "replace").strip()
            if unit:
                found[name] = unit
    return found


def _units_of_votable(content: bytes) -> dict[str, str]:
    """Give the units of the fields of a VOTable; none where it is no XML."""
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return {}
    fields = (one.attrib for one in root.iter() if one.tag.rpartition("}")[2] == "FIELD")
    return {
        field["name"]: field["unit"].strip()
        for field in fields
        if field.get("name") and field.get("unit", "").strip()
    }
