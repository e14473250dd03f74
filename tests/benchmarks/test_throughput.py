"""The benchmark of throughput: what the machine allows is counted right, and shares of it."""

import sys
from pathlib import Path

import pytest
import torch

from skybind.config import load_config
from skybind.modalities.batch import Batch
from skybind.modalities.shape import InputShape
from skybind.models.build import build_binder

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

SHAPES = {"photometry": (200, 9), "spectrum": (3, 2575), "metadata": (34,)}


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_can_be_imported():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def batch():
    inputs = {name: {"values": torch.zeros(2, *shape)} for name, shape in SHAPES.items()}
    present = {name: torch.ones(2, dtype=torch.bool) for name in SHAPES}
    return Batch(torch.arange(2), inputs, present)


def test_products_are_those_of_the_published_layers(batch):
    from products import products_of

    shapes = {
        "photometry": InputShape(9, 200),
        "spectrum": InputShape(3, 2575),
        "metadata": InputShape(34, None),
    }
    products = products_of(build_binder(load_config("astrom3"), shapes), batch)
    epoch = 8 * (4 * 128 * 128 + 2 * 128 * 512) + 3 * 9 * 128
    photometry = 200 * epoch + 25_600 * 512
    # unpadded kernels of 3, every fourth pixel kept after the first three
    spectrum = (2573 * 3 * 64 + 641 * 64 * 64 + 158 * 64 * 32 + 37 * 32 * 32) * 3 + 1184 * 512
    metadata = 34 * 512 + 512 * 512 + 512 * 512
    wanted = 2 * 2 * (photometry + spectrum + metadata)
    assert sum(product.operations for product in products) == wanted
    assert [p.inputs for p in products if p.first] == [27, 9, 34]


def test_bare_products_tell_how_many_objects_they_are_for():
    from products import Product, bare

    work = bare([Product(6, 5, 4, True)], 3, torch.device("cpu"), torch.float32, training=True)
    assert work() == 3


def test_shares_are_of_the_products_in_the_same_precision():
    from throughput import PRODUCTS, add_shares

    rows = [
        {"case": "plain", "objects_per_second": 30.0},
        {"case": "bf16", "objects_per_second": 60.0},
        {"case": f"{PRODUCTS}, fp32", "objects_per_second": 40.0},
        {"case": f"{PRODUCTS}, bf16", "objects_per_second": 120.0},
    ]
    add_shares(rows, operations=2e9)
    assert [row["share"] for row in rows] == [0.75, 0.5, 1.0, 1.0]
    assert [row.get("gflops") for row in rows] == [None, None, 80.0, 240.0]


def test_a_folder_without_the_published_code_is_refused(tmp_path, batch):
    from published import Published

    with pytest.raises(SystemExit, match=r"has no src/model.py: give a copy of MeriDK/AstroM3"):
        Published(tmp_path, batch)
