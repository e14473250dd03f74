import numpy as np
import pyarrow as pa

from skybind.data import spread
from skybind.data.spread import Spread


def test_rows_come_to_their_parts(tmp_path, monkeypatch):
    """In the order in which they were added, from several files."""
    monkeypatch.setattr(spread, "WAITING", 2000)
    rng = np.random.default_rng(0)
    schema = pa.schema([("row", pa.int64()), ("list", pa.list_(pa.float32()))], {"a": "b"})
    part = rng.integers(0, 4, 300)  # the last part stays empty
    lists = [rng.normal(size=n).astype(np.float32).tolist() for n in rng.integers(0, 9, 300)]
    with Spread(tmp_path / "rows", 5, schema) as sent:
        for start in range(0, 300, 30):
            own = slice(start, start + 30)
            rows = pa.array(np.arange(start, start + 30))
            values = pa.array(lists[own], schema.field(1).type)
            sent.add(pa.table([rows, values], schema=schema), part[own])
    found = list(sent.parts())
    assert pa.ipc.open_file(pa.memory_map(str(tmp_path / "rows"))).num_record_batches > 2 * 5
    assert [len(table) for table in found] == np.bincount(part, minlength=5).tolist()
    for number, table in enumerate(found):
        rows = table["row"].to_pylist()
        assert rows == np.flatnonzero(part == number).tolist()
        assert table["list"].to_pylist() == [lists[row] for row in rows]
        assert table.schema.equals(schema, check_metadata=True)
