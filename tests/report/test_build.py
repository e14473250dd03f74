import base64
import re
from html.parser import HTMLParser
from itertools import permutations

import numpy as np
import pytest

from skybind.drawing.cells import share
from skybind.drawing.observed import ExampleObject, LightCurve, MapPanel, MapView, Spectrum
from skybind.evaluation.records import Metrics
from skybind.report import sections
from skybind.report.build import build_report, headline_facts, render_report
from skybind.report.data import ReportData
from tests.report.made_up import changed, make_metrics, make_run

TITLES = [
    "Data",
    "Pre-training",
    "Classification with and without pre-training",
    "Confusion matrix",
    "Importance of the modalities",
    "Retrieval across modalities",
    "Nearest neighbours and plain baselines",
    "Map of the embeddings",
    "Example objects",
    "How to repeat it",
]


class Page(HTMLParser):
    """What a reader sees: tables as lists of rows, images, links, plain text."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.images, self.links, self.text, self.tags = [], [], [], [], []
        self.inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "img":
            self.images.append(attrs)
        self.links += [attrs[key] for key in ("href", "src", "srcset") if key in attrs]
        if tag != "i":  # arrows belong to their cell
            self.inside = tag

    def handle_data(self, data):
        if self.inside == "style":
            return
        self.text.append(data)
        if self.inside in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def handle_endtag(self, tag):
        if tag in ("td", "th", "table", "style"):
            self.inside = ""

    def table(self, *head):
        """The only table whose header begins with these words."""
        found = [t for t in self.tables if t[0][: len(head)] == list(head)]
        assert len(found) == 1, f"{len(found)} tables begin with {head}"
        return found[0][1:]


def titles(html):
    return re.findall(r"<h2><span>\d+</span>(.*?)</h2>", html)


@pytest.fixture(scope="module")
def html():
    return render_report(make_run())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture
def numbers_only(run):
    """The run without what takes time to draw."""
    run.map_panels, run.examples = [], []
    pretraining = run.metrics.plain()["pretraining"]
    changed(run, pretraining={**pretraining, "history": pretraining["history"][:2]})
    return run


def test_all_sections_are_there_and_full(html, page):
    assert titles(html) == TITLES
    assert 'class="absent"' not in html
    # losses, bars, matrix, retrieval, map, four objects
    assert len(page.images) == 9
    assert all(image["alt"] for image in page.images)


def test_it_needs_nothing_else(html, page):
    assert {"script", "link", "iframe", "object", "embed"}.isdisjoint(page.tags)
    assert all(link.startswith(("#", "data:image/")) for link in page.links)
    for word in ("http:", "https:", "url(", "@import", "@font-face"):
        assert word not in html
    svg = [
        base64.b64decode(image["src"].split(",", 1)[1]).decode()
        for image in page.images
        if image["src"].startswith("data:image/svg+xml")
    ]
    assert svg
    for drawing in svg:
        # Names of XML namespaces look like addresses but nothing is fetched from them.
        assert not re.findall(r'(?:href|src)="(?!#|data:)', drawing)


def test_no_nan_and_no_none(run, page):
    words = re.findall(r"\w+", " ".join(page.text))
    assert not {"nan", "NaN", "inf"} & set(words)
    # Once on purpose: the objects observed in no modality.
    assert words.count("None") == 1
    assert [row[0] for row in page.table("Observed in exactly")][-1] == "None"


def test_links_within_the_page_have_their_target(html, page):
    for link in page.links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in html


def test_it_is_small_and_the_same_each_time(run, tmp_path, html):
    path = build_report(run, tmp_path / "report.html")
    assert path.stat().st_size < 5_000_000
    assert path.read_text(encoding="utf-8") == html
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_the_origin_is_said_at_the_top_and_in_every_figure(numbers_only, html):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html, re.S)
    assert len(captions) == 9
    assert all("Simulated data." in caption for caption in captions)
    assert html.index("Simulated data") < html.index("<h1>")
    changed(numbers_only, dataset={**numbers_only.metrics.dataset.plain(), "simulated": False})
    real = render_report(numbers_only)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", real, re.S)
    assert ">Real observations<" in real
    assert "Simulated data" not in real
    assert real.count("Real observations.") == len(captions)


def test_accuracies_are_those_of_the_metrics(run, page):
    tables = [t[1:] for t in page.tables if t[0][:2] == ["Modalities", "Start"]]
    assert len(tables) == 2
    for table, key in zip(tables, ("accuracy", "balanced_accuracy"), strict=True):
        rows = {(row[0], row[1]): row[2:] for row in table}
        assert sum(key[1] in ("From scratch", "Pre-trained") for key in rows) == 8
        for entry in run.metrics.plain()["classification"]:
            name = " + ".join(entry["modalities"]).capitalize()
            start = "Pre-trained" if entry["pretrained"] else "From scratch"
            column = ["full", "50", "25", "10"].index(entry["subset"])
            expected = f"{100 * entry[key]:.1f} ± {100 * entry[key + '_error']:.1f}"
            assert rows[name, start][column] == expected


def test_the_calibration_of_each_classifier_is_the_mean_over_its_seeds(numbers_only):
    title = ("Modalities", "Start", "Labels", "Temperature")
    assert "Calibration" not in render_report(numbers_only)  # a run made before has none
    entries = make_metrics((42, 0))["classification"]
    spectra = [e for e in entries if e["modalities"] == ["spectrum"] and e["subset"] == "10"]
    for entry in spectra:
        second = entry["seed"] == 0
        entry["calibration"] = {
            "temperature": 1.5 if second else 1.1,
            "error": 0.03 if second else 0.01,
            "error_before": 0.08 if second else 0.06,
        }
    changed(numbers_only, classification=entries)
    starts = {"Pre-trained" if e["pretrained"] else "From scratch" for e in spectra}
    rows = Page(render_report(numbers_only)).table(*title)
    assert {row[1] for row in rows} == starts
    for row in rows:
        assert row[0] == "Spectrum"
        assert row[3:] == ["1.3", "2.0", "7.0"]


def test_several_seeds_become_a_mean_whose_error_holds_both(numbers_only):
    entries = make_metrics((42, 0, 66))["classification"]
    changed(numbers_only, classification=entries)
    page = Page(render_report(numbers_only))
    own = [
        entry
        for entry in entries
        if entry["modalities"] == ["spectrum"]
        and entry["subset"] == "10"
        and not entry["pretrained"]
    ]
    values, errors = ([entry[key] for entry in own] for key in ("accuracy", "accuracy_error"))
    assert len(values) == 3
    table = next(t for t in page.tables if t[0][:2] == ["Modalities", "Start"])
    cell = next(row[-1] for row in table if row[:2] == ["Spectrum", "From scratch"])
    objects = np.mean(errors)  # the seeds share their test objects
    error = np.hypot(np.std(values, ddof=1) / np.sqrt(3), objects)
    assert cell == f"{100 * np.mean(values):.1f} ± {100 * error:.1f}"
    assert "Mean of up to 3 seeds. Errors hold the scatter of the seeds" in " ".join(page.text)
    assert "summed over 3 seeds" in " ".join(page.text)


def test_retrieval_and_chance_are_those_of_the_metrics(run, page):
    rows = {row[0]: row[1:] for row in page.table("Query → target")}
    assert len(rows) == 6
    for entry in run.metrics.plain()["retrieval"]:
        n, *cells, median, chance = rows[f"{entry['query']} → {entry['target']}"]
        assert n == f"{entry['n']:,}"
        for k, found, by_chance in zip(("1", "5", "10"), cells[::2], cells[1::2], strict=True):
            error = entry["recall_error"][k]
            assert found == f"{100 * entry['recall'][k]:.1f} ± {100 * error:.1f}"
            assert float(by_chance) == pytest.approx(100 * entry["chance_recall"][k], rel=0.02)
        assert float(median) == entry["median_rank"]
        assert float(chance) == entry["chance_median_rank"]


def test_importance_is_that_of_the_metrics(run, page):
    table = run.metrics.plain()["importance"]
    rows = page.table("Class", "Objects", "Photometry")
    assert len(rows) == 11
    values = [*table["accuracy"], table["average"]]
    signs = [*table["notable"], table["average_notable"]]
    assert any(1 in row for row in signs)
    for row, numbers, change in zip(rows, values, signs, strict=True):
        for cell, value, sign in zip(row[2:], numbers, change, strict=True):
            assert cell == f"{100 * value:.1f}" + {1: "▲", 0: "", -1: "▼"}[sign]


def test_it_says_what_it_was_computed_on(page):
    said = {row[0]: row[1] for table in page.tables for row in table if len(row) == 2}
    assert said["Pre-trained on"] == "EPYC 7763, 16 threads"
    assert [said[key] for key in ("Processor", "Cores", "Threads")] == ["A64FX", "48", "2"]


def test_counts_are_those_of_the_metrics(run, page):
    dataset = run.metrics.plain()["dataset"]
    modalities = {row[0].lower(): row[1] for row in page.table("Modality", "Objects")}
    assert modalities == {name: f"{n:,}" for name, n in dataset["modalities"].items()}
    overlap = [row[1] for row in page.table("Observed in exactly")]
    assert overlap == ["10,291", "1,107", "586", "16"]
    aside = [row[1:] for row in page.table("Modality", "Reason")]
    assert aside == [["fewer than 10 epochs", "83"], ["no pixel with a finite flux", "9"]]
    (table,) = [table[1:] for table in page.tables if table[0] == ["Class", "Objects"]]
    classes = {row[0]: row[-1] for row in table}
    assert classes == {name: f"{n:,}" for name, n in dataset["class_counts"].items()}
    pairs = {row[0]: row[1:] for row in page.table("Pair")}
    assert pairs["photometry-spectrum"] == ["8,233", "1,029"]
    split = dict(page.table("Split"))
    assert split["Test"] == "1,200"
    assert split["Train, 10 % of labels"] == "961"
    assert page.table("Method", "Sees features of", "100 % of labels", "10 % of labels") == [
        ["Random forest", "Photometry", "84.4 ± 1.1", "–"],
        ["Random forest", "Photometry + spectrum + metadata", "–", "87.1 ± 1.1"],
    ]
    (knn,) = run.metrics.knn
    accuracy = f"{100 * knn.accuracy:.1f} ± {100 * knn.accuracy_error:.1f}"
    assert page.table("Embedding")[0][:5] == [
        "Photometry + spectrum + metadata",
        "16",
        "9,600",
        "1,200",
        accuracy,
    ]
    assert page.table("Step") == [
        ["Pretrain", "1 min 33 s"],
        ["Embed", "12.4 s"],
        ["Fine-tuning of 2 classifiers", "2 min 00 s"],
        ["Whole run", "1 h 02 min"],
    ]
    text = " ".join(page.text)
    for word in (
        "2026-11-21 20:14 UTC",
        "0f3a9b7c2d5e8f16",
        "b81c33aa90f7",
        "15,871,237",
        "extends: stars-small",
    ):
        assert word in text


def test_text_from_outside_is_escaped():
    curve = LightCurve(np.arange(3.0), np.arange(3.0))
    named = ExampleObject('"><img src=x>', true_class="<em>", light_curve=curve)
    metrics = {
        "title": "<script>alert(1)</script>",
        "dataset": {"n_objects": 1, "provenance": "<b>", "class_counts": {"<u>": 1}},
    }
    page = Page(
        render_report(
            ReportData(Metrics.model_validate(metrics), config="a: <tt>&", examples=[named])
        )
    )
    assert {"script", "em", "u", "tt"}.isdisjoint(page.tags)
    assert len(page.images) == 1
    assert all(image["src"].startswith("data:") for image in page.images)


def test_nothing_at_all_still_makes_a_page():
    html = render_report(ReportData(Metrics()))
    assert titles(html) == TITLES
    assert html.count('class="absent"') == len(TITLES)
    assert "<img" not in html
    assert "Origin of the data not recorded" in html


@pytest.mark.parametrize(
    ("key", "make"),
    [
        ("dataset", sections.dataset_section),
        ("pretraining", sections.pretraining_section),
        ("classification", sections.accuracy_section),
        ("classification", sections.confusion_section),
        ("classes", sections.confusion_section),
        ("importance", sections.importance_section),
        ("retrieval", sections.retrieval_section),
    ],
)
def test_a_missing_part_is_a_sentence(run, key, make):
    known = run.metrics.plain()
    assert not make(run).absent
    del known[key]
    run.metrics = Metrics.model_validate(known)
    section = make(run)
    assert section.absent.endswith(".")
    assert not section.blocks


def test_one_modality_without_labels():
    rng = np.random.default_rng(0)
    history = [{"epoch": 1, "train": {"loss": 3.0}, "validation": {"loss": None}}]
    metrics = {
        "dataset": {"n_objects": 40, "simulated": False, "modalities": {"photometry": 40}},
        "split": {"counts": {"train": 40}},
        "pretraining": {"history": history},
    }
    curve = LightCurve(np.arange(30.0), rng.normal(14, 1, 30), value_name="Magnitude")
    panel = MapPanel("train", rng.normal(size=(40, 2)), np.full(40, -1))
    run = ReportData(
        Metrics.model_validate(metrics),
        map_panels=[panel],
        map_method="pca",
        examples=[ExampleObject("a", light_curve=curve), ExampleObject("b")],
    )
    page = Page(render_report(run))
    assert len(page.images) == 3
    assert "predicted" not in " ".join(page.text)
    assert "catalogue's classes" not in " ".join(page.text)


@pytest.mark.parametrize(("n", "kind"), [(8, "svg+xml"), (9, "png")])
def test_many_objects_are_pictures_and_few_are_lines(n, kind):
    curve = LightCurve(np.arange(3.0), np.arange(3.0))
    run = ReportData(
        Metrics(), examples=[ExampleObject(str(i), light_curve=curve) for i in range(n)]
    )
    blocks = sections.examples_section(run).blocks
    assert [block.image.split(";")[0] for block in blocks] == [f"data:image/{kind}"] * n


def test_awkward_numbers(numbers_only):
    run = numbers_only
    known = run.metrics.plain()
    for entry in known["retrieval"]:
        entry["recall"] = {"1": 0.0, "5": 0.0, "10": 1.0}
    known["importance"]["n_class"][0] = 0
    known["importance"]["accuracy"][0] = [None] * 7
    for entry in known["classification"]:
        entry["balanced_accuracy"] = entry["accuracy_error"] = None
    run.metrics = Metrics.model_validate(known)
    curve = LightCurve(np.full(3, 2457000.0), np.full(3, 5.0), np.full(3, np.nan), period=1.0)
    spectrum = Spectrum(np.arange(4000.0, 4010), np.full(10, np.nan))
    run.examples = [ExampleObject("flat", light_curve=curve, spectrum=spectrum)]
    html = render_report(run)
    page = Page(html)
    assert "Balanced accuracy on the test objects" not in html
    assert "nan" not in " ".join(page.text).lower().split()
    assert len(page.table("Class", "Objects", "Photometry")) == 10
    assert "An arrow at the left edge" in html


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "there are no labels"),
        ({"unused_classes": {"EW": 4, "": 8}}, "no class of the 4 labelled objects has enough"),
        ({"unused_classes": {"": 8}}, "there are no labels"),
    ],
)
def test_why_there_is_no_classifier_is_said(known, said):
    run = ReportData(Metrics.model_validate({"dataset": {"n_objects": 12, **known}}))
    assert said in sections.accuracy_section(run).absent


def test_what_no_validation_object_measures_is_said():
    history = [{"epoch": 1, "train": {"pairs": {"a-a": 2.0, "b-b": 1.0}},
                "validation": {"pairs": {"b-b": 1.0}}}]  # fmt: skip
    pairs = {
        "a-a": {"n_train": 7, "n_validation": 1, "guessing_train": 3.891},
        "b-b": {
            "n_train": 4,
            "n_validation": 3,
            "guessing_train": 2.77,
            "guessing_validation": 2.2,
        },
    }
    known = {"pretraining": {"history": history, "pairs": pairs}}
    block = sections.pretraining_section(ReportData(Metrics.model_validate(known))).blocks[0]
    assert "a-a: 3.89 nat in training batches; b-b: 2.77 nat in training" in block.caption
    assert "Of a-a too few validation objects have both" in block.caption
    assert "nan" not in block.caption


def pair(query, target, rank, n=56):
    return {
        "query": query, "target": target, "n": n, "median_rank": rank, "recall": {},
        "recall_error": {}, "chance_recall": {}, "chance_median_rank": (n + 1) / 2,
    }  # fmt: skip


def headline_of(entries):
    known = ReportData(Metrics.model_validate({"retrieval": entries}))
    return [(fact.value, fact.label) for fact in headline_facts(known)]


def test_the_headline_is_no_best_of_several_pairs():
    noise = [pair(*names, 24.0 + 2 * n) for n, names in enumerate(permutations("abc", 2))]
    words = "median rank of the partner in the middle one of 6 pairs, b → c (chance 28.5)"
    assert headline_of(noise) == [("30", words)]
    two = [pair("a", "b", 24.0), pair("b", "a", 31.0)]
    assert headline_of(two) == [("31", "median rank of the partner, b → a (chance 28.5)")]
    assert headline_of([pair("a", "b", 1.0, n=2), pair("b", "a", 1.0, n=2)]) == []


def test_the_headline_is_no_accuracy_of_few_objects(run):
    def told():
        facts = headline_facts(ReportData(Metrics.model_validate({"classification": [known]})))
        return [fact.value for fact in facts]

    known = run.metrics.classification[0].plain()
    assert told() == [f"{share(known['accuracy'], known['accuracy_error'])} %"]
    known["confusion"] = [[9]]
    assert told() == []


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (
            {"kept_by": "loss"},
            "of epoch 1 were kept, whose validation loss is the lowest (3.00 nat)",
        ),
        (
            {"kept_by": "accuracy", "kept_accuracy": 0.079},
            "of epoch 1 were kept, whose validation accuracy is the highest (7.9 %)",
        ),
        ({"kept_by": "last"}, "of epoch 1 were kept, the last, whatever its loss"),
        ({}, "The weights of epoch 1 were kept."),  # runs of before say no more
    ],
)
def test_why_weights_were_kept_is_said(kept, words):
    history = [{"epoch": n, "validation": {"loss": loss}} for n, loss in ((1, 3.0), (2, 2.0))]
    known = {"pretraining": {"history": history, "best_epoch": 1, **kept}}
    block = sections.pretraining_section(ReportData(Metrics.model_validate(known))).blocks[0]
    assert words in block.caption


def test_that_a_map_has_no_island_is_said():
    island = {"modalities": ["a"], "n": 9, "method": "DBSCAN", "radius": 0.2, "min_samples": 5}
    view = MapView(
        ("a",), np.full(9, "train"), np.zeros((9, 2)), clusters={"DBSCAN": np.full(9, -1)}
    )
    run = ReportData(
        Metrics.model_validate({"clusters": [{**island, "n_clusters": 0, "n_alone": 9}]}),
        maps=[view],
    )
    captions = [block.caption for block in sections.cluster_section(run).blocks]
    assert any("There is none on the map of a." in caption for caption in captions)
