import numpy as np
import pytest
import torch
from torch.nn import functional

from skybind.errors import ConfigError, DataError, ModelError
from skybind.training.finetune import Labels, finetune, inverse_weights
from tests.training.training_toys import (
    ToySource,
    losses,
    same_weights,
    toy_classifier,
    toy_options,
    toy_rows,
    weights,
)

SOURCE = ToySource(240)
ROWS = toy_rows(240, 60)
LABELS = (SOURCE.hidden[:, 0] > 0).astype(np.int64) + (SOURCE.hidden[:, 0] > 1)


def run(out, classifier=None, source=SOURCE, labels=LABELS, rows=ROWS, **options):
    extra = {key: options.pop(key) for key in ("freeze", "resume") if key in options}
    weights = options.pop("class_weights", None)
    smoothing = options.pop("label_smoothing", 0.0)
    return finetune(
        classifier or toy_classifier(),
        source,
        Labels(labels, weights, smoothing),
        rows,
        toy_options(**options),
        out,
        seed=3,
        **extra,
    )


def test_learns_a_separable_problem(tmp_path):
    classifier = toy_classifier()
    result = run(tmp_path, classifier, epochs=25)
    batch = SOURCE.batch(ROWS["validation"])
    with torch.no_grad():
        logits = classifier(batch)
    labels = torch.from_numpy(LABELS[ROWS["validation"]])
    accuracy = float((logits.argmax(1) == labels).float().mean())
    assert accuracy > 0.9
    best = result.history[result.best_epoch - 1]
    assert best["validation/accuracy"] == pytest.approx(accuracy)
    assert result.best_loss == pytest.approx(float(functional.cross_entropy(logits, labels)), 1e-4)


def test_label_smoothing_is_in_the_training_loss_alone(tmp_path):
    """With frozen weights the first batch's loss is torch's smoothed one, validation's is plain."""
    kinds = {"epochs": 1, "learning_rate": 1e-12, "batch_size": 240, "drop_last": False}
    classifier = toy_classifier(dropout=0.0)
    with torch.no_grad():
        smoothed, plain = (
            functional.cross_entropy(
                classifier.eval()(SOURCE.batch(ROWS[part])),
                torch.from_numpy(LABELS[ROWS[part]]),
                label_smoothing=smoothing,
            ).item()
            for part, smoothing in (("train", 0.3), ("validation", 0.0))
        )
    result = run(tmp_path, classifier, label_smoothing=0.3, **kinds)
    # training draws its views at random, so the two agree but not to the last digit
    assert result.history[0]["train/loss"] == pytest.approx(smoothed, rel=1e-3)
    assert abs(smoothed - plain) > 0.01
    assert result.history[0]["validation/loss"] == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("names", [("photometry",), ("photometry", "metadata", "spectrum")])
def test_any_set_of_modalities(tmp_path, names):
    result = run(tmp_path, toy_classifier(names=names), epochs=8)
    assert result.best_loss < result.history[0]["validation/loss"]


@pytest.mark.parametrize("freeze", [["binder"], ["binder.encoders", "head"]])
def test_frozen_parts_stay_bit_identical(tmp_path, freeze):
    classifier = toy_classifier()
    before = weights(classifier)
    run(tmp_path, classifier, freeze=freeze, weight_decay=0.1, epochs=2)
    after = weights(classifier)
    for name in before:
        frozen = name.startswith((*freeze, "binder.scales"))
        assert torch.equal(before[name], after[name]) == frozen, name
    assert classifier.head.weight.requires_grad


def test_a_frozen_encoder_drops_nothing_out(tmp_path):
    a = run(tmp_path / "a", toy_classifier(dropout=0.9), freeze=["binder"], epochs=1)
    b = run(tmp_path / "b", toy_classifier(dropout=0.0), freeze=["binder"], epochs=1)
    assert losses(a) == losses(b)


def test_accumulated_parts_train_as_the_whole_batch_does(tmp_path):
    kinds = {"class_weights": np.array([1.0, 3.0, 10.0]), "drop_last": False}
    plain = run(tmp_path / "a", toy_classifier(dropout=0.0), **kinds)
    parts = run(tmp_path / "b", toy_classifier(dropout=0.0), accumulate=5, **kinds)
    for ours, theirs in zip(losses(parts), losses(plain), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_the_loss_is_torchs_weighted_cross_entropy(tmp_path):
    classifier, kinds = toy_classifier(), np.array([1.0, 3.0, 10.0])
    result = run(tmp_path, classifier, class_weights=kinds, epochs=1, validation_batch_size=60)
    with torch.no_grad():
        logits = classifier(SOURCE.batch(ROWS["validation"]))
    labels = torch.from_numpy(LABELS[ROWS["validation"]])
    expected = functional.cross_entropy(logits, labels, torch.tensor(kinds).float())
    assert result.best_loss == pytest.approx(float(expected), rel=1e-5)


def test_unlabelled_and_unseen_objects_take_no_part(tmp_path):
    source = ToySource(240)
    source.observed = {name: np.ones(240, bool) for name in source.observed}
    labels = LABELS.copy()
    labels[:30] = -1
    for name in ("photometry", "spectrum"):  # metadata is there, but the classifier is blind to it
        source.observed[name][30:50] = False
    result = run(tmp_path, source=source, labels=labels, epochs=1, drop_last=False)
    assert result.history[0]["train/n"] == 180 - 50


def test_resuming_from_another_pre_training_is_refused(tmp_path):
    run(tmp_path, epochs=1)
    with pytest.raises(ModelError, match="another configuration, data, start or seed"):
        run(tmp_path, toy_classifier(seed=1), epochs=2, resume=True)


def test_resuming_equals_never_stopping_and_other_labels_are_refused(tmp_path):
    expected = run(tmp_path / "whole", epochs=4)
    run(tmp_path / "parts", epochs=2)
    assert losses(run(tmp_path / "parts", epochs=4, resume=True)) == losses(expected)
    with pytest.raises(ModelError, match="another configuration, data, start or seed"):
        run(tmp_path / "parts", labels=(LABELS + 1) % 3, epochs=4, resume=True)


def test_wrong_calls_are_told_so(tmp_path):
    with pytest.raises(ConfigError, match="no part 'encoder' to freeze; it has binder, head"):
        run(tmp_path, freeze=["encoder"])
    with pytest.raises(ConfigError, match="Everything in the classifier is frozen"):
        run(tmp_path, freeze=["binder", "head"])
    with pytest.raises(DataError, match="240 objects"):
        run(tmp_path, labels=LABELS[:10])
    with pytest.raises(DataError, match="0 usable objects for fine-tuning"):
        run(tmp_path, labels=np.full(240, -1))


def test_the_best_weights_can_be_loaded(tmp_path):
    classifier = toy_classifier()
    run(tmp_path, classifier, epochs=2)
    from skybind.training.checkpoint import load_weights

    other = toy_classifier(seed=5)
    load_weights(other, tmp_path / "best.safetensors")
    assert same_weights(weights(classifier), weights(other))


def test_classes_weigh_by_a_power_of_their_inverse_number():
    labels = np.repeat([0, 1, 2], [80, 15, 5])
    counts = np.bincount(labels)
    np.testing.assert_array_equal(inverse_weights(labels, 3, 0.0), 1)
    whole, half = (inverse_weights(labels, 3, power) for power in (1.0, 0.5))
    np.testing.assert_allclose(whole * counts, 100 / 3)  # each class adds up to the same
    np.testing.assert_allclose(half**2, whole)
    assert np.isfinite(inverse_weights(labels, 4, 1.0)).all()  # a class without objects


def test_the_weights_of_the_highest_accuracy_are_kept_where_that_is_asked(tmp_path):
    """Smoothed noise in the labels: the loss is lowest before the accuracy is highest."""
    noisy = LABELS.copy()
    noisy[::3] = (noisy[::3] + 1) % 3
    results = {
        by: run(tmp_path / by, labels=noisy, epochs=30, learning_rate=0.05, keep_by=by,
                early_stop_patience=None)
        for by in ("loss", "accuracy")
    }  # fmt: skip
    for by, best in (("loss", min), ("accuracy", max)):
        history = results[by].history
        wanted = best(history, key=lambda record: record[f"validation/{by}"])
        assert results[by].best_epoch == wanted["epoch"]
        assert results[by].best_loss == wanted["validation/loss"]
    assert results["loss"].best_epoch != results["accuracy"].best_epoch
