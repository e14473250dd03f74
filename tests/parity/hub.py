"""AstroM3's published models and data as the hub has them, made of the golden files."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import load_file, save_file

from skybind.config import load_config
from skybind.encoders.informer import sinusoidal_positions
from skybind.ingest.readers.astrom3_raw import FEATURES
from tests.parity.make_astrom3 import NETWORK, PREFIXES

FILES = Path(__file__).parent / "astrom3"
ENCODERS = {
    "photo": "photometry_encoder.",
    "spectra": "spectra_encoder.",
    "meta": "metadata_encoder.",
}
#: Features that the release makes absolute magnitudes of.
ABSOLUTE = load_config("astrom3").modalities["metadata"].preprocessing["absolute"]
POSITIONS = "enc_embedding.position_embedding.pe"


def config_of(kind: str) -> dict[str, Any]:
    """The constructor's arguments of a model, as the hub's library writes them."""
    if kind not in PREFIXES:
        fusion = {"fusion": "concat"} if kind == "concat" else {}
        return {"classification": kind != "clip", **NETWORK, **fusion}
    prefix = PREFIXES[kind]
    own = {n.removeprefix(prefix): v for n, v in NETWORK.items() if n.startswith(prefix)}
    if kind == "spectra":
        own["dropout_rate"] = own.pop("dropout")
    if kind == "photo":
        own["seq_len"] = NETWORK["seq_len"]
    return {"classification": True, "num_classes": 10, **own}


def state_of(kind: str) -> dict[str, Any]:
    """The weights of a model, with the table of positions that the golden file leaves out."""
    clip, heads = load_file(FILES / "clip.safetensors"), load_file(FILES / "heads.safetensors")
    table = sinusoidal_positions(5000, NETWORK["p_d_model"])[None]
    clip[ENCODERS["photo"] + POSITIONS] = table
    prefix = ENCODERS.get(kind, "")
    state = {k.removeprefix(prefix): v for k, v in clip.items() if k.startswith(prefix)}
    if kind != "clip":
        state |= {f"fc.{name}": heads[f"{kind}.fc.{name}"] for name in ("weight", "bias")}
    return state


def write_model(folder: Path, kind: str, **changes: Any) -> Path:
    """Write a model as a folder of the hub; `changes` are arguments that lie."""
    folder.mkdir(parents=True)
    save_file(state_of(kind), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config_of(kind) | changes))
    return folder


#: Means and deviations of which the golden, standardised features are made raw ones.
STATISTICS = {
    name: (0.0, 0.1) if name in ("l", "b") else (14.0, 0.5) if "mag" in name else (3.2, 0.3)
    for name in [*FEATURES, "amplitude", "period", "lksl_statistic", "rfr_score"]
}


def raw_value(name: str, standardised: float, parallax: float) -> float:
    """Undo what the paper does to a feature (section 'Dataset Assembly')."""
    mean, deviation = STATISTICS[name]
    value = mean + deviation * standardised
    if name in ABSOLUTE:
        return value - 5 * math.log10(parallax) + 10
    undone = {"period": 10**value}
    if name in ("l", "b"):
        undone[name] = math.degrees(math.acos(value) if name == "l" else math.asin(value))
    return undone.get(name, value)


def raw_row(row: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Give the features of a star as a catalogue has them."""
    mean, deviation = STATISTICS["parallax"]
    parallax = mean + deviation * row["meta_cols"]["parallax"]
    return {
        group: {name: raw_value(name, value, parallax) for name, value in values.items()}
        for group, values in row.items()
    }


def write_stars(folder: Path, reverse: bool = False, raw: bool = False) -> Path:
    """Write the golden stars with the published names of their features, in their order or in
    reversed order, standardised or raw."""
    folder.mkdir(parents=True)
    for file in sorted((FILES / "full_42_norm").glob("*.parquet")):
        table = pq.ParquetFile(file).read()
        rows = table["metadata"].to_pylist()
        for row in rows:
            named = dict(zip(FEATURES, row["meta_cols"].values(), strict=True))
            row["meta_cols"] = dict(reversed(named.items())) if reverse else named
        rows = [raw_row(row) for row in rows] if raw else rows
        table = table.set_column(table.column_names.index("metadata"), "metadata", pa.array(rows))
        pq.write_table(table, folder / file.name)
    return folder
