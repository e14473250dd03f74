"""What may take how much memory."""

import os

import pytest

from skybind.errors import DataError
from skybind.limits import FREE, MOST, RATIO, TABLE, VARIABLE, at_most, check_size, check_table
from tests.broken import expect_one_sentence


def test_what_is_on_disk_may_be_large_and_what_is_small_may_swell():
    check_size(7e9, 7 * 10**9, "x")
    check_size(FREE, 1, "x")
    check_size(1e12, 10**10, "x", at_once=False)


@pytest.mark.parametrize(("size", "on_disk"), [(9e9, 9 * 10**9), (FREE + 1, FREE // RATIO)])
def test_the_rest_is_refused(size, on_disk):
    with pytest.raises(
        DataError,
        match=r"x would take .* by SKYBIND_MAX_FILE=20GB .*--max-file",
    ) as caught:
        check_size(size, on_disk, "x")
    expect_one_sentence(caught.value)


def test_a_limit_of_the_users_is_the_only_one():
    with at_most("1MB"):
        check_size(1e6, 1, "x")
        with pytest.raises(DataError, match="1 MB"):
            check_size(1e6 + 1, 10**6, "x")
        with at_most("1TB", over=False):
            assert os.environ[VARIABLE] == "1000000"
        with at_most("1TB"):
            check_size(1e12, 1, "x")
        assert os.environ[VARIABLE] == "1000000"
    assert VARIABLE not in os.environ


def test_a_table_of_ours_may_be_large_where_it_swells_little():
    check_table(MOST + 1, MOST // TABLE + 1, "x")
    check_table(RATIO * 1e9, 10**9, "x", at_once=False)
    check_table(FREE, 1, "x")
    with pytest.raises(
        DataError,
        match=r"x would take 10 GB .* read at once .* in the environment\.$",
    ):
        check_table(1e10, 9 * 10**8, "x")
    with pytest.raises(DataError, match=r"x would take .* 200 times what is on disk"):
        check_table(FREE + 1, FREE // RATIO, "x", at_once=False)


def test_a_limit_allows_more_of_a_table_of_ours_and_never_less():
    with at_most("1MB"):
        check_table(FREE, 1, "x")
        check_table(1e10, 10**10, "x")
    with at_most("1GB"):
        check_table(1e9, 1, "x")
        with pytest.raises(DataError, match="x would take 1 GB or more from 1 bytes"):
            check_table(1e9 + 1, 1, "x")
