"""A sweep as the user asked for it: validated once, here, before anything heavy loads."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from search_spaces import ParamValue, UserError
from trainables import SPLIT_SEED
from tunelab.system.redaction import without_secrets

OFF = "off"  # the tracking URI of a sweep that is not tracked
NAME = re.compile(r"[\w][\w.-]{0,79}")
TASK_OPTIONS = (  # of the tasks that ship here; those of a user's own task are given as task_options
    *("data", "target", "kind", "ignore", "split_column", "group_column", "time_column"),
    *("data_dir", "model"),
)
SWITCHES = ("deterministic", "bf16", "compile")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class SweepSpec(BaseModel):
    """Everything that fixes a sweep. Field names are the command line's long options and the keys of ``--config``.

    Attributes:
        task: a task's name, or the path of a Python file.
        task_options: what the task takes, e.g. ``{"data": "houses.csv", "target": "price"}``.
        space: a search space by name or Python file; the task's own when None.
        trials: how many configurations are tried; the task's default when None.
        max_epochs: budget of one trial, epochs; the task's default when None.
        grace_period: epochs before a trial can be stopped; the task's default when None.
        reduction_factor: one in this many goes on at a rung.
        scheduler: ``"asha"`` stops trials early, ``"none"`` never.
        sampler: ``"tpe"`` or ``"random"``.
        seed: fixes proposals and every trial's seed.
        split_seed: fixes the data split.
        concurrency: trials at once; as many as the resources allow when None.
        cpus_per_trial: CPUs of one trial.
        gpus_per_trial: GPUs of one trial; fractions share one. When None, GPUs are used where there are any: up to four
            trials share one, language models have it alone. 0 trains on CPUs.
        bf16: matrix products in bfloat16, weights in float32: faster on GPUs that have it.
        compile: networks go through ``torch.compile``: pays where a network is large or trains long.
        time_budget: seconds of search, or text such as ``"10m"``; none when None.
        name: the sweep's name; made from task and time when None. The same name again resumes.
        tracking_uri: MLflow store; ``sqlite:///<cwd>/mlruns/mlflow.db`` when None, no tracking when ``"off"``.
        fixed: hyperparameters held at a value (``set`` on the command line and in YAML).
        deterministic: proposals and stopping depend on seed and concurrency alone, whatever finishes first.
        confirm_top: how many of the best trials are retrained on fresh seeds; decided by cost when None, 0 for none.
        confirm_seeds: on how many seeds each.
        audit: how many stopped trials are finished afterwards to see what stopping cost.
        retries: how often a trial is tried again after its worker died or hung.
        hang_timeout: seconds without a report after which a trial counts as hung; never when None.
        ensemble: the winner may be an ensemble of this many best trials; 0 for none.
        address: an existing Ray cluster; a local one is started when None.
        storage: folder or URI for weights and checkpoints; beside the tracking store when None.
        warm_start: an earlier sweep of the same store, by name, whose trials the sampler learns from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    task: str
    task_options: dict[str, Any] = Field(default_factory=dict)
    space: str | None = None
    trials: int | None = Field(default=None, ge=1)
    max_epochs: int | None = Field(default=None, ge=1)
    grace_period: int | None = Field(default=None, ge=1)
    reduction_factor: int = Field(default=3, ge=2)
    scheduler: Literal["asha", "none"] = "asha"
    sampler: Literal["tpe", "random"] = "tpe"
    seed: int = Field(default=0, ge=0)
    split_seed: int = Field(default=SPLIT_SEED, ge=0, lt=2**32)
    concurrency: int | None = Field(default=None, ge=1)
    cpus_per_trial: float = Field(default=1.0, gt=0)
    gpus_per_trial: float | None = Field(default=None, ge=0)
    bf16: bool = False
    compile: bool = False
    time_budget: float | None = Field(default=None, gt=0)
    name: str | None = None
    tracking_uri: str | None = None
    fixed: dict[str, ParamValue] = Field(default_factory=dict, alias="set")
    deterministic: bool = False
    confirm_top: int | None = Field(default=None, ge=0)
    confirm_seeds: int = Field(default=5, ge=2)
    audit: int = Field(default=0, ge=0)
    retries: int = Field(default=1, ge=0)
    hang_timeout: float | None = Field(default=6 * 3600.0, gt=0)
    ensemble: int = Field(default=0, ge=0)
    address: str | None = None
    storage: str | None = None
    warm_start: str | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name not in SWITCHES:  # else true would be the number 1
            raise ValueError("cannot be true or false")
        return value

    @field_validator("time_budget", "hang_timeout", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError("must be seconds or a number with s, m, h or d, e.g. 10m")
        return float(match[1]) * SECONDS[match[2] or "s"]

    @field_validator("name", "warm_start")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        if value is not None and NAME.fullmatch(value) is None:
            raise ValueError("must be 1 to 80 letters, digits, '.', '_' or '-', the first no '.' or '-'")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> SweepSpec:
        above = self.max_epochs is not None and self.grace_period is not None and self.grace_period > self.max_epochs
        if above and self.scheduler == "asha":
            raise ValueError(f"--grace-period {self.grace_period} is above --max-epochs {self.max_epochs}")
        if (self.gpus_per_trial or 0) > 1 and (self.gpus_per_trial or 0) % 1:
            raise ValueError(f"--gpus-per-trial must be below 1 or a whole number, got {self.gpus_per_trial}")
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``make_spec`` reads them back."""
        return self.model_dump(mode="json", by_alias=True)


class ResolvedSpec(SweepSpec):
    """A spec whose defaults are filled in: it says how many trials and epochs, under which name, in which store."""

    trials: int = Field(ge=1)
    max_epochs: int = Field(ge=1)
    grace_period: int = Field(ge=1)
    name: str
    tracking_uri: str

    @field_validator("name", "warm_start")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        return value  # checked when the user gave it, or made from the task's name

    @classmethod
    def from_spec(cls, spec: SweepSpec, **filled: Any) -> ResolvedSpec:
        """Fill in a spec's defaults.

        Args:
            spec: What the user asked for.
            **filled: Values by field name, for fields that the spec leaves to the task.
        """
        return cls.model_validate({**{name: getattr(spec, name) for name in type(spec).model_fields}, **filled})


Spec = TypeVar("Spec", bound=SweepSpec)


def make_spec(values: Mapping[str, Any]) -> SweepSpec:
    """A spec from plain values; raises ``UserError`` with all problems in one sentence."""
    try:
        return SweepSpec.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(dict.fromkeys(_problem(dict(e)) for e in error.errors()))
        raise UserError(problems if problems.endswith(("?", ".")) else f"{problems}.") from error


class _OneOfEach(yaml.SafeLoader):
    """The safe loader, for which a key that stands twice is an error: nobody knows which value is meant."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [str(key.value) for key, _ in node.value]  # before others are merged in, which these may override
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' stands twice", node.start_mark)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


def read_spec_file(path: Path) -> dict[str, Any]:
    """The values of a ``sweep.yaml``: the long options as keys, ``-`` or ``_`` alike; those of tasks as task_options.

    Raises:
        UserError: unreadable file, no YAML mapping, or an unknown key.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_OneOfEach)
    except OSError as error:
        raise UserError(f"--config '{path}' cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        detail = str(error).replace("\n", " ")
        raise UserError(f"--config '{path}' is no valid YAML: {detail}.") from error
    if not isinstance(content, dict):
        raise UserError(
            f"--config '{path}' must hold keys and values such as 'trials: 32', not {type(content).__name__}."
        )
    values = {str(key).replace("-", "_"): value for key, value in content.items()}
    options = {key: values.pop(key) for key in TASK_OPTIONS if key in values}
    for key in values:
        if key not in spec_keys():
            raise UserError(f"--config '{path}': {_unknown_key(key)}")
    for key in ("set", "task_options"):
        if not isinstance(values.get(key) or {}, dict):
            raise UserError(f"--config '{path}': '{key}' must hold names and values, got {values[key]!r}.")
    if options:
        values["task_options"] = {**(values.get("task_options") or {}), **options}
    if values.get("tracking_uri") is False:  # how YAML reads off
        values["tracking_uri"] = "off"
    return values


def spec_keys() -> list[str]:
    """The keys a sweep takes."""
    return [field.alias or name for name, field in SweepSpec.model_fields.items()]


def _problem(error: dict[str, Any]) -> str:
    location = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown_key(location)
    message = str(error["msg"]).removeprefix("Value error, ")
    if not location:
        return message[0].upper() + message[1:]
    if error["type"] == "missing":
        return f"'{location}' is missing"
    option = "--" + location.partition(".")[0].replace("_", "-")
    if location.startswith("set."):
        return f"{option} {error['loc'][1]} must be a number, a text, true or false, got {error['input']!r}"
    choices = error.get("ctx", {}).get("expected")
    if error["type"] == "literal_error":
        near = difflib.get_close_matches(str(error["input"]), re.findall(r"'(\w+)'", str(choices)), 1, 0.5)
        hint = f". Did you mean '{near[0]}'?" if near else ""
        return f"{option} must be {choices}, got {error['input']!r}{hint}"
    if error["type"] != "value_error":  # pydantic's own words: the reason follows after a comma
        message = message.removeprefix("Input ").partition(", ")[0]
    return f"{option} {message[0].lower()}{message[1:]}, got {error['input']!r}"


def _unknown_key(key: str) -> str:
    known = [*spec_keys(), *TASK_OPTIONS]
    near = difflib.get_close_matches(key, known, 1, 0.5)
    hint = f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(known)}."
    return f"unknown key '{key}'.{hint}"


def public_spec(spec: Spec) -> Spec:
    """Return a spec as it may be shown and kept: no URI in it holds a password."""
    texts = {name: value for name in type(spec).model_fields if isinstance(value := getattr(spec, name), str)}
    return spec.model_copy(update={name: without_secrets(value) for name, value in texts.items()})
