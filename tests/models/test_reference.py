import numpy as np
import pytest
import torch

from skybind.errors import ModelError
from skybind.models import reference
from skybind.models.reference import LEAST, WIDTH, Reference, choose_objects, shorten

NAMES = ("photometry", "spectrum")


def draw(n, seed, away=0.0):
    """Places of n objects in two modalities, from one distribution, moved by `away`."""
    rng = np.random.default_rng(seed)
    places = {name: rng.normal(size=(n, 6)).astype(np.float32) * 0.3 for name in NAMES}
    for values in places.values():
        values[:, 0] += 1
        values[:, 1] += away
    return places, {name: np.ones(n, bool) for name in NAMES}


def ids(n, prefix="a"):
    return np.array([f"{prefix}{i}" for i in range(n)])


def keep(places, present, labels, teacher, object_id):
    """A reference of the objects that are chosen of these."""
    kept = choose_objects(labels, teacher, seed=0)
    return Reference(
        {name: values[kept] for name, values in places.items()},
        {name: flags[kept] for name, flags in present.items()},
        teacher[kept],
        reference.hash_ids(object_id[kept]),
    )


@pytest.fixture
def known():
    places, present = draw(900, 1)
    labels, teacher = np.arange(900) % 3, np.arange(900) < 600
    return keep(places, present, labels, teacher, ids(900))


def test_more_of_the_same_is_as_novel_as_validation_objects(known):
    novelty = known.novelty(*draw(2000, 2), ids(2000, "b"))
    # a conformal rank is uniform: its mean is 1/2 +- 0.0065, a tenth lies above 0.9 +- 0.7 %
    assert abs(novelty.mean() - 0.5) < 0.05
    assert 0.06 < (novelty > 0.9).mean() < 0.14


def test_strangers_are_farther_than_all_validation_objects(known):
    novelty = known.novelty(*draw(200, 3, away=4.0), ids(200, "c"))
    assert (novelty == 1).all()


def test_an_object_is_no_neighbour_of_itself(known):
    places, present = draw(900, 1)
    own = known.novelty(places, present, ids(900))[:600]
    nameless = known.novelty(places, present, ids(900, "other"))[:600]
    assert nameless.mean() < own.mean() - 0.1
    assert abs(own.mean() - 0.5) < 0.06


def test_only_objects_with_the_same_modalities_are_compared(known):
    places, present = draw(300, 4)
    strange = places["spectrum"] + 50 * np.eye(6, dtype=np.float32)[2]
    present["spectrum"][:150] = False
    novelty = known.novelty({**places, "spectrum": strange}, present, ids(300, "d"))
    assert (novelty[150:] > 0.95).all()
    assert abs(novelty[:150].mean() - 0.5) < 0.1  # the strange spectrum is not theirs


def test_nothing_is_said_where_nothing_is_known(known):
    places, present = draw(4, 5)
    present["photometry"][0] = present["spectrum"][0] = False
    novelty = known.novelty(places, present, ids(4, "e"))
    assert np.isnan(novelty[0])
    assert np.isfinite(novelty[1:]).all()
    few = Reference(
        {name: v[: LEAST - 1] for name, v in known.places.items()},
        {name: v[: LEAST - 1] for name, v in known.present.items()},
        known.teacher[: LEAST - 1],
        known.name[: LEAST - 1],
    )
    assert np.isnan(few.novelty(places, present, ids(4, "e"))).all()


def test_rare_classes_are_kept_first(monkeypatch):
    monkeypatch.setattr(reference, "TEACHERS", 40)
    places, present = draw(1000, 6)
    labels = np.where(np.arange(1000) < 10, 1, 0)
    kept = keep(places, present, labels, np.ones(1000, bool), ids(1000))
    rare = np.isin(kept.name, reference.hash_ids(ids(10)))
    assert rare.sum() == 10
    assert len(kept.name) == 40


def test_it_is_read_as_it_was_written(known, tmp_path):
    known.write(tmp_path / "reference.safetensors")
    read = Reference.read(tmp_path / "reference.safetensors")
    places, present = draw(50, 7)
    old, new = (r.novelty(places, present, ids(50, "f")) for r in (known, read))
    np.testing.assert_allclose(new, old, atol=0.02)  # half precision
    (tmp_path / "reference.safetensors").write_bytes(b"no such thing")
    with pytest.raises(ModelError, match="is damaged"):
        Reference.read(tmp_path / "reference.safetensors")


def test_long_parts_keep_their_distances():
    rng = np.random.default_rng(8)
    long = torch.from_numpy(rng.normal(size=(60, 5000)).astype(np.float32))
    short = shorten(long)
    assert short.shape == (60, WIDTH)
    ratio = torch.pdist(short) / torch.pdist(long)
    assert abs(ratio.mean() - 1) < 0.02
    assert ratio.std() < 1.5 / np.sqrt(2 * WIDTH)
    assert shorten(long[:, :WIDTH]) is not None
    torch.testing.assert_close(shorten(long[:, :WIDTH]), long[:, :WIDTH])
