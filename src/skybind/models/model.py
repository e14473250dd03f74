"""A trained model: opened, it embeds and classifies whatever it is given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file

from skybind.astropy_tables import to_astropy
from skybind.config import Config
from skybind.config.load import validate
from skybind.data.dataset import Dataset
from skybind.data.schema import DatasetSchema
from skybind.data.seen import Observed, Seen
from skybind.data.splits import Split
from skybind.embeddings.store import Embeddings
from skybind.embeddings.visits import VisitVectors, joined
from skybind.errors import ConfigError, ModelError, quoted
from skybind.files import raise_of_machine
from skybind.ingest.given import Given, take_given
from skybind.ingest.wanted import Wanted, wanted_modalities
from skybind.memory import zeros
from skybind.modalities.base import Modality
from skybind.modalities.source import BatchSource
from skybind.models.binder import Binder
from skybind.models.build import refuse_sizes, refuse_unregistered
from skybind.models.classes import class_notes, iter_classes
from skybind.models.classifier import Classifier
from skybind.models.frozen_features import matching_source
from skybind.models.inference import Progress, decide, embed_source, iter_sources
from skybind.models.leaks import BACKBONES, refuse_leak
from skybind.models.opening import empty_networks, fitted_modalities
from skybind.models.reliability import Reliability, read_reliability
from skybind.models.saved_schema import SavedSchema, check_fields, check_schema
from skybind.models.seen import read_seen
from skybind.models.stored import read_note, verify_model, weights_file
from skybind.models.taught import count_taught, taught_notes
from skybind.models.unused import tell_unused
from skybind.plugins import use_noted
from skybind.progress import progress_bar, say
from skybind.texts import to_texts
from skybind.words import nearest

if TYPE_CHECKING:
    from astropy.table import Table


@dataclass
class Model:
    """A model with all that belongs to it.

    Use `Model.open`.

    Attributes
    ----------
    config : Config
    binder : Binder
        The encoders and projections (of the classifier, if it is one).
    classifier : Classifier or None
    modalities : dict of str to Modality
        Fitted preprocessing of each modality.
    classes : list of str
        Order of the logits; empty if it is no classifier.
    identity : dict
        Split hash, dataset fingerprint, versions, and a hash of the weights.
    seen : Seen
        Hashes of the objects that it was trained on, and of those that chose its epoch.
    schema : SavedSchema
        What it knows of the dataset that it was made for: columns and units.
    folder : Path
        Where it was opened.
    """

    config: Config
    binder: Binder
    classifier: Classifier | None
    modalities: dict[str, Modality]
    classes: list[str]
    identity: dict[str, Any]
    seen: Seen
    schema: SavedSchema
    folder: Path

    @classmethod
    def open(
        cls, folder: str | Path, schema: Any = None, modalities: Sequence[str] | None = None
    ) -> Self:
        """Open a saved model.

        Parameters
        ----------
        folder : str or Path
        schema : DatasetSchema, optional
            Of the dataset that it shall be used on; it must offer the same columns in the same
            units.
        modalities : sequence of str, optional
            Build the encoders of these only (of a binder).

        Raises
        ------
        ModelError
            If the folder holds no model, or the dataset differs from what it was made for.
        """
        folder = Path(folder)
        note = read_note(folder)
        use_noted(note.get("plugins", []), f"The model in {folder}")
        verify_model(folder, note)
        seen = read_seen(folder, note)
        try:
            state = load_file(weights_file(folder))
            statistics = load_arrays(folder / "preprocessing.safetensors")
        except Exception as error:
            raise_of_machine(error)
            raise ModelError(f"The model in {folder} cannot be read: {quoted(error)}.") from error
        config = validate(Config, note["config"], f"the configuration of the model in {folder}")
        names = [n for n in note["modalities"] if modalities is None or n in modalities]
        known = SavedSchema(note["schema"])
        try:
            refuse_unregistered(config, names, folder)
            refuse_sizes(config, names, sum(v.numel() for v in state.values()), folder)
            every = fitted_modalities(config, names, known, statistics, folder)
            classifier, binder = empty_networks(config, every, note)
            module = binder if classifier is None else classifier
            if modalities is not None:
                wanted = module.state_dict()
                state = {key: value for key, value in state.items() if key in wanted}
            module.load_state_dict(state)
        except (RuntimeError, KeyError, MemoryError) as error:
            first = (str(error).splitlines() or ["no memory"])[-1].strip()
            raise ModelError(
                f"The weights in {folder} do not fit its configuration: {first}"
            ) from error
        module.eval()
        identity, classes = note["identity"], note["classes"]
        for name, origin in identity.get(BACKBONES, {}).items():
            if name in binder.backboned:
                binder.backboned[name].origin = str(origin)
        model = cls(config, binder, classifier, every, classes, identity, seen, known, folder)
        if schema is not None:
            model.check(schema)
        return model

    def check(self, schema: Any) -> None:
        """Refuse a dataset that lacks what the model reads, or has it in other units.

        Raises
        ------
        ModelError
        """
        read = {column for modality in self.modalities.values() for column in modality.columns}
        check_schema(self.schema, read, schema, self.folder)
        check_fields(self.modalities, schema, self.folder)

    @cached_property
    def reliability(self) -> Reliability | None:
        """A classifier's calibration and reference, if they stand beside its weights."""
        return read_reliability(self.folder) if self.classifier is not None else None

    @cached_property
    def reads(self) -> dict[str, Wanted]:
        """What it reads of each modality: columns, fields and units."""
        modalities = self.modalities.values()
        read = {column for modality in modalities for column in modality.columns}
        kinds = {modality.name: (modality.kind, modality.column) for modality in modalities}
        wanted = wanted_modalities(DatasetSchema.from_note(self.schema.note).select(read), kinds)
        return {
            name: replace(own, needs_flux_zero=self.modalities[name].needs_flux_zero)
            for name, own in wanted.items()
        }

    def take(self, data: Any = None, **observations: Any) -> Given:
        """Make anything that holds observations fit the model: see `skybind.ingest.given`.

        Values that the model cannot use are told, by column.
        """
        given = take_given(data, wanted=self.reads, **observations)
        given.notes += tell_unused(self.modalities, given.dataset)
        return given

    def choose(self, modalities: Sequence[str] | None = None) -> list[str]:
        """Return some of its modalities in its own order, or all.

        Raises
        ------
        ConfigError
            If it has no such modality.
        """
        names = list(self.modalities)
        for name in modalities or ():
            if name not in names:
                raise ConfigError(f"The model has no modality '{name}': {nearest(name, names)}")
        return [name for name in names if not modalities or name in modalities]

    def embed(
        self, data: Any = None, *, modalities: Sequence[str] | None = None, **observations: Any
    ) -> Embeddings:
        """Embed whatever holds observations; rows keep their order.

        Parameters
        ----------
        data : optional
            A dataset or its folder, an astropy, pandas or pyarrow table, a list of files.
        modalities : sequence of str, optional
            Only these.
        **observations
            One object as arrays, such as `photometry={"time": t, "magnitude": m}`, and `units`.

        Returns
        -------
        Embeddings
            An object that cannot be used in a modality is absent there.

        Raises
        ------
        DataError
            If nothing in it can be used, or a unit does not fit.
        """
        given = self.take(data, **observations)
        for note in given.told():
            say(note)
        with progress_bar("embedding", len(given.dataset)) as report:
            return self.embed_dataset(given.dataset, modalities=modalities, progress=report)

    def classify(
        self, data: Any = None, *, modalities: Sequence[str] | None = None, **observations: Any
    ) -> "Table":
        """Classify whatever holds observations; rows keep their order.

        Parameters
        ----------
        data : optional
            As of `embed`.
        modalities : sequence of str, optional
            Only these.
        **observations
            As of `embed`.

        Returns
        -------
        astropy.table.Table
            `object_id`, `class`, `probability`, `p_CLASS` for each class, `novelty` (share of
            validation objects that lie nearer to the training objects), `modalities` that were
            used, and `reason`: why there is no class, or why a modality was not used.

        Raises
        ------
        DataError
            If nothing in it can be used, or a unit does not fit.
        ModelError
            If the model is no classifier.
        """
        given = self.take(data, **observations)
        tables = []
        done = 0
        with progress_bar("classifying", len(given.dataset)) as report:
            for table in self.iter_classes(given, modalities):
                tables.append(table)
                done += len(table)
                report(done)
        whole = pa.concat_tables(tables)
        notes = class_notes(self.classes, self.reliability, len(whole), whole["class"].null_count)
        notes += taught_notes([count_taught(self, given.dataset)], len(whole))
        for note in [*given.notes, *notes]:
            say(note)
        return to_astropy(whole)

    def iter_classes(
        self, given: Given, modalities: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Classify what was made to fit, chunk by chunk."""
        names = self.choose(modalities)
        return iter_classes(
            self.require_classifier(),
            {name: self.modalities[name] for name in names},
            self.classes,
            self.reliability,
            given.dataset,
            given.reasons,
        )

    @property
    def trained_on(self) -> np.ndarray:
        """Hashes of the object ids it was trained on, sorted."""
        return self.seen.trained_on

    def refuse_leak(
        self,
        object_id: np.ndarray,
        purpose: str,
        observed: Observed = (),
        allow_twins: bool = False,
    ) -> None:
        """Refuse objects that this model has seen, under their own name or another.

        Parameters
        ----------
        object_id : ndarray of str, shape (n,)
        purpose : str
            What they shall be used for: "testing", or "validation", for which objects that only
            chose the epoch may be used.
        observed : sequence of (str, ndarray of uint64), optional
            Kind and fingerprints of their observations, see `skybind.data.fingerprints`.
        allow_twins : bool
            Go on with objects that it has seen under another name, and say how many there are.

        Raises
        ------
        LeakError
            If any of `object_id` was seen.
        """
        refuse_leak(object_id, self.seen, self.identity, purpose, observed, allow_twins)

    def embed_dataset(
        self,
        dataset: Dataset,
        split: Split | None = None,
        *,
        modalities: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> Embeddings:
        """Embed any dataset in one pass and without writing anything.

        Objects that cannot be used in a modality are absent there.

        Parameters
        ----------
        dataset : Dataset
            Whose schema fits (see `check`).
        split : Split, optional
            Gives each object's part.
        modalities : sequence of str, optional
            Only these.
        progress : callable, optional
            Called with the number of objects embedded so far.
        """
        some = {name: self.modalities[name] for name in self.choose(modalities)}
        n, done, outside = len(dataset), 0, np.full(len(dataset), "")
        state = dataset.state  # before anything is read of it
        vectors = {name: zeros((n, self.binder.dimension), np.float32) for name in some}
        present = {name: np.zeros(n, bool) for name in some}
        ids: list[np.ndarray] = []
        visits: dict[str, list[VisitVectors]] = {}
        for table, source in iter_sources(some, dataset):
            own = to_texts(table["object_id"])
            piece = embed_source(self.binder, source, own, outside[: len(own)], modalities=[*some])
            ids.append(own)
            for name in some:
                vectors[name][done : done + len(own)] = piece.vectors[name]
                present[name][done : done + len(own)] = piece.present[name]
            for name, of in piece.visits.items():
                visits.setdefault(name, []).append(of)
            done += len(own)
            if progress:
                progress(done)
        object_id = np.concatenate(ids)
        return Embeddings(
            object_id,
            outside if split is None else split.align(object_id).part,
            vectors,
            present,
            self.identity,
            {name: joined(own) for name, own in visits.items()},
            state,
        )

    def logits(
        self, source: BatchSource, rows: np.ndarray, modalities: Sequence[str] | None = None
    ) -> np.ndarray:
        """Compute the class logits of some objects, shape (len(rows), classes).

        Objects that were observed in none of the modalities get NaN.

        Raises
        ------
        ModelError
            If the model is no classifier.
        """
        own = matching_source(self.binder, self.modalities, source)
        (found,) = decide(self.require_classifier(), own, rows, modalities).logits.values()
        return found

    def require_classifier(self) -> Classifier:
        """Return the classifier.

        Raises
        ------
        ModelError
            If the model is none.
        """
        if self.classifier is None:
            raise ModelError(
                f"The model in {self.folder} is no classifier: fine-tune one with "
                "'skybind finetune', and name its folder."
            )
        return self.classifier
