import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from skybind.config import load_config
from skybind.modalities.rows import taken
from skybind.modalities.source import BatchSource
from skybind.models import build_binder, build_modalities
from skybind.models import frozen_features as module
from skybind.models.frozen_features import (
    Older,
    Views,
    cached_features,
    features_origin,
    matching_source,
    with_features,
)
from skybind.models.inference import embed_source
from tests.modalities.conftest import SCHEMA, make_table

N = 80
CONFIG = [
    "modalities.photometry=null",
    "modalities.spectrum.preprocessing.noise=0.5",
    "modalities.spectrum.encoder={name: head, hidden: [12]}",
    "modalities.spectrum.backbone={encoder: {name: spender, channels: [4, 4, 8]}, weights: random}",
    "modalities.metadata.preprocessing.absolute=[g_mag]",
    "modalities.metadata.preprocessing.transforms={l: cos}",
    "model.dimension=8",
    "finetuning.overrides={}",
]


@pytest.fixture(scope="module")
def world():
    config = load_config("stars-small", CONFIG)
    table = make_table([20] * N)
    modalities = build_modalities(config, SCHEMA)
    source = BatchSource(modalities, {name: m.prepare(table) for name, m in modalities.items()})
    source.prepared["spectrum"].present[5] = False
    source.fit(np.arange(60))
    binder = build_binder(config, {name: m.shape for name, m in modalities.items()}).eval()
    return config, source, binder


def cache(world, root, views=2, seed=1, rows=60, fingerprint="data", binder=None):
    _, source, own = world
    return cached_features(
        (binder or own).backboned["spectrum"],
        source.modalities["spectrum"],
        source.prepared["spectrum"],
        root,
        fingerprint=fingerprint,
        views=Views(views, np.arange(rows), seed),
    )


def test_views_are_what_the_backbone_gives(world, tmp_path):
    _, source, binder = world
    prepared = cache(world, tmp_path)
    features, encoder = prepared.arrays["features"], binder.backboned["spectrum"]
    assert features.shape == (N, 3, 4)
    assert not features[5].any()
    clean = source.select(["spectrum"]).batch(np.arange(N)).inputs["spectrum"]["values"]
    wanted = encoder.frozen_features(clean).numpy()
    wanted[5] = 0
    np.testing.assert_allclose(features[:, 0], wanted, atol=1e-6)
    # noise moves the features a little, each time otherwise, and only of objects trained on
    one, two = features[:60, 1], features[:60, 2]
    for view, other in ((one, two), (one, features[:60, 0])):
        apart = np.abs(view - other).max(axis=1)
        assert (apart[np.arange(60) != 5] > 0).all()
    assert not features[60:, 1:].any()
    assert not prepared.arrays["viewed"][5]
    assert prepared.arrays["viewed"].sum() == 59


def test_embeddings_of_cached_and_uncached_features_are_identical(world, tmp_path):
    _, source, binder = world
    views = {"spectrum": Views(0, np.arange(60), 0)}
    cached = with_features(source, binder, tmp_path, "data", views)
    assert "features" in cached.batch(np.arange(2)).inputs["spectrum"]
    ids, part = np.arange(N).astype(str), np.full(N, "")
    for batch_size in (7, 512):
        plain = embed_source(binder, source, ids, part, batch_size=batch_size)
        quick = embed_source(binder, cached, ids, part, batch_size=batch_size)
        # convolutions of batches of other sizes may round otherwise
        np.testing.assert_allclose(
            quick.vectors["spectrum"], plain.vectors["spectrum"], atol=1e-6, rtol=0
        )
        assert np.array_equal(quick.present["spectrum"], plain.present["spectrum"])


def test_what_is_cached_is_not_computed_again_and_what_differs_is(world, tmp_path, monkeypatch):
    first = cache(world, tmp_path)
    calls = []
    compute = module._compute
    monkeypatch.setattr(module, "_compute", lambda *a: (calls.append(1), compute(*a)))
    again = cache(world, tmp_path)
    assert not calls
    assert np.array_equal(first.arrays["features"], again.arrays["features"])
    config, source, _ = world
    shapes = {name: m.shape for name, m in source.modalities.items()}
    other = build_binder(config.model_copy(update={"seed": 5}), shapes)
    for change in (
        {"views": 1},
        {"seed": 2},
        {"rows": 50},
        {"fingerprint": "other"},
        {"binder": other},
    ):
        before = len(calls)
        cache(world, tmp_path, **change)
        assert len(calls) == before + 1, change
    assert len(list(tmp_path.glob("spectrum-*"))) == 6


def test_of_a_dataset_that_grew_only_what_is_touched_is_computed(world, tmp_path, monkeypatch):
    _, source, binder = world
    spectra = source.prepared["spectrum"]
    young = taken(spectra, np.arange(70))
    given = (binder.backboned["spectrum"], source.modalities["spectrum"])
    views = Views(2, np.arange(60), 1)
    before = cached_features(*given, young, tmp_path, fingerprint="young", views=views)
    whole = cache(world, tmp_path / "whole").arrays["features"]
    seen, compute = [], module._features
    monkeypatch.setattr(module, "_features", lambda *a: (seen.extend(a[3]), compute(*a))[1])
    touched = np.asarray([65, *range(70, 80)])
    older = [Older("none", 60, touched), Older("young", 70, touched)]
    found = cached_features(
        *given, spectra, tmp_path, fingerprint="grown", views=views, older=older
    ).arrays["features"]
    assert sorted(set(seen)) == touched.tolist()
    same = np.setdiff1d(np.arange(70), touched)
    np.testing.assert_array_equal(found[same], before.arrays["features"][same])
    np.testing.assert_allclose(found[:, 0], whole[:, 0], atol=1e-6)
    # one of each night would fill the disk
    assert len([path for path in tmp_path.glob("spectrum-features-*") if path.is_dir()]) == 1


def interrupt(patch):
    """Let the fifth call for features be interrupted; gives a list that grows with the calls."""
    real, calls = module._features, []

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*arguments)

    patch.setattr(module, "_features", dies)
    return calls


def test_interrupted_with_other_rows_to_compute_nothing_is_left_out(world, tmp_path, monkeypatch):
    _, source, binder = world
    spectra = source.prepared["spectrum"]
    given = (binder.backboned["spectrum"], source.modalities["spectrum"])
    views = Views(2, np.arange(60), 1)
    with monkeypatch.context() as patch:
        interrupt(patch)
        with pytest.raises(KeyboardInterrupt):  # of all rows, for there is nothing to take over
            cached_features(*given, spectra, tmp_path, fingerprint="grown", views=views)
    young = taken(spectra, np.arange(70))
    cached_features(*given, young, tmp_path, fingerprint="young", views=views)
    older = [Older("young", 70, np.asarray([65, *range(70, 80)]))]
    found = cached_features(
        *given, spectra, tmp_path, fingerprint="grown", views=views, older=older
    ).arrays["features"]
    whole = cache(world, tmp_path / "whole").arrays["features"]
    np.testing.assert_allclose(found[:, 0], whole[:, 0], atol=1e-6)


def test_options_that_leave_no_trace_in_the_weights_count(world):
    _, source, _ = world
    shapes = {name: m.shape for name, m in source.modalities.items()}
    origins = []
    for pools in ("[5, 11]", "[5, 5]"):
        backbone = f"{{name: spender, channels: [4, 4, 8], pools: {pools}}}"
        key = "modalities.spectrum.backbone.encoder"
        changed = load_config("stars-small", [*CONFIG, f"{key}={backbone}"])
        encoder = build_binder(changed, shapes).backboned["spectrum"]
        origins.append(features_origin(encoder, source.modalities["spectrum"]))
    assert origins[0] != origins[1]


def test_interrupted_it_goes_on_with_the_same_numbers(world, tmp_path, monkeypatch):
    whole = cache(world, tmp_path / "whole").arrays["features"]
    calls = interrupt(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        cache(world, tmp_path / "cut")
    resumed = cache(world, tmp_path / "cut").arrays["features"]
    # chunks of 3, 3 and 1 passes (the last has no object that is trained on): one was kept
    assert len(calls) == 5 + 3 + 1
    assert np.array_equal(resumed, whole)
    assert len([path for path in (tmp_path / "cut").iterdir() if path.is_dir()]) == 1


def test_of_two_programs_one_computes_and_the_other_waits(world, tmp_path, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()
    compute, calls = module._compute, []

    def slow(*arguments):
        calls.append(arguments)
        begun.set()
        may_end.wait(30)
        compute(*arguments)

    monkeypatch.setattr(module, "_compute", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache, world, tmp_path)
        assert begun.wait(30)
        second = pool.submit(cache, world, tmp_path)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        may_end.set()
        one, two = (done.result(60).arrays["features"] for done in (first, second))
    assert len(calls) == 1
    np.testing.assert_array_equal(one, two)


def test_a_model_with_another_backbone_does_not_use_the_cache(world, tmp_path):
    config, source, binder = world
    views = {"spectrum": Views(0, np.arange(60), 0)}
    cached = with_features(source, binder, tmp_path, "data", views)
    encoder, modality = binder.backboned["spectrum"], source.modalities["spectrum"]
    assert cached.origins == {"spectrum": features_origin(encoder, modality)}
    same = matching_source(binder, source.modalities, cached).batch(np.arange(3))
    assert set(same.inputs["spectrum"]) == {"features"}
    shapes = {name: m.shape for name, m in source.modalities.items()}
    other = build_binder(config.model_copy(update={"seed": 5}), shapes)
    different = matching_source(other, source.modalities, cached).batch(np.arange(3))
    assert "values" in different.inputs["spectrum"]


def test_a_modality_without_augmentation_has_the_clean_view_only(world, tmp_path):
    config, source, binder = world
    entry = config.modalities["spectrum"]
    silent = entry.preprocessing | {"noise": 0.0}
    quiet = entry.model_copy(update={"preprocessing": silent})
    still = config.model_copy(update={"modalities": config.modalities | {"spectrum": quiet}})
    modality = build_modalities(still, SCHEMA)["spectrum"]
    prepared = cached_features(
        binder.backboned["spectrum"],
        modality,
        source.prepared["spectrum"],
        tmp_path,
        fingerprint="data",
        views=Views(4, np.arange(60), 0),
    )
    assert prepared.arrays["features"].shape == (N, 1, 4)
    assert torch.equal(
        torch.from_numpy(np.array(prepared.arrays["features"][:, 0])),
        torch.from_numpy(np.array(cache(world, tmp_path).arrays["features"][:, 0])),
    )
