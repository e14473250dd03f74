"""A dataset whose footers were changed: units, names and types come from these."""

import base64
import re

import pytest

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.footers import footer_in
from skybind.simulate.write import write_stars
from skybind.study.check import check_folder
from tests.broken import expect_one_sentence


@pytest.fixture
def stars(tmp_path):
    """Two files of objects; nothing here asks whether their names are unique."""
    write_stars(tmp_path / "stars", 12, seed=1)
    part = tmp_path / "stars/objects/part-00000.parquet"
    part.with_name("part-00001.parquet").write_bytes(part.read_bytes())
    return tmp_path / "stars"


def with_another_unit(whole):
    """The bytes of a file with one bit flipped, by which its fluxes are in nJy, not in mJy.

    Arrow takes units from the schema that it keeps for itself, in base64.
    """
    kept = next(re.finditer(rb"/{5}[A-Za-z0-9+/=]+", whole))
    schema = base64.b64decode(kept[0])
    for place in (m.start() + 1 for m in re.finditer(rb'"mJy"', schema)):
        for at in range(kept.start() + place * 8 // 6, kept.start() + place * 8 // 6 + 2):
            for bit in range(7):
                other = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
                found = re.match(rb"[A-Za-z0-9+/=]+", other[kept.start() :])
                if len(found[0]) != len(kept[0]):
                    continue
                if base64.b64decode(found[0])[place - 1 : place + 4] == b'"nJy"':
                    return other
    raise AssertionError("no such bit")


def test_a_bit_that_makes_another_unit_is_told(stars):
    part = stars / "objects/part-00000.parquet"
    part.write_bytes(with_another_unit(part.read_bytes()))
    with pytest.raises(DataError, match=r"footer of part-00000.parquet is not what was wr") as told:
        Dataset.open(stars)
    expect_one_sentence(told.value)
    assert "objects/part-00000.parquet" in [d.file for d in check_folder(stars).damages]
    assert any("footer is not what was written" in str(found) for found in check_dataset(stars))


READS = {
    "count": len,
    "table": lambda data: data.table(["ra"]),
    "rows": lambda data: data.table(["ra"], [13]),
    "chunks": lambda data: list(data.iter_tables(["ra"])),
    "lists": lambda data: data.lengths("photometry"),
    "curves": lambda data: data.ragged("photometry"),
}


@pytest.mark.parametrize("way", READS)
def test_every_file_is_verified_when_it_is_read(way, stars):
    part = stars / "objects/part-00001.parquet"
    whole = part.read_bytes()
    READS[way](Dataset.open(stars))
    footer = len(whole) - 8 - len(footer_in(part))
    at = whole.index(b"ra", footer)  # the column would be null in this file, under another name
    part.write_bytes(whole[:at] + b"s" + whole[at + 1 :])
    with pytest.raises(DataError, match="not what was written"):
        READS[way](Dataset.open(stars))
