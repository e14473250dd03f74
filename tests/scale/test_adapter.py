"""What is used of LSDB, and nowhere else than in the adapter."""

import inspect
import re
from pathlib import Path

import pyarrow as pa
import pytest

import skybind
from skybind.errors import ConfigError, DataError
from skybind.ingest.hats_dataset import open_exported
from skybind.parquet import ContentHash
from skybind.scale import adapter

#: What the adapter calls, with the arguments that it gives by name.
USED = {
    "open_catalog": ["path", "columns"],
    "Catalog.map_partitions": ["func", "meta"],
    "Catalog.compute": ["progress_bar"],
    "Catalog.crossmatch": [
        "other", "algorithm", "require_right_margin", "suffixes", "suffix_method", "log_changes",
    ],
    "Catalog.concat": ["other"],
    "Catalog.rename": ["columns"],
    "Catalog.drop": ["columns"],
    "Catalog.get_healpix_pixels": [],
    "Catalog.get_ordered_healpix_pixels": [],
    "Catalog.write_catalog": [
        "base_catalog_path", "catalog_name", "inherit_provenance", "as_collection", "resume",
        "progress_bar",
    ],
    "AbstractCrossmatchAlgorithm.perform_crossmatch": ["crossmatch_args"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), USED.items())
def test_lsdb_has_what_is_used(lsdb, name, arguments):
    function = lsdb
    for part in name.split("."):
        function = getattr(function, part)
    assert set(arguments) <= set(inspect.signature(function).parameters)


def test_a_catalogue_has_what_is_used(lsdb, place):
    catalog = lsdb.open_catalog(str(place / "hats"), columns="all")
    assert {"meta", "columns", "name", "npartitions", "partitions", "margin"} <= set(dir(catalog))
    info = catalog.hc_structure.catalog_info
    assert (info.ra_column, info.dec_column) == ("ra", "dec")
    assert catalog.margin.hc_structure.catalog_info.margin_threshold == 10
    assert catalog.hc_structure.original_schema.metadata is not None
    assert catalog._operation.key_name
    assert info.copy_and_update(skybind_x="1").extra_dict()["skybind_x"] == "1"


def test_lsdb_is_imported_in_the_adapter_alone():
    folder = Path(skybind.__file__).parent
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if re.search(r"^\s*(import|from) (lsdb|hats|nested_pandas)\b", path.read_text(), re.M)
    }
    # the match of tables with a HATS catalogue was there before
    assert found == {"scale/adapter.py", "scale/pairing.py", "ingest/hats_match.py"}


def test_partitions_are_the_files_to_the_byte(place):
    """Also where an object was not observed, and in the types of the dataset."""
    stored = open_exported(place / "hats")
    opened = adapter.open_catalog(place / "hats")
    tables = [adapter.partition_of(opened, n) for n in range(opened.catalog.npartitions)]
    assert len(tables) > 2
    names = stored.columns
    every = stored.source.table(names)
    assert every["spectrum"].null_count > 0
    got = pa.concat_tables([table.select(names) for table in tables])
    assert got.schema.types == every.schema.types
    assert hash_of(got) == hash_of(every)
    assert opened.schema.metadata == stored.source.schema.metadata


def hash_of(table):
    """To the bit: for Arrow no NaN equals another."""
    content = ContentHash()
    content.add(table)
    return content.hexdigest()


def test_what_is_no_catalogue_is_refused(place):
    with pytest.raises(DataError, match="no HATS catalogue"):
        adapter.open_catalog(place / "stars")
    with pytest.raises(ConfigError, match="A dict is no catalogue"):
        adapter.open_catalog({})


def test_without_lsdb_it_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lsdb", None)
    with pytest.raises(ConfigError, match=r"pip install 'skybind\[scale\]'"):
        adapter.lsdb()
