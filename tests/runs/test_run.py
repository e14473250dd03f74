import json
import shutil

import numpy as np
import pytest

from skybind import once as once_module
from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.data.splits import Split, random_split
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError, LeakError, ModelError
from skybind.evaluation.classes import baselines, evaluate_case
from skybind.models.model import Model
from skybind.once import NOTE
from skybind.record import read_record, write_sealed
from skybind.runs.cases import Case, choose_cases, config_of, finished_cases, options_of
from skybind.runs.embedding import embed_anything
from skybind.runs.layout import RunPaths
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained, run_finetuning, run_pretraining
from skybind.study import run_all
from tests.conftest import QUICK
from tests.lightcurves.made_up import sines, write_curves
from tests.runs.test_columns import config as folding


@pytest.fixture(scope="module")
def whole(stars, config, tmp_path_factory):
    """A whole run on a survey with missing observations."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, run_all(config, stars, folder)


def test_a_whole_run_leaves_everything_in_its_folder(whole):
    folder, metrics = whole
    for name in ("config.yaml", "split.parquet", "metrics.json", "report.html", "status.json"):
        assert (folder / name).stat().st_size > 0
    assert (folder / "pretrain" / "log.csv").exists()
    assert (folder / "pretrain" / "model" / "weights.safetensors").exists()
    assert json.loads((folder / "metrics.json").read_text())["retrieval"]
    names = {(case.modalities, case.pretrained) for case in metrics.classification}
    everything = ("photometry", "spectrum", "metadata")
    assert names == {(m, p) for m in (("photometry",), everything) for p in (True, False)}
    assert load_config(folder / "config.yaml") == load_config("stars-small", QUICK)


def test_a_run_says_what_it_is_and_what_is_done(whole, stars, config, tmp_path):
    run = Run.open(whole[0])
    cases = [f"finetune {path.name}" for path in sorted((whole[0] / "finetune").iterdir())]
    assert len(cases) == 4
    assert run.steps == ["pretrain", *cases, "embed", "evaluate", "report"]
    assert repr(run) == (
        f"<Run stars-small in {whole[0]}: 400 objects of stars, photometry + spectrum + metadata; "
        "done: pretrain, 4 fine-tunings, embed, evaluate, report>"
    )
    new = Run.start(config, Dataset.open(stars), tmp_path / "new")
    assert new.steps == []
    assert repr(new).endswith("done: nothing yet>")


def test_the_layout_knows_every_file_of_a_run(whole):
    """What no path names is nobody's, but the quarantine, which is the dataset's."""
    known = {"quarantine.parquet"}
    for paths in (RunPaths(whole[0]), *RunPaths(whole[0]).cases(), RunPaths(whole[0]).pretraining):
        properties = [n for n, entry in vars(type(paths)).items() if isinstance(entry, property)]
        found = [getattr(paths, name) for name in properties]
        known |= {str(getattr(p, "folder", p).relative_to(whole[0])) for p in found}
        known.add(str((paths.folder / NOTE).relative_to(whole[0])))
    trees = {"pretrain", "finetune"}
    there = [p for p in whole[0].iterdir() if p.name not in trees]
    there += [p for tree in ("pretrain", "finetune/*") for p in whole[0].glob(f"{tree}/*")]
    assert {str(path.relative_to(whole[0])) for path in there} <= known


def test_a_classifier_that_was_killed_before_its_note_is_not_trained_again(
    whole, tmp_path, monkeypatch
):
    shutil.copytree(whole[0], tmp_path / "run", ignore=shutil.ignore_patterns("prepared"))
    (tmp_path / "run" / "prepared").symlink_to(whole[0] / "prepared")
    run = Run.open(tmp_path / "run")
    case = Case(("metadata",), "25", "scratch")
    write = once_module.write_sealed

    def dies(path, note):
        if note.get("finished"):
            raise KeyboardInterrupt
        write(path, note)

    monkeypatch.setattr(once_module, "write_sealed", dies)
    with pytest.raises(KeyboardInterrupt):
        run_finetuning(run, case)
    monkeypatch.undo()
    paths = run.paths.case(case.name)
    log = paths.log.read_text()
    assert case not in finished_cases(run)
    assert "finetune metadata-25-scratch" not in run.steps
    run_finetuning(run, case)
    assert paths.log.read_text() == log  # its seconds too: no epoch was trained again
    assert case in finished_cases(run)
    assert not paths.checkpoint.exists()


def test_a_run_of_a_newer_version_is_refused(whole, stars, config, tmp_path):
    shutil.copytree(whole[0], tmp_path / "run", ignore=shutil.ignore_patterns("prepared", "fine*"))
    path = tmp_path / "run" / "status.json"
    note = read_record(path, dict, "")
    write_sealed(path, {**note, "run_version": 99})
    for ask in (lambda: Run.open(path.parent), lambda: Run.start(config, stars, path.parent)):
        with pytest.raises(DataError, match="made by a newer skybind"):
            ask()


def test_it_says_how_many_objects_each_pair_had(whole, stars):
    folder, metrics = whole
    run = Run.open(folder)
    for pair in ("photometry-spectrum", "photometry-metadata", "spectrum-metadata"):
        a, b = (run.source.present(name) for name in pair.split("-"))
        expected = int((a & b)[run.rows("train")].sum())
        assert metrics.pretraining.pairs[pair].n_train == expected
        assert 0 < expected < 0.75 * len(run.rows("train"))
    assert metrics.pretraining.kept_by == run.config.training.keep_by
    present = Dataset.open(stars).present("spectrum")
    assert 0.6 < present.mean() < 0.8


def test_embeddings_cover_every_object_and_absent_is_absent(whole, stars):
    folder, _ = whole
    embeddings = Embeddings.read(folder / "embeddings")
    dataset = Dataset.open(stars)
    assert embeddings.object_id.tolist() == dataset.object_ids.tolist()
    run = Run.open(folder)
    for name in embeddings.modalities:
        np.testing.assert_array_equal(embeddings.present[name], run.source.present(name))
        lengths = np.linalg.norm(embeddings.vectors[name], axis=1)
        np.testing.assert_allclose(lengths[embeddings.present[name]], 1, atol=1e-5)
        assert not lengths[~embeddings.present[name]].any()


def test_another_dataset_is_embedded_as_the_runs_own_is(whole, stars, tmp_path):
    folder, _ = whole
    written, n = embed_anything(folder, stars, tmp_path / "again")
    again, own = Embeddings.read(written), Embeddings.read(folder / "embeddings")
    assert n == len(own)
    for name in own.modalities:
        np.testing.assert_allclose(again.vectors[name], own.vectors[name], atol=1e-5)
    assert again.split.tolist() == own.split.tolist()


def test_the_quarantine_counts_what_could_not_be_used(whole):
    folder, metrics = whole
    counted = sum(entry.n for entry in metrics.dataset.quarantine)
    assert counted == len(read_quarantine(folder))
    assert counted > 0  # some simulated parallaxes are negative


def test_the_same_command_again_changes_nothing(whole, stars, config):
    folder, metrics = whole
    before = (folder / "pretrain" / "model" / "weights.safetensors").stat().st_mtime_ns
    again = run_all(config, stars, folder)
    assert (folder / "pretrain" / "model" / "weights.safetensors").stat().st_mtime_ns == before
    assert again.classification == metrics.classification


def test_another_configuration_or_dataset_is_refused(whole, stars, tmp_path):
    folder, _ = whole
    other = load_config("stars-small", [*QUICK, "training.epochs=3"])
    with pytest.raises(
        ConfigError, match=r"another configuration \(they differ in training.epochs"
    ):
        Run.start(other, stars, folder)
    from skybind.simulate.write import write_stars

    write_stars(tmp_path / "other", 50, seed=1)
    with pytest.raises(DataError, match="is not the one that the run"):
        Run.open(folder, data=tmp_path / "other")


def test_fine_tuning_under_another_split_is_refused_as_a_leak(whole, stars, tmp_path):
    """A model pre-trained with one seed's split must not be tested with another's."""
    folder, _ = whole
    other = load_config("stars-small", [*QUICK, "seed=5"])
    run = Run.start(other, stars, tmp_path / "leaky")
    case = Case(("photometry",), "25", "pretrained")
    with pytest.raises(LeakError, match="were training objects of this model"):
        run_finetuning(run, case, pretrained=find_pretrained(folder))
    # the same split is no leak, although everything else is another run's
    split = Run.open(folder).split
    same = Run.start(other, stars, tmp_path / "sound", split=split)
    result = run_finetuning(same, case, pretrained=find_pretrained(folder))
    assert result["n_train"] > 0


def test_evaluating_on_training_objects_is_refused_as_a_leak(whole):
    folder, _ = whole
    run = Run.open(folder)
    run.split.part = np.where(run.split.part == "train", "test", run.split.part)
    case = Case(("photometry",), "25", "scratch")
    with pytest.raises(LeakError, match="was trained with the split"):
        evaluate_case(run, case)


def test_a_pretrained_model_of_another_architecture_is_refused(whole, stars, tmp_path):
    folder, _ = whole
    wide = load_config("stars-small", [*QUICK, "modalities.photometry.encoder.width=16"])
    split = Run.open(folder).split
    run = Run.start(wide, stars, tmp_path / "wide", split=split)
    with pytest.raises(ModelError, match="another encoder or preprocessing"):
        run_finetuning(
            run, Case(("photometry",), "25", "pretrained"), pretrained=find_pretrained(folder)
        )


def test_preprocessing_is_fitted_on_training_objects_alone(whole):
    folder, _ = whole
    run = Run.open(folder)
    modality = run.source.modalities["metadata"]
    values = run.source.prepared["metadata"].arrays["values"]
    train = np.nanmean(values[run.rows("train")], axis=0)
    np.testing.assert_allclose(modality.state()["features.mean"], train, rtol=1e-6)


def test_unlabelled_and_single_modality_archives_can_be_pretrained(stars, tmp_path):
    alone = load_config(
        "stars-small",
        [
            *QUICK[:2],
            "finetuning.subsets=[full]",
            "modalities.spectrum=null",
            "modalities.metadata=null",
            "labels.column=no_such_column",
            "labels.classes=null",
            "split.subsets=[]",
            "evaluation.map=none",
        ],
    )
    metrics = run_all(alone, stars, tmp_path / "alone")
    assert metrics.pretraining.pairs["photometry-photometry"].n_train > 50
    assert metrics.classification == []
    assert (tmp_path / "alone" / "report.html").exists()


def test_choosing_cases_names_what_is_unknown(whole):
    run = Run.open(whole[0])
    chosen = choose_cases(run, ["metadata", "all"], ["10"], ["pretrained"], frozen=True)
    assert [case.name for case in chosen] == [
        "metadata-10-pretrained-frozen",
        "photometry+spectrum+metadata-10-pretrained-frozen",
    ]
    with pytest.raises(ConfigError, match="no modality 'spectra': did you mean 'spectrum'"):
        choose_cases(run, ["spectra"])
    with pytest.raises(ConfigError, match=r"no subset 'ful', .* did you mean 'full'"):
        choose_cases(run, subsets=["ful"])


def test_a_subset_that_was_not_asked_for_at_the_start_is_drawn_later_and_stored(
    whole, stars, config, tmp_path
):
    folder = tmp_path / "run"
    run = Run.start(config, stars, folder)
    begun = Split.read(folder / "split.parquet")
    assert "5-each" not in begun.subsets
    (case,) = choose_cases(run, ["metadata"], ["5-each"], ["scratch"])
    result = run_finetuning(run, case)
    few, validation = run.rows("train", "5-each"), run.rows("validation")
    assert np.bincount(run.labels[few]).max() == 5
    seen = run.source.present("metadata")
    assert result["n_train"] == seen[few].sum()
    assert result["n_validation"] == (seen & (run.labels >= 0))[validation].sum()
    # it is the one that the run would have had, and the run goes on as it was
    asked = load_config("stars-small", [*QUICK, "finetuning.subsets=['5-each', '25']"])
    other = Run.start(asked, stars, tmp_path / "asked")
    stored = Split.read(folder / "split.parquet")
    np.testing.assert_array_equal(stored.subsets["5-each"], other.split.subsets["5-each"])
    assert stored.agrees(begun)
    again = Run.start(config, stars, folder, split=begun)
    assert again.status.split_hash == begun.hash
    # and the same command with more cases goes on with it too
    assert Run.start(asked, stars, folder).config.subsets == asked.subsets
    assert evaluate_case(run, case).subset == "5-each"
    assert [c.name for c in finished_cases(run)] == [case.name]
    assert {r.subset for r in baselines(run, ["5-each"])} == {"full", "5-each"}


def test_a_split_of_the_users_own_gets_its_subsets_and_keeps_new_classes_new(
    stars, config, tmp_path
):
    dataset = Dataset.open(stars)
    split = random_split(dataset.object_ids, seed=99)
    run = Run.start(config, stars, tmp_path / "own", split=split)
    used = run.class_names != ""
    np.testing.assert_array_equal(run.split.part[used], split.part[used])
    assert (run.split.part[~used] == "").all()
    assert (~used).any()
    assert 0 < len(run.rows("train", "25")) < len(run.rows("train"))
    # the same split again goes on, another one is refused
    Run.start(config, stars, tmp_path / "own", split=split)
    with pytest.raises(ConfigError, match="another split"):
        Run.start(config, stars, tmp_path / "own", split=random_split(split.object_id))


def test_only_the_evaluation_may_change_in_a_run_that_was_begun(whole, stars):
    folder, _ = whole
    other = load_config("stars-small", [*QUICK, "evaluation.neighbours=3"])
    assert Run.start(other, stars, folder).config.evaluation.neighbours == 3
    assert Run.open(folder).config.evaluation.neighbours == 3


def test_a_key_of_the_evaluation_may_change_in_a_run_that_was_begun_before_it_came(stars, tmp_path):
    config = load_config("stars-small", QUICK)
    path = Run.start(config, stars, tmp_path / "r").paths.config
    path.write_text(path.read_text().replace("  allow_twins: false\n", ""))
    assert "allow_twins" not in path.read_text()
    twins = load_config("stars-small", [*QUICK, "evaluation.allow_twins=true"])
    assert Run.start(twins, stars, tmp_path / "r").config.evaluation.allow_twins


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("finetuning.overrides={'*-25': {epoch: 1}}", "did you mean 'epochs'"),
        ("finetuning.overrides={nonsense: {epochs: 1}}", "'nonsense', which is no case"),
        ("model.pairs=[[spectrum, spectrum]]", "its preprocessing draws nothing at random"),
    ],
)
def test_wrong_options_stop_before_anything_is_written(override, sentence, stars, tmp_path):
    with pytest.raises(ConfigError, match=sentence):
        Run.start(load_config("stars-small", [*QUICK, override]), stars, tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "restriction",
    [
        ["finetuning.modalities=[metadata]"],
        ["finetuning.subsets=[full]", "split.subsets=[]"],
        ["finetuning.starts=[scratch]"],
        ["modalities.photometry=null", "finetuning.modalities=[metadata]"],
        ["finetuning.modalities=[]"],
    ],
)
def test_fewer_cases_never_make_an_override_an_error(restriction, stars, tmp_path):
    """stars-small has overrides for photometry-full and *-10."""
    changes = {"photometry-full-scratch": {"epochs": 2}, "spectrum+metadata-5-each": {"epochs": 1}}
    sets = [*QUICK, f"finetuning.overrides={json.dumps(changes)}", *restriction]
    run = Run.start(load_config("stars-small", sets), stars, tmp_path / "run")
    case = Case(("metadata",), "full", "scratch")
    assert options_of(run, case)[0] == run.config.finetuning.training
    shipped = load_config("stars-small", restriction)
    Run.start(shipped, stars, tmp_path / "shipped")


def test_embeddings_never_replace_other_files(whole, stars, tmp_path):
    folder, _ = whole
    (tmp_path / "notes.txt").write_text("keep me")
    with pytest.raises(DataError, match="holds other files"):
        embed_anything(folder, stars, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "keep me"


def test_a_new_pretraining_outdates_what_was_fine_tuned_from_the_old(whole, stars, tmp_path):
    folder, _ = whole
    config = load_config("stars-small", [*QUICK, "training.learning_rate=0.01"])
    split = Run.open(folder).split
    run = Run.start(config, stars, tmp_path / "two", split=split)
    case = Case(("metadata",), "25", "pretrained")
    first = run_finetuning(run, case, pretrained=find_pretrained(folder))
    assert run_finetuning(run, case, pretrained=find_pretrained(folder)) == first
    run_pretraining(run)
    second = run_finetuning(run, case)
    assert second["pretrained_weights"] != first["pretrained_weights"]
    assert second["best_loss"] != first["best_loss"]
    run_pretraining(run, resume=False)
    assert not (tmp_path / "two" / "finetune" / case.name).exists()


def test_a_pretrained_model_that_reads_other_columns_is_refused(whole, stars, tmp_path):
    folder, _ = whole
    run = Run.open(folder)
    chosen = [n for n in run.dataset.schema.features("metadata") if n != "ruwe"]
    swapped = [chosen[1], chosen[0], *chosen[2:]]
    listed = f"modalities.metadata.preprocessing.features={json.dumps(swapped)}"
    config = load_config("stars-small", [*QUICK, listed])
    other = Run.start(config, stars, tmp_path / "other", split=run.split)
    with pytest.raises(ModelError, match="as column 1 where this run has"):
        run_finetuning(
            other, Case(("metadata",), "25", "pretrained"), pretrained=find_pretrained(folder)
        )


def test_the_published_configuration_has_the_published_size(stars):
    """15.87 M parameters; 9 channels of 200 epochs, 3 of 2575 pixels, 34 features."""
    from skybind.models import build_binder, build_modalities

    config = load_config("astrom3")
    modalities = build_modalities(config, Dataset.open(stars).schema)
    shapes = {name: modality.shape for name, modality in modalities.items()}
    assert (shapes["photometry"].channels, shapes["photometry"].length) == (9, 200)
    assert (shapes["spectrum"].channels, shapes["spectrum"].length) == (3, 2575)
    assert shapes["metadata"].channels == 34
    binder = build_binder(config, shapes)
    assert sum(p.numel() for p in binder.parameters()) == 15_869_827
    widths = {name: binder.width(name) for name in binder.modalities}
    assert widths == {"photometry": 25_600, "spectrum": 1_184, "metadata": 512}


def test_overrides_go_from_general_to_special(whole, stars, tmp_path):
    changes = {
        "*-25": {"epochs": 3, "class_weights": 0.5},
        "photometry-25-pretrained": {"epochs": 4, "class_weights": 1.0},
    }
    config = load_config("stars-small", [*QUICK, f"finetuning.overrides={json.dumps(changes)}"])
    run = Run.start(config, stars, tmp_path / "overrides")
    found = [
        options_of(run, Case(names, "25", start))
        for names, start in [
            (("photometry",), "scratch"),
            (("photometry",), "pretrained"),
            (("photometry", "spectrum", "metadata"), "pretrained"),
        ]
    ]
    assert [training.epochs for training, _ in found] == [3, 4, 3]
    assert [loss.class_weights for _, loss in found] == [0.5, 1.0, 0.5]
    assert options_of(run, Case(("photometry",), "full", "scratch"))[1].class_weights == 0.0
    # the order of joined modalities does not matter
    joined = json.dumps({"spectrum+metadata+photometry-25": {"epochs": 9}})
    config = load_config("stars-small", [*QUICK, f"finetuning.overrides={joined}"])
    run = Run.start(config, stars, tmp_path / "joined")
    case = Case(("photometry", "spectrum", "metadata"), "25", "scratch")
    assert options_of(run, case)[0].epochs == 9
    unused = load_config("stars-small", [*QUICK, "finetuning.overrides={'*-77': {epochs: 9}}"])
    Run.start(unused, stars, tmp_path / "unused")
    wrong = load_config("stars-small", [*QUICK, "finetuning.overrides={photmetry-25: {epochs: 3}}"])
    with pytest.raises(ConfigError, match="'photmetry-25', which is no case: did you mean"):
        Run.start(wrong, stars, tmp_path / "wrong")


def test_an_override_changes_the_encoders_of_a_case(stars, tmp_path):
    changes = {
        "photometry": {"encoders": {"photometry": {"dropout": 0.3}}},
        "photometry-25": {"encoders": {"photometry": {"dropout": 0.4}}, "epochs": 1},
    }
    sets = [*QUICK, f"finetuning.overrides={json.dumps(changes)}"]
    run = Run.start(load_config("stars-small", sets), stars, tmp_path / "run")
    drops = [
        config_of(run, Case(names, subset, "scratch")).modalities["photometry"].encoder["dropout"]
        for names, subset in [
            (("photometry",), "full"),
            (("photometry",), "25"),
            (("photometry", "spectrum", "metadata"), "25"),
        ]
    ]
    assert drops == [0.3, 0.4, run.config.modalities["photometry"].encoder["dropout"]]
    case = Case(("photometry",), "25", "scratch")
    run_finetuning(run, case)
    made = Model.open(run.paths.case(case.name).model)
    assert made.config.modalities["photometry"].encoder["dropout"] == 0.4
    assert {m.p for m in made.binder.modules() if type(m).__name__ == "Dropout"} == {0.4}
    without = load_config("stars-small", [*sets, "modalities.photometry=null"])
    assert without.finetuning.overrides == {}


@pytest.mark.parametrize(
    ("key", "change", "sentence"),
    [
        ("photometry", {"photometry": {"dropuot": 0.3}}, "no option 'dropuot': did you mean 'drop"),
        ("photometry", {"photometry": {"dropout": 3}}, "needs dropout between 0 and 1, not 3"),
        ("photometry", {"spectrum": {"dropout": 0.3}}, "encoders.spectrum: the modality is not in"),
        ("photometry", {"photmetry": {"dropout": 0.3}}, "did you mean 'photometry'"),
        ("photometry", {"photometry": 0.3}, "takes options by name"),
    ],
)
def test_wrong_encoders_of_a_case_stop_before_anything_is_written(
    key, change, sentence, stars, tmp_path
):
    override = json.dumps({key: {"encoders": change}})
    config = load_config("stars-small", [*QUICK, f"finetuning.overrides={override}"])
    with pytest.raises(ConfigError, match=sentence):
        Run.start(config, stars, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_split_without_validation_objects_is_refused_before_anything_is_done(tmp_path):
    """What to do is said at once, and no folder is begun."""
    survey = write_curves(tmp_path / "survey", sines(np.geomspace(0.3, 9, 12)))
    names = Dataset.open(survey).object_ids
    for part, word in (("test", "training"), ("train", "validation")):
        split = Split(names, np.full(12, part))
        with pytest.raises(DataError, match=rf"no {word} objects .*split\.fractions=.*--split"):
            Run.start(folding(), survey, tmp_path / "run", split=split)
    assert not (tmp_path / "run").exists()
    tiny = write_curves(tmp_path / "tiny", sines([0.5, 0.7]))
    with pytest.raises(DataError, match=r"2 in train, 0 in validation and 0 in test"):
        Run.start(folding(), tiny, tmp_path / "run")
