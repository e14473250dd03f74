import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skybind.training.batches import (
    Sample,
    Stream,
    generator,
    ordered_batches,
    prefetch,
    rank_part,
    torch_seed,
    training_batches,
)
from skybind.training.pace import steps_per_epoch
from tests.training.training_toys import ToySource


@given(st.integers(2, 100), st.integers(2, 40))
def test_validation_takes_every_object_once_in_order(n, size):
    batches = ordered_batches(np.arange(n), size)
    assert np.array_equal(np.concatenate(batches), np.arange(n))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(len(batch) >= 2 for batch in batches)


@given(st.integers(2, 100), st.integers(4, 40), st.booleans())
def test_training_drops_the_rest_alone(n, size, drop):
    batches = training_batches(np.arange(n), size, drop, seed=0, epoch=0)
    used = sum(len(batch) for batch in batches)
    assert used == (n // size * size if drop and n > size else n)
    assert len(batches) == steps_per_epoch(n, size, drop)


def test_training_shuffles_anew_in_each_epoch_and_drops_the_last():
    rows = np.arange(100, 123)
    whole = training_batches(rows, 5, False, seed=1, epoch=0)
    assert sorted(np.concatenate(whole)) == sorted(rows)
    dropped = training_batches(rows, 5, True, seed=1, epoch=0)
    assert [len(batch) for batch in dropped] == [5] * 4
    assert all(np.array_equal(a, b) for a, b in zip(dropped, whole, strict=False))
    assert not np.array_equal(whole[0], training_batches(rows, 5, False, seed=1, epoch=1)[0])
    assert not np.array_equal(whole[0], training_batches(rows, 5, False, seed=2, epoch=0)[0])


def test_the_only_batch_is_never_dropped():
    (only,) = training_batches(np.arange(7), 512, True, seed=0, epoch=0)
    assert len(only) == 7


def test_ranks_share_a_batch_without_overlap():
    parts = [rank_part(np.arange(11), rank, 3) for rank in range(3)]
    assert np.array_equal(np.concatenate(parts), np.arange(11))


def test_streams_are_independent_and_repeatable():
    keys = [(s, e, b, r) for s in Stream for e in range(2) for b in range(2) for r in range(2)]
    draws = {generator(5, *key).integers(2**62) for key in keys}
    assert len(draws) == len(keys)
    assert generator(5, Stream.VIEW, 3, 2).random() == generator(5, Stream.VIEW, 3, 2).random()
    assert len({torch_seed(s, e, r) for s in range(3) for e in range(3) for r in range(3)}) == 27


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_prefetch_keeps_the_order_whatever_is_ready_first(threads):
    delays = [0.02, 0.0, 0.01, 0.0, 0.0]

    def job(index):
        time.sleep(delays[index])
        return index

    jobs = [lambda i=i: job(i) for i in range(5)]
    assert list(prefetch(jobs, threads)) == [0, 1, 2, 3, 4]


def test_prefetch_works_ahead_but_not_far():
    started = []
    release = threading.Event()

    def job(index):
        started.append(index)
        release.wait(5)
        return index

    release.set()
    results = prefetch([lambda i=i: job(i) for i in range(50)], 1)
    next(results)
    time.sleep(0.05)
    assert 2 <= len(started) <= 4
    results.close()
    time.sleep(0.05)
    assert len(started) <= 4


def test_prefetch_passes_errors_on():
    def broken():
        raise ValueError("bad batch")

    with pytest.raises(ValueError, match="bad batch"):
        list(prefetch([broken], 1))


def test_a_sample_is_cut_in_parts():
    source = ToySource(10, missing=0.3)
    batch = source.batch(np.arange(10))
    parts = Sample(batch, batch, torch.arange(10)).split(4)
    assert [len(part.batch) for part in parts] == [4, 4, 2]
    values = torch.cat([part.second.inputs["spectrum"]["values"] for part in parts])
    assert torch.equal(values, batch.inputs["spectrum"]["values"])
    assert torch.equal(torch.cat([part.labels for part in parts]), torch.arange(10))
    assert len(Sample(batch.select(slice(0, 0))).split(4)) == 1


def test_a_stand_in_is_observed_in_nothing_and_does_not_count_nor_do_its_parts():
    batch = ToySource(4).batch(np.arange(4))
    sample = Sample(batch, batch, torch.arange(4))
    stand_in = sample.stand_in().to(torch.device("cpu"))
    for part in (stand_in, *stand_in.split(3)):
        assert not part.counts
        for view in (part.batch, part.second):
            assert not any(present.any() for present in view.present.values())
    assert sample.counts
    assert batch.present["spectrum"].all()
