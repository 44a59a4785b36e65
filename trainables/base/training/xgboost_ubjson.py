"""XGBoost's UBJSON of a model, checked before XGBoost reads it: over a damaged one it may end the process.

The format: a JSON document in Universal Binary JSON Draft 12 (https://ubjson.org), with the numbers of an array in one
block. See ``doc/model.schema`` of XGBoost. Trees are arrays with an entry for each node, the root first.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
MAX_DEPTH = 32  # of objects and arrays in each other; a model has about eight
MAX_CATEGORY = 1 << 24  # XGBoost's own bound of the number that a category is
MAX_FEATURES = 10_000_000  # a prediction needs memory for each of them
MAX_CONSTANTS = 10_000  # outputs of a model without trees
OF_NODES = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "split_type")
MORE_OF_NODES = ("default_left", "loss_changes", "sum_hessian")
_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_CONSTANTS = {"T": True, "F": False, "Z": None}


def check_xgboost_ubjson(content: bytes) -> None:
    """Check that a model is whole: that each of its trees is one, and that it asks for nothing that there is not.

    Raises:
        ValueError: it is not; the message says where.
        KeyError: an entry is missing.
    """
    learner = _entry(_Reader(content).document(), "learner", dict)
    parameters = _entry(learner, "learner_model_param", dict)
    features = _whole(parameters, "num_feature")
    _require(features <= MAX_FEATURES, "it has too many features")
    outputs = max(1, _whole(parameters, "num_class"), int(parameters.get("num_target", "1")))
    for name in ("feature_names", "feature_types"):
        if len(_entry(learner, name, list)) not in (0, features):
            raise ValueError(f"'{name}' are not as many as its features")
    booster = _entry(learner, "gradient_booster", dict)
    if booster.get("name") == "gblinear":
        weights = _numbers(_entry(booster, "model", dict), "weights")
        _require(len(weights) == (features + 1) * outputs, "it has not a weight for each feature")
        return
    dropped = booster if booster.get("name") == "dart" else None
    booster = _entry(booster, "gbtree", dict) if dropped is not None else booster
    _require(booster.get("name") == "gbtree", "its booster is not one of XGBoost's")
    model = _entry(booster, "model", dict)
    trees = _entry(model, "trees", list)
    values = sum(_check_tree(tree, features, outputs, number) for number, tree in enumerate(trees))
    _require(outputs <= (values or MAX_CONSTANTS), "it has more outputs than trees")
    _check_rounds(model, len(trees), outputs)
    if dropped is not None:
        _require(len(_numbers(dropped, "weight_drop")) == len(trees), "it has not a weight for each tree")
    _check_category_names(model.get("cats", {}), features)


def _check_rounds(model: Mapping[str, Any], trees: int, outputs: int) -> None:
    """Check which trees are of which round and output."""
    parameters = _entry(model, "gbtree_model_param", dict)
    of_output = _whole_numbers(model, "tree_info", trees)
    _require(_whole(parameters, "num_trees") == trees, "it has not as many trees as it says")
    _require(_within(of_output, outputs), "a tree is for an output that there is not")
    if "iteration_indptr" in model:
        ends = _whole_numbers(model, "iteration_indptr")
        fits = len(ends) > 0 and ends[0] == 0 and ends[-1] == trees and bool((np.diff(ends) >= 0).all())
        _require(fits, "its rounds do not have its trees")
    _require(1 <= _whole(parameters, "num_parallel_tree") <= max(1, trees), "it has not the trees of a round")


def _check_tree(tree: Any, features: int, outputs: int, number: int) -> int:
    """Check a tree and return how many numbers each of its leaves has."""
    _require(isinstance(tree, dict) and tree.get("id") == number, f"tree {number} is not where it says")
    parameters = _entry(tree, "tree_param", dict)
    count, width = _whole(parameters, "num_nodes"), max(1, int(parameters.get("size_leaf_vector", "1")))
    _require(count >= 1, f"tree {number} has no root")
    nodes = {name: _numbers(tree, name, count) for name in OF_NODES}
    for name in MORE_OF_NODES:
        _numbers(tree, name, count)
    _numbers(tree, "base_weights")
    left, right = (nodes[name].astype(np.int64) for name in ("left_children", "right_children"))
    inner, leaves = _walk(left, right, nodes["parents"], number)
    _require(_within(nodes["split_indices"][inner], features), f"tree {number} asks for a feature that there is not")
    if width > 1:
        rows = len(_numbers(tree, "leaf_weights")) // width
        _require(width == outputs and _within(right[leaves], rows), f"tree {number} has a leaf without values")
    _check_categories(tree, inner[nodes["split_type"][inner] != 0], count, number)
    return width


def _walk(left: np.ndarray, right: np.ndarray, parents: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes with children and the leaves that lead from the root; each is reached once, by its parent."""
    seen, level, inner, leaves = np.zeros(len(left), dtype=bool), np.array([0]), [], []
    while len(level):
        _require(not seen[level].any() and len(np.unique(level)) == len(level), f"tree {number} is not a tree")
        seen[level] = True
        ends = left[level] == -1
        leaves.append(level[ends])
        level = level[~ends]
        inner.append(level)
        children = np.concatenate([left[level], right[level]])
        fits = _within(children, len(left)) and np.array_equal(parents[children], np.tile(level, 2))
        _require(fits, f"tree {number} is not a tree")
        level = children
    return np.concatenate(inner), np.concatenate(leaves)


def _check_categories(tree: Mapping[str, Any], splits: np.ndarray, count: int, number: int) -> None:
    """Check the sets of categories of a tree: each split by categories has one."""
    nodes = _whole_numbers(tree, "categories_nodes")
    starts, sizes = (_whole_numbers(tree, f"categories_{name}", len(nodes)) for name in ("segments", "sizes"))
    values = _whole_numbers(tree, "categories")
    fits = _within(nodes, count) and bool((np.diff(nodes) > 0).all()) and _within(values, MAX_CATEGORY)
    fits = fits and bool((starts >= 0).all() and (sizes >= 1).all() and (starts + sizes <= len(values)).all())
    _require(fits and bool(np.isin(splits, nodes).all()), f"tree {number} splits by categories that there are not")


def _check_category_names(cats: Any, features: int) -> None:
    """Check the names of categories that training saw, feature by feature."""
    _require(isinstance(cats, dict), "its categories are not an object")
    encoded = cats.get("enc", [])
    if not encoded:
        return
    ends, order = _whole_numbers(cats, "feature_segments", features + 1), _whole_numbers(cats, "sorted_idx")
    counts = [_category_count(column) for column in encoded]
    fits = len(encoded) == features and np.array_equal(np.diff(ends), counts) and ends[0] == 0
    _require(fits and len(order) == ends[-1], "its categories are not those of its features")
    for start, count in zip(ends[:-1], counts, strict=True):
        same = np.array_equal(np.sort(order[start : start + count]), np.arange(count))
        _require(same, "its categories are not in an order")


def _category_count(column: Any) -> int:
    """Return how many categories a feature has: texts behind each other in bytes, or numbers."""
    _require(isinstance(column, dict), "its categories are not an object")
    values = _numbers(column, "values")
    if "offsets" not in column:
        return len(values)
    ends = _whole_numbers(column, "offsets")
    if not len(ends):
        _require(not len(values), "its categories are not whole")
        return 0
    _require(ends[0] == 0 and ends[-1] == len(values) and bool((np.diff(ends) >= 0).all()), "its categories are cut")
    return len(ends) - 1


class _Reader:
    """Reads the part of UBJSON that XGBoost writes.

    Args:
        content: the whole document.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def document(self) -> dict[str, Any]:
        """Return the object that the bytes are; raise ``ValueError`` when they are not one, or more."""
        found = self._value(0)
        _require(isinstance(found, dict) and self._at == len(self._content), "it is not a whole model of XGBoost")
        return dict(found)

    def _value(self, depth: int) -> Any:
        _require(depth <= MAX_DEPTH, "its objects are too deep in each other")
        mark = self._take(1).decode("ascii")
        if mark == "{":
            return self._object(depth)
        if mark == "[":
            return self._array(depth)
        if mark == "S":
            return self._text()
        if mark in _CONSTANTS:
            return _CONSTANTS[mark]
        _require(mark in _NUMBERS, f"it has a value of an unknown type at byte {self._at - 1}")
        return self._block(mark, 1)[0].item()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != b"}":
            name = self._text()
            _require(name not in found, f"'{name[:40]}' is there twice")
            found[name] = self._value(depth + 1)
        self._take(1)
        return found

    def _array(self, depth: int) -> Any:
        mark = self._take(2)[1:].decode("ascii") if self._peek() == b"$" else ""
        _require(self._take(1) == b"#", "it has an array without a length")
        count = self._length()
        if mark:
            return self._block(mark, count)
        return [self._value(depth + 1) for _ in range(count)]

    def _block(self, mark: str, count: int) -> np.ndarray:
        kind = np.dtype(_NUMBERS[mark])
        return np.frombuffer(self._take(count * kind.itemsize), dtype=kind)

    def _text(self) -> str:
        return self._take(self._length()).decode("utf-8")

    def _length(self) -> int:
        _require(self._take(1) == b"L", "it has a length of an unknown type")
        (count,) = struct.unpack(">q", self._take(8))
        _require(0 <= count <= len(self._content) - self._at, "it is cut")
        return int(count)

    def _peek(self) -> bytes:
        return self._content[self._at : self._at + 1]

    def _take(self, count: int) -> bytes:
        _require(count <= len(self._content) - self._at, "it is cut")
        self._at += count
        return self._content[self._at - count : self._at]


def _require(fits: bool, problem: str) -> None:
    if not fits:
        raise ValueError(problem)


def _entry(stored: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = stored[name]
    if not isinstance(value, kind):
        raise ValueError(f"'{name}' is not what it should be")
    return value


def _whole(stored: Mapping[str, Any], name: str) -> int:
    """Return a whole number from 0, which XGBoost writes as text."""
    text = _entry(stored, name, str)
    _require(text.isascii() and text.isdigit() and len(text) <= 10, f"'{name}' is not a whole number")
    return int(text)


def _numbers(stored: Mapping[str, Any], name: str, count: int | None = None) -> np.ndarray:
    """Return the numbers of an array; raise ``ValueError`` when they are not ``count``."""
    found = stored[name]
    if isinstance(found, list):
        _require(all(isinstance(value, int | float) for value in found), f"'{name}' is not made of numbers")
        found = np.array(found, dtype=np.float64 if any(isinstance(value, float) for value in found) else np.int64)
    _require(isinstance(found, np.ndarray), f"'{name}' is not an array")
    _require(count is None or len(found) == count, f"'{name}' has {len(found)} numbers, not {count}")
    return np.asarray(found)


def _whole_numbers(stored: Mapping[str, Any], name: str, count: int | None = None) -> np.ndarray:
    found = _numbers(stored, name, count)
    _require(np.issubdtype(found.dtype, np.integer), f"'{name}' is not made of whole numbers")
    return found.astype(np.int64)


def _within(positions: np.ndarray, count: int) -> bool:
    return not len(positions) or bool(positions.min() >= 0 and positions.max() < count)
