"""How to do it again: the exact command, and what the sweep was made with."""

from __future__ import annotations

import shlex
from typing import Any

from tunelab.documents.blocks import Block, Cell, Code, Section, Text
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec
from tunelab.records.spec_option import shown_as
from tunelab.records.text import format_number, format_utc
from tunelab.system.environment import Machine
from tunelab.system.language import tr, tr_plural, tr_term
from tunelab.system.texts import tr_text

ELSEWHERE = ("task", "task_options", "set", "name", "tracking_uri", "address", "storage", "concurrency")
ALWAYS = ("trials", "max_epochs", "seed")


def repeat_command(result: SweepResult) -> str:
    """Return the command line of this sweep, every setting that is not the default spelt out.

    Without name, store and cluster, so that it makes a new sweep wherever it is typed.
    """
    spec, values = result.spec, result.spec.to_json()
    options: dict[str, Any] = {}
    for name, field in SweepSpec.model_fields.items():
        key = field.alias or name
        value = values[key]
        if shown_as(field) is None:  # no option of `tunelab sweep`
            continue
        if key not in ELSEWHERE and value is not None and (key in ALWAYS or value != field.default):
            options[key] = value
    options |= spec.task_options
    if spec.deterministic or spec.concurrency is not None:  # proposals depend on it
        options["concurrency"] = result.concurrency
    words = ["tunelab", "sweep", spec.task]
    for key, value in options.items():
        words += _option(key, value)
    for name, value in spec.fixed.items():
        words += ["--set", f"{name}={value}"]
    return shlex.join(words)


def _option(key: str, value: Any) -> list[str]:
    option = "--" + key.replace("_", "-")
    if isinstance(value, bool):
        return [option] if value else []
    if isinstance(value, list | tuple):
        return [word for item in value for word in (option, str(item))]
    number = isinstance(value, float) and value == int(value)
    return [option, str(int(value)) if number else str(value)]


def repeat_section(result: SweepResult) -> Section:
    """Return the command of the sweep, and that of its winner alone."""
    environment = result.environment
    commit, version = environment.commit, environment.versions.get("tunelab", "")
    again = tr("The same sweep again, with tunelab {version}:", version=version)
    if commit:
        again = tr("The same sweep again, with tunelab {version} at commit {commit}:", version=version, commit=commit)
    blocks: list[Block] = [
        Text(again),
        Code(repeat_command(result)),
    ]
    if result.spec.widen or result.spec.drop:
        text = tr(
            "Later trials were drawn from a wider range or without a choice (`widen` and `drop` in a --config file), "
            "which this command does not repeat."
        )
        blocks.append(Text(text))
    runs = _winning_runs(result)
    if runs:
        what = tr("The winner alone") if len(runs) == 1 else tr("The trials that the winner averages")
        if result.best is not None and result.best.seed is not None:
            what = tr("The winner as far as the search trained it")
        blocks += [
            Text(tr("{what}, trained again and compared epoch by epoch:", what=what)),
            Code("\n".join(f"tunelab reproduce {run_id}" for run_id in runs)),
        ]
    if not result.spec.deterministic and result.concurrency > 1:
        blocks.append(
            Text(
                tr(
                    "{count} trials ran at once and proposals used whatever had ended: a repetition may "
                    "propose other configurations. With --deterministic it proposes the same ones.",
                    count=result.concurrency,
                )
            )
        )
    return Section(tr("Repeat it"), blocks)


def _winning_runs(result: SweepResult) -> list[str]:
    """Run ids of the winner, or of the trials that it averages; empty without tracking."""
    best = result.best
    if best is None or not best.run_id:
        return []
    return [t.run_id for n in best.members for t in result.trials if t.number == n] or [best.run_id]


def provenance(result: SweepResult) -> dict[str, Cell]:
    """Return what the numbers were made with."""
    data, environment, facts = result.data, result.environment, result.facts
    rows = {tr("train"): data.train_rows, tr("validation"): data.validation_rows, tr("test"): data.test_rows}
    wall = tr(
        "{wall} s, of which {searching} s searching",
        wall=format_number(result.wall_seconds, 3),
        searching=format_number(result.fit_seconds, 3),
    )
    told = {k: v for k, v in data.details.items() if isinstance(v, str | int | float) and k != "rows"}  # of each split
    return {
        tr("sweep"): result.name,
        tr("run id"): result.parent_run_id or None,
        tr("store"): result.tracking_uri or None,
        tr("started"): format_utc(result.started),
        tr("wall time"): wall,
        tr("data"): f"{tr_text(facts.source)} ({tr_text(facts.licence)})",
        tr("data digest"): data.digest,
        tr("split seed"): str(data.split_seed),
        tr("rows"): ", ".join(f"{count:,} {name}" for name, count in rows.items()),
        **{tr_text(tr_term(k)): tr_text(v if isinstance(v, str) else format_number(v)) for k, v in told.items()},
        tr("command"): environment.command,
        tr("commit"): environment.commit or None,
        tr("machine"): _machine(environment.machine),
        tr("versions"): ", ".join(f"{name} {version}" for name, version in environment.versions.items()),
        tr("trials at once"): result.concurrency,
    }


def _machine(machine: Machine) -> str:
    return ", ".join(
        [
            machine.processor,
            tr_plural("{count} core", "{count} cores", machine.cores, count=machine.cores),
            machine.system,
            machine.host,
        ]
    )
