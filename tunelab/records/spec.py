"""A sweep as the user asked for it: validated once, here, before anything heavy loads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from search_spaces import ParamValue, UserError
from search_spaces.errors import did_you_mean
from trainables import SPLIT_SEED
from tunelab.records.panels import BUDGET, RESOURCES, SEARCH, STORE, TRUST
from tunelab.records.spec_option import option
from tunelab.system.redaction import values_without_secrets, without_secrets

OFF = "off"  # the tracking URI of a sweep that is not tracked
NAME = re.compile(r"[\w][\w.-]{0,79}")
STOP_RULE = re.compile(r"never|auto|target=-?\d+(\.\d*)?(e[-+]?\d+)?")
SWITCHES = ("deterministic", "bf16", "compile")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SAMPLERS = ("curves", "tpe", "random", "gp", "cmaes", "qmc", "grid", "nsga2")
OWN_SAMPLER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*|.+\.py:[^\W\d]\w*")  # module:Class, file.py:Class


class SweepSpec(BaseModel):
    """Everything that fixes a sweep.

    The fields are the one source of the command line's long options (``--max-epochs`` for ``max_epochs``), of the keys
    of a ``--config`` file, and of their defaults and help texts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    task: str = Field(description="Name of a task (`tunelab tasks` lists them), or path of a Python file with one.")
    task_options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the task, e.g. {data: houses.csv, target: price}."
    )
    widen: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="Wider ranges of hyperparameters by name, e.g. {lr: [1.0e-6, 0.1]}."
    )
    drop: dict[str, list[ParamValue]] = Field(
        default_factory=dict, description="Choices of hyperparameters that are not drawn, e.g. {batch_size: [512]}."
    )
    trials: int | None = option(BUDGET, None, "Number of configurations to try.", "N", "the task's", ge=1)
    max_epochs: int | None = option(
        BUDGET,
        None,
        "Maximum number of epochs of a trial; where the validation loss no longer falls, a network's learning rate is "
        "halved (ReduceLROnPlateau), and the trial ends by itself.",
        "N",
        "the task's",
        ge=1,
    )
    time_budget: float | None = option(
        BUDGET,
        None,
        "End the search after this time, e.g. 90s, 10m or 2h; it can be resumed.",
        "TIME",
        "no limit",
        gt=0,
    )
    stop: str = option(
        BUDGET,
        "never",
        "End the search before its last trial: at a validation loss, or when more trials would gain next to nothing.",
        "never|auto|target=X",
    )
    scheduler: Literal["asha", "none"] = option(BUDGET, "asha", "Early stopping of trials that fall behind, or none.")
    grace_period: int | None = option(
        BUDGET, None, "Number of epochs before a trial can be stopped early.", "N", "the task's", ge=1
    )
    reduction_factor: int = option(BUDGET, 3, "ASHA: keep the best 1/N of the trials at each rung.", "N", ge=2)
    sampler: str = option(
        SEARCH,
        "curves",
        "How configurations are proposed: a name, or your own optuna.samplers.BaseSampler as MODULE:CLASS or "
        "FILE.py:CLASS. A resumed sweep proposes what it would have; your own class does if it draws from its seed "
        "alone.",
        "|".join(SAMPLERS),
        choices=SAMPLERS,
    )
    space: str | None = option(SEARCH, None, "Search space: a name, or a Python file.", "SPACE", "the task's")
    fixed: dict[str, ParamValue] = option(
        SEARCH, {}, "Fix a hyperparameter; repeat it for more.", "NAME=VALUE", alias="set"
    )
    seed: int = option(SEARCH, 0, "Seed of the proposals and of every trial.", "N", ge=0)
    split_seed: int = option(SEARCH, SPLIT_SEED, "Seed of the data split.", "N", ge=0, lt=2**32)
    deterministic: bool = option(
        SEARCH, False, "Make the search repeatable: results do not depend on which trial finishes first."
    )
    warm_start: str | None = option(
        SEARCH, None, "Earlier sweep of the same store whose trials the sampler learns from.", "SWEEP"
    )
    ensemble: int = option(
        SEARCH,
        25,
        "Average up to N of the best trials as the winner, where that helps on validation; 0 is off.",
        "N",
        ge=0,
    )
    confirm_top: int | None = option(
        TRUST, None, "Retrain the best N trials with new random seeds.", "N", "if cheap; 0 is off", ge=0
    )
    confirm_seeds: int = option(TRUST, 5, "Number of new seeds for each of them.", "N", ge=2)
    audit: int = option(
        TRUST, 0, "Train N early-stopped trials to the end, to check what early stopping missed.", "N", "off", ge=0
    )
    concurrency: int | None = option(RESOURCES, None, "Number of trials that run at once.", "N", "as many as fit", ge=1)
    cpus_per_trial: float = option(RESOURCES, 1.0, "CPU cores of a trial.", "N", gt=0)
    gpus_per_trial: float | None = option(
        RESOURCES,
        None,
        "GPUs of a trial; 0.25 lets four share one, 0 trains on CPUs.",
        "X",
        "up to 4 trials share a GPU",
        ge=0,
    )
    bf16: bool = option(RESOURCES, False, "Compute matrix products in bfloat16: faster on GPUs that support it.")
    compile: bool = option(
        RESOURCES, False, "Compile networks with torch.compile: pays for large networks and long trials."
    )
    retries: int = option(
        RESOURCES, 1, "Number of times a trial is started again after its worker died or hung.", "N", ge=0
    )
    hang_timeout: float | None = option(
        RESOURCES, 6 * 3600.0, "Kill a trial that has reported nothing for this time.", "TIME", "6h", gt=0
    )
    address: str | None = option(RESOURCES, None, "Existing Ray cluster.", "HOST:PORT", "a local one")
    name: str | None = option(
        STORE, None, "Name of the sweep; the name of an interrupted one resumes it.", "NAME", "task and time"
    )
    tracking_uri: str | None = option(STORE, None, "MLflow store, or 'off' for none.", "URI", "./mlruns/mlflow.db")
    storage: str | None = option(STORE, None, "Folder or URI for weights and checkpoints.", "URI", "beside the store")

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name not in SWITCHES:  # else true would be the number 1
            raise ValueError("cannot be true or false")
        return value

    @field_validator("sampler")
    @classmethod
    def _sampler(cls, value: str) -> str:
        if value not in SAMPLERS and OWN_SAMPLER.fullmatch(value) is None:
            expected = f"{', '.join(map(repr, SAMPLERS))}, MODULE:CLASS or FILE.py:CLASS"
            raise PydanticCustomError("literal_error", "must be {expected}", {"expected": expected})
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

    @field_validator("stop")
    @classmethod
    def _stop(cls, value: str) -> str:
        if STOP_RULE.fullmatch(value) is None:
            raise ValueError("must be never, auto or target=X with a number, e.g. target=0.2")
        return value

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
        """Return plain values, which ``make_spec`` reads back."""
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
    """Validate a spec.

    Args:
        values: By key, as a ``--config`` file holds them.

    Raises:
        UserError: With all problems in one sentence.
    """
    try:
        return SweepSpec.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(dict.fromkeys(_problem(dict(e)) for e in error.errors()))
        raise UserError(problems if problems.endswith(("?", ".")) else f"{problems}.") from error


def spec_keys() -> list[str]:
    """Return the keys of a ``--config`` file, without those of tasks."""
    return [field.alias or name for name, field in SweepSpec.model_fields.items()]


def _problem(error: dict[str, Any]) -> str:
    location = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return unknown_key(location, spec_keys())
    message = str(error["msg"]).removeprefix("Value error, ")
    if not location:
        return message[0].upper() + message[1:]
    if error["type"] == "missing":
        return f"'{location}' is missing"
    option = "--" + location.partition(".")[0].replace("_", "-")
    if location.startswith("set."):
        return f"{option} {error['loc'][1]} must be a number, a text, true or false, got {error['input']!r}"
    if error["type"] == "literal_error":
        given, choices = error["input"], str(error["ctx"]["expected"])
        near = did_you_mean(str(given), re.findall(r"'(\w+)'", choices))
        return f"{option} must be {choices}, got {given!r}{near and '.' + near}"
    if error["type"] != "value_error":  # pydantic's own words: the reason follows after a comma
        message = message.removeprefix("Input ").partition(", ")[0]
    return f"{option} {message[0].lower()}{message[1:]}, got {error['input']!r}"


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the sentence on a key that a sweep does not take, with the nearest one or all that there are."""
    hint = did_you_mean(key, known) or f" Known: {', '.join(known)}."
    return f"unknown key '{key}'.{hint}"


def public_spec(spec: Spec) -> Spec:
    """Return a spec as it may be shown and kept: no URI in it holds a password, and no option of the task is one."""
    texts = {name: value for name in type(spec).model_fields if isinstance(value := getattr(spec, name), str)}
    shown: dict[str, Any] = {name: without_secrets(value) for name, value in texts.items()}
    return spec.model_copy(update={**shown, "task_options": values_without_secrets(spec.task_options)})
