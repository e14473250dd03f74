"""Objects a second of the published AstroM3: preparing batches, training, embedding.

    python benchmarks/throughput.py --threads 2 --published AstroM3 --out throughput.json

Everything that is compared is timed in turn in one process, several times; the medians are
given, with the ratio to the first row of each group. With `--published`, a folder with a copy of
the published code (MeriDK/AstroM3), that is the published network on the same batch. What the
machine allows is timed along: the bare matrix products of the layers, in each precision, and the
share of it that each row of the same precision reaches. Simulated stars, configuration `astrom3`.
"""

import argparse
import os
import platform
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from one_at_a_time import OneAtATime
from products import bare, products_of
from published import Published
from skybind.config import Config, load_config
from skybind.data.dataset import Dataset
from skybind.encoders.dropout import Dropout
from skybind.files import write_json
from skybind.modalities.batch import Batch
from skybind.modalities.source import BatchSource
from skybind.modalities.store import prepare
from skybind.models.binder import Binder
from skybind.models.build import build_binder, build_modalities
from skybind.simulate.write import write_stars
from skybind.training.batches import prefetch
from skybind.training.launch import keep_freed_memory
from skybind.training.losses import pairs_loss

PREPARING = "preparing, one core"
TRAINING, EMBEDDING, WAITING = "training step", "embedding", "GPU fed by the loader"
PRODUCTS, BF16 = "bare products", "bf16"
COMPILE_SECONDS = 300
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--objects", type=int, help="simulated stars (1,500; quick: 600)")
    parser.add_argument("--batch", type=int, help="objects of a step (CPU: 64, GPU: 512)")
    parser.add_argument("--repeat", type=int, help="rounds, of which the median is given")
    parser.add_argument("--published", type=Path, help="folder with the published code")
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing compiled")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    if device.type == "cpu":
        keep_freed_memory()  # as training does
    size = options.batch or (64 if device.type == "cpu" else 512)
    repeat = options.repeat or (3 if options.quick else 7)
    objects = options.objects or (600 if options.quick else 1500)

    config = load_config("astrom3")
    about = machine(device, options.threads)
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    head = f"{'objects/s':>10}{'ratio':>8}{'share':>8}"
    print(f"batches of {size} objects; preparing: 512\n{'':60}{head}")
    rows: list[Row] = []

    def keep(group: list[Row]) -> None:
        """Show and save what there is: a long run that is cut short has not been in vain."""
        show(group)
        rows.extend(group)
        result = {"machine": about, "batch_size": size, "rows": rows}
        write_json(options.out, result)

    with tempfile.TemporaryDirectory() as folder:
        write_stars(Path(folder, "stars"), max(objects, size))
        dataset = Dataset.open(Path(folder, "stars"))
        source, once = prepare_source(config, dataset, Path(folder, "prepared"))
        keep(time_preparing(dataset, source, once, repeat))
        steps = Steps(config, source, device, size)
        published = published_network(options.published, steps)
        for what in (TRAINING, EMBEDDING):
            keep(time_steps(steps, what, published, repeat, options.quick))
        if device.type == "cuda":
            keep(time_waiting(steps, source, repeat))


def medians(cases: Mapping[str, Callable[[], int]], repeat: int) -> dict[str, float]:
    """Time the cases in turn; each gives how many objects it worked on. Median objects/s."""
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(repeat + 1):
        for name, case in cases.items():
            began = time.perf_counter()
            objects = case()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:  # the first round warms up
                rates[name].append(objects / (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in rates.items()}


def group(what: str, rates: Mapping[str, float]) -> list[Row]:
    """Rows of one group; the first is what the others are compared with."""
    first = next(iter(rates.values()))
    return [
        {"what": what, "case": name, "objects_per_second": rate, "ratio": rate / first}
        for name, rate in rates.items()
    ]


def prepare_source(config: Config, dataset: Dataset, folder: Path) -> tuple[BatchSource, float]:
    """Prepare the dataset; also the objects/s of that, which happens once in a run."""
    modalities = build_modalities(config, dataset.schema)
    began = time.perf_counter()
    prepared = {name: prepare(dataset, m, folder / name) for name, m in modalities.items()}
    rate = len(dataset) / (time.perf_counter() - began)
    source = BatchSource(modalities, prepared)
    source.fit(np.arange(len(dataset)))
    return source, rate


def time_preparing(dataset: Dataset, source: BatchSource, once: float, repeat: int) -> list[Row]:
    """Batches of 512 by fancy indexing, against one object after the other; equal outputs."""
    reference = OneAtATime(dataset, source)
    rows = np.random.default_rng(0).permutation(len(dataset))[:512]
    compare(reference.batch(rows), source.batch(rows))

    def run(make: Callable[[np.ndarray], object], times: int) -> int:
        for _ in range(times):
            make(rows)
        return times * len(rows)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rates = medians(
        {
            "one object at a time": partial(run, reference.batch, 1),
            "skybind, from prepared arrays": partial(run, source.batch, 10),
        },
        repeat,
    )
    torch.set_num_threads(threads)
    return group(PREPARING, {**rates, "skybind, making those arrays (once)": once})


def compare(wanted: Mapping[str, torch.Tensor], batch: Batch) -> None:
    """Stop unless both ways of preparing give the same numbers."""
    for name, tensor in wanted.items():
        usable = batch.present[name]
        torch.testing.assert_close(
            batch.inputs[name]["values"][usable], tensor[usable], rtol=1e-3, atol=1e-4
        )


class Steps:
    """Training steps and embedding of the published model on one batch.

    Attributes
    ----------
    batch : Batch
        Real, prepared observations.
    """

    def __init__(
        self, config: Config, source: BatchSource, device: torch.device, size: int
    ) -> None:
        self.config, self.device = config, device
        self.shapes = {name: m.shape for name, m in source.modalities.items()}
        self.batch = source.batch(np.arange(size), np.random.default_rng(0)).to(device)

    def model(self, attention: str = "probsparse", plain_dropout: bool = False) -> Binder:
        """Build the published model."""
        config = self.config.model_copy(deep=True)
        config.modalities["photometry"].encoder["attention"] = attention
        binder = build_binder(config, self.shapes).to(self.device)
        if plain_dropout:
            for module in binder.modules():
                if isinstance(module, Dropout):
                    module.__class__ = nn.Dropout
        return binder

    def training(self, binder: Binder, bf16: bool = False, compiled: bool = False) -> Any:
        """Make a function that does one training step of a batch, as `skybind pretrain`."""
        training = self.config.training
        optimizer = torch.optim.Adam(
            binder.parameters(),
            lr=training.learning_rate / 1000,
            betas=training.betas,
            weight_decay=training.weight_decay,
            fused=True,
        )
        embed = torch.compile(binder.embed) if compiled else binder.embed

        def step(batch: Batch = self.batch) -> int:
            binder.train()
            optimizer.zero_grad(set_to_none=True)
            with self._precision(bf16):
                embeddings = dict(embed(batch))
            embeddings = {name: e.float() for name, e in embeddings.items()}
            loss = pairs_loss(embeddings, batch.present, binder.pairs, binder.scales)["loss"]
            loss.backward()
            nn.utils.clip_grad_norm_(binder.parameters(), training.gradient_clip or torch.inf)
            optimizer.step()
            return len(batch)

        return step

    def embedding(self, binder: Binder, bf16: bool = False, compiled: bool = False) -> Any:
        """Make a function that embeds a batch."""
        embed = torch.compile(binder.embed) if compiled else binder.embed

        def step(batch: Batch = self.batch) -> int:
            binder.eval()
            with torch.no_grad(), self._precision(bf16):
                embed(batch)
            return len(batch)

        return step

    def _precision(self, bf16: bool) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16) if bf16 else nullcontext()


def published_network(folder: Path | None, steps: Steps) -> Published | None:
    """Give the published network on the same batch, if there is a copy of its code."""
    if folder is None:
        return None
    published = Published(folder, steps.batch)
    published.check(steps.model())
    return published


def time_steps(
    steps: Steps, what: str, published: Published | None, repeat: int, quick: bool
) -> list[Row]:
    """Time the variants of a training step, or of embedding."""
    training = what == TRAINING
    make = steps.training if training else steps.embedding
    cases: dict[str, Callable[[], int]] = {}
    if published is not None:
        cases["published code"] = published.training() if training else published.embedding()
    model = steps.model()
    cases |= {
        "ProbSparse, eager, fp32": make(model),
        "exact attention": make(steps.model("exact")),
        BF16: make(steps.model(), bf16=True),
    }
    if training and steps.device.type == "cpu":
        cases["torch's dropout"] = make(steps.model(plain_dropout=True))
    products = products_of(model, steps.batch)
    for precision, dtype in (("fp32", torch.float32), (BF16, torch.bfloat16)):
        case = bare(products, len(steps.batch), steps.device, dtype, training)
        cases[f"{PRODUCTS}, {precision}"] = case
    left_out: list[Row] = []
    for name, attention in () if quick else (("", "probsparse"), ("exact attention, ", "exact")):
        case = make(steps.model(attention), compiled=True)
        name += "compiled"
        try:
            print(f"compiling: {what}, {attention}", flush=True)
            with limit(COMPILE_SECONDS):
                case()
            cases[name] = case
        except Exception as error:  # whatever a compiler may raise: the others are still timed
            reason = f"left out, {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
            left_out.append({"what": what, "case": name, "reason": reason})
    if quick:
        left_out.append({"what": what, "case": "compiled", "reason": "left out by --quick"})
    rows = group(what, medians(cases, repeat))
    operations = sum(p.operations * (2 + (not p.first) if training else 1) for p in products)
    add_shares(rows, operations / len(steps.batch))
    return rows + left_out


def add_shares(rows: list[Row], operations: float) -> None:
    """Say of each row which share of its precision's bare products it reaches.

    `operations` are those of the products for one object.
    """
    rates = {row["case"]: row["objects_per_second"] for row in rows}
    for row in rows:
        precision = BF16 if BF16 in row["case"] else "fp32"
        row["share"] = row["objects_per_second"] / rates[f"{PRODUCTS}, {precision}"]
        if row["case"].startswith(PRODUCTS):
            row["gflops"] = operations * row["objects_per_second"] / 1e9


def time_waiting(steps: Steps, source: BatchSource, repeat: int) -> list[Row]:
    """Training on real batches against one batch again and again: how long the GPU waits."""
    step = steps.training(steps.model(), bf16=True)
    size, number = len(steps.batch), 20
    rng = np.random.default_rng(0)

    def load(seed: int) -> Batch:
        rows = np.random.default_rng(seed).integers(0, len(source), size)
        return source.batch(rows, np.random.default_rng(seed)).pin_memory()

    def same() -> int:
        return sum(step() for _ in range(number))

    def fed() -> int:
        jobs = [partial(load, int(seed)) for seed in rng.integers(0, 1 << 31, number)]
        threads = steps.config.training.loader_threads
        return sum(step(batch.to(steps.device)) for batch in prefetch(jobs, threads))

    rates = medians({"the same batch": same, "real batches": fed}, repeat)
    rows = group(WAITING, rates)
    rows[1]["waiting"] = max(0.0, 1 - rows[1]["ratio"])
    return rows


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError after so many seconds."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def machine(device: torch.device, threads: int) -> dict[str, Any]:
    """Describe what it ran on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load": os.getloadavg()[0],
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def show(group: list[Row]) -> None:
    """Print a group's part of the table."""
    for row in group:
        name = f"{row['what']:23}{row['case']:37}"
        if "reason" in row:
            print(f"{name}{row['reason']}")
            continue
        wait = f"   waiting {row['waiting']:.1%}" if "waiting" in row else ""
        share = f"{row['share']:8.0%}" if "share" in row else ""
        speed = f"   {row['gflops']:.0f} GFLOP/s" if "gflops" in row else ""
        rate = f"{row['objects_per_second']:10,.1f}{row['ratio']:8.2f}"
        print(f"{name}{rate}{share}{wait}{speed}", flush=True)


if __name__ == "__main__":
    main()
