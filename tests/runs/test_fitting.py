"""Configurations on data that lack a modality, call a column otherwise, or have other classes."""

import json

import numpy as np
import pytest

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.errors import ConfigError
from skybind.evaluation.describe import describe_run
from skybind.ragged import Ragged
from skybind.runs.cases import cases_of
from skybind.runs.fitting import find_columns, fit_to_data, tell_classes, unused_classes
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from tests.conftest import QUICK

N = 60
CLASSES = np.array(["EW", "SR", "odd", ""])[np.repeat([0, 1, 2, 3], [25, 25, 7, 3])]


def curves(rng):
    fields = {
        "time": np.sort(rng.uniform(0, 1000, (N, 20))).ravel(),
        "flux": rng.uniform(1, 2, N * 20),
        "flux_err": np.full(N * 20, 0.1),
    }
    return Ragged(fields, np.arange(N + 1) * 20, np.ones(N, bool))


def spectra(rng, observed=True):
    fields = {
        "wavelength": np.tile(np.linspace(3800, 9100, 50), N),
        "flux": rng.uniform(1, 2, N * 50),
        "ivar": np.ones(N * 50),
    }
    if not observed:
        fields = {name: values[:0] for name, values in fields.items()}
        return Ragged(fields, np.zeros(N + 1, int), np.zeros(N, bool))
    return Ragged(fields, np.arange(N + 1) * 50, np.ones(N, bool))


UNITS = {
    "photometry": {"time": "d", "flux": "mJy", "flux_err": "mJy"},
    "spectrum": {"wavelength": "Angstrom", "flux": None, "ivar": None},
}


def survey(path, observations, features=(), labels=CLASSES):
    """A dataset with observation columns `name: (kind, Ragged)` and catalogue features."""
    columns = {
        name: Column("observation", modality=kind, fields=UNITS[kind])
        for name, (kind, _) in observations.items()
    }
    columns |= {name: Column("feature", "mag", modality="metadata") for name in features}
    if labels is not None:
        columns["label"] = Column("label")
    rng = np.random.default_rng(0)
    with DatasetWriter(path, columns) as writer:
        writer.append(
            {"object_id": np.array([f"s{i}" for i in range(N)])}
            | {name: values for name, (_, values) in observations.items()}
            | {name: rng.uniform(10, 20, N) for name in features}
            | ({} if labels is None else {"label": labels})
        )
    return path


@pytest.fixture
def rng():
    return np.random.default_rng(1)


SETS = [
    *QUICK[:2],
    "modalities.metadata.preprocessing={clip: 8}",
    "modalities.metadata.encoder.hidden=8",
    "finetuning.modalities=[each, photometry+spectrum, all]",
    "evaluation.map=none",
]


def test_the_others_are_bound_and_one_sentence_says_so(tmp_path, rng, caplog):
    caplog.set_level("INFO", logger="skybind")
    path = survey(tmp_path / "d", {"photometry": ("photometry", curves(rng))}, ["g_mag", "r_mag"])
    config = load_config("stars-small", SETS)
    run = Run.start(config, path, tmp_path / "run")
    assert caplog.messages[0] == (
        f"The dataset at {path} has no spectrum, so photometry and metadata are bound without."
    )
    assert list(run.config.modalities) == ["photometry", "metadata"]
    assert run.config.pairs == [("photometry", "metadata")]
    names = {case.modalities for case in cases_of(run)}
    assert names == {("photometry",), ("metadata",), ("photometry", "metadata")}
    model = run_pretraining(run)
    assert list(model.modalities) == ["photometry", "metadata"]
    # the same command goes on, and so does opening the folder
    assert Run.start(config, path, tmp_path / "run").config == run.config
    assert Run.open(tmp_path / "run").config == run.config


def test_a_column_in_which_nothing_was_observed_is_none(tmp_path, rng, caplog):
    caplog.set_level("INFO", logger="skybind")
    nothing = spectra(rng, observed=False)
    path = survey(
        tmp_path / "d",
        {"photometry": ("photometry", curves(rng)), "spectrum": ("spectrum", nothing)},
        ["g_mag"],
    )
    fitted = fit_to_data(load_config("stars-small", SETS), Dataset.open(path))
    assert list(fitted.modalities) == ["photometry", "metadata"]
    assert "has no spectrum" in caplog.text


def test_one_modality_is_bound_with_itself_if_its_views_differ(tmp_path, rng):
    path = survey(tmp_path / "d", {"photometry": ("photometry", curves(rng))})
    assert Run.start(load_config("stars-small"), path, tmp_path / "run").config.pairs == [
        ("photometry", "photometry")
    ]
    path = survey(tmp_path / "s", {"spectrum": ("spectrum", spectra(rng))})
    with pytest.raises(ConfigError, match=r"binds 'spectrum' with itself.*noise"):
        Run.start(load_config("stars-small"), path, tmp_path / "other")


def test_with_nothing_to_bind_it_says_what_there_is(tmp_path):
    path = survey(tmp_path / "d", {}, ["g_mag"])
    with pytest.raises(ConfigError, match=r"nothing that 'galaxies-small' binds \(image and spec"):
        fit_to_data(load_config("galaxies-small"), Dataset.open(path))


def entries(**kinds):
    sections = {
        name: {"kind": kind, "encoder": {"name": "mlp"}, "column": column}
        for name, (kind, column) in kinds.items()
    }
    return load_config("stars-small", [f"modalities={json.dumps(sections)}", "model.pairs=all",
                                       "finetuning.modalities=[each]"]).modalities  # fmt: skip


def test_a_modality_finds_the_column_of_its_name_its_kind_or_the_only_one(tmp_path, rng):
    arms = {name: ("spectrum", spectra(rng)) for name in ("blue", "red")}
    light = {"curve": ("photometry", curves(rng))}
    two = Dataset.open(survey(tmp_path / "two", arms | light, ["g_mag"]))
    asked = entries(
        blue=("spectrum", None),
        other=("spectrum", "red"),
        light=("photometry", None),
        row=("metadata", None),
        far=("image", None),
    )
    assert find_columns(asked, two) == {
        "blue": "blue",
        "other": "red",
        "light": "curve",
        "row": "metadata",
    }
    # what is left over, once one was found by its name
    assert find_columns(entries(blue=("spectrum", None), rest=("spectrum", None)), two) == {
        "blue": "blue",
        "rest": "red",
    }
    with pytest.raises(ConfigError, match=r"'x', and several of the kind 'spectrum' \(blue and re"):
        find_columns(entries(x=("spectrum", None)), two)
    with pytest.raises(ConfigError, match="has no column 'bleu': did you mean 'blue'"):
        find_columns(entries(x=("spectrum", "bleu")), two)
    with pytest.raises(ConfigError, match="no column 'i', and none of the kind 'image'"):
        find_columns(entries(x=("image", "i")), two)
    # a column that is called as its kind is is the default, for several modalities too
    named = {"spectrum": ("spectrum", spectra(rng)), "red": ("spectrum", spectra(rng))}
    default = Dataset.open(survey(tmp_path / "named", named))
    assert find_columns(entries(a=("spectrum", None), b=("spectrum", None)), default) == {
        "a": "spectrum",
        "b": "spectrum",
    }


def test_the_column_that_was_found_is_kept_with_the_run(tmp_path, rng):
    path = survey(tmp_path / "d", {"curve": ("photometry", curves(rng))}, ["g_mag"])
    config = load_config("stars-small", SETS)
    run = Run.start(config, path, tmp_path / "run")
    assert run.config.modalities["photometry"].column == "curve"
    assert run.source.present("photometry").all()
    assert Run.start(config, path, tmp_path / "run").config == run.config


def test_an_old_run_reads_the_column_of_its_kind_as_ever(tmp_path, rng):
    """Before, a modality without a column read that of its kind, whatever it was called itself."""
    arms = {name: ("spectrum", spectra(rng)) for name in ("spectrum", "red")}
    path = survey(tmp_path / "d", arms | {"photometry": ("photometry", curves(rng))})
    red = "{kind: spectrum, encoder: {name: galspecnet, channels: [4], pool_size: 8}}"
    config = load_config("stars-small", [f"modalities.red={red}", "modalities.metadata=null"])
    run = Run.start(config, path, tmp_path / "run")
    assert run.config.modalities["red"].column == "red"
    file = tmp_path / "run" / "config.yaml"
    file.write_text(file.read_text().replace("column: red", "column: null"))
    again = Run.start(config, path, tmp_path / "run")
    assert again.config.modalities["red"].column is None
    assert again.modalities["red"].columns == ["spectrum"]


@pytest.mark.parametrize(
    ("sets", "unused", "said"),
    [
        (
            [],
            {"odd": 7, "": 3},
            "7 objects are not classified, of the class odd (7): they have fewer than "
            "labels.min_objects = 10 objects.",
        ),
        (
            ["labels.classes=[EW, odd, RRAB]"],
            {"SR": 25, "": 3},
            "25 objects are not classified, of the class SR (25): labels.classes does not name "
            "them.",
        ),
        (["labels.min_objects=5"], {"": 3}, "3 objects have no label."),
        (
            ["labels.column=type"],
            {},
            "The dataset has no label 'type' (its labels are label): nothing is classified.",
        ),
    ],
)
def test_objects_that_are_not_classified_are_named_and_counted(
    sets, unused, said, tmp_path, rng, caplog
):
    caplog.set_level("INFO", logger="skybind")
    path = survey(tmp_path / "d", {"photometry": ("photometry", curves(rng))})
    config, dataset = load_config("stars-small", sets), Dataset.open(path)
    assert unused_classes(config, dataset) == unused
    tell_classes(config, dataset)
    assert said in caplog.messages
    if "RRAB" in str(sets):
        assert "labels.classes names RRAB, of which the dataset has no object." in caplog.messages
    run = Run.start(config, path, tmp_path / "run")
    assert describe_run(run).dataset.unused_classes == unused


def test_classes_that_are_all_foreign_are_refused_with_those_that_there_are(tmp_path, rng):
    path = survey(tmp_path / "d", {"photometry": ("photometry", curves(rng))})
    config = load_config("astrom3", ["labels.classes=[RRAB, M]"])
    with pytest.raises(ConfigError, match="no object of RRAB or M; its classes are EW, SR and odd"):
        unused_classes(config, Dataset.open(path))


def test_our_configurations_classify_what_the_data_have():
    for name in ("stars", "stars-small", "galaxies-small", "galaxies-three-small"):
        assert load_config(name).labels.classes is None
    assert len(load_config("astrom3").labels.classes) == 10  # published


def test_common_bands_become_names(tmp_path, caplog):
    rng = np.random.default_rng(0)
    light = curves(rng)
    band = np.resize(np.asarray(["g", "r"], dtype=object), N * 20)
    band[:2] = "Y"  # of one curve in 60
    light.fields["band"] = band
    columns = {
        "photometry": Column(
            "observation", modality="photometry", fields=UNITS["photometry"] | {"band": None}
        )
    }
    with DatasetWriter(tmp_path / "d", columns) as writer:
        ids = np.asarray([f"o{i}" for i in range(N)])
        place = {"ra": rng.uniform(0, 360, N), "dec": rng.uniform(-90, 90, N)}
        writer.append({"object_id": ids, **place, "photometry": light})
    dataset = Dataset.open(tmp_path / "d")
    config = load_config("transients-small")
    with caplog.at_level("INFO", logger="skybind"):
        fitted = fit_to_data(config, dataset)
    assert fitted.modalities["photometry"].preprocessing["bands"] == ["g", "r"]
    assert "reads the bands g and r; too rare, their epochs are left out: Y." in caplog.text


def test_without_bands_all_epochs_are_of_one(tmp_path):
    rng = np.random.default_rng(0)
    dataset = Dataset.open(survey(tmp_path / "d", {"photometry": ("photometry", curves(rng))}))
    fitted = fit_to_data(load_config("transients-small"), dataset)
    assert fitted.modalities["photometry"].preprocessing["bands"] is None


def test_bands_that_are_all_rare_are_named_by_a_person(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    dataset = Dataset.open(survey(tmp_path / "d", {"photometry": ("photometry", curves(rng))}))
    monkeypatch.setattr("skybind.runs.fitting.common_bands", lambda *_: ([], ["g", "r"]))
    with pytest.raises(ConfigError, match=r"no band is in 5% of .* \(g and r\)"):
        fit_to_data(load_config("transients-small"), dataset)
