"""AstroM3 (Rizhko & Bloom 2024): its study, and every table and figure of the paper."""

from skybind.reproduce import stars_figures as figures
from skybind.reproduce import stars_tables as tables
from skybind.reproduce.curves import losses
from skybind.reproduce.overview import overview
from skybind.reproduce.paper import Paper, Part, Planned, Size
from skybind.reproduce.published import CLASSES, SUBSETS

#: The paper's: the seed decides the split, the first weights and the training.
SEEDS = (42, 0, 66, 12, 123)
_CLASSES = f"labels.classes=[{', '.join(CLASSES)}]"  # the others are the unseen classes
# the ranges of the appendix for networks that are learnt in minutes
_RANGES = (
    "training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}, "
    "training.weight_decay: {low: 1.0e-5, high: 1.0e-1, log: true}, "
    "training.betas.0: {low: 0.7, high: 0.99}, "
    + ", ".join(
        f"modalities.{name}.encoder.dropout: {{low: 0.0, high: 0.4}}"
        for name in ("photometry", "spectrum", "metadata")
    )
)

ASTROM3 = Paper(
    name="astrom3",
    title="AstroM3, made again",
    description="Rizhko & Bloom (2024), arXiv:2411.08842: every table and figure, numbered as "
    "there. Tables are over all seeds, figures of the first.",
    survey="stars",
    full=Size("astrom3", sum(one.objects for one in CLASSES.values()), SEEDS),
    small=Size(
        "stars-small",
        1_800,
        SEEDS[:2],
        (
            _CLASSES,
            "split.subset_rule=release",
            "finetuning.modalities=[each, all]",
            "training.epochs=20",
            "training.min_steps=150",
            "finetuning.training.epochs=8",
            "finetuning.training.min_steps=100",
            "finetuning.training.early_stop_patience=3",
            f"tune.space={{{_RANGES}}}",
        ),
    ),
    subsets=SUBSETS,
    steps=("discover", "report"),
    parts=[
        Part(
            "Data and method",
            "Sections 2 and 3 of the paper, and its appendices.",
            [
                Planned("Figure 1", "What is bound, and how", lambda s: overview(s.run)),
                Planned(
                    "Table 1", "Classes of variable stars", lambda s: tables.class_table(s.run)
                ),
                Planned(
                    "Table 6", "Features of the metadata", lambda s: tables.feature_table(s.run)
                ),
                Planned(
                    "Table 3",
                    "Objects of each class in each part and subset",
                    lambda s: tables.distribution_table(s.run),
                ),
                Planned(
                    "Appendix A",
                    "Ranges of the search of hyper-parameters",
                    lambda s: tables.search_table(s.run),
                ),
            ],
        ),
        Part(
            "What pre-training brings",
            "Sections 4.1, 4.2 and 4.4. On other data than the paper's (simulated stars, say) a "
            "difference from the published values tells of the data as much as of the method.",
            [
                Planned("", "Loss and learning rate", lambda s: losses(s.runs, "")),
                Planned(
                    "Table 2",
                    "With all labels",
                    lambda s: tables.clip_table(s.metrics.classification),
                ),
                Planned(
                    "Table 4",
                    "With few labels",
                    lambda s: tables.subset_table(s.metrics.classification),
                ),
                Planned(
                    "Table 4, on all test objects",
                    "With few labels",
                    lambda s: tables.whole_test_table(s.metrics.classification),
                ),
                Planned(
                    "Table 5",
                    "Importance of the modalities, by class",
                    lambda s: tables.importance_table([one.run for one in s.runs]),
                ),
            ],
        ),
        Part(
            "The embedding space",
            "Section 4.3.",
            [
                Planned("Figure 2", "Map of the classes", lambda s: figures.map_of_classes(s.run)),
                Planned("Figure 3", "Misclassifications", lambda s: figures.candidates(s.run)),
                Planned(
                    "Figure 4", "Outliers within their class", lambda s: figures.strange(s.run)
                ),
                Planned(
                    "Figure 5",
                    "Two kinds of ROT",
                    lambda s: figures.rotating(s.run, s.discoveries),
                ),
                Planned(
                    "Figure 6", "Parts of the Miras", lambda s: figures.miras(s.run, s.discoveries)
                ),
                Planned("Figure 7", "Unseen classes", lambda s: figures.unseen_classes(s.run)),
            ],
        ),
        Part(
            "Search",
            "Section 4.5.",
            [
                Planned("Figure 8", "Spectra alike", lambda s: figures.similar(s.run)),
                Planned(
                    "Figure 9", "Contrast and cross-modal search", lambda s: figures.contrast(s.run)
                ),
                Planned(
                    "Section 4.5",
                    "Outliers in all dimensions of the embedding",
                    lambda s: tables.outlier_table(s.discoveries),
                ),
            ],
        ),
    ],
)
