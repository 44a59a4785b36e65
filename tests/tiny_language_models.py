"""Tiny random language models of real architectures, with a byte-level tokenizer: folders as users have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFWriter
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast

from trainables.base.text.korean import bundled

END = "<|endoftext|>"
VOCABULARY, CONTEXT = 400, 96
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
}
ARCHITECTURES: Mapping[str, Mapping[str, Any]] = {
    "llama": {**SMALL, "num_key_value_heads": 2},
    "gpt_neox": {**SMALL, "tie_word_embeddings": False},
    "qwen2": {**SMALL, "num_key_value_heads": 2, "tie_word_embeddings": True},
    "bloom": {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4},  # ALiBi: positions by the mask
    "mamba": {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "state_size": 8,
    },  # a state, no cache
    "bert": SMALL,  # reads ahead
    "mistral": {**SMALL, "num_key_value_heads": 2, "sliding_window": 16},
}

GGUF_NAMES = {
    "model.layers": "blk",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_attention_layernorm": "ffn_norm",
    "input_layernorm": "attn_norm",
}


def make_tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE, as Llama 3, GPT-NeoX and Qwen have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 8,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([d.text for d in bundled().train[:20]], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)


def make_tiny_model(folder: Path, kind: str, **changes: Any) -> Path:
    """Write a random model of an architecture with its tokenizer; the same arguments give the same numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        config = CONFIG_MAPPING[kind](**{**ARCHITECTURES[kind], **changes})
        network = AutoModelForCausalLM.from_config(config)
        for parameter in network.parameters():  # random, yet with clear favourites, so that texts differ
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.2)
    network.save_pretrained(folder)
    make_tiny_tokenizer().save_pretrained(folder)
    return folder


def write_tiny_gguf(file: Path, folder: Path) -> Path:
    """Write a tiny Qwen2 of ``make_tiny_model`` as llama.cpp would, its numbers unpacked."""
    network = AutoModelForCausalLM.from_pretrained(folder)
    config = network.config
    writer = GGUFWriter(file, "qwen2")
    writer.add_name("tiny")
    writer.add_license("apache-2.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    _add_tokenizer(writer, folder)
    for name, tensor in network.state_dict().items():
        if name != "lm_head.weight":  # tied
            writer.add_tensor(_gguf_name(name), tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_tokenizer(writer: GGUFWriter, folder: Path) -> None:
    model = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    filled = [*tokens, *(f"[PAD{i}]" for i in range(len(tokens), VOCABULARY))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(filled)
    writer.add_token_types([3 if token == END else 1 for token in filled])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_eos_token_id(filled.index(END))


def _gguf_name(name: str) -> str:
    """Return llama.cpp's name of a tensor of transformers."""
    for own, theirs in GGUF_NAMES.items():
        name = name.replace(own, theirs)
    return name
