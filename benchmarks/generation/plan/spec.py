"""The benchmark file: model, prompts, settings grid, repeats, seeds, limits; all checked before a model loads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.generation.plan.presets import with_preset
from benchmarks.generation.plan.settings import PARAMETERS, DecodingSettings, brief, expand_grid
from search_spaces.errors import UserError, unknown
from trainables.base.text.language_models.model_folder import ModelFolder, find_model
from tunelab.records.yaml_file import read_yaml
from tunelab.system.trust import Named

FOLDER = Path(__file__).parent
DEFAULT_SPEC = FOLDER / "default.yaml"
OPTIMIZE_SPEC = FOLDER / "optimize.yaml"
CHARACTER_NGRAM = "character-5-gram"
HUMAN = "human text"  # the name of its row, which no setting may have


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WrittenPrompt(_Strict):
    """A prompt given as text; ``reference`` is what a person wrote next, after a blank, where that is known."""

    topic: str = "own"
    text: str = Field(min_length=1)
    reference: str | None = None


class PromptsSpec(_Strict):
    """Where prompts come from.

    Attributes:
        held_out: how many are the first words of held-out documents of the bundled text, whose real continuation is
            the human reference.
        words: blank-separated words of such a prompt.
        written: further prompts.
        begin_token: whether the model's document begin token precedes each prompt.
    """

    held_out: int = Field(default=0, ge=0)
    words: int = Field(default=3, ge=1, le=20)
    written: list[WrittenPrompt] = []
    begin_token: bool = True


class SpeedSpec(_Strict):
    """How speed is measured, apart from the samples.

    Attributes:
        repeats: timed runs a setting after one warm-up; 0 leaves speed out.
        new_tokens: fixed length of a timed run.
        batch: sequences decoded together in the batched run, where ``rows`` and memory allow as many.
    """

    repeats: int = Field(default=5, ge=0, le=1000)
    new_tokens: int = Field(default=32, ge=2)
    batch: int = Field(default=64, ge=1, le=4096)


class BenchmarkSpec(_Strict):
    """A benchmark of generation settings, as its file says it.

    Attributes:
        name: for the report's title and the output folder.
        model: a folder, a GGUF file, a hub name, or a name that a store knows (``models:/…``, a sweep); null is the
            bundled stand-in.
        scorer: ``character-5-gram`` (trained on the bundled training text) or a folder or hub name of a second model.
        prompts: see ``PromptsSpec``.
        settings: a list of mappings of decoding parameters; a list value expands to every combination; ``name`` names
            a single combination; ``preset`` names parameters that are listed in ``presets.py``.
        baseline: the name of the setting that the others are compared with.
        repeats: continuations a prompt of every setting that draws at random.
        seed: of the run.
        max_new_tokens: of every setting that does not say its own.
        rows: most sequences decoded at once; null means what memory allows.
        threads: of torch; null means one for a small model, else torch's own choice.
        device: ``cpu``, or ``cuda`` for a GPU, where rounding differs from a CPU's and rare ties with it.
        korean: whether Kiwi gives a second opinion on Korean: morphemes, repeated ones, plausibility.
        speed: see ``SpeedSpec``.
    """

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    model: str | None = None
    scorer: str = CHARACTER_NGRAM
    prompts: PromptsSpec
    settings: list[dict[str, Any]] = Field(min_length=1)
    baseline: str | None = None
    repeats: int = Field(default=4, ge=1, le=1000)
    seed: int = Field(default=1, ge=0, lt=2**63)
    max_new_tokens: int = Field(default=64, ge=1)
    rows: int | None = Field(default=None, ge=1)
    threads: int | None = Field(default=None, ge=1, le=256)
    device: Literal["cpu", "cuda"] = "cpu"
    korean: bool = False
    speed: SpeedSpec = SpeedSpec()


def named_models(spec: Mapping[str, Any]) -> list[Named]:
    """Return the models that a benchmark's spec, as a lock holds it, has loaded or fetched."""
    wanted = [name for name in (spec.get("model"), spec.get("scorer")) if name and name != CHARACTER_NGRAM]
    found = [(name, Path(name).expanduser().absolute()) for name in wanted]
    return [Named("model", str(path) if path.exists() else name, not path.exists()) for name, path in found]


@dataclass(frozen=True)
class Prompt:
    """A prompt as the benchmark uses it; ``reference`` is what a person wrote next, where that is known."""

    topic: str
    text: str
    reference: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(f"{self.text}\0{self.reference or ''}".encode()).hexdigest()


@dataclass(frozen=True)
class NamedSetting:
    """A setting under the name that tables and figures show."""

    name: str
    decoding: DecodingSettings


@dataclass(frozen=True)
class Plan:
    """A benchmark with everything resolved: what is generated follows from this and the model's files alone."""

    spec: BenchmarkSpec
    prompts: tuple[Prompt, ...]
    settings: tuple[NamedSetting, ...]
    baseline: str

    def repeats(self, setting: NamedSetting) -> int:
        return self.spec.repeats if setting.decoding.is_random else 1

    def setting(self, name: str) -> NamedSetting:
        return next(s for s in self.settings if s.name == name)

    @property
    def common_tokens(self) -> int:
        """The length that every setting may reach: repetition and human text are measured on this much of a text."""
        return min(s.decoding.max_new_tokens for s in self.settings)

    @property
    def longest_tokens(self) -> int:
        """The longest continuation that is made, for samples or for measuring speed."""
        timed = self.spec.speed.new_tokens if self.spec.speed.repeats else 0
        return max(timed, *(s.decoding.max_new_tokens for s in self.settings))


def read_spec(path: Path) -> BenchmarkSpec:
    """Read a benchmark file; raise ``UserError`` when it is missing, not YAML, or has an unknown entry."""
    content = read_yaml(path, "The benchmark file")
    if not isinstance(content, dict):
        raise UserError(f"The benchmark file '{path}' must be a mapping with 'name', 'prompts' and 'settings'.")
    return parse_spec(content, str(path))


def parse_spec(content: Mapping[str, Any], where: str = "benchmark") -> BenchmarkSpec:
    """Return a benchmark from a mapping; raise ``UserError`` naming every wrong entry."""
    try:
        return BenchmarkSpec.model_validate(dict(content))
    except ValidationError as error:
        problems = "; ".join(
            f"'{'.'.join(map(str, e['loc']))}': {e['msg']}, got {brief(e['input'])}" for e in error.errors()
        )
        raise UserError(f"{where}: {problems}.") from None


def resolve(spec: BenchmarkSpec) -> Plan:
    """Return prompts and settings in full; raise ``UserError`` for wrong settings, double names and empty prompts."""
    folders = {name: _absolute(value) for name, value in (("model", spec.model), ("scorer", spec.scorer)) if value}
    spec = spec.model_copy(update=folders)
    settings = resolve_settings(spec.settings, spec.max_new_tokens)
    names = [s.name for s in settings]
    if spec.baseline is not None and spec.baseline not in names:
        raise unknown("baseline", spec.baseline, names)
    return Plan(spec, resolve_prompts(spec.prompts), settings, spec.baseline or names[0])


def resolve_settings(entries: Sequence[Mapping[str, Any]], max_new_tokens: int) -> tuple[NamedSetting, ...]:
    """Return every combination of every entry, named; a combination that comes twice is an error."""
    found: list[NamedSetting] = []
    for entry in entries:
        values = {"max_new_tokens": max_new_tokens, **with_preset(entry)}
        name = values.pop("name", None)
        for key in values:
            if key not in PARAMETERS:
                raise unknown("decoding parameter", str(key), [*PARAMETERS, "name", "preset"])
        decodings = expand_grid(values)
        if name is not None and (len(decodings) > 1 or not isinstance(name, str) or not name):
            raise UserError(f"'name' must be a text for a single combination, got {name!r} for {len(decodings)}.")
        if name == HUMAN:
            raise UserError(f"No setting can be called '{HUMAN}': that is the row of the human continuations.")
        found += [NamedSetting(name or default_name(d, max_new_tokens), d) for d in decodings]
    for i, setting in enumerate(found):
        for other in found[:i]:
            if setting.decoding == other.decoding:
                raise UserError(f"The settings '{other.name}' and '{setting.name}' are the same. Leave one out.")
            if setting.name == other.name:
                raise UserError(f"Two different settings are called '{setting.name}'. Give one another 'name'.")
    return tuple(found)


def default_name(decoding: DecodingSettings, max_new_tokens: int) -> str:
    """Return the setting's own name, with its length where that is not the benchmark's."""
    own = "" if decoding.max_new_tokens == max_new_tokens else f" new={decoding.max_new_tokens}"
    return decoding.name + own


def resolve_prompts(spec: PromptsSpec) -> tuple[Prompt, ...]:
    """Return held-out prompts with their references, then written ones; NFC, stripped, none empty, none twice."""
    import unicodedata

    from trainables.base.text.korean import held_out_prompts

    prompts: list[Prompt] = []
    if spec.held_out:
        for held_out in held_out_prompts(spec.held_out, spec.words):
            source = held_out.document.source
            topic = source if source == "constitution" else f"bill {source}"
            prompts.append(Prompt(topic, held_out.prompt, held_out.reference))
    for written in spec.written:
        text, reference = (unicodedata.normalize("NFC", t or "").strip() for t in (written.text, written.reference))
        if not text:
            raise UserError("A prompt is empty. Give it at least one character that is not blank.")
        prompts.append(Prompt(written.topic, text, reference or None))
    if not prompts:
        raise UserError("The benchmark has no prompts. Give 'written' ones, or 'held_out' above 0.")
    texts = [p.text for p in prompts]
    double = next((t for i, t in enumerate(texts) if t in texts[:i]), None)
    if double is not None:
        raise UserError(f"The prompt '{double}' is given twice. Leave one out: repeats are set by 'repeats'.")
    return tuple(prompts)


def find_models(plan: Plan) -> ModelFolder:
    """Find the writing model's folder; it and the scorer's are checked by their files, nothing loads.

    Raises:
        UserError: no such model or scorer, or the scorer has the weights of the model that writes.
    """
    model = find_model(plan.spec.model)
    if plan.spec.scorer != CHARACTER_NGRAM:
        scorer = find_model(plan.spec.scorer)
        if scorer.weights_sha256 == model.weights_sha256:
            raise UserError(
                f"The scorer '{plan.spec.scorer}' is the model that writes, which gives no second opinion. "
                f"Name another model, or '{CHARACTER_NGRAM}'."
            )
    return model


def with_changes(spec: BenchmarkSpec, **changes: Any) -> BenchmarkSpec:
    """Return the benchmark with some entries changed, checked again; entries given as None stay as they are."""
    given = {key: value for key, value in changes.items() if value is not None}
    return parse_spec({**spec.model_dump(), **given}, "command line")


def halves(prompts: Sequence[Prompt]) -> tuple[list[int], list[int]]:
    """Return prompt numbers for tuning and for confirming: every other one of those with a human continuation."""
    known = [i for i, prompt in enumerate(prompts) if prompt.reference]
    return known[0::2], known[1::2]


def _absolute(name: str) -> str:
    """Return a file's or folder's absolute path, so that a lock leads to it from anywhere; another name stays."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.exists() else name
