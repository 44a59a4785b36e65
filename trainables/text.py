"""Texts of the user's own: a table with a column of texts and a column to predict, Korean or any other language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError, unknown
from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.names import task_name
from trainables.base.contract.options import TaskOption
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task
from trainables.base.kinds.kind import TABLE_KINDS
from trainables.base.text.references import CHARACTERS, ENCODER

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch
    from sklearn.pipeline import Pipeline

    from trainables.base.text.reader import Reader
    from trainables.base.text.text_predictor import TextPredictor

STEPS, MIN_EPOCHS, MAX_EPOCHS = 2_000, 6, 40  # of the optimizer in a whole trial, and the epochs that these may be
USUAL_BATCH, TRAINING_SHARE, GRACE_SHARE = 32, 0.64, 9
MIN_TEXTS = 20


class Text(Task):
    """Classification or regression of texts by their characters; reference: a bag of sequences of up to four.

    With ``model``, fine-tuning of a pretrained encoder is a further family.

    The file is read at once, so that texts that cannot be learned are refused before anything starts.

    Args:
        data: Path of a CSV, TSV or Parquet file, gzipped or not.
        text: Column with the texts.
        target: Column to predict.
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"`` instead of the inferred one.
        model: Folder with a pretrained encoder and its tokenizer, e.g. of klue/roberta-base; safetensors.

    Raises:
        UserError: No file or no table, a column that is not there, or a target or texts that cannot be learned from.
    """

    facts = TaskFacts(
        name="text",
        title="Texts of your own (--data reviews.csv --text review --target stars)",
        kind="multiclass",
        source="the user's file",
        licence="the user's own",
        score="accuracy",
        score_direction="maximize",
        note="The kind is inferred from the target and shown before training.",
    )
    reference = CHARACTERS
    space_name = "text"
    options = (
        TaskOption("data", "Table with the texts: CSV or TSV (also .gz) or Parquet."),
        TaskOption("text", "Column with the texts."),
        TaskOption("target", "Column to predict."),
        TaskOption("kind", "What the target is.", choices=TABLE_KINDS, default="inferred from the target"),
        TaskOption("model", "Folder with a pretrained encoder (BERT, RoBERTa, ...) to fine-tune.", default="none"),
    )

    def __init__(
        self,
        data: str | Path | None = None,
        text: str | None = None,
        target: str | None = None,
        kind: str | None = None,
        model: str | Path | None = None,
    ) -> None:
        from trainables.base.tables.reading.file import column_list, read_table_file

        if data is None or not str(data).strip():
            raise UserError("Task 'text' needs a file: --data reviews.csv --text review --target stars.")
        self.path = Path(data).expanduser()
        table = read_table_file(self.path)
        for option, column, holds in (("text", text, "with the texts"), ("target", target, "to predict")):
            if column is None:
                among = column_list(table.frame)
                raise UserError(f"Task 'text' needs --{option}, the column {holds}. It is one of: {among}.")
            if column not in table.frame.columns:
                raise unknown("column", column, map(str, table.frame.columns))
        assert text is not None
        assert target is not None
        if text == target:
            raise UserError(f"--text and --target are both '{text}': a model would only copy it. Choose two columns.")
        self.text, self.target, self._kind, self._file_notes = text, target, kind, table.notes
        self._encoder = None if model is None else Path(model).expanduser().absolute()
        if self._encoder is not None:
            from trainables.base.text.encoder_folder import check_encoder

            check_encoder(self._encoder)
            self.space_name, self.reference = "text_encoder", {**type(self).reference, **ENCODER}
        self._take_on(self._read(table.frame))

    def _take_on(self, frame: pd.DataFrame) -> None:
        """Set what a task says of itself from what the texts turned out to be."""
        from trainables.base.kinds.registry import row_kind

        kind = row_kind(self._target_kind)
        epochs = _usual_epochs(round(len(frame) * TRAINING_SHARE))
        self._rows, self._mean_length = len(frame), float(frame[self.text].str.len().mean())
        self._classes = frame[self.target].value_counts().to_dict() if kind.classifies else {}
        self.facts = replace(
            type(self).facts,
            name=task_name("text", self.path, self.target),
            title=f"{self.target} of the texts in {self.path.name}",
            kind=kind.name,
            source=self.path.name,
            score=kind.score_for(frame[self.target]),
            score_direction=kind.score_direction,
            max_epochs=epochs,
            grace_period=max(1, round(epochs / GRACE_SHARE)),
            note="",
        )

    def _read(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return texts and targets of the rows that have both; raise ``UserError`` when they cannot be learned."""
        from trainables.base.contract.splits import check_rows
        from trainables.base.kinds.registry import row_kind
        from trainables.base.tables.columns.text_column import check_texts, text_notes
        from trainables.base.tables.target import clean_target, infer_target

        check_texts(table[self.text])
        found = infer_target(table[self.target], self._kind, keep_rare=False)
        self._target_kind, notes = found.kind, list(found.notes)
        frame = clean_target(table[[self.text, self.target]], found)
        texts = frame[self.text]
        texts = texts.where(texts.notna(), "").astype(str).str.strip()
        empty = texts == ""
        if empty.any():
            notes.append(f"Left out {int(empty.sum()):,} rows without a text.")
        frame = frame.assign(**{self.text: texts})[~empty].reset_index(drop=True)
        check_rows(len(frame))
        if frame[self.text].nunique() < MIN_TEXTS:
            raise UserError(
                f"The column '{self.text}' has {frame[self.text].nunique()} different texts, at least {MIN_TEXTS} are "
                "needed. Is it a category? Then `tunelab sweep table` learns from it."
            )
        classes = frame[self.target] if row_kind(found.kind).classifies else None
        self._notes = (*self._file_notes, *notes, *text_notes(frame[self.text], classes))
        return frame

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        from trainables.base.contract.splits import split_distinct
        from trainables.base.kinds.registry import row_kind
        from trainables.base.tables.reading.file import read_table_file
        from trainables.base.text.reader import cut_note

        frame = self._read(read_table_file(self.path).frame)
        kind, targets = row_kind(self.facts.kind), frame[self.target].to_numpy()
        rows = split_distinct(frame[self.text].to_numpy(), split_seed, targets if kind.classifies else None)
        parts = {
            name: RawSplit(frame.iloc[part][[self.text]].reset_index(drop=True), targets[part])
            for name, part in (("train", rows.train), ("val", rows.validation), ("test", rows.test))
        }
        texts = {name: part.inputs[self.text].tolist() for name, part in parts.items()}
        readers, arrays, read = self._readers(texts["train"])
        facts = kind.target_facts(parts["train"].targets, targets, "none")
        facts |= {"target": self.target, "text": self.text, **read}
        cut = [cut_note(reader, frame[self.text].tolist(), self.text) for reader in readers.values()]
        self._notes = (*self._notes, *(note for note in cut if note))
        for name in ("train", "val"):
            arrays |= {f"{inputs}_{name}": reader.transform(texts[name]) for inputs, reader in readers.items()}
            arrays[f"y_{name}"] = kind.encode_target(parts[name].targets, facts)
        sealed = {f"{inputs}_test": reader.transform(texts["test"]) for inputs, reader in readers.items()}
        sealed["y_test"] = kind.encode_target(parts["test"].targets, facts)
        return Splits(
            training=TrainingData(arrays, facts, digest_arrays(arrays, sealed)),
            train=parts["train"],
            validation=parts["val"],
            test=SealedTest(parts["test"]),
            preprocessing=readers,
        )

    def _readers(self, texts: list[str]) -> tuple[dict[str, Reader], dict[str, np.ndarray], dict[str, Any]]:
        """Return what turns texts into numbers, by the name of their arrays; further arrays; and facts.

        Args:
            texts: Of the training rows.
        """
        from trainables.base.text.characters import Characters

        characters = Characters.fit(texts)
        readers: dict[str, Reader] = {"x": characters}
        facts = {"n_characters": len(characters), "length": characters.length}
        if self._encoder is None:
            return readers, {}, facts
        from trainables.base.text.encoder import INPUTS, encoder_arrays, encoder_facts
        from trainables.base.text.encoder_folder import load_encoder

        encoder = load_encoder(self._encoder)
        readers[INPUTS] = encoder.tokens().fit(texts)
        return readers, encoder_arrays(encoder), {**facts, **encoder_facts(encoder)}

    def fit(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        from trainables.base.text.networks import build_text_model
        from trainables.base.training.loop import fit_tensors, patience_epochs
        from trainables.base.training.randomness import seeded

        if config["family"] == "encoder":
            from trainables.base.text.encoder import fit_encoder

            return fit_encoder(config, data, seed, kind=self.facts.kind, max_epochs=max_epochs, device=device)
        with seeded(seed):
            model = build_text_model(config, data.facts)
        patience = patience_epochs(len(data.arrays["y_train"]), int(config["batch_size"]), steps=500, at_least=4)
        return fit_tensors(
            model,
            data,
            config,
            seed,
            kind=self.facts.kind,
            max_epochs=max_epochs,
            device=device,
            patience=patience,
            rows_at_once=256,
        )

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> TextPredictor:
        from trainables.base.text.text_predictor import TextPredictor

        facts, readers = dict(splits.training.facts), splits.preprocessing
        if config["family"] == "encoder":
            from trainables.base.text.encoder import INPUTS, EncoderPredictor

            return EncoderPredictor(self.facts.kind, dict(config), facts, weights, readers[INPUTS])
        facts.pop("encoder", None)  # tens of lines that only an encoder is built from
        return TextPredictor(self.facts.kind, dict(config), facts, weights, readers["x"])

    def features(self, splits: Splits, inputs: Any) -> np.ndarray:
        """Return the main directions of TF-IDF of character sequences, (n, directions)."""
        from trainables.base.tables.columns.text_features import clean_text, text_features

        return text_features(_fitted(self, splits), clean_text(inputs[self.text]))

    def plain_features(self, splits: Splits) -> Callable[[Any], Any]:
        """Return TF-IDF of character sequences within words, a sparse matrix: what a linear model of texts reads."""
        from trainables.base.tables.columns.text_features import clean_text

        vectorizer = _fitted(self, splits).steps[0][1]
        return lambda inputs: vectorizer.transform(clean_text(inputs[self.text]))

    def description(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "data": str(self.path),
            "rows": self._rows,
            "text": self.text,
            "target": self.target,
            "kind": self.facts.kind,
            **({} if self._encoder is None else {"model": self._encoder.name}),
            "characters of a text (mean)": round(self._mean_length, 1),
            "notes": list(self._notes),
        }
        if self._classes:
            shown["classes"] = {str(name): int(count) for name, count in self._classes.items()}
        return shown


_FITTED: dict[str, Pipeline] = {}  # by the data's digest; one data set at a time


def _fitted(task: Text, splits: Splits) -> Pipeline:
    """Return what baselines read texts with, fitted on the training rows once."""
    from trainables.base.tables.columns.text_features import clean_text, fit_text

    digest = splits.training.digest
    if digest not in _FITTED:
        _FITTED.clear()
        _FITTED[digest] = fit_text(clean_text(splits.train.inputs[task.text]))
    return _FITTED[digest]


def _usual_epochs(training_rows: int) -> int:
    steps_per_epoch = max(1, training_rows // USUAL_BATCH)
    return min(MAX_EPOCHS, max(MIN_EPOCHS, STEPS // steps_per_epoch))
