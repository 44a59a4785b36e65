"""Models that a user's own function reports: kept as tensors during the search, saved in their library's own format.

A trial's weights travel and are stored as tensors. A model that is not made of tensors becomes one tensor of bytes
under the name of its file: skops for scikit-learn, LightGBM's text, XGBoost's UBJSON. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from search_spaces.errors import UserError, describe_error
from search_spaces.values import pack, unpack
from trainables.base.contract.files.bounded_input import check_archive
from trainables.base.contract.files.damage import entry, read_object, reading
from trainables.base.contract.files.digests import file_digest
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import Config
from trainables.base.training.lightgbm_text import check_lightgbm_text
from trainables.base.training.xgboost_ubjson import check_xgboost_ubjson

if TYPE_CHECKING:
    from collections.abc import Callable

WEIGHTS = "weights.safetensors"
SKOPS, LIGHTGBM, XGBOOST = "model.skops", "model.lightgbm.txt", "model.xgboost.ubj"
FORMATS = (WEIGHTS, SKOPS, LIGHTGBM, XGBOOST)
SHA256 = "sha256"  # of the model's file
CONFIG = "config"  # in predictor.json, where config.json cannot tell its types
GUIDE = "LOAD.md"  # how to load the files without tunelab
_GUIDES = {
    WEIGHTS: """# How to load this network

```python
import json
from safetensors.torch import load_file

network = Net(**json.load(open("config.json")))  # your own class, made as in your training function
network.load_state_dict(load_file("weights.safetensors"))
network.eval()
```

MLflow's PyTorch flavour would pickle the network, or trace it with an example of its input, which a training function
does not give; these files run no code when they are loaded.
""",
    SKOPS: """# How to load this estimator

```python
import skops.io

estimator = skops.io.load("model.skops", trusted=[])
```

The same run holds it in MLflow's own flavour: `mlflow.sklearn.load_model`, kept by skops, not by pickle.
""",
    LIGHTGBM: """# How to load this booster

```python
import lightgbm

booster = lightgbm.Booster(model_file="model.lightgbm.txt")
```

The same run holds it in MLflow's own flavour: `mlflow.lightgbm.load_model`.
""",
    XGBOOST: """# How to load this booster

```python
import xgboost

booster = xgboost.Booster()
booster.load_model("model.xgboost.ubj")
```

The same run holds it in MLflow's own flavour: `mlflow.xgboost.load_model`.
""",
}
KEPT = "an nn.Module, a state dict, or a fitted estimator of scikit-learn, LightGBM or XGBoost"


def to_tensors(model: Any) -> Mapping[str, torch.Tensor]:
    """Return a model as tensors by name: the live ``state_dict`` of a network, or one tensor of bytes.

    Raises:
        UserError: it is nothing that can be kept without pickle.
    """
    if isinstance(model, torch.nn.Module):
        return dict(model.state_dict())
    if isinstance(model, Mapping) and model and all(isinstance(v, torch.Tensor) for v in model.values()):
        return {str(name): value for name, value in model.items()}
    library = type(model).__module__.partition(".")[0]
    if library == "lightgbm":
        booster = getattr(model, "booster_", model)
        return {LIGHTGBM: _as_bytes(booster.model_to_string().encode())}
    if library == "xgboost":
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        return {XGBOOST: _as_bytes(bytes(booster.save_raw("ubj")))}
    if hasattr(model, "get_params") and hasattr(model, "fit"):
        return {SKOPS: _as_bytes(_skops_bytes(model))}
    raise UserError(f"trial.report: a model of type {type(model).__name__} cannot be kept. Give {KEPT}.")


def _as_bytes(content: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())


def _skops_bytes(model: Any) -> bytes:
    import skops.io

    try:
        content: bytes = skops.io.dumps(model)
    except Exception as error:
        kind = type(model).__name__
        raise UserError(f"trial.report: the {kind} cannot be kept by skops ({describe_error(error)}).") from error
    untrusted = skops.io.get_untrusted_types(data=content)
    if untrusted:
        raise UserError(
            f"trial.report: the {type(model).__name__} holds {', '.join(untrusted)}, which cannot be loaded back "
            "without running unknown code. Report a model made of scikit-learn's own parts."
        )
    return content


@dataclass(frozen=True)
class ReportedModel(Predictor):
    """The model of a function's best trial.

    Attributes:
        weights: what ``to_tensors`` gave.
        config: of the trial.
        build: makes the network from the configuration; None when the sweep was not given one.
    """

    weights: Mapping[str, torch.Tensor]
    config: Config
    build: Callable[[Config], torch.nn.Module] | None = None
    kind: ClassVar[str] = "reported"

    @property
    def format(self) -> str:
        """Name of the file that holds the model."""
        return next((name for name in (SKOPS, LIGHTGBM, XGBOOST) if name in self.weights), WEIGHTS)

    @property
    def flavour(self) -> str:
        return {SKOPS: "sklearn", LIGHTGBM: "lightgbm", XGBOOST: "xgboost"}.get(self.format, "")

    def difference(self, other: Any, inputs: Any) -> str:
        """Compare the tensors and the configuration: what a function's model takes is not known."""
        if not isinstance(other, ReportedModel) or self.weights.keys() != other.weights.keys():
            return "the names of its tensors differ"
        changed = [name for name, value in self.weights.items() if not torch.equal(value.cpu(), other.weights[name])]
        if changed:
            return f"the tensor '{changed[0]}' differs"
        return "" if dict(self.config) == dict(other.config) else "its configuration differs"

    def native(self) -> Any:
        """Return the model as its own library has it.

        Returns:
            An estimator of scikit-learn, a ``lightgbm.Booster``, an ``xgboost.Booster``, the network that ``build``
            makes with its weights loaded (in evaluation mode), or without ``build`` the state dict.
        """
        if self.format == WEIGHTS:
            if self.build is None:
                return dict(self.weights)
            network = self.build(self.config)
            network.load_state_dict(dict(self.weights))
            return network.eval()
        content = self.weights[self.format].numpy().tobytes()
        if self.format == SKOPS:
            import skops.io

            return skops.io.loads(content, trusted=[])
        if self.format == LIGHTGBM:
            import lightgbm

            return lightgbm.Booster(model_str=content.decode())
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
        return booster

    def predict(self, inputs: Any) -> pd.DataFrame:
        """Predict with an estimator, or with a network that ``build`` makes.

        Args:
            inputs: what the model takes: a table or (n, features) array; for a network a tensor or an array.

        Returns:
            A column ``prediction`` and, for classifiers, one ``p_<class>`` a class; of a network its outputs.

        Raises:
            UserError: only the weights of a network are known.
        """
        model = self.native()
        if hasattr(inputs, "__len__") and not len(inputs) and not isinstance(model, dict | torch.nn.Module):
            labels = model.classes_ if hasattr(model, "predict_proba") else ()
            return pd.DataFrame(columns=["prediction", *(f"p_{label}" for label in labels)])
        if isinstance(model, dict):
            raise UserError(
                "This model is a network's weights, and tunelab does not know the network: give run_sweep "
                "build=lambda config: Net(...), or load the weights into your own network with load_model()."
            )
        if isinstance(model, torch.nn.Module):
            return _network_outputs(model, inputs)
        if self.format == XGBOOST:
            import xgboost

            inputs = xgboost.DMatrix(inputs)
        frame = pd.DataFrame({"prediction": np.asarray(model.predict(inputs)).tolist()})
        if hasattr(model, "predict_proba"):
            for column, label in zip(model.predict_proba(inputs).T, model.classes_, strict=True):
                frame[f"p_{label}"] = column
        return frame

    def save(self, folder: Path) -> None:
        if self.format == WEIGHTS:
            save_file({name: value.contiguous() for name, value in self.weights.items()}, folder / WEIGHTS)
        else:
            (folder / self.format).write_bytes(self.weights[self.format].numpy().tobytes())
        (folder / "config.json").write_text(
            json.dumps(dict(self.config), ensure_ascii=False, indent=1), encoding="utf-8"
        )
        (folder / GUIDE).write_text(_GUIDES[self.format], encoding="utf-8")
        typed = pack(self.config)  # config.json is for people and other programs, and has lists for tuples
        meta = {"predictor": self.kind, "format": self.format, SHA256: file_digest(folder / self.format)}
        meta |= {CONFIG: typed} if typed != json.loads(json.dumps(dict(self.config))) else {}
        (folder / "predictor.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ReportedModel:
        file = folder / "predictor.json"
        meta, config = read_object(file), read_object(folder / "config.json")
        if CONFIG in meta:
            config = unpack(entry(meta, CONFIG, dict, file))
        name = entry(meta, "format", str, file)
        path = folder / name
        with reading(path if name in FORMATS else file):
            if name not in FORMATS:
                raise ValueError(f"'{name[:40]}' is not a format of models")
            if SHA256 in meta and file_digest(path) != meta[SHA256]:
                raise ValueError("it is not the file that was saved")
            if name == WEIGHTS:
                return cls(load_file(path), config)
            if name == LIGHTGBM:
                check_lightgbm_text(path.read_text(encoding="utf-8"))
            if name == XGBOOST:
                check_xgboost_ubjson(path.read_bytes())
            if name == SKOPS:
                check_archive(path, name)
            found = cls({name: _as_bytes(path.read_bytes())}, config)
            found.native()  # whether the library can read it
        return found


def _network_outputs(network: torch.nn.Module, inputs: Any) -> pd.DataFrame:
    """Return the network's outputs for a batch: one column ``prediction``, or several: ``output_0``, ..."""
    values = inputs.to_numpy() if isinstance(inputs, pd.DataFrame) else inputs
    with torch.inference_mode():
        outputs = network(torch.as_tensor(values)).cpu().numpy()
    outputs = outputs.reshape(len(outputs), -1)
    if outputs.shape[1] == 1:
        return pd.DataFrame({"prediction": outputs[:, 0]})
    frame = pd.DataFrame(outputs, columns=[f"output_{i}" for i in range(outputs.shape[1])])
    frame.insert(0, "prediction", outputs.argmax(axis=1))
    return frame
