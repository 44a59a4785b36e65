"""Tiny encoders with random weights, written as transformers writes them, for tests of fine-tuning."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertConfig, BertModel, RobertaConfig, RobertaForMaskedLM

from tests.reviews import ADDED, BAD, GOOD, SUBJECTS

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SPECIAL = {"bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]"), "roberta": ("<s>", "<pad>", "</s>", "<unk>")}


def write_encoder(folder: Path, kind: str = "bert") -> Path:
    """Write an encoder and its tokenizer into a folder; return the folder.

    Args:
        folder: Made where it does not exist.
        kind: ``"bert"``, whose file holds the bare encoder, or ``"roberta"``, a masked language model without a pooler.
    """
    folder.mkdir(parents=True, exist_ok=True)
    special = SPECIAL[kind]
    letters = sorted({letter for text in (*SUBJECTS, *GOOD, *BAD, *ADDED, "0123456789번관람") for letter in text})
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters)]
    unknown = special[1] if kind == "bert" else special[3]
    tokenizer = Tokenizer(WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token=unknown))
    tokenizer.normalizer = BertNormalizer(strip_accents=False, lowercase=False)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    padding = special.index("[PAD]" if kind == "bert" else "<pad>")
    sizes = {**SIZES, "vocab_size": len(pieces), "pad_token_id": padding, "max_position_embeddings": 66}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(BertConfig(**sizes)) if kind == "bert" else RobertaForMaskedLM(RobertaConfig(**sizes))
    model.save_pretrained(folder)
    return folder
