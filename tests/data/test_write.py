"""Files of objects."""

import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.write import part_writer


def test_a_file_is_the_same_wherever_its_columns_were_read(tmp_path):
    """Parquet names the values of lists otherwise than Arrow, and the footer tells."""
    curves = pa.array([{"time": [1.0, 2.0]}, None], pa.struct([("time", pa.list_(pa.float64()))]))
    made = pa.table({"object_id": ["a", "b"], "photometry": curves})
    pq.write_table(made, tmp_path / "plain.parquet", store_schema=False)
    read = pq.read_table(tmp_path / "plain.parquet").replace_schema_metadata(None)
    assert read.schema.field("photometry").type.field(0).type.value_field.name == "element"
    for name, table in (("made", made), ("read", read)):
        with part_writer(tmp_path / name, table.schema) as writer:
            writer.write_table(table)
    assert (tmp_path / "made").read_bytes() == (tmp_path / "read").read_bytes()
