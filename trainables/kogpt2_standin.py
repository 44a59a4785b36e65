"""Train the bundled stand-in for KoGPT2: ``python -m trainables.kogpt2_standin [--output FOLDER]``.

Same architecture (GPT-2) and tokenizer kind (character BPE) as KoGPT2, about 800,000 parameters, trained from random
weights on the training documents of the bundled text alone: validation and test documents, from which the benchmark
takes its prompts and its human reference, stay unseen. Even the number of epochs is chosen on a part of the training
documents. It is used where the real model is not at hand; what it writes says nothing about KoGPT2.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.base.text.language_models.model_folder import (
    CORPUS_KEY,
    LICENCE_KEY,
    STANDIN,
    STANDIN_KEY,
    STANDIN_LICENCE,
)

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

    from trainables.base.text.documents import Document
    from trainables.base.text.language_models.adaptation import Settings

SEED = 20_261_101
VOCABULARY = 1024  # with 2048 most tokens are seen once or twice in so little text (nats per character 2 % lower)
WIDTH, LAYERS, HEADS, POSITIONS = 128, 2, 4, 256
MAX_EPOCHS = 30
SPECIAL_TOKENS = ("<s>", "</s>", "<usr>", "<pad>", "<sys>", "<unk>", "<mask>")  # KoGPT2's, in this order

README = """---
license: apache-2.0
language: ko
---
# A stand-in, not KoGPT2

A GPT-2 of {parameters:,} parameters with a character BPE of {vocabulary:,} tokens, trained from random weights on
{documents} documents ({characters:,} characters) of public Korean legislative text, for {epochs} epochs. It has
KoGPT2's architecture and its tokenizer's kind, and nothing of its weights or of its knowledge: it lets the fine-tuning
task and the generation benchmark run where `skt/kogpt2-base-v2` is not at hand. Its results are never KoGPT2's.

The validation and test documents of the text's fixed split were not used. Validation perplexity {perplexity:.1f}
({nats_per_char:.3f} nats per character).

Made again, byte for byte on the same machine and versions, by `python -m trainables.kogpt2_standin`.
"""


def train_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Make a character BPE like KoGPT2's: a blank becomes ``▁`` before the word, unknown characters ``<unk>``."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        limit_alphabet=1500,
        special_tokens=list(SPECIAL_TOKENS),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="</s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
        padding_side="left",
        model_max_length=POSITIONS,
    )


def train_network(
    tokenizer: PreTrainedTokenizerFast,
    train: Sequence[Document],
    validation: Sequence[Document],
    *,
    epochs: int,
    schedule_epochs: int,
) -> tuple[GPT2LMHeadModel, list[float], float]:
    """Train a network for ``epochs`` of a schedule over ``schedule_epochs``.

    Returns:
        The network, its validation loss by epoch (nats per token), and the last epoch's nats per character.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from trainables.base.text.documents import digest
    from trainables.base.text.language_models.fine_tuning import fine_tune
    from trainables.base.text.language_models.language_model import tokenize

    torch.manual_seed(SEED)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=POSITIONS,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **{STANDIN_KEY: True, LICENCE_KEY: STANDIN_LICENCE, CORPUS_KEY: digest(train)},
    )
    network = GPT2LMHeadModel(config)
    reports = fine_tune(
        network,
        tokenize(tokenizer, train),
        tokenize(tokenizer, validation),
        _settings(),
        SEED,
        max_epochs=schedule_epochs,
        val_characters=sum(len(document.text) for document in validation),
    )
    losses: list[float] = []
    nats_per_char = float("nan")
    for report in reports:
        losses.append(report.val_loss)
        nats_per_char = report.metrics["val_nats_per_char"]
        if report.epoch == epochs:
            break
    return network, losses, nats_per_char


def make_standin(folder: Path) -> None:
    """Train tokenizer and network and write the folder."""
    from rich.console import Console
    from transformers.utils import logging

    from trainables.base.text.korean import bundled
    from trainables.base.text.language_models.document_loss import perplexity
    from trainables.base.text.language_models.tokenizer import probe_korean

    show = Console().print
    logging.disable_progress_bar()
    corpus = bundled()
    tokenizer = train_tokenizer([document.text for document in corpus.train])
    probe_korean(tokenizer)
    inner, kept_back = corpus.train[::10], [d for i, d in enumerate(corpus.train) if i % 10]
    show(
        f"{len(corpus.train)} documents, {len(tokenizer)} tokens; choosing the number of epochs on {len(inner)} of them"
    )
    _, losses, _ = train_network(tokenizer, kept_back, inner, epochs=MAX_EPOCHS, schedule_epochs=MAX_EPOCHS)
    epochs = 1 + losses.index(min(losses))
    show(f"{epochs} of {MAX_EPOCHS} epochs are best there; training on all")
    network, losses, nats_per_char = train_network(
        tokenizer, corpus.train, corpus.validation, epochs=epochs, schedule_epochs=MAX_EPOCHS
    )
    folder.mkdir(parents=True, exist_ok=True)
    network.half().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)  # nothing may come from a library's default
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(
        README.format(
            parameters=sum(p.numel() for p in network.parameters()),
            vocabulary=len(tokenizer),
            documents=len(corpus.train),
            characters=sum(len(document.text) for document in corpus.train),
            epochs=epochs,
            perplexity=perplexity(losses[-1]),
            nats_per_char=nats_per_char,
        ),
        "utf-8",
    )
    size = sum(file.stat().st_size for file in folder.iterdir())
    show(f"validation perplexity {perplexity(losses[-1]):.1f}; {size / 1e6:.2f} MB in {folder}")


def _settings() -> Settings:
    from trainables.base.text.language_models.adaptation import Settings

    return Settings(
        lr=1e-3, batch_size=4, block_length=128, dropout=0.1, warmup=0.05, weight_decay=0.1, frozen_blocks=0.0
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m trainables.kogpt2_standin", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=STANDIN, help="where the model goes (default: the bundled folder)"
    )
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from trainables.base.training.compute import cpu_threads

    with cpu_threads(1):
        make_standin(parser.parse_args().output)
