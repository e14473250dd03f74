"""Makes the golden files of AstroM3 with its public release, which stands in a folder of its own.

    git clone https://github.com/MeriDK/AstroM3 && git -C AstroM3 checkout 8bed51b
    python tests/parity/make_astrom3.py AstroM3 tests/parity/astrom3

It runs the release's own loader, networks, loss and optimiser on made-up stars, and writes what
went in (files as on the hub) and what came out. Nothing of the release is kept.
"""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file

CLASSES = ["DSCT", "EA", "EB", "EW", "HADS", "M", "ROT", "RRAB", "RRC", "SR"]
#: Epochs of the stars of each part; training ones are short, so that no window is drawn.
EPOCHS = {"train": [5, 20, 60, 120, 180, 200], "validation": [7, 205, 40], "test": [400, 201, 90]}
#: The network, small; with so large a factor its attention takes every query and draws nothing.
NETWORK = {
    "num_classes": 10, "hidden_dim": 16, "fusion": "avg", "seq_len": 200,
    "p_enc_in": 9, "p_d_model": 8, "p_dropout": 0.0, "p_factor": 100, "p_output_attention": False,
    "p_n_heads": 2, "p_d_ff": 16, "p_activation": "gelu", "p_e_layers": 2,
    "s_dropout": 0.0, "s_conv_channels": [3, 4, 4, 4, 32], "s_kernel_size": 3,
    "s_mp_kernel_size": 4, "m_input_dim": 34, "m_hidden_dim": 16, "m_dropout": 0.0,
}  # fmt: skip
TRAINING = {"lr": 0.00392, "betas": (0.926, 0.999), "weight_decay": 0.00467}
STEPS, CLIP = 3, 45.0
PREFIXES = {"photo": "p_", "spectra": "s_", "meta": "m_"}


def star(rng: np.random.Generator, n: int, k: int) -> dict[str, Any]:
    """One star as the hub has it, of single precision."""
    time = 2457000 + rng.uniform(0, 1500, n)
    curve = np.column_stack([time, rng.lognormal(2, 0.4, n), rng.uniform(0.05, 0.3, n)])
    if n >= 20:  # epochs of one time, out of order, and one that is given twice
        curve[5:9, 0], curve[11:13, 0] = curve[4, 0], curve[10, 0]
        curve[15] = curve[14]
    low, high = [(3700, 9100), (4010, 9100), (3700, 8800), (4300, 8500)][k % 4]
    wave = np.linspace(low, high, 700 + 40 * (k % 3))
    flux = 3 + np.sin(wave / 400 + k) + rng.normal(0, 0.2, len(wave))
    error = rng.uniform(0.05, 0.2, len(wave))
    if k % 3 == 1:  # no flux, or no third column, for some of the pixels
        flux[100:130], error[200:260] = 0, 0
    if k == 4:
        error[:] = 0
    return {
        "photometry": curve.astype(np.float32).tolist(),
        "spectra": np.column_stack([wave, flux, error]).astype(np.float32).tolist(),
        "metadata": {
            "meta_cols": {f"feature_{i:02}": float(rng.normal()) for i in range(34)},
            "photo_cols": {
                name: float(rng.normal())
                for name in ("amplitude", "period", "lksl_statistic", "rfr_score")
            },
        },
        "label": CLASSES[k % 10],
    }


class Rows:
    """A part of a data set as the hub's library gives it."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def with_format(self, _: str) -> "Rows":
        return self

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, k: int) -> dict[str, Any]:
        arrays = ("photometry", "spectra")
        return self.rows[k] | {name: np.asarray(self.rows[k][name], np.float32) for name in arrays}


def release(folder: Path) -> tuple[Any, Any, Any]:
    """Import the release's modules; what it needs of the hub's library is nothing here."""
    sys.path.insert(0, str(folder / "src"))
    hub = types.ModuleType("huggingface_hub")
    hub.PyTorchModelHubMixin = type("PyTorchModelHubMixin", (), {})  # type: ignore[attr-defined]
    sys.modules["huggingface_hub"] = hub
    import dataset
    import loss
    import model

    return dataset, model, loss


def matched(folder: Path, out: Path) -> None:
    """Write what the release's trainer counts as right of batches of made-up embeddings."""
    sys.path.insert(0, str(folder / "src"))
    for name in ("wandb", "seaborn"):  # of which counting needs nothing
        sys.modules[name] = types.ModuleType(name)
    from trainer import Trainer

    rng = np.random.default_rng(8)
    counter = Trainer.__new__(Trainer)
    counter.device = "cpu"
    counter.zero_stats()
    arrays = {}
    for batch, n in enumerate((40, 25)):
        shared = rng.normal(size=(n, 6))
        vectors = [torch.tensor(shared + rng.normal(size=(n, 6))).float() for _ in range(3)]
        photometry, spectrum, metadata = (torch.nn.functional.normalize(v) for v in vectors)
        pairs = ((photometry, spectrum), (spectrum, metadata), (metadata, photometry))
        logits = [scale * a @ b.T for scale, (a, b) in zip((5.0, 9.0, 14.0), pairs, strict=True)]
        counter.update_stats_clip(torch.zeros(()), *logits)
        names = ("photometry", "spectrum", "metadata")
        for name, values in zip(names, (photometry, spectrum, metadata), strict=True):
            arrays[f"{batch}.{name}"] = values
        arrays[f"{batch}.right"] = torch.tensor(counter.total_correct_predictions)
    save_file(arrays, out / "matched.safetensors")


def classifiers(model: Any, clip: Any) -> dict[str, Any]:
    """The release's classifiers, their encoders those of the pre-trained network."""
    own = {
        kind: {
            name.removeprefix(prefix): value
            for name, value in NETWORK.items()
            if name.startswith(prefix)
        }
        for kind, prefix in PREFIXES.items()
    }
    spectra = own["spectra"]
    spectra["dropout_rate"] = spectra.pop("dropout")
    spectra["mp_kernel_size"] = spectra.pop("mp_kernel_size")
    made = {
        "photo": model.Informer(classification=True, num_classes=10, seq_len=200, **own["photo"]),
        "spectra": model.GalSpecNet(classification=True, num_classes=10, **spectra),
        "meta": model.MetaModel(classification=True, num_classes=10, **own["meta"]),
        "all": model.AstroM3(classification=True, **NETWORK),
        "concat": model.AstroM3(classification=True, **NETWORK | {"fusion": "concat"}),
    }
    encoders = {
        "photo": "photometry_encoder",
        "spectra": "spectra_encoder",
        "meta": "metadata_encoder",
    }
    for kind, classifier in made.items():
        prefix = f"{encoders[kind]}." if kind in encoders else ""
        state = {
            k.removeprefix(prefix): v for k, v in clip.state_dict().items() if k.startswith(prefix)
        }
        classifier.load_state_dict(state, strict=False)
        classifier.eval()
    return made


def main(source: Path, out: Path) -> None:
    """Write the files."""
    dataset, model, loss = release(source)
    rng = np.random.default_rng(2411)
    number, parts, arrays = 0, {}, {}
    hub = out / "full_42_norm"
    hub.mkdir(parents=True, exist_ok=True)
    for part, lengths in EPOCHS.items():
        rows = [star(rng, n, number + k) for k, n in enumerate(lengths)]
        number += len(rows)
        table = pa.Table.from_pylist(rows)
        for name in ("photometry", "spectra"):
            kind = pa.list_(pa.list_(pa.float32()))
            table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
        pq.write_table(table, hub / f"{part}-00000-of-00001.parquet", compression="zstd")
        own = dataset.HFPSMDataset({part: Rows(rows)}, CLASSES, 200, split=part)
        items = [own[k] for k in range(len(own))]
        parts[part] = [torch.tensor(np.stack([item[i] for item in items])) for i in range(4)]
        labels = torch.tensor([item[4] for item in items])
        names = ("photometry", "mask", "spectra", "metadata")
        for name, values in zip(names, parts[part], strict=True):
            # every third pixel tells enough of a spectrum
            arrays[f"{part}.{name}"] = values[:, :, ::3] if name == "spectra" else values
        arrays[f"{part}.labels"] = labels
    torch.manual_seed(7)
    clip = model.AstroM3(classification=False, **NETWORK).eval()
    weights = {k: v.clone() for k, v in clip.state_dict().items() if not k.endswith(".pe")}
    heads: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for part, inputs in parts.items():
            names = ("photometry", "spectrum", "metadata")
            for name, values in zip(names, clip.get_embeddings(*inputs), strict=True):
                arrays[f"{part}.embedding.{name}"] = values
        losses = loss.CLIPLoss()(*clip(*parts["test"]))
        arrays["test.losses"] = torch.stack(losses)
        for kind, classifier in classifiers(model, clip).items():
            inputs = parts["test"]
            own = {"photo": inputs[:2], "spectra": inputs[2:3], "meta": inputs[3:]}.get(
                kind, inputs
            )
            arrays[f"test.logits.{kind}"] = classifier(*own)
            heads |= {f"{kind}.fc.{k}": v.clone() for k, v in classifier.fc.state_dict().items()}
    clip.train()
    for module in clip.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # that of the embedding is fixed at 0.1 elsewhere
    optimizer = torch.optim.Adam(clip.parameters(), **TRAINING)
    for step in range(STEPS):
        optimizer.zero_grad()
        total = sum(loss.CLIPLoss()(*clip(*parts["train"])))
        total.backward()
        torch.nn.utils.clip_grad_norm_(clip.parameters(), CLIP)
        optimizer.step()
        arrays[f"step.{step}.loss"] = total.detach()
    for name in ("logit_scale_ps", "photometry_proj.weight", "spectra_encoder.layers.0.weight"):
        arrays[f"trained.{name}"] = clip.state_dict()[name].clone()
    save_file(weights, out / "clip.safetensors")
    save_file(heads, out / "heads.safetensors")
    save_file({k: v.contiguous().clone() for k, v in arrays.items()}, out / "outputs.safetensors")
    matched(source, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
