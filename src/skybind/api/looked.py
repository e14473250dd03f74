"""Looking at what one has in a notebook."""

from pathlib import Path
from typing import TYPE_CHECKING

from skybind.errors import ModelError
from skybind.runs.layout import RunPaths

if TYPE_CHECKING:
    from skybind.explore.notebook import Explorer


class Explorable:
    """What stands in the folder of a run, whose objects can be looked at."""

    folder: Path

    @property
    def run_folder(self) -> Path | None:
        """Folder of the run that it is, or stands in; None for a model that stands alone."""
        place = self.folder.resolve()
        above = (place, *list(place.parents)[:3])
        return next((f for f in above if RunPaths(f).note.exists()), None)

    def explore(self, *, height: int = 760, read_only: bool = False) -> "Explorer":
        """Look at the run's objects in the notebook, as `skybind explore` does in a browser.

        Parameters
        ----------
        height : int
            Of the frame [pixels].
        read_only : bool
            Write nothing into the run's folder.

        Returns
        -------
        skybind.explore.notebook.Explorer
            A notebook shows it; `address` opens it elsewhere, `close()` ends it.

        Raises
        ------
        ConfigError
            If the extra `explore` is not installed.
        DataError
            If the run has no embeddings.
        ModelError
            If a model stands in no run.
        """
        from skybind.explore.notebook import Explorer

        if self.run_folder is None:
            raise ModelError(
                f"The model in {self.folder} stands in no run, so there are no objects to look at: "
                "open a run with skybind.Run.open(folder)."
            )
        dataset = getattr(self, "dataset", None)
        data = None if dataset is None else dataset.path
        return Explorer(self.run_folder, data=data, height=height, read_only=read_only)
