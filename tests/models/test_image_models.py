"""Models of images refuse what they were not made for."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from skybind.config import Config
from skybind.data.schema import Column, DatasetSchema
from skybind.errors import ModelError
from skybind.modalities.source import BatchSource
from skybind.models import Model, build_binder, build_modalities, save_model
from skybind.ragged import Ragged


def schema(bands="grz", unit="nmgy", **attributes):
    column = Column(
        "observation",
        modality="image",
        fields=dict.fromkeys(bands, unit),
        attributes={"pixel_scale": 0.262, "stretch": "linear"} | attributes,
    )
    return DatasetSchema({"image": column})


def table(bands="grz", n=5):
    rng = np.random.default_rng(0)
    values = dict(zip("grz", rng.normal(0, 0.01, (3, n * 400)).astype(np.float32), strict=True))
    values["i"] = np.ones(n * 400, np.float32)
    fields = {band: values[band] for band in bands}
    return pa.table({"image": Ragged(fields, np.arange(n + 1) * 400, np.ones(n, bool)).to_arrow()})


CONFIG = Config(
    modalities={
        "image": {
            "preprocessing": {"crop": 16},
            "encoder": {"name": "resnet", "stem": 4, "blocks": [1]},
        }
    },
    model={"dimension": 8},
    finetuning={"modalities": ["each"]},
)


def embed(binder, modalities, data):
    prepared = {name: modality.prepare(data) for name, modality in modalities.items()}
    batch = BatchSource(modalities, prepared).batch(np.arange(data.num_rows))
    with torch.inference_mode():
        return binder.embed(batch)["image"]


@pytest.fixture
def saved(tmp_path):
    modalities = build_modalities(CONFIG, schema())
    prepared = modalities["image"].prepare(table())
    modalities["image"].fit(prepared, np.arange(4))
    binder = build_binder(CONFIG, {"image": modalities["image"].shape}).eval()
    save_model(
        tmp_path / "model",
        binder,
        config=CONFIG,
        modalities=modalities,
        schema=schema(),
        trained_on=np.array(["a"]),
    )
    return tmp_path / "model", embed(binder, modalities, table())


@pytest.mark.parametrize("bands", ["grz", "zrg", "grzi"])
def test_bands_are_found_by_name_in_other_datasets(saved, bands):
    folder, embeddings = saved
    opened = Model.open(folder, schema(bands))
    again = embed(opened.binder, opened.modalities, table(bands))
    torch.testing.assert_close(again, embeddings, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (
            schema(pixel_scale=0.396),
            "'image' with the pixel_scale 0.262, the dataset has it with 0.",
        ),
        (schema(pixel_scale=None), "the dataset has it with None"),
        (schema(stretch="display"), "the stretch linear, the dataset has it with display"),
        (schema("gr"), r"reads image\.z, which the dataset has not \(it has g, r\)"),
        (schema(unit="Jy"), r"image\.g in nmgy, the dataset has it in Jy"),
        (replace(schema(), columns={}), "reads 'image', which the dataset has not"),
    ],
)
def test_images_of_another_kind_are_refused(saved, other, sentence):
    with pytest.raises(ModelError, match=sentence):
        Model.open(saved[0], other)


def test_a_pixel_scale_within_a_percent_is_the_same(saved):
    assert Model.open(saved[0], schema(pixel_scale=0.2624)).binder.modalities == ["image"]


def test_what_was_saved_is_given_again(saved):
    opened = Model.open(saved[0])
    assert opened.modalities["image"].bands == ["g", "r", "z"]
    assert opened.modalities["image"].softening[0] < 0.02
