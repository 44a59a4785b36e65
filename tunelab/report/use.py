"""How to use the winner: its model, and its configuration to copy."""

from __future__ import annotations

import json

from tunelab.analysis.use import (
    draws_samples,
    loaded_as,
    predict_command,
    registration,
    set_options,
    set_python,
    set_yaml,
    winner_params,
)
from tunelab.documents.blocks import Block, Code, Section, Text
from tunelab.records.result import SweepResult
from tunelab.system.language import tr


def use_section(result: SweepResult) -> Section | None:
    """Return commands and Python that use the model, and the winner's configuration; None without a winner."""
    best = result.best
    if best is None:
        return None
    blocks: list[Block] = []
    uri = loaded_as(result)
    if uri:
        drawn, what = draws_samples(result), tr("Predict rows of a file:")
        if drawn:
            what = tr("Draw samples; SEED is a whole number:")
        elif result.facts.kind == "language_model":
            what = tr("Continue the texts of a file, one a line:")
        elif result.facts.kind == "images":
            what = tr("Predict pictures, or a folder of them:")
        predicted = 'model.predict(pandas.DataFrame({"seed": [0, 1]}))' if drawn else "model.predict(frame)"
        imports = "import mlflow\nimport pandas" if drawn else "import mlflow"
        blocks += [
            Text(what),
            Code(predict_command(result)),
            Text(tr("The same in Python, or in any tool that loads MLflow models:")),
            Code(
                f"{imports}\n\nmlflow.set_tracking_uri({json.dumps(result.tracking_uri)})\n"
                f"model = mlflow.pyfunc.load_model({json.dumps(uri)})\n{predicted}"
            ),
        ]
        if registration(result):
            blocks.append(Text(registration(result)))
    if winner_params(result):
        which = tr("trial {number}", number=best.trial)
        if best.members:
            which = tr("trial {number}, the heaviest member", number=best.trial)
        copied = "\n\n".join((set_options(result), set_yaml(result), set_python(result)))
        blocks += [
            Text(
                tr(
                    "The configuration of {which}, as options of tunelab sweep, for a sweep.yaml, and in Python:",
                    which=which,
                )
            ),
            Code(copied),
        ]
    return Section(tr("Use it"), blocks) if blocks else None
