"""AstroM3's published models and data as the hub has them, made of the golden files."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import load_file, save_file

from skybind.encoders.informer import sinusoidal_positions
from skybind.ingest.readers.astrom3_raw import FEATURES
from tests.parity.make_astrom3 import NETWORK, PREFIXES

FILES = Path(__file__).parent / "astrom3"
ENCODERS = {
    "photo": "photometry_encoder.",
    "spectra": "spectra_encoder.",
    "meta": "metadata_encoder.",
}
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


def write_stars(folder: Path, reverse: bool = False) -> Path:
    """Write the golden stars with the published names of their features, or in reversed order."""
    folder.mkdir(parents=True)
    for file in sorted((FILES / "full_42_norm").glob("*.parquet")):
        table = pq.ParquetFile(file).read()
        rows = table["metadata"].to_pylist()
        for row in rows:
            named = dict(zip(FEATURES, row["meta_cols"].values(), strict=True))
            row["meta_cols"] = dict(reversed(named.items())) if reverse else named
        table = table.set_column(table.column_names.index("metadata"), "metadata", pa.array(rows))
        pq.write_table(table, folder / file.name)
    return folder
