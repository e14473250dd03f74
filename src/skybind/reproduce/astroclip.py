"""The two reports on AstroCLIP: their study, and every table and figure."""

from skybind.reproduce import galaxies as made
from skybind.reproduce.curves import losses
from skybind.reproduce.galaxies import DECEMBER, IMAGE, JUNE, SPECTRUM
from skybind.reproduce.overview import overview
from skybind.reproduce.paper import Paper, Part, Planned, Size
from skybind.study.options import Backbone

#: The reports have one run; several show what chance makes.
SEEDS = (42, 0, 66)

ASTROCLIP = Paper(
    name="astroclip",
    title="AstroCLIP, made again",
    description="The reports of December 2023 and June 2024 on the reproduction of AstroCLIP: "
    "every table and figure, numbered as there. Tables are over all seeds, figures of the first.",
    survey="galaxies",
    full=Size(
        "astroclip",
        10_000,
        SEEDS,
        backbones={
            IMAGE: Backbone(config="moco-resnet50", set=["moco.queue=4096"]),
            SPECTRUM: Backbone(config="spender-autoencoder"),
        },
    ),
    small=Size(
        "astroclip-small",
        1_200,
        SEEDS[:2],
        backbones={
            IMAGE: Backbone(config="moco-small", set=["training.epochs=4", "moco.queue=512"]),
            SPECTRUM: Backbone(config="spender-small", set=["training.epochs=6"]),
        },
    ),
    subsets=(),
    steps=("clusters", "report"),
    parts=[
        Part(
            "Method",
            "Sections 2 and 3 of the reports.",
            [
                Planned("Figure 1", "What is bound, and how", lambda s: overview(s.run)),
                Planned(
                    "Figure 2",
                    "From the image to its embedding",
                    lambda s: made.procedure_table(s.run, IMAGE, "Figure 2"),
                ),
                Planned(
                    "Figure 3",
                    "From the spectrum to its embedding",
                    lambda s: made.procedure_table(s.run, SPECTRUM, "Figure 3"),
                ),
                Planned("Figure 4", "How DBSCAN finds islands", lambda s: made.islands_explained()),
            ],
        ),
        Part(
            "Training",
            "Section 4.1.",
            [
                Planned(
                    "Figure 5",
                    "Loss and learning rate",
                    lambda s: losses(s.runs, "Figure 5"),
                )
            ],
        ),
        Part(
            "Query retrieval",
            "Section 4.2.",
            [
                Planned(
                    "Figure 6",
                    "Images found (December)",
                    lambda s: made.retrieved(s.data, DECEMBER),
                ),
                Planned("Figure 6", "Images found (June)", lambda s: made.retrieved(s.data, JUNE)),
                Planned("Figure 7", "Spectra found", lambda s: made.retrieved_curves(s.data)),
            ],
        ),
        Part(
            "Zero-shot prediction of physical properties",
            "Section 4.3. On other galaxies than the reports' a difference tells of the data as "
            "much as of the method.",
            [
                Planned(
                    "Table 1",
                    "Redshift and stellar mass",
                    lambda s: made.r2_table(s.metrics.regression, s.data.published),
                ),
                Planned(
                    "Figure 8", "Redshift", lambda s: made.predicted(s.run, s.data, "redshift")
                ),
                Planned(
                    "Figure 8",
                    "Stellar mass",
                    lambda s: made.predicted(s.run, s.data, "stellar mass"),
                ),
            ],
        ),
        Part(
            "Structure of the embedding",
            "Section 4.4.",
            [
                Planned("Figure 9", "Spectra", lambda s: made.coloured(s.data, (SPECTRUM,), 9)),
                Planned("Figure 10", "Images", lambda s: made.coloured(s.data, (IMAGE,), 10)),
                Planned(
                    "Figure 11",
                    "Images and spectra together",
                    lambda s: made.coloured(s.data, (IMAGE, SPECTRUM), 11),
                ),
                Planned(
                    "Figure 12",
                    "Islands of the images",
                    lambda s: made.cluster_map(s.data, "DBSCAN", IMAGE, 12),
                ),
                Planned(
                    "Figure 12",
                    "Images of the islands",
                    lambda s: made.cluster_samples(s.data, "DBSCAN", IMAGE, IMAGE, 12),
                ),
                Planned(
                    "Figure 13",
                    "Groups of the spectra",
                    lambda s: made.cluster_map(s.data, "k-means", SPECTRUM, 13),
                ),
                Planned(
                    "Figure 13",
                    "Spectra of the groups",
                    lambda s: made.cluster_samples(s.data, "k-means", SPECTRUM, SPECTRUM, 13),
                ),
                Planned(
                    "Figure 14",
                    "Images of the groups",
                    lambda s: made.cluster_samples(s.data, "k-means", SPECTRUM, IMAGE, 14),
                ),
            ],
        ),
    ],
)
