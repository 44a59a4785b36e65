"""KoGPT2, fine-tuned: the bundled Korean text or the user's own; the bundled stand-in unless a model is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.options import TaskOption
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task
from trainables.base.kinds.percent import as_percent
from trainables.base.text.language_models.model_folder import KOGPT2, KOGPT2_LICENCE, find_model

if TYPE_CHECKING:
    import numpy as np
    import torch

    from search_spaces import SearchSpace
    from trainables.base.text.documents import Corpus
    from trainables.base.text.language_models.adaptation import Settings
    from trainables.base.text.language_models.document_loss import Tokens
    from trainables.base.text.language_models.language_model import ModelFacts

MANY_UNKNOWN = 0.05  # share of unknown tokens, which are easily foreseen
CHEAP_EVALUATION = 5e11  # parameters times tokens: a few seconds on one CPU core
PRETRAINED_EPOCHS = 3  # a pretrained model needs few, and one of 125M takes minutes each on a CPU


class KoGPT2(Task):
    """A causal language model such as KoGPT2, fine-tuned on documents.

    Args:
        model: a folder, a GGUF file, a hub name such as ``"skt/kogpt2-base-v2"``, or None for the bundled stand-in.
            Only a hub name may touch the network.
        data: a ``.txt`` file (blank lines part documents) or a folder of them (a document each); None for the bundled
            text.

    Raises:
        UserError: the model is none (see ``find_model``), or there is no text.
    """

    facts = TaskFacts(
        name="kogpt2",
        title="Korean language model, fine-tuned (the small stand-in unless --model is given)",
        kind="language_model",
        source="Constitution of the Republic of Korea and ten bills of the National Assembly, 2010",
        licence="public (Korean Copyright Act art. 7); for the bills the source package states no licence",
        score="perplexity",
        score_direction="minimize",
        unit="",
        trials=8,
        max_epochs=8,
        note=(
            f"Without --model the small stand-in is trained: its results are not KoGPT2's, and it gains little from "
            f"the bundled text, on which it was made. The weights of {KOGPT2} are {KOGPT2_LICENCE}: no commercial "
            f"use. Compare different tokenizers by nats per character."
        ),
    )
    reference: Mapping[str, bool | int | float | str] = {
        "lr": 5e-4,
        "batch_size": 8,
        "block_length": 128,
        "dropout": 0.1,
        "warmup": 0.1,
        "weight_decay": 0.01,
        "frozen_blocks": 0.0,
        "adaptation": "full",  # this and the following: --space lora
        "lora_rank": 8,
        "lora_alpha": 16.0,
        "lora_dropout": 0.0,
        "lora_lr": 1e-3,
    }
    options: ClassVar[tuple[TaskOption, ...]] = (
        TaskOption(
            "model",
            "Causal language model: a folder, a GGUF file, a hub name, models:/…, or a sweep.",
            default="the bundled stand-in",
        ),
        TaskOption("data", "Text file (blank lines separate documents), or a folder of them.", default="bundled text"),
    )
    bundled_files = ("korean/constitution.txt", *(f"korean/{number}.txt" for number in range(1_809_890, 1_809_900)))

    def __init__(self, model: str | None = None, data: str | Path | None = None) -> None:
        self.folder = find_model(model)
        self.data = None if data is None else Path(data)
        if not self.folder.is_standin:
            self.reference = {**self.reference, "lr": 5e-5}
            note = f"Licence of the model: {self.folder.licence}. Compare different tokenizers by nats per character."
            self.facts = replace(self.facts, max_epochs=PRETRAINED_EPOCHS, note=note)
        self.facts = replace(self.facts, title=f"Korean language model, fine-tuned from: {self.folder.name}")
        if self.data is not None:
            from trainables.base.text.corpus_files import text_files

            text_files(self.data)  # a wrong path is said before anything starts
            self.bundled_files = ()
            self.facts = replace(self.facts, source=self.data.name, licence="the user's own text")
        self._description: dict[str, Any] = {}

    def space(self, name: str | None = None) -> SearchSpace:
        """As every task's; without a name, learning rates fit the model: the stand-in is far smaller than KoGPT2.

        Raises:
            UserError: The space has adapters (``lora``), and the package that makes them is missing.
        """
        found = super().space("standin" if name is None and self.folder.is_standin else name)
        if found.branch == "adaptation":
            from trainables.base.text.language_models.lora import require_peft

            require_peft()
        return found

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        """Return documents, split, then tokenised; the bundled text's split is fixed, see ``korean.bundled``.

        Raises:
            UserError: text that cannot be split, a model that does not load, a tokenizer that loses Korean, or too
                little memory for the smallest trial.
        """
        from trainables.base.text.corpus_files import read_corpus
        from trainables.base.text.korean import bundled
        from trainables.base.text.language_models.document_loss import perplexity, total_nats
        from trainables.base.text.language_models.language_model import load_model, tokenize
        from trainables.base.text.language_models.unpacked import unpacked_note

        corpus = bundled() if self.data is None else read_corpus(self.data, split_seed)
        network, tokenizer, model = load_model(self.folder)
        limits = self._limits(model)
        train, validation, test = (tokenize(tokenizer, part) for part in (corpus.train, corpus.validation, corpus.test))
        facts = self._known(model, corpus)
        self._description = _describe(corpus, (train, validation, test), model.unk_id, facts)
        self._description["limits"] = limits
        unpacked = unpacked_note(self.folder)
        if unpacked:
            self._description["GGUF file"] = unpacked
        if model.parameters * len(validation.ids) < CHEAP_EVALUATION:
            nats, count = total_nats(network, validation)
            self._description["before fine-tuning"] = (
                f"validation perplexity {perplexity(nats / count):.2f}, "
                f"{nats / facts['val_characters']:.3f} nats per character"
            )
        arrays = {**_arrays("train", train), **_arrays("val", validation)}
        return Splits(
            training=TrainingData(arrays, facts, digest_arrays(arrays, _arrays("test", test))),
            train=_raw(corpus.train),
            validation=_raw(corpus.validation),
            test=SealedTest(_raw(corpus.test)),
            preprocessing=tokenizer,
        )

    def _limits(self, model: ModelFacts) -> str:
        """Return what a trial takes of memory; raise ``UserError`` where the smallest one has too little."""
        from trainables.base.text.language_models.memory import require_memory, training_bytes

        smallest = _settings({**self.reference, "batch_size": 2, "block_length": 64, "frozen_blocks": 0.75})
        needed = training_bytes(self.folder.shape, model.parameters, smallest, "cpu")
        require_memory(needed, "cpu", f"Fine-tuning '{self.folder.name}'")
        reference = training_bytes(self.folder.shape, model.parameters, _settings(self.reference), "cpu")
        return (
            f"{self.folder.shape.described()}; on a CPU a trial takes {needed / 1e9:.1f} GB of memory or more, "
            f"the reference {reference / 1e9:.1f} GB"
        )

    def _known(self, model: ModelFacts, corpus: Corpus) -> dict[str, Any]:
        """Return what a training and its user need to know of the model and the documents."""
        return {
            "model": self.folder.name,
            "model_sha256": dict(model.sha256),
            "is_standin": model.is_standin,
            "licence": model.licence,
            "parameters": model.parameters,
            "text": self.facts.source,
            "text_sha256": corpus.sha256,
            "bos_id": model.bos_id,
            "train_characters": sum(len(document.text) for document in corpus.train),
            "val_characters": sum(len(document.text) for document in corpus.validation),
        }

    def description(self) -> dict[str, Any]:
        """Return the model, documents and tokens by split, and the perplexity to start from; empty before ``load``."""
        return self._description

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
        """Fine-tune; see ``fine_tuning.fine_tune`` for the metrics and for continuing from a checkpoint.

        Raises:
            UserError: not enough memory for this configuration.
        """
        from trainables.base.text.language_models.fine_tuning import fine_tune
        from trainables.base.text.language_models.memory import require_memory, training_bytes
        from trainables.base.text.language_models.pretrained import load_network

        settings = _settings(config)
        needed = training_bytes(self.folder.shape, data.facts["parameters"], settings, device)
        require_memory(needed, device, f"This trial ({settings.batch_size} blocks of {settings.block_length} tokens)")
        yield from fine_tune(
            load_network(self.folder).to(device),
            _tokens("train", data),
            _tokens("val", data),
            settings,
            seed,
            max_epochs=max_epochs,
            val_characters=data.facts["val_characters"],
            checkpoint=checkpoint,
        )

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> Predictor:
        """Build the fine-tuned network with its tokenizer (a ``LanguageModelPredictor``)."""
        from trainables.base.text.language_models.adaptation import load_trained, prepare
        from trainables.base.text.language_models.language_model import load_model
        from trainables.base.text.language_models.lora import merge_adapters
        from trainables.base.text.language_models.predictor import LanguageModelPredictor

        network, _, _ = load_model(self.folder)
        settings = _settings(config)
        prepare(network, settings, 0)
        load_trained(network, settings, weights)
        if settings.adapters is not None:
            merge_adapters(network)
        return LanguageModelPredictor(network, splits.preprocessing, splits.training.facts, config)

    def scores(self, predictor: Predictor, split: RawSplit) -> dict[str, float]:
        """``perplexity``, ``loss`` (nats per token) and ``nats_per_char`` of the documents."""
        from trainables.base.text.language_models.predictor import LanguageModelPredictor

        if not isinstance(predictor, LanguageModelPredictor):
            raise TypeError(f"kogpt2 scores language models, got {type(predictor).__name__}")
        return predictor.score(split.inputs)


def _settings(config: Config) -> Settings:
    from dataclasses import fields

    from trainables.base.text.language_models.adaptation import Settings

    unchanged = {"dropout": 0.0, "frozen_blocks": 0.0}  # of a network that adapters leave as it is
    given = {**unchanged, **config}
    return Settings(**{field.name: given[field.name] for field in fields(Settings) if field.name in given})


def _arrays(name: str, tokens: Tokens) -> dict[str, np.ndarray]:
    return {f"{name}_ids": tokens.ids.int().numpy(), f"{name}_ends": tokens.ends.numpy()}


def _tokens(name: str, data: TrainingData) -> Tokens:
    import torch

    from trainables.base.text.language_models.document_loss import Tokens

    ids, ends = (torch.tensor(data.arrays[f"{name}_{part}"], dtype=torch.int64) for part in ("ids", "ends"))
    return Tokens(ids, ends, data.facts["bos_id"])


def _raw(documents: tuple[Any, ...]) -> RawSplit:
    import pandas as pd

    texts = [document.text for document in documents]
    return RawSplit(pd.DataFrame({"text": texts}), texts)


def _describe(
    corpus: Corpus, splits: tuple[Tokens, ...], unk_id: int | None, facts: Mapping[str, Any]
) -> dict[str, Any]:
    parts = (corpus.train, corpus.validation, corpus.test)
    tokens = sum(len(part.ids) for part in splits)
    characters = sum(len(document.text) for part in parts for document in part)
    unknown = 0 if unk_id is None else sum(int((part.ids == unk_id).sum()) for part in splits) / tokens
    described = {
        "model": f"{facts['model']}, {facts['parameters']:,} parameters, licence: {facts['licence']}",
        "text": facts["text"],
        "tokens": f"{' / '.join(f'{len(part.ids):,}' for part in splits)} in training / validation / test, "
        f"{characters / tokens:.2f} characters each, {as_percent(unknown, 1)} unknown",
    }
    if corpus.note:
        described["documents"] = corpus.note
    if unknown > MANY_UNKNOWN:
        described["warning"] = "the model's tokenizer does not know this text well: perplexities flatter it"
    return described
