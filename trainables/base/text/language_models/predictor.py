"""A fine-tuned language model as its users call it: texts in, continuations and perplexities out."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import torch
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from search_spaces.errors import UserError
from trainables.base.contract.files.damage import entry, read_object, reading
from trainables.base.contract.predictor import Predictor
from trainables.base.text.documents import Document
from trainables.base.text.language_models.document_loss import Tokens, perplexity, total_nats
from trainables.base.text.language_models.language_model import load_model, tokenize
from trainables.base.text.language_models.network_parts import shape_of
from trainables.base.text.language_models.tokenizer import unknown_id

TEXT = "text"  # the column of a DataFrame
MODEL = "model"  # the folder in the predictor's folder that transformers loads by itself
BATCH = 16

STANDIN_NOTE = "A descendant of the small stand-in model, not KoGPT2."
CARD = """---
language: ko
license: {licence}
---
# {title}

Fine-tuned from {base} on {text}, {characters:,} characters of training documents.
Base model licence: {licence}. {warning}

Documents begin and end with `{eos}`; load the tokenizer with `PreTrainedTokenizerFast.from_pretrained`.
"""


class LanguageModelPredictor(Predictor):
    """A network with its tokenizer.

    Args:
        network: on CPU, in evaluation mode.
        tokenizer: with its special tokens set.
        facts: ``TrainingData.facts`` of what it was fine-tuned on.
        config: the trial's configuration.
        max_new_tokens: longest continuation; a shorter one ended with the document's end token.
    """

    kind: ClassVar[str] = "language_model"
    reads = "text"
    packages: tuple[str, ...] = ("psutil",)  # asks for free memory before it takes any

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        facts: Mapping[str, Any],
        config: Mapping[str, Any],
        max_new_tokens: int = 64,
    ) -> None:
        self._context = shape_of(network).context
        longest = self._context - 1
        if not 1 <= max_new_tokens <= longest:
            raise UserError(f"'max_new_tokens' must be 1 to {longest}, the model's length, got {max_new_tokens}.")
        self.network = network.eval()
        self.tokenizer = tokenizer
        self.facts = facts
        self.config = config
        self.max_new_tokens = max_new_tokens

    @property
    def pipeline_parts(self) -> dict[str, Any]:
        """The tokenizer puts the begin token in front of a text, as ``predict`` does."""
        self.network.name_or_path = self._name  # else the folder on this machine; no name on the hub, so none is asked
        tokenizer = copy.deepcopy(self.tokenizer)
        begin = (tokenizer.bos_token, tokenizer.bos_token_id)
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(f"{begin[0]} $A", special_tokens=[begin])
        facts = {"fine-tuned from": self.facts["model"], "licence": self.facts["licence"]}
        if self.facts["is_standin"]:
            facts["note"] = STANDIN_NOTE
        return {"model": self.network, "tokenizer": tokenizer, "card": self._card(), "facts": facts}

    @torch.inference_mode()
    def predict(self, inputs: Any) -> pd.DataFrame:
        """Return one row a text.

        Args:
            inputs: a text, a list or column of texts, or a DataFrame with a column ``text``.

        Returns:
            ``prediction`` (the most likely continuation, word by word: greedy), ``nats_per_token`` and ``perplexity``
            of the given text, its end not counted.

        A text too long to be continued is continued from its last part that leaves space for ``max_new_tokens``.

        Raises:
            UserError: a text that is empty or no string.
        """
        ids = [self._ids(text) for text in as_texts(inputs)]
        rows = [row for start in range(0, len(ids), BATCH) for row in self._continuations(ids[start : start + BATCH])]
        losses = [self._nats_per_token(tokens) for tokens in ids]
        return pd.DataFrame(
            {"prediction": rows, "nats_per_token": losses, "perplexity": [perplexity(loss) for loss in losses]}
        )

    def score(self, inputs: Any) -> dict[str, float]:
        """``perplexity``, ``loss`` (nats per token) and ``nats_per_char`` of whole documents, their ends counted."""
        texts = as_texts(inputs)
        if not texts:
            raise UserError("There are no documents to score; give at least one.")
        tokens = tokenize(self.tokenizer, [Document("text", text) for text in texts])
        nats, count = total_nats(self.network, tokens)
        return {
            "perplexity": perplexity(nats / count),
            "loss": nats / count,
            "nats_per_char": nats / sum(map(len, texts)),
        }

    def save(self, folder: Path) -> None:
        """Write ``model/``, a folder that transformers loads by itself, and ``predictor.json``."""
        self.network.save_pretrained(folder / MODEL)
        self.tokenizer.save_pretrained(folder / MODEL)
        (folder / MODEL / "README.md").write_text(self._card(), "utf-8")
        meta = {
            "predictor": self.kind,
            "kind": "language_model",
            "config": dict(self.config),
            "facts": dict(self.facts),
            "max_new_tokens": self.max_new_tokens,
        }
        (folder / "predictor.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> LanguageModelPredictor:
        file = folder / "predictor.json"
        meta = read_object(file)
        facts, config = entry(meta, "facts", dict, file), entry(meta, "config", dict, file)
        longest = entry(meta, "max_new_tokens", int, file)
        network, tokenizer, _ = load_model(str(folder / MODEL))
        with reading(file):
            found = cls(network, tokenizer, facts, config, longest)
            found._card()  # whether the facts are all there
        return found

    @property
    def _name(self) -> str:
        return f"{self.facts['model']}, fine-tuned"

    def _card(self) -> str:
        facts = self.facts
        return CARD.format(
            title=self._name,
            base=facts["model"],
            text=facts["text"],
            characters=facts["train_characters"],
            licence=facts["licence"],
            warning=STANDIN_NOTE if facts["is_standin"] else "",
            eos=self.tokenizer.eos_token,
        )

    def _ids(self, text: str) -> list[int]:
        ids = [self.tokenizer.bos_token_id, *self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids]
        if len(ids) == 1:
            raise UserError(f"A text must hold at least one token, got {text!r}.")
        return ids

    def _nats_per_token(self, ids: list[int]) -> float:
        nats, count = total_nats(self.network, Tokens(torch.tensor(ids[1:]), torch.tensor([len(ids) - 1]), ids[0]))
        return nats / count

    def _continuations(self, prompts: list[list[int]]) -> list[str]:
        prompts = [prompt[-(self._context - self.max_new_tokens) :] for prompt in prompts]
        longest = max(map(len, prompts))
        pad = self.tokenizer.eos_token_id
        device, unknown = self.network.device, unknown_id(self.tokenizer)
        ids = torch.tensor([[pad] * (longest - len(p)) + p for p in prompts], device=device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
        output = self.network.generate(
            ids,
            attention_mask=mask,
            do_sample=False,
            num_beams=1,
            max_new_tokens=self.max_new_tokens,
            pad_token_id=pad,
            suppress_tokens=None if unknown is None else [unknown],  # says nothing, however likely it is
        )
        return [self._new_text(p, row) for p, row in zip(prompts, output[:, longest:].tolist(), strict=True)]

    def _new_text(self, prompt: list[int], new: list[int]) -> str:
        end = self.tokenizer.eos_token_id
        kept = new[: new.index(end)] if end in new else new
        before = self.tokenizer.decode(prompt, clean_up_tokenization_spaces=False)
        whole: str = self.tokenizer.decode([*prompt, *kept], clean_up_tokenization_spaces=False)
        return whole[len(before) :]  # decoded together, so that a blank in front of the first new word is kept


def as_texts(inputs: Any) -> list[str]:
    """Return the texts in a string, a list, a column or a DataFrame with a column ``text``; raise ``UserError``."""
    if isinstance(inputs, str):
        inputs = [inputs]
    if isinstance(inputs, pd.DataFrame):
        if TEXT not in inputs:
            columns = ", ".join(map(str, inputs.columns))
            raise UserError(f"A table of texts needs a column '{TEXT}'; it has {columns}.")
        inputs = inputs[TEXT]
    texts = list(inputs)
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"Every text must be a string that is not empty, got {text!r}.")
    return texts
