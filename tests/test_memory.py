import numpy as np
import pytest

from skybind import memory
from skybind.config import load_config
from skybind.errors import ConfigError
from skybind.measures import neighbours
from skybind.measures.neighbours import nearest
from skybind.memory import at_once, configure, limit, memory_limit, read_size, tile, zeros
from tests.broken import expect_one_sentence


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv(memory.VARIABLE, raising=False)
    configure(None)
    yield
    configure(None)


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 5e8), ("8GB", 8e9), ("1.5 g", 1.5e9), ("2k", 2e3), ("123", 123), (7, 7)],
)
def test_sizes_as_people_write_them(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "8 apples", "-1", "0", "1e9", "GB", "9" * 99])
def test_what_is_no_size(text):
    with pytest.raises(ConfigError, match="is no size: write it as 500MB or 8GB") as caught:
        read_size(text)
    expect_one_sentence(caught.value)


def test_what_was_set_nearest_counts(monkeypatch):
    assert limit() == memory.DEFAULT
    configure("3GB")
    assert limit() == 3e9
    monkeypatch.setenv(memory.VARIABLE, "4GB")
    assert limit() == 4e9
    with memory_limit("5GB"):
        assert limit() == 5e9
        with memory_limit(None):
            assert limit() == 5e9
    assert limit() == 4e9
    monkeypatch.delenv(memory.VARIABLE)
    configure(None)
    assert limit() == memory.DEFAULT


def test_too_little_and_a_wrong_variable_are_one_sentence(monkeypatch):
    with (
        pytest.raises(ConfigError, match="A memory of 2 is too little") as caught,
        memory_limit("2"),
    ):
        pytest.fail("it was taken")
    expect_one_sentence(caught.value)
    monkeypatch.setenv(memory.VARIABLE, "plenty")
    with pytest.raises(ConfigError, match="SKYBIND_MEMORY: 'plenty' is no size") as caught:
        limit()
    expect_one_sentence(caught.value)


def test_a_configuration_states_it_and_is_refused_with_its_key():
    assert load_config("stars-small", ["memory=750MB"]).memory == "750MB"
    assert load_config("stars-small").memory is None
    with pytest.raises(ConfigError, match=r"memory.*'much' is no size") as caught:
        load_config("stars-small", ["memory=much"])
    expect_one_sentence(caught.value)


def test_blocks_follow_the_limit_between_their_bounds():
    with memory_limit("800MB"):
        assert at_once(1000, 10**9) == 10**5
        assert at_once(1000, 50) == 50
        assert at_once(1e12, 50, least=3) == 3
        assert tile(10) == (1024, 8192)
    with memory_limit("10MB"):
        rows, columns = tile(10)
        assert 64 <= rows <= 1024
        assert 256 <= columns < 8192
        assert 10 * rows * columns <= max(10e6 * memory.BLOCK, 10 * 64 * 256)


def test_the_limit_reaches_the_search_of_neighbours(monkeypatch):
    shapes = []
    add = neighbours._Best.add

    def noted(self, some, query, rows, vectors):
        shapes.append((len(query), len(vectors)))
        add(self, some, query, rows, vectors)

    monkeypatch.setattr(neighbours._Best, "add", noted)
    x = np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    nearest(x, x[:2000], 3)
    with memory_limit("10MB"):
        nearest(x, x[:2000], 3)
    large, small = shapes[0], shapes[-1]
    assert max(shapes) == large == (1024, 4096)
    assert 10 * np.prod([max(s[0] for s in shapes[4:]), max(s[1] for s in shapes[4:])]) <= 1.25e6
    assert small[0] < 1024


def test_large_arrays_lie_in_a_file_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with memory_limit("10MB"):
        small, large = zeros((1000,), np.float64), zeros((1000, 1000), np.float32)
    assert small.base is None
    assert isinstance(large.base, np.memmap)
    assert not list(tmp_path.iterdir())
    assert not large.any()
    large[3] = 7
    assert large.sum() == 7000
