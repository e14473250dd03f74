"""The shared sets of real stars: facts known from their sources and from the sky."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from skybind.lightcurves.features import FEATURES
from skybind.lightcurves.periods import find_periods

ROOT = Path(__file__).parents[2]
STARS = ROOT.parent / "shared" / "data" / "stars"
pytestmark = pytest.mark.skipif(not STARS.is_dir(), reason=f"no shared data at {STARS}")


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_can_be_imported():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def asas():
    from stars_data import read_asas

    return read_asas(STARS / "asas_hipparcos")


def test_benchmark_has_its_stars_and_folds_are_disjoint(asas):
    from stars_baselines import benchmark_rows, folds, subset
    from stars_data import twins

    rows = benchmark_rows(asas)
    assert len(asas) == 13909
    assert len(rows) == 10941
    labels = asas.columns["label"][rows]
    groups = twins(asas)[rows]
    parts = folds(labels, groups)
    tested = np.concatenate([test for _, test in parts])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(rows)))
    for train, test in parts:
        assert not np.intersect1d(groups[train], groups[test]).size
        shares = [np.mean(labels[part] == "ROT") for part in (train, test)]
        assert shares[0] == pytest.approx(shares[1], abs=0.001)
    train, test = parts[0]
    tenth = subset(labels, train, 0.1, seed=0)
    assert len(tenth) == pytest.approx(0.1 * len(train), abs=1)
    assert not np.intersect1d(tenth, test).size
    assert set(labels[tenth]) == set(labels)


def test_no_light_curve_is_in_two_groups_of_twins(asas):
    from stars_data import twins

    groups, curves = twins(asas), asas.photometry
    found: dict[bytes, int] = {}
    same = 0
    for row in range(len(asas)):
        part = slice(*curves.offsets[row : row + 2])
        content = b"".join(np.ascontiguousarray(v[part]).tobytes() for v in curves.fields.values())
        same += content in found
        assert found.setdefault(content, groups[row]) == groups[row]
    assert same == 21
    assert len(asas) - len(np.unique(groups)) == 44


def test_twins_of_a_folds_test_stars_train_nothing():
    from stars_datasets import fold_split

    n = 400
    groups = np.arange(n)
    groups[1::4] = groups[0::4]  # half of the stars have a twin, one beside them
    rng = np.random.default_rng(0)
    labels = rng.choice(["EA", "EW", ""], n)
    chosen = rng.permutation(np.flatnonzero(labels != ""))
    test, train = np.split(chosen, [50])
    train = train[~np.isin(groups[train], groups[test])]
    split = fold_split(np.arange(n).astype(str), labels, groups, train, test, 0)
    np.testing.assert_array_equal(split.rows("test"), np.sort(test))
    assert len(split.rows("validation")) == pytest.approx(0.1 * len(train), abs=1)
    for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not np.intersect1d(groups[split.rows(a)], groups[split.rows(b)]).size
    assert (labels[split.rows("train")] == "").any()
    alone = (split.part == "") & (labels == "")
    assert np.isin(groups[alone], groups[np.isin(split.part, ["test", "validation"])]).all()


def test_results_are_collected_over_folds_and_joined_with_the_forest(tmp_path):
    from real_stars import _collect
    from stars_baselines import CLASSES

    classes = sorted(CLASSES)
    labels = np.array(classes * 4)
    ids = np.array([f"s{i}" for i in range(len(labels))])
    truth = np.array([classes.index(label) for label in labels])
    ours, forest = np.full((2, len(labels), 8), 0.01)
    ours[np.arange(len(labels)), truth] = 5.0  # as logits
    ours[0, truth[0]], ours[0, 3] = 0.0, 1.0  # wrong, and not sure
    forest[np.arange(len(labels)), truth] = 0.93
    forest[20] = np.roll(forest[20], 1)  # wrong, and sure
    np.savez(tmp_path / "baselines.npz", **{"forest-full": forest, "forest-10": forest[::-1]})
    order = np.random.default_rng(0).permutation(len(labels))
    for fold, rows in enumerate((order[:20], order[20:])):
        folder = tmp_path / "folds" / str(fold) / "finetune" / "photometry-full-scratch"
        folder.mkdir(parents=True)
        record = {"ids": ids[rows].tolist(), "logits": ours[rows].tolist()}
        (folder / "test.json").write_text(json.dumps(record))
    results = _collect(tmp_path, ids, labels)
    alone, both = (
        results[f"photometry-full-scratch{more}"]["confusion"] for more in ("", " + forest")
    )
    assert results["photometry-full-scratch"]["folds"] == 2
    assert np.sum(alone) == np.sum(both) == 32
    assert np.trace(alone) == 31
    assert np.trace(both) == 32


@pytest.mark.parametrize(
    ("name", "period"),
    # RR Cet, RR Leo and AV Peg: periods of the General Catalogue of Variable Stars
    [
        ("ASAS013208+0120.5", 0.5530),
        ("ASAS100744+2359.5", 0.4524),
        ("ASAS215203+2234.4", 0.3904),
    ],
)
def test_known_periods_of_rr_lyrae_stars(asas, name, period):
    row = np.flatnonzero(asas.columns["object_id"] == name)
    found = find_periods(asas.photometry.take(row))
    assert found.period[0] == pytest.approx(period, abs=2e-4)


def test_trimodal_stars_have_all_three():
    from stars_data import read_trimodal

    stars = read_trimodal(STARS / "trimodal")
    assert len(stars) == 33
    assert stars.photometry.present.all()
    assert stars.spectrum.present.all()
    assert (stars.columns["hip"] > 0).all()
    assert np.isfinite(stars.columns["parallax"]).all()


def test_spectral_libraries_show_balmer_lines_of_their_a_stars():
    from stars_data import read_miles, read_stelib

    for stars, number in (
        (read_miles(STARS / "miles_stelib"), 983),
        (read_stelib(STARS / "miles_stelib"), 255),
    ):
        assert len(stars) == number
        hot = np.char.startswith(stars.columns["spectral_type"].astype(str), "A0")
        chosen = stars.take(hot).spectrum
        wavelength, flux = chosen.fields["wavelength"], chosen.fields["flux"].astype(float)
        good = ~chosen.fields["mask"]
        line = good & (np.abs(wavelength - 4861.3) < 4)
        beside = good & (np.abs(np.abs(wavelength - 4861.3) - 50) < 10)
        owner = chosen.owner
        depth = [
            flux[line & (owner == row)].mean() / flux[beside & (owner == row)].mean()
            for row in range(len(chosen))
            if (line & (owner == row)).any()
        ]
        assert np.median(depth) < 0.75


def test_lamost_wavelengths_hold_for_both_pipelines():
    from stars_data import read_lamost_index

    stars = read_lamost_index(STARS / "lamost_lrs")
    chosen = stars.spectrum
    assert len(stars) == 396
    start = chosen.fields["wavelength"][chosen.offsets[:-1][chosen.present]]
    assert start.min() > 3650
    assert start.max() < 3750


def test_binding_dataset_holds_out_the_test_stars(tmp_path, monkeypatch):
    import stars_datasets
    from skybind.data.dataset import Dataset

    def constants(stars, cache, name):
        return {key: np.ones(len(stars)) for key in FEATURES}

    monkeypatch.setattr(stars_datasets, "load_features", constants)
    stars_datasets.binding_dataset(STARS, tmp_path, tmp_path / "binding")
    dataset = Dataset.open(tmp_path / "binding")
    sample, hip = dataset.column("sample"), dataset.column("hip")
    assert (sample == "test").sum() == 33
    assert not np.intersect1d(hip[sample == "test"], hip[sample != "test"]).size
    assert not np.intersect1d(hip[sample == "photometry"], hip[sample == "spectrum"]).size
    seen = {name: dataset.present(name) for name in ("photometry", "spectrum", "metadata")}
    np.testing.assert_array_equal(seen["photometry"], sample != "spectrum")
    np.testing.assert_array_equal(seen["spectrum"], sample != "photometry")
    assert seen["metadata"].all()


def test_hidden_eclipsing_stars_and_their_twins_train_nothing(asas, tmp_path):
    import stars_discovery as module
    from stars_baselines import benchmark_rows, folds
    from stars_data import twins
    from stars_datasets import fold_split

    truth, groups, chosen = asas.columns["label"], twins(asas), benchmark_rows(asas)
    train, test = (chosen[rows] for rows in folds(truth[chosen], groups[chosen])[0])
    hidden = test[np.isin(truth[test], module.ECLIPSING)]
    assert len(hidden) > 1000
    features = {key: np.ones(len(asas)) for key in FEATURES}
    dataset = module.hidden_dataset(asas, features, hidden, tmp_path / "asas")
    label = dataset.labels("label")
    assert np.flatnonzero(label == "E?").tolist() == np.sort(hidden).tolist()
    assert not (dataset.labels("benchmark_label")[hidden] != "").any()
    kept = np.setdiff1d(np.arange(len(asas)), hidden)
    np.testing.assert_array_equal(label[kept], truth[kept])
    split = fold_split(dataset.object_ids, truth, groups, train, test, 0)
    assert set(split.part[hidden]) == {"test"}
    twin = np.setdiff1d(np.flatnonzero(np.isin(groups, groups[hidden])), hidden)
    assert len(twin)
    assert set(split.part[twin]) <= {"", "test"}
    # others are hidden: the dataset is made anew, and not otherwise
    again = module.hidden_dataset(asas, features, hidden[:9], tmp_path / "asas")
    assert (again.labels("label") == "E?").sum() == 9
    made = (tmp_path / "asas" / "objects").stat().st_mtime_ns
    module.hidden_dataset(asas, features, hidden[:9], tmp_path / "asas")
    assert (tmp_path / "asas" / "objects").stat().st_mtime_ns == made


def test_resolved_stars_are_counted_by_truth_and_by_how_sure():
    from stars_discovery import hidden_accuracy, undecided_classes

    truth = np.array(["EA", "EA", "EB", "EW"])
    suggested = np.array(["EA", "EW", "EB", "EW"])
    probability = np.array([0.95, 0.4, 0.6, 0.8])
    found = hidden_accuracy(truth, suggested, probability)
    assert found["accuracy"] == 0.75
    assert found["classes"] == {"EA": 0.5, "EB": 1.0, "EW": 1.0}
    assert found["sure"]["0.7"] == {"share": 0.5, "accuracy": 1.0}
    classes = undecided_classes(suggested, probability, np.array([2.0, 0.3, 1.0, 0.5]))
    assert classes["EW"]["n"] == 2
    assert classes["EW"]["sure"] == {"0.5": 1, "0.7": 1, "0.9": 0}
    assert classes["EW"]["period_percentiles"][1] == pytest.approx(0.4)
    assert "M" not in classes
