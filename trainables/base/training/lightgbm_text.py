"""LightGBM's text of a model, checked before LightGBM reads it: over a damaged one it aborts the process.

The format: a header of ``key=value`` lines, a block of such lines for each tree (its length in bytes is in the
header's ``tree_sizes``), ``end of trees``, and lines that predictions do not need. See ``src/boosting/gbdt_model_text``
and ``src/io/tree`` of LightGBM.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

END_OF_TREES, END, LAST_LINE = "end of trees", "\nend of parameters\n", "pandas_categorical:"
NODES = {"split_feature": int, "decision_type": int, "left_child": int, "right_child": int, "threshold": float}
MORE_OF_NODES = {"split_gain": float, "internal_value": float, "internal_weight": float, "internal_count": int}
MORE_OF_LEAVES = {"leaf_weight": float, "leaf_count": int}
CATEGORICAL = 1  # the bit of ``decision_type`` that marks a split by categories


def check_lightgbm_text(text: str) -> None:
    """Check that a model's text is whole and that each of its trees is one.

    Raises:
        ValueError: it is not; the message says where.
        KeyError: a line is missing.
    """
    head, _, _ = text.partition("\n\n")
    header = _lines(head)
    if not head.startswith("tree\n") or END not in text or LAST_LINE not in text.rstrip().rpartition("\n")[2]:
        raise ValueError("it is not a whole model of LightGBM")
    outputs, features = _whole(header, "num_class"), _whole(header, "max_feature_idx") + 1
    if len(header["feature_names"].split(" ")) != features or len(header["feature_infos"].split(" ")) != features:
        raise ValueError("its features are not as many as their names")
    content = text[len(head) :].lstrip("\n").encode()
    start, sizes = 0, _numbers(header, "tree_sizes", int).tolist()
    if outputs < 1 or outputs != _whole(header, "num_tree_per_iteration") or len(sizes) % outputs:
        raise ValueError("it has not a tree for each of its outputs")
    for number, size in enumerate(sizes):
        block = content[start : start + size] if size > 0 else b""
        if not block.startswith(b"Tree=%d\n" % number):
            raise ValueError(f"tree {number} is not where the header says")
        _check_tree(_lines(block.decode()), features, number)
        start += size
    if not content[start:].startswith(END_OF_TREES.encode()):
        raise ValueError("there is more than the header says")


def _check_tree(tree: Mapping[str, str], features: int, number: int) -> None:
    leaves, categorical = _whole(tree, "num_leaves"), _whole(tree, "num_cat")
    if _whole(tree, "is_linear") != 0:
        _check_linear(tree, leaves, features, number)
    if leaves < 1 or not np.isfinite(_numbers(tree, "leaf_value", float, leaves)).all():
        raise ValueError(f"tree {number} has a leaf without a value")
    if leaves == 1:
        return
    nodes = {name: _numbers(tree, name, kind, leaves - 1) for name, kind in NODES.items()}
    for names, count in ((MORE_OF_NODES, leaves - 1), (MORE_OF_LEAVES, leaves)):
        for name, kind in names.items():
            _numbers(tree, name, kind, count)
    if nodes["split_feature"].min() < 0 or nodes["split_feature"].max() >= features:
        raise ValueError(f"tree {number} asks for a feature that there is not")
    children = np.concatenate([nodes["left_child"], nodes["right_child"]])
    parents = np.tile(np.arange(leaves - 1), 2)
    is_tree = np.array_equal(np.sort(children), np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)]))
    if not is_tree or (parents[children >= 0] >= children[children >= 0]).any():  # each node once, below its parent
        raise ValueError(f"tree {number} is not a tree")
    splits = nodes["threshold"][nodes["decision_type"].astype(np.int64) & CATEGORICAL == CATEGORICAL]
    _check_categories(tree, categorical, splits, number)


def _check_linear(tree: Mapping[str, str], leaves: int, features: int, number: int) -> None:
    """Check the linear models in the leaves of a tree."""
    _numbers(tree, "leaf_const", float, leaves)
    counts = _numbers(tree, "num_features", int, leaves)
    used = np.array(tree["leaf_features"].split(), dtype=np.int64)
    coefficients = np.array(tree["leaf_coeff"].split(), dtype=np.float64)
    fits = len(used) == len(coefficients) == counts.sum() and (counts >= 0).all()
    if not fits or (len(used) and (used.min() < 0 or used.max() >= features)):
        raise ValueError(f"tree {number} has a leaf whose linear model is not whole")


def _check_categories(tree: Mapping[str, str], count: int, splits: np.ndarray, number: int) -> None:
    """Check the sets of categories of a tree: each split by categories has the position of one of them."""
    if not count:
        fits = not len(splits)
    else:
        bounds = _numbers(tree, "cat_boundaries", int, count + 1)
        _numbers(tree, "cat_threshold", int, int(bounds[-1]))
        fits = bounds[0] == 0 and bool((np.diff(bounds) >= 0).all()) and bool(np.isin(splits, np.arange(count)).all())
    if not fits:
        raise ValueError(f"tree {number} splits by categories that there are not")


def _lines(block: str) -> dict[str, str]:
    pairs = [(name, value) for name, sign, value in (line.partition("=") for line in block.split("\n")) if sign]
    if len(dict(pairs)) < len(pairs) or "\r" in block:
        raise ValueError("a line is there twice")
    return dict(pairs)


def _whole(lines: Mapping[str, str], name: str) -> int:
    return int(lines[name])


def _numbers(lines: Mapping[str, str], name: str, kind: type, count: int | None = None) -> np.ndarray:
    """Return the numbers of a line; raise ``ValueError`` when they are not ``count``."""
    words = lines[name].split(" ") if lines[name] else []
    if "_" in lines[name]:  # Python reads 1_000 as a number, LightGBM does not
        raise ValueError(f"'{name}' is not made of numbers")
    if count is not None and len(words) != count:
        raise ValueError(f"'{name}' has {len(words)} numbers, not {count}")
    return np.array(words, dtype=np.int64 if kind is int else np.float64)
