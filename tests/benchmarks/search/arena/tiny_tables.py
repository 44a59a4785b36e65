"""Tiny tables of learning curves, in the formats of LCBench's surrogate and of TaskSet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

ROWS, EPOCHS = 40, 6
FLOAT, INT32 = 1, 6  # element types of ONNX


def write_taskset(folder: Path, name: str = "tiny", *, as_json: bool = False) -> np.ndarray:
    """Write a table whose loss falls the faster the nearer the learning rate is to 1e-3; returns its losses."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rates = 10 ** rng.uniform(-6, 0, ROWS)
    configs = np.stack([rates, 1 - 10 ** rng.uniform(-3, -0.1, ROWS), 10 ** rng.uniform(-8, 0, ROWS)], axis=1)
    names = ["learning_rate", "beta1", "l2"]
    speed = np.exp(-np.abs(np.log10(rates) + 3))
    losses = (0.1 + 0.9 * np.exp(-speed[:, None] * np.arange(EPOCHS))).astype(np.float32)
    losses[rates > 0.3, 2:] = np.nan  # diverges
    test = losses + np.float32(0.01)
    if as_json:
        rows = [
            {"hp": dict(zip(names, c, strict=True)), "valid": {"loss": v.tolist()}, "test": {"loss": t.tolist()}}
            for c, v, t in zip(configs, losses, test, strict=True)
        ]
        (folder / f"{name}.json").write_text(json.dumps(rows))
    else:
        np.savez(folder / f"{name}.npz", names=np.array(names), configs=configs, train=losses, valid=losses, test=test)
    return np.asarray(losses, np.float64)


def write_lcbench(folder: Path) -> None:
    """Write a linear surrogate: accuracy grows with the epoch, and with the learning rate up to 0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, bias = np.zeros((8, 6), np.float32), np.zeros((1, 6), np.float32)
    weights[0, 0], weights[0, 3], weights[0, 5] = 2.0, 0.01, 0.009  # of the epoch: seconds and accuracies
    weights[2, 3], weights[2, 5] = 3.0, 2.9  # of the learning rate
    bias[0, 3] = bias[0, 5] = 0.1
    task = np.array([[0, 0, 0, 0.01, 0, 0.01]], np.float32)
    (folder / "model.onnx").write_bytes(_model(weights, bias, task))
    uniform = {"type": "uniform_float", "log": False}
    parameters = [
        {"name": "OpenML_task_id", "type": "categorical", "choices": ["3945", "7593"]},
        {"name": "epoch", "type": "uniform_int", "log": False, "lower": 1, "upper": 52},
        {"name": "batch_size", "type": "uniform_int", "log": True, "lower": 16, "upper": 512},
        {"name": "learning_rate", "type": "uniform_float", "log": True, "lower": 1e-4, "upper": 0.1},
        {"name": "momentum", "lower": 0.1, "upper": 0.99, **uniform},
        {"name": "weight_decay", "lower": 1e-5, "upper": 0.1, **uniform},
        {"name": "num_layers", "type": "uniform_int", "log": False, "lower": 1, "upper": 5},
        {"name": "max_units", "type": "uniform_int", "log": True, "lower": 64, "upper": 1024},
        {"name": "max_dropout", "lower": 0.0, "upper": 1.0, **uniform},
    ]
    (folder / "config_space.json").write_text(json.dumps({"hyperparameters": parameters}))
    (folder / "encoding.json").write_text(json.dumps({"OpenML_task_id": {"3945": 1, "7593": 2}}))
    lines = ["metric,statistic,value,scenario,instance"]
    for name in ("3945", "7593"):
        for measure in ("val_balanced_accuracy", "test_balanced_accuracy"):
            lines += [f"{measure},min,0.1,lcbench,{name}", f"{measure},max,1.0,lcbench,{name}"]
            lines += [f"{measure},max,9.0,other,{name}"]
    (folder / "statistics.csv").write_text("\n".join(lines) + "\n")


def _model(weights: np.ndarray, bias: np.ndarray, task: np.ndarray) -> bytes:
    """Return an ONNX model: ``output = x_cont @ weights + x_cat @ task + bias``."""
    nodes = [
        _node("MatMul", ["x_cont", "weights"], "a"),
        _node("Cast", ["x_cat"], "code", _field(5, _text(1, "to") + _number(3, FLOAT) + _number(20, 2))),
        _node("MatMul", ["code", "task"], "b"),
        _node("Add", ["a", "b"], "c"),
        _node("Add", ["c", "bias"], "output"),
    ]
    tensors = {"weights": weights, "bias": bias, "task": task}
    graph = b"".join(_field(1, node) for node in nodes) + _text(2, "tiny")
    graph += b"".join(_field(5, _tensor(name, values)) for name, values in tensors.items())
    graph += _field(11, _value("x_cat", INT32, 1)) + _field(11, _value("x_cont", FLOAT, 8))
    graph += _field(12, _value("output", FLOAT, 6))
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))


def _node(kind: str, inputs: list[str], output: str, attributes: bytes = b"") -> bytes:
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind) + attributes


def _tensor(name: str, values: np.ndarray) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, FLOAT) + _text(8, name) + _field(9, values.tobytes())


def _value(name: str, kind: int, columns: int) -> bytes:
    shape = _field(1, _text(2, "rows")) + _field(1, _number(1, columns))
    return _text(1, name) + _field(2, _field(1, _number(1, kind) + _field(2, shape)))


def _text(tag: int, value: str) -> bytes:
    return _field(tag, value.encode())


def _field(tag: int, content: bytes) -> bytes:
    """Return a protobuf field of bytes."""
    return _varint(tag << 3 | 2) + _varint(len(content)) + content


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
