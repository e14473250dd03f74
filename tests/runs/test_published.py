"""Published weights that become models: what is taken from where, and what is refused."""

import csv
import json
import logging
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import skybind as sb
from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, DataError, ModelError
from skybind.ingest.survey import import_files
from skybind.models import leaks
from skybind.models.exchange import to_astrom3
from skybind.models.exchange.astrom3_network import PUBLISHED_FEATURES
from skybind.models.stored import note_files
from skybind.report.exported import export_weights
from skybind.runs.cases import Case
from skybind.runs.published import adopt_published, import_weights
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained, run_finetuning
from tests.parity.hub import (
    FILES,
    STATISTICS,
    config_of,
    state_of,
    write_model,
    write_stars,
)
from tests.parity.test_astrom3 import SMALL

WANTED = load_file(FILES / "outputs.safetensors")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The golden stars imported, standardised and raw, and the pre-trained model."""
    root = tmp_path_factory.mktemp("hub")
    import_files("astrom3_hub", write_stars(root / "a" / "full_42_norm"), root / "norm")
    import_files("astrom3_hub", write_stars(root / "b" / "full_42_norm", reverse=True), root / "r")
    import_files("astrom3_hub", write_stars(root / "c" / "full_42", raw=True), root / "raw")
    write_model(root / "clip", "clip")
    return root


def statistics_file(folder, form):
    path = folder / f"statistics.{form}"
    entries = {name: {"mean": m, "std": s} for name, (m, s) in STATISTICS.items()}
    if form == "csv":
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, ["feature", "mean", "std"])
            table.writeheader()
            table.writerows({"feature": name, **entry} for name, entry in entries.items())
    elif form == "yaml":
        path.write_text(yaml.safe_dump(entries))
    else:
        turned = {key: {n: e[key] for n, e in entries.items()} for key in ("mean", "std")}
        path.write_text(json.dumps(turned))
    return path


def off_by(folder, data):
    """Largest difference from the release's embeddings of the test objects."""
    found = sb.load(folder).embed(data)
    rows = [found.object_id.tolist().index(f"test-{number:06d}") for number in range(3)]
    return max(
        float(np.abs(vectors[rows] - WANTED[f"test.embedding.{name}"].numpy()).max())
        for name, vectors in found.vectors.items()
    )


@pytest.mark.parametrize("form", ["json", "yaml", "csv"])
def test_published_means_and_deviations_make_raw_features_those_that_the_release_trained_on(
    hub, tmp_path, form
):
    import_weights(hub / "clip", tmp_path / "m", statistics=statistics_file(tmp_path, form))
    assert off_by(tmp_path / "m", hub / "raw") < 1e-5


def test_means_and_deviations_of_a_datasets_training_objects(hub, tmp_path):
    made = import_weights(hub / "clip", tmp_path / "m", data=hub / "raw")
    assert "6 training objects" in made.notes[0]
    model = sb.load(tmp_path / "m")
    dataset = Dataset.open(hub / "raw")
    rows = [i for i, name in enumerate(dataset.object_ids) if name.startswith("train")]
    values = np.log10(dataset.numbers("period")[rows])
    own = model.modalities["photometry"]
    place = own.features.index("period")
    assert own.standard.mean[place] == pytest.approx(values.mean())
    assert own.standard.scale[place] == pytest.approx(values.std())
    assert model.schema.note["features"]["period"]["unit"] == "d"
    with pytest.raises(DataError, match="no split at other"):
        import_weights(hub / "clip", tmp_path / "n", data=hub / "raw", split="other")
    shutil.copytree(hub / "raw", tmp_path / "raw")
    shutil.rmtree(tmp_path / "raw" / "splits")
    with pytest.raises(ModelError, match="name one with --split"):
        import_weights(hub / "clip", tmp_path / "n", data=tmp_path / "raw")
    import_weights(
        hub / "clip",
        tmp_path / "n",
        data=tmp_path / "raw",
        split=hub / "raw" / "splits" / "published.parquet",
    )
    again = sb.load(tmp_path / "n").modalities["photometry"]
    np.testing.assert_array_equal(again.standard.mean, own.standard.mean)


def test_a_model_of_standardised_features_does_not_take_raw_ones(hub, tmp_path, caplog, talking):
    import_weights(hub / "clip", tmp_path / "m", standardised=True)
    model = sb.load(tmp_path / "m")
    with pytest.raises(ModelError, match="standardised already"):
        model.check(Dataset.open(hub / "raw").schema)
    with caplog.at_level(logging.INFO, "skybind"):
        found = model.embed(hub / "raw")
    assert "they are not taken" in caplog.text
    assert not found.present["metadata"].any()


def test_what_is_not_known_is_asked_for(hub, tmp_path):
    with pytest.raises(ModelError, match=r"--data.*--statistics.*--standardised"):
        import_weights(hub / "clip", tmp_path / "m")
    with pytest.raises(ConfigError, match="one of --data, --statistics and --standardised"):
        import_weights(hub / "clip", tmp_path / "m", standardised=True, data=hub / "raw")
    with pytest.raises(ConfigError, match="--split is of --data"):
        import_weights(hub / "clip", tmp_path / "m", split="published")
    assert not (tmp_path / "m").exists()
    path = statistics_file(tmp_path, "yaml")
    path.write_text(path.read_text().replace("parallax_error", "plx_error"))
    with pytest.raises(ConfigError, match=r"no 'parallax_error'.*did you mean"):
        import_weights(hub / "clip", tmp_path / "m", statistics=path)


LIES = {
    "p_d_model": (-8, "greater than 0"),
    "p_n_heads": (10**9, "less than or equal"),
    "p_d_ff": (32, "p_d_ff is 32 and the weights say 16"),
    "p_e_layers": (3, "the weights say 2"),
    "p_activation": ("tanh", "'gelu' or 'relu'"),
    "p_factor": (None, "valid integer"),
    "s_mp_kernel_size": (3, "the weights say 4"),
    "s_conv_channels": ("abc", "valid list"),
    "m_dropout": (float("nan"), "less than 1"),
    "seq_len": (100, "the weights say 200"),
    "hidden_dim": ("16", "valid integer"),
    "classification": (True, "the weights say False"),
    "layers": (2, "no key 'layers'"),
}


@pytest.mark.parametrize("key", LIES)
def test_a_config_that_lies_is_refused(tmp_path, key):
    value, said = LIES[key]
    folder = write_model(tmp_path / "w", "clip", **{key: value})
    with pytest.raises(ModelError, match=said) as error:
        import_weights(folder, tmp_path / "m", standardised=True)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        ("clip", "p_n_heads"),
        ("photo", "n_heads"),
        ("all", "p_n_heads"),
        ("meta", ""),
        ("spectra", ""),
    ],
)
def test_without_a_config_only_shapes_that_leave_no_doubt_are_taken(tmp_path, kind, unknown):
    folder = write_model(tmp_path / "w", kind)
    (folder / "config.json").unlink()
    if unknown:
        with pytest.raises(ModelError, match=f"do not tell .*{unknown}"):
            import_weights(folder, tmp_path / "m", standardised=True)
    else:
        import_weights(folder, tmp_path / "m", standardised=kind == "meta")
        encoder = sb.load(tmp_path / "m").binder.encoders
        assert encoder[{"meta": "metadata"}.get(kind, "spectrum")].out_features in (16, 1184)


def test_a_configuration_of_skybind_stands_for_a_config_that_is_missing(hub, tmp_path):
    torch.save(state_of("clip"), tmp_path / "clip.pth")
    config = load_config("astrom3", SMALL).model_dump(mode="json")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    import_weights(
        tmp_path / "clip.pth", tmp_path / "m", standardised=True, config=tmp_path / "small.yaml"
    )
    assert off_by(tmp_path / "m", hub / "norm") < 1e-5
    # and may not contradict one that is there
    config["modalities"]["photometry"]["encoder"]["factor"] = 3
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ModelError, match=r"100 where the configuration has 3 .*factor"):
        import_weights(
            hub / "clip", tmp_path / "n", standardised=True, config=tmp_path / "small.yaml"
        )


@pytest.mark.parametrize("change", [{"p_factor": 1}, {"p_activation": "relu"}, {"p_n_heads": 4}])
def test_what_leaves_no_trace_in_the_weights_is_taken_from_the_config(hub, tmp_path, change):
    """Ignored, it would be another network without a word."""
    folder = write_model(tmp_path / "w", "clip", **change)
    import_weights(folder, tmp_path / "m", standardised=True)
    assert off_by(tmp_path / "m", hub / "norm") > 1e-3


def test_other_names_of_features_are_refused_unless_they_are_listed(hub, tmp_path):
    import_files("astrom3_hub", FILES / "full_42_norm", tmp_path / "named")
    with pytest.raises(ModelError, match=r"no metadata feature 'mean_vmag'.*--features metadata"):
        import_weights(hub / "clip", tmp_path / "m", data=tmp_path / "named")
    names = [f"feature_{number:02}" for number in range(34)]
    with pytest.raises(ModelError, match="takes 34 features of metadata, and 33"):
        import_weights(hub / "clip", tmp_path / "m", features={"metadata": names[1:]})
    import_weights(
        hub / "clip", tmp_path / "m", data=tmp_path / "named", features={"metadata": names}
    )
    assert off_by(tmp_path / "m", tmp_path / "named") < 1e-5


def test_embeddings_side_by_side_stand_in_the_order_of_the_network(hub, tmp_path):
    """Whatever the order of a configuration's modalities, in and out."""
    write_model(tmp_path / "concat", "concat")
    raw = load_config("astrom3", SMALL).model_dump(mode="json")
    raw["modalities"] = dict(sorted(raw["modalities"].items()))  # metadata first
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    found = {}
    for name, more in {"plain": {}, "own": {"config": tmp_path / "own.yaml"}}.items():
        import_weights(tmp_path / "concat", tmp_path / name, standardised=True, **more)
        table = sb.load(tmp_path / name).classify(hub / "norm").to_pandas()
        found[name] = table.select_dtypes("number").to_numpy()
    assert found["plain"].size
    np.testing.assert_allclose(found["own"], found["plain"], atol=1e-6)


def test_a_head_on_modalities_in_another_order_is_given_in_that_of_the_release():
    """The network takes light curve, spectrum, metadata, whatever the order of a configuration."""
    names, width = ["metadata", "photometry", "spectrum"], 2
    weight = torch.arange(18.0).view(3, 6)
    classifier = SimpleNamespace(
        head=SimpleNamespace(state_dict=lambda: {"weight": weight, "bias": torch.zeros(3)}),
        modalities=names,
        fusion="embeddings",
        width=lambda name: width,
    )
    found = to_astrom3.release_head(classifier)["weight"]
    np.testing.assert_array_equal(found, weight[:, [2, 3, 4, 5, 0, 1]])


OWN = {name: f"own_{name}" for name in STATISTICS}


@pytest.fixture(scope="module")
def own_names(hub, tmp_path_factory):
    """The raw stars, the features under names of somebody's own."""
    folder = write_stars(tmp_path_factory.mktemp("own") / "full_42", raw=True)
    for file in folder.glob("*.parquet"):
        table = pq.ParquetFile(file).read()
        rows = [
            {group: {OWN[name]: v for name, v in values.items()} for group, values in row.items()}
            for row in table["metadata"].to_pylist()
        ]
        place = table.column_names.index("metadata")
        pq.write_table(table.set_column(place, "metadata", pa.array(rows)), file)
    import_files("astrom3_hub", folder, folder.parent / "data")
    return folder.parent / "data"


def test_features_of_other_names_are_prepared_as_those_in_their_places(hub, own_names, tmp_path):
    """Logarithms, sines, absolute magnitudes: whatever the names are."""
    listed = {
        name: [OWN[feature] for feature in features]
        for name, features in PUBLISHED_FEATURES.items()
    }
    entries = {OWN[name]: {"mean": m, "std": s} for name, (m, s) in STATISTICS.items()}
    (tmp_path / "own.json").write_text(json.dumps(entries))
    made = import_weights(
        hub / "clip", tmp_path / "m", features=listed, statistics=tmp_path / "own.json"
    )
    assert off_by(tmp_path / "m", own_names) < 1e-5
    assert "own_period as period" in " ".join(made.notes)
    assert "own_mean_vmag as mean_vmag" in " ".join(made.notes)
    made = import_weights(hub / "clip", tmp_path / "d", features=listed, data=own_names)
    import_weights(hub / "clip", tmp_path / "plain", data=hub / "raw")
    one, two = (sb.load(tmp_path / name).modalities for name in ("d", "plain"))
    for name, modality in one.items():
        for key, values in modality.state().items():
            np.testing.assert_allclose(values, two[name].state()[key])
    export_weights(tmp_path / "m", tmp_path / "out", "astrom3")
    written = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert written == entries


def test_features_that_were_transformed_otherwise_are_not_given_back(hub, tmp_path):
    import_weights(hub / "clip", tmp_path / "m", data=hub / "raw")
    note = json.loads((tmp_path / "m" / "model.json").read_text())
    section = note["config"]["modalities"]["photometry"]["preprocessing"]
    section["transforms"] = {}
    (tmp_path / "m" / "model.json").write_text(json.dumps(note))
    note_files(tmp_path / "m", ())
    with pytest.raises(ModelError, match=r"'period' of photometry by the transform log.*with none"):
        export_weights(tmp_path / "m", tmp_path / "out", "astrom3")


def test_classes_of_a_classifier(tmp_path):
    folder = write_model(tmp_path / "w", "meta")
    for names, said in ((["a"], "10 classes, and 1"), (["a"] * 10, "twice")):
        with pytest.raises(ConfigError, match=said):
            import_weights(folder, tmp_path / "m", standardised=True, classes=names)
    import_weights(folder, tmp_path / "m", standardised=True, classes=list("jihgfedcba"))
    assert sb.load(tmp_path / "m").classes == list("jihgfedcba")
    with pytest.raises(ConfigError, match="exists already"):
        import_weights(folder, tmp_path / "m", standardised=True)


def damaged(name):
    state = state_of("clip")
    if name == "not finite":
        state["metadata_proj.bias"][3] = float("nan")
    if name == "missing metadata_proj.bias":
        del state["metadata_proj.bias"]
    if name == "3 axes":
        state["spectra_encoder.layers.0.weight"] = torch.zeros(4, 3)
    if name == "is not known":
        state = {"x": torch.zeros(2)}
    return state


@pytest.mark.parametrize(
    "name", ["not finite", "missing metadata_proj.bias", "3 axes", "is not known"]
)
def test_damaged_weights_are_refused(tmp_path, name):
    folder = write_model(tmp_path / "w", "clip")
    save_file(damaged(name), folder / "model.safetensors")
    with pytest.raises(ModelError, match=name):
        import_weights(folder, tmp_path / "m", standardised=True)


def test_files_that_are_no_weights_are_refused(tmp_path):
    folder = write_model(tmp_path / "w", "clip")
    whole = (folder / "model.safetensors").read_bytes()
    claim = json.dumps(
        {"fc.weight": {"dtype": "F32", "shape": [10**6, 10**9], "data_offsets": [0, 4 * 10**15]}}
    ).encode()
    for content in (
        b"",
        whole[:1000],
        whole[:-10],
        (2**62).to_bytes(8, "little") + b"{}",
        len(claim).to_bytes(8, "little") + claim,
    ):
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(ModelError, match="cannot be read as weights"):
            import_weights(folder, tmp_path / "m", standardised=True)
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(9 << 30)  # takes no room on the disk
    with pytest.raises(ModelError, match="has 9 GiB"):
        import_weights(folder, tmp_path / "m", standardised=True)
    (folder / "model.safetensors").unlink()
    for name in ("a.pth", "b.pth"):
        torch.save(state_of("clip"), folder / name)
    with pytest.raises(ModelError, match=r"several files of weights, a.pth and b.pth"):
        import_weights(folder, tmp_path / "m", standardised=True)
    with pytest.raises(ModelError, match="no folder or file"):
        import_weights(tmp_path / "nowhere", tmp_path / "m")


@pytest.mark.parametrize("content", ["{", "[]", "[" * 9999, '{"a": 1' + "0" * 5000 + "}", "{}"])
def test_files_that_are_no_config_are_refused(tmp_path, content):
    folder = write_model(tmp_path / "w", "clip")
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json"):
        import_weights(folder, tmp_path / "m", standardised=True)


def test_a_run_takes_the_weights_only_with_its_features_in_the_published_order(hub, tmp_path):
    config = load_config("astrom3", SMALL)
    run = Run.start(config, hub / "r", tmp_path / "reversed")
    with pytest.raises(ModelError, match=r"take 'mean_vmag' as feature 1 .* the run has 'b'"):
        adopt_published(run, hub / "clip")
    run = Run.start(config, hub / "norm", tmp_path / "run")
    adopt_published(run, hub / "clip" / "model.safetensors")
    assert off_by(tmp_path / "run", hub / "norm") < 1e-5
    lying = write_model(tmp_path / "w", "clip", p_n_heads=4)
    run = Run.start(config, hub / "norm", tmp_path / "other")
    with pytest.raises(ModelError, match=r"says 4 where the configuration has 2"):
        adopt_published(run, lying)


def test_a_run_of_the_published_configuration_is_fine_tuned_from_imported_weights(hub, tmp_path):
    """Another dropout, and features that are not listed, are no other encoder."""
    import_weights(hub / "clip", tmp_path / "m", data=hub / "norm")
    changes = [*SMALL, "modalities.metadata.encoder.dropout=0.3", "finetuning.training.epochs=1"]
    run = Run.start(load_config("astrom3", changes), hub / "norm", tmp_path / "run")
    case = Case(("metadata",), "full", "pretrained")
    start = find_pretrained(tmp_path / "m", run.dataset.schema)
    made = run_finetuning(run, case, pretrained=start)
    assert made["n_train"] == 6
    tuned = sb.load(tmp_path / "run", case.name)
    assert tuned.identity["published"] == start.identity["published"]
    other = load_config("astrom3", [*changes, "modalities.metadata.encoder.hidden=32"])
    run = Run.start(other, hub / "norm", tmp_path / "other")
    with pytest.raises(ModelError, match="another encoder or preprocessing"):
        run_finetuning(run, case, pretrained=start)


def test_that_the_training_objects_are_not_known_is_said_once(
    hub, tmp_path, caplog, talking, monkeypatch
):
    monkeypatch.setattr(leaks, "_TOLD", set())
    import_weights(hub / "clip", tmp_path / "m", standardised=True)
    model = sb.load(tmp_path / "m")
    with caplog.at_level(logging.INFO, "skybind"):
        for _ in range(2):
            model.refuse_leak(np.array(["test-000000"]), "testing")
    assert caplog.text.count("leaks of them cannot be refused") == 1
    assert leaks.began_with(model.identity)["published"]["form"] == "astrom3"


def test_config_of_every_kind_is_that_of_its_class():
    """The helper that makes the hub's files has no argument too many (the library writes all)."""
    assert set(config_of("spectra")) == {
        "classification",
        "num_classes",
        "dropout_rate",
        "conv_channels",
        "kernel_size",
        "mp_kernel_size",
    }
