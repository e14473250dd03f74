"""Where everything stands in the folder of a study.

STUDY/
study.yaml                     what it was asked to do
configurations/NAME.yaml       each configuration as resolved
data/                          the survey, where it is simulated
prepared/                      prepared arrays that the runs share (can be deleted)
units/                         what is done (`skybind.study.units`)
backbones/CONFIGURATION/seed-SEED/MODALITY/   backbones that are trained for the runs
tune/CONFIGURATION/OBJECTIVE/  searches of hyper-parameters
runs/CONFIGURATION/seed-SEED/  ordinary runs
earlier/FINGERPRINT/           what was made of data that have changed since (can be deleted)
figures/, tables/              the exhibits of the page
index.html                     the page
"""

from dataclasses import dataclass
from pathlib import Path

from skybind.study.chosen import CHOSEN


@dataclass(frozen=True)
class StudyPaths:
    """The folder of a study."""

    folder: Path

    @property
    def options(self) -> Path:
        """What it was asked to do; its being there makes the folder a study."""
        return self.folder / "study.yaml"

    def configuration(self, name: str) -> Path:
        """A configuration as resolved."""
        return self.folder / "configurations" / f"{name}.yaml"

    @property
    def data(self) -> Path:
        """The survey, where it is simulated."""
        return self.folder / "data"

    @property
    def prepared(self) -> Path:
        """Prepared arrays that the runs share."""
        return self.folder / "prepared"

    @property
    def units(self) -> Path:
        """Notes of the units."""
        return self.folder / "units"

    @property
    def lock(self) -> Path:
        """Held while the study is begun."""
        return self.folder / "lock"

    @property
    def preparing(self) -> Path:
        """Held while data of the study are prepared."""
        return self.folder / "preparing.lock"

    def backbone(self, configuration: str, seed: int, modality: str) -> Path:
        """Where the backbone of a modality is trained for the runs of a seed."""
        return self.folder / "backbones" / configuration / f"seed-{seed}" / modality

    @property
    def drawing(self) -> Path:
        """Held while the page is made."""
        return self.folder / "page.lock"

    def earlier(self, fingerprint: str) -> Path:
        """Where that is put aside which was made of data as they were once."""
        return self.folder / "earlier" / fingerprint

    def search(self, configuration: str, objective: str) -> Path:
        """Where hyper-parameters are searched, of the pre-training or of a classifier."""
        return self.folder / "tune" / configuration / objective

    def search_split(self, configuration: str) -> Path:
        """The split that the searches of a configuration are judged on."""
        return self.folder / "tune" / configuration / "split.parquet"

    def chosen(self, configuration: str, objective: str) -> Path:
        """What a search found."""
        return self.search(configuration, objective) / CHOSEN

    def run(self, configuration: str, seed: int) -> Path:
        """The run of a configuration and a seed."""
        return self.folder / "runs" / configuration / f"seed-{seed}"

    @property
    def page(self) -> Path:
        """The page of the study."""
        return self.folder / "index.html"
