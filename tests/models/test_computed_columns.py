"""A model that was trained on computed columns: new objects get the same, or it says why not."""

import numpy as np
import pyarrow as pa
import pytest

from skybind.config.schema import Config
from skybind.data.dataset import Dataset
from skybind.errors import ModelError
from skybind.lightcurves.stored import compute_features
from skybind.modalities.source import BatchSource
from skybind.models import Model, build_binder, build_modalities, save_model
from skybind.ragged import Ragged
from tests.lightcurves.made_up import sines, write_curves

PREPROCESSING = {
    "length": 60,
    "phase": True,
    "features": ["period", "amplitude", "stetson_j"],
    "transforms": {"period": "log"},
}
CONFIG = Config.model_validate(
    {
        "modalities": {
            "photometry": {
                "preprocessing": PREPROCESSING,
                "encoder": {"name": "folded", "bins": 32, "width": 8, "blocks": 1, "hidden": 8},
            }
        },
        "model": {"dimension": 8},
    }
)


def save(folder, dataset):
    modalities = build_modalities(CONFIG, dataset.schema)
    columns = modalities["photometry"].columns
    source = BatchSource(
        modalities, {"photometry": modalities["photometry"].prepare(dataset.table(columns))}
    )
    source.fit(np.arange(len(dataset)))
    binder = build_binder(CONFIG, {"photometry": modalities["photometry"].shape})
    save_model(
        folder,
        binder,
        config=CONFIG,
        modalities=modalities,
        schema=dataset.schema,
        trained_on=dataset.object_ids,
    )
    return folder


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    curves = sines(np.geomspace(0.3, 9, 40))
    folder = write_curves(tmp_path_factory.mktemp("survey") / "data", curves)
    compute_features(folder)
    return folder


@pytest.fixture(scope="module")
def model(survey, tmp_path_factory):
    return save(tmp_path_factory.mktemp("saved") / "model", Dataset.open(survey))


def test_new_light_curves_are_embedded_with_columns_computed_on_the_way(survey, model, caplog):
    stored, bare = Dataset.open(survey), Dataset.open(survey, computed=())
    kept = Model.open(model, stored.schema).embed_dataset(stored)
    assert "are computed now" not in caplog.text
    caplog.set_level("INFO", "skybind")
    made = Model.open(model, bare.schema).embed_dataset(bare)
    assert "lacks 3 columns of periods and features: they are computed now" in caplog.text
    np.testing.assert_allclose(made.vectors["photometry"], kept.vectors["photometry"], atol=1e-5)
    assert made.vectors["photometry"].std(axis=0).max() > 0.01  # and they differ among objects


def test_the_model_says_by_which_definition_it_reads_each_column(model):
    schema = Model.open(model).schema
    said = schema.attributes("photometry_amplitude")
    assert (said["version"], said["brightness"], said["quantity"]) == (1, "magnitude", "amplitude")


def test_columns_of_another_version_are_refused(survey, model, monkeypatch):
    monkeypatch.setattr("skybind.lightcurves.columns.VERSION", 2)
    newer = Dataset.open(survey, computed=())
    with pytest.raises(ModelError, match=r"has not: it is computed .* computes version 2"):
        Model.open(model, newer.schema)
    period = Dataset.open(survey).schema.columns["photometry_period"]
    changed = {**period.attributes, "version": 2}
    schema = Dataset.open(survey).schema.with_columns(
        {"photometry_period": type(period)(**{**vars(period), "attributes": changed})}
    )
    with pytest.raises(ModelError, match=r"version 1\), the dataset has it as .* version 2"):
        Model.open(model, schema)


def test_features_of_magnitudes_are_not_computed_of_fluxes(survey, model, tmp_path):
    curves = Dataset.open(survey).ragged("photometry")
    flux = 10 ** (-0.4 * (curves.fields["magnitude"] - 16))
    fields = {"time": curves.fields["time"], "flux": flux, "flux_err": 0.02 * flux}
    other = write_curves(tmp_path / "flux", Ragged(fields, curves.offsets, curves.present))
    with pytest.raises(ModelError, match="it is of magnitudes, and the light curve is in fluxes"):
        Model.open(model, Dataset.open(other).schema)


def test_whatever_is_given_gets_columns_of_the_same_definition(survey, model, caplog):
    stored = Dataset.open(survey)
    known = Model.open(model).embed_dataset(stored).vectors["photometry"]
    caplog.set_level("INFO", "skybind")
    of_folder = Model.open(model).embed(survey).vectors["photometry"]
    np.testing.assert_allclose(of_folder, known, atol=1e-6)
    # a table that says how its columns were made is taken by its word
    table = stored.table(stored.schema.columns)
    said = table.replace_schema_metadata(stored.schema.to_metadata())
    of_table = Model.open(model).embed(said).vectors["photometry"]
    np.testing.assert_allclose(of_table, known, atol=1e-6)
    assert "are computed now" not in caplog.text
    # columns of that name which do not are computed anew, and not called lacking
    wrong = table.set_column(
        table.column_names.index("photometry_period"), "photometry_period",
        pa.array(np.full(len(table), 7.0)),
    )  # fmt: skip
    given = Model.open(model).take(wrong)
    assert not any("lacks" in note for note in given.notes)
    made = Model.open(model).embed(wrong)
    assert "are computed now" in caplog.text
    np.testing.assert_allclose(made.vectors["photometry"], known, atol=1e-5)
