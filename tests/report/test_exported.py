"""Models as folders for others: opened again they are the same, and the card says what they are."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

import skybind as sb
from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.drawing.cells import share
from skybind.errors import ConfigError, LeakError, ModelError
from skybind.evaluation.records import Metrics, write_metrics
from skybind.models.exchange.to_onnx import NEEDED
from skybind.report import exported
from skybind.report.card import CardText, result_lines
from skybind.report.exported import export_weights
from skybind.runs.cases import Case
from skybind.runs.published import import_weights
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning
from tests.parity.hub import STATISTICS, config_of, state_of, write_model, write_stars
from tests.report.made_up import make_metrics

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED),
    reason="needs the extra onnx: pip install 'skybind[onnx]'",
)
KINDS = ["clip", "photo", "spectra", "meta", "all", "concat"]


def imported(folder, kind, **options):
    """A published model of the golden files, as a model of skybind."""
    hub = write_model(folder / f"hub-{kind}", kind)
    import_weights(hub, folder / kind, standardised=kind != "spectra" and not options, **options)
    return folder / kind


def test_exported_loaded_and_imported_again_embeds_to_the_bit(trained, stars, tmp_path):
    made = export_weights(trained, tmp_path / "out")
    assert {"README.md", "model.json", "model.safetensors"} <= set(made.files)
    import_weights(tmp_path / "out", tmp_path / "again")
    wanted = sb.load(trained).embed(stars)
    for folder in (tmp_path / "out", tmp_path / "again"):
        model = sb.load(folder)
        found = model.embed(stars)
        for name, vectors in wanted.vectors.items():
            np.testing.assert_array_equal(found.vectors[name], vectors)
        assert model.identity == sb.load(trained).identity
        with pytest.raises(LeakError):  # it still knows what it was trained on
            model.refuse_leak(Dataset.open(stars).object_ids, "testing")
    with pytest.raises(ConfigError, match="leave out --standardised"):
        import_weights(tmp_path / "out", tmp_path / "x", standardised=True)
    (tmp_path / "out" / "preprocessing.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        import_weights(tmp_path / "out", tmp_path / "x")


def test_nothing_is_left_of_an_export_that_fails(trained, tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("no space")

    monkeypatch.setattr(exported, "model_card", broken)
    with pytest.raises(OSError, match="no space"):
        export_weights(trained, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(ConfigError, match="exists already"):
        export_weights(trained, tmp_path / "full")
    with pytest.raises(ConfigError, match="did you mean 'onnx'"):
        export_weights(trained, tmp_path / "out", "onxx")


def test_the_card(trained, stars, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    metrics = Metrics.model_validate(make_metrics())
    write_metrics(metrics, run / "metrics.json")
    text = CardText("cc-by-4.0", "cc0-1.0", "Somebody 2026", "Stars, bound")
    export_weights(run, tmp_path / "out", text=text)
    card = (tmp_path / "out" / "README.md").read_text()
    _, front, body = card.split("---\n", 2)
    known = yaml.safe_load(front)
    assert known["license"] == "cc-by-4.0"
    assert {"astronomy", "photometry", "spectrum", "metadata"} <= set(known["tags"])
    model, dataset = sb.load(run), Dataset.open(stars)
    assert "# Stars, bound" in body
    assert "**The data are simulated.**" in body
    assert dataset.schema.provenance in body
    assert f"{len(dataset):,} objects" in body
    assert f"Trained on {len(model.trained_on):,} objects" in body
    assert str(model.identity["split_hash"]) in body
    assert "The weights: cc-by-4.0. The data: cc0-1.0." in body
    assert "Somebody 2026" in body
    assert 'sb.load("out")' in body
    assert "time [d], flux [mJy]" in body
    found = metrics.retrieval[0]
    first = next(iter(found.recall))
    assert f"{share(found.recall[first], found.recall_error[first])} %" in body


def test_a_card_without_results_and_licence_says_so(trained, tmp_path):
    export_weights(trained, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "license:" not in card
    assert "No licence of the weights is stated" in card
    assert "No results are known" in card


def test_results_of_a_classifier_are_its_own():
    metrics = Metrics.model_validate(make_metrics())
    case = metrics.classification[0]
    lines = result_lines(metrics, case)
    assert f"| accuracy | {share(case.accuracy, case.accuracy_error)} % |" in lines[2]
    assert len(lines) == 4 + (case.calibration is not None)
    sure = case.model_copy(update={"accuracy": 1.0, "accuracy_error": 0.02})
    assert "| accuracy | 100.0 +0.0 −4.0 % |" in result_lines(metrics, sure)[2]


@pytest.mark.parametrize("kind", KINDS)
def test_the_layout_of_the_release_comes_back(tmp_path, kind):
    model = imported(tmp_path, kind)
    export_weights(model, tmp_path / "out", "astrom3")
    found, wanted = load_file(tmp_path / "out" / "model.safetensors"), state_of(kind)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == config_of(kind)


def test_statistics_go_with_the_layout_of_the_release(tmp_path):
    entries = {name: {"mean": m, "std": s} for name, (m, s) in STATISTICS.items()}
    (tmp_path / "statistics.json").write_text(json.dumps(entries))
    model = imported(tmp_path, "clip", statistics=tmp_path / "statistics.json")
    export_weights(model, tmp_path / "out", "astrom3")
    written = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert written == entries
    import_weights(
        tmp_path / "out", tmp_path / "again", statistics=tmp_path / "out" / "statistics.json"
    )
    one, two = sb.load(model), sb.load(tmp_path / "again")
    for name, modality in one.modalities.items():
        for key, values in modality.state().items():
            np.testing.assert_array_equal(two.modalities[name].state()[key], values)


def test_a_model_that_the_release_cannot_hold_is_refused_with_the_reason(trained, tmp_path):
    with pytest.raises(ModelError, match="AstroM3's release cannot hold this model: its encoder"):
        export_weights(trained, tmp_path / "out", "astrom3")
    assert not (tmp_path / "out").exists()


@needs_onnx
@pytest.mark.slow
def test_onnx_files_give_the_embeddings_of_any_batch(tmp_path):
    """Inputs are those that the preprocessing makes, not those of the check at the export."""
    import onnxruntime

    from skybind.ingest.survey import import_files
    from skybind.models.inference import iter_sources

    model = sb.load(imported(tmp_path, "clip"))
    made = export_weights(model.folder, tmp_path / "out", "onnx")
    assert max(made.differences.values()) < 1e-4
    import_files("astrom3_hub", write_stars(tmp_path / "full_42_norm"), tmp_path / "stars")
    wanted = model.embed(tmp_path / "stars")
    described = json.loads((tmp_path / "out" / "preprocessing.json").read_text())
    for name, said in described.items():
        modality = model.modalities[name]
        assert said["channels"] == modality.channel_names
        session = onnxruntime.InferenceSession(str(tmp_path / "out" / said["file"]))
        found = []
        for table, source in iter_sources({name: modality}, Dataset.open(tmp_path / "stars")):
            batch = source.batch(np.arange(len(table)))
            inputs = {key: batch.inputs[name][key].numpy() for key in said["inputs"]}
            assert [list(values.shape[1:]) for values in inputs.values()] == [
                entry["shape"][1:] for entry in said["inputs"].values()
            ]
            found += session.run(None, inputs)
        np.testing.assert_allclose(np.concatenate(found), wanted.vectors[name], atol=1e-4)


def test_without_the_extra_onnx_is_refused_in_a_sentence(trained, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "onnxscript" else find(n, *a)
    )
    with pytest.raises(ModelError, match=r"need onnxscript, .* pip install 'skybind\[onnx\]'"):
        export_weights(trained, tmp_path / "out", "onnx")


def test_the_command_says_what_it_wrote_and_what_it_lacks(tmp_path):
    model = imported(tmp_path, "meta")
    arguments = ["weights", "export", str(model), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--format", "astrom3"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "holds README.md, config.json, model.safetensors" in result.output
    assert "states no licence" in result.output


def test_a_classifier_of_a_run_takes_its_calibration_along(stars, config, tmp_path, monkeypatch):
    run = Run.start(config, stars, tmp_path / "run")
    with pytest.raises(ConfigError, match="no pre-trained model and no classifier"):
        export_weights(run.folder, tmp_path / "out")
    case = Case(("metadata",), "full", "scratch")
    run_finetuning(run, case)
    with pytest.raises(ConfigError, match=r"--case \(metadata-full-scratch\)"):
        export_weights(run.folder, tmp_path / "out")
    made = export_weights(run.folder, tmp_path / "out", case=case.name)
    assert {"calibration.json", "reference.safetensors"} <= set(made.files)
    monkeypatch.setattr(exported, "require_onnx", lambda: None)
    with pytest.raises(ModelError, match=r"classifies from its encoders' features and leaves"):
        export_weights(run.folder, tmp_path / "onnx", "onnx", case=case.name)
    assert not (tmp_path / "onnx").exists()
    wanted = sb.load(run.folder, case.name).classify(stars)
    found = sb.load(tmp_path / "out").classify(stars)
    for column in ("class", "probability", "novelty"):
        np.testing.assert_array_equal(np.ma.filled(found[column]), np.ma.filled(wanted[column]))
