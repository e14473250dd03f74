"""Headers of pages say what these unpack to, in every way in which Arrow writes them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind.pages import LENGTHS, PREFIXES, WORDS, longest_word, pages_of

N = 20_000
TEXT = [f"star {i % 700:0{3 + i % 5}}" for i in range(N)]


def chunk_of(path, **options):
    pq.write_table(pa.table({"x": options.pop("values", TEXT)}), path, **options)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    data = path.read_bytes()
    end = start + chunk.total_compressed_size
    return chunk, (lambda at, n: data[at : at + n]), start, end


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "lz4", "brotli", "none"])
def test_sizes_and_words(tmp_path, version, compression):
    chunk, read, start, end = chunk_of(
        tmp_path / "a", compression=compression, data_page_version=version, data_page_size=4096,
        write_page_checksum=True,
    )  # fmt: skip
    found = pages_of(read, start, end, N)
    assert (found.size, found.values) == (chunk.total_uncompressed_size, N)
    assert found.encodings == {WORDS}
    assert longest_word(read, found.words, chunk.compression) == max(map(len, TEXT))
    assert found.written_out > sum(map(len, TEXT))


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("PLAIN", set()), ("DELTA_BYTE_ARRAY", {PREFIXES}), ("DELTA_LENGTH_BYTE_ARRAY", {LENGTHS})],
)
def test_other_encodings(tmp_path, encoding, told):
    options = {"use_dictionary": False, "column_encoding": {"x": encoding}}
    _, read, start, end = chunk_of(tmp_path / "a", **options)
    found = pages_of(read, start, end, N)
    assert (found.encodings, found.words) == (told, None)
    if encoding == "DELTA_BYTE_ARRAY":
        assert found.written_out > sum(map(len, TEXT))
    else:
        assert found.written_out <= found.size


def test_words_of_one_length_and_statistics_longer_than_a_header(tmp_path):
    values = ["a" * 9000, "b" * 9000]
    chunk, read, start, end = chunk_of(tmp_path / "a", values=values, data_page_version="1.0")
    found = pages_of(read, start, end, 2)
    assert found.size == chunk.total_uncompressed_size
    assert longest_word(read, found.words, chunk.compression) == 9000


def test_no_flipped_bit_ends_otherwise_than_in_a_sentence(tmp_path):
    _, read, start, end = chunk_of(tmp_path / "a", values=list("abcabc"))
    whole = read(start, end - start)
    told = 0
    for place in range(min(len(whole), 120)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            try:
                pages_of(lambda at, n, data=bytes(data): data[at : at + n], 0, len(data), 6)
            except pa.ArrowInvalid:
                told += 1
    assert told > 100
    with pytest.raises(pa.ArrowInvalid):
        pages_of(lambda at, n: bytes(np.full(n, 0xFF, np.uint8)), 0, 1 << 30, 6)


#: A header of a dictionary's page, a field a line: kind, bytes unpacked, bytes packed, the rest.
HEADER = {1: b"\x15\x04", 2: b"\x15\x02", 3: b"\x15\x02", 7: b"\x4c\x15\x02\x00"}


@pytest.mark.parametrize("other", [b"\x0c\x00", b"\x09\x05", b"\x08\x00"])
@pytest.mark.parametrize("field", HEADER)
def test_a_field_of_another_kind_is_damage(field, other):
    def read(fields):
        data = b"".join(fields.values()) + b"\x00"
        return pages_of(lambda at, n: data[at : at + n], 0, len(data), 6)

    assert read(HEADER).words.number == 1
    step = HEADER[field][0] & 0xF0  # how far the field's number is from the one before
    with pytest.raises(pa.ArrowInvalid, match="header of a page is damaged"):
        read({**HEADER, field: bytes([step | other[0], *other[1:]])})
