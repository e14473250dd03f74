"""What the page is told of a survey as a whole: what there is, the maps, the cards."""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.splits import PARTS
from skybind.drawing.maps import AXIS_NAMES, NUMBER_COLOURS
from skybind.evaluation.clusters import Layout
from skybind.explore.columns import described
from skybind.explore.survey import Survey
from skybind.version import __version__

#: Points that a view draws one by one; more are drawn as a density.
CROWD = 100_000


def survey_told(survey: Survey) -> dict[str, Any]:
    """Say what there is to see."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    run = survey.run
    scale = colormaps[NUMBER_COLOURS]
    method = run.config.evaluation.map
    return {
        "version": __version__,
        "name": run.config.name,
        "dataset": run.dataset.path.name,
        "objects": len(run.dataset),
        "simulated": run.dataset.schema.simulated,
        "modalities": list(survey.stream.modalities),
        "maps": [
            {"name": n, "objects": len(m.rows), "parts": _parts(run.split.part[m.rows])}
            for n, m in survey.maps.items()
        ],
        "parts": _parts(run.split.part),
        "method": "" if method == "none" else AXIS_NAMES.get(method, method),
        "columns": described(survey),
        "crowd": CROWD,
        "number_colours": [to_hex(scale(i / 255)) for i in range(256)],
        "classes": run.classes,
        "read_only": survey.read_only,
        "about": about(survey),
        "first": str(survey.stream.object_id[0].as_py()) if len(survey.stream) else None,
    }


def _parts(part: np.ndarray) -> list[dict[str, Any]]:
    """Say how many objects are in each part of the split; those in none are new."""
    counts = {name or "new": int((part == name).sum()) for name in (*PARTS, "")}
    return [{"name": name, "objects": n} for name, n in counts.items() if n]


def about(survey: Survey) -> dict[str, str]:
    """Say of which run, model and dataset this is, by which program: what a paper would name."""
    run = survey.run
    dataset, simulated = run.dataset, "simulated " if run.dataset.schema.simulated else ""
    found = {
        "run": f"{run.folder.resolve().name} ({run.config.name}, seed {run.config.seed})",
        "model": str(survey.stream.model.get("weights", "")),
        "dataset": f"{dataset.path.resolve().name}: {len(dataset):,} {simulated}objects",
        "fingerprint of the dataset": dataset.fingerprint,
        "made by": f"skybind {__version__}",
    }
    return {name: text for name, text in found.items() if text}


def map_columns(layout: Layout) -> dict[str, np.ndarray]:
    """Return the points of a map: x, y and row of the dataset."""
    return {
        "x": layout.position[:, 0].astype(np.float32),
        "y": layout.position[:, 1].astype(np.float32),
        "row": layout.rows.astype(np.int32),
    }


def arrow_bytes(columns: dict[str, np.ndarray], said: dict[str, Any] | None = None) -> bytes:
    """Return columns as an Arrow stream; what is said of them stands in its schema."""
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    if said is not None:
        table = table.replace_schema_metadata({"skybind": json.dumps(said)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())
