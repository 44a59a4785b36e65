"""``tunelab bench generation``: settings of text generation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cli.output import keep_done, tell_report
from tunelab.cli.arguments.options import argument, option
from tunelab.cli.arguments.signature import with_parameters
from tunelab.cli.output.say import say

if TYPE_CHECKING:
    from benchmarks.generation.plan.request import Request

OFF_AT_ZERO, OFF_AT_ONE = "Values with commas; 0 is off.", "Values with commas; 1 is off."
GRID = {  # decoding parameters, whose values replace the settings of the file
    "mode": "sample, greedy, beam or beam_sample; several with commas.",
    "temperature": "Values with commas, e.g. 0.3,0.9,1.2.",
    "top_k": OFF_AT_ZERO,
    "top_p": OFF_AT_ONE,
    "min_p": OFF_AT_ZERO,
    "typical_p": OFF_AT_ONE,
    "repetition_penalty": OFF_AT_ONE,
    "no_repeat_ngram_size": OFF_AT_ZERO,
    "num_beams": "Values with commas, for modes beam and beam_sample.",
}
MODELS = {
    "model": "Model folder, GGUF file, hub name, models:/…, or sweep; default the stand-in.",
    "scorer": "'character-5-gram', or a second model, named as --model is.",
}
CHANGES = {  # further entries of the file that an option replaces
    "max_new_tokens": (int, "Maximum number of tokens of a continuation."),
    "repeats": (int, "Number of continuations of each prompt, for settings with sampling."),
    "seed": (int, "Seed of the run."),
    "baseline": (str, "Name of the setting that others are compared with."),
    "rows": (int, "Maximum number of sequences decoded at once."),
    "threads": (int, "Threads of torch."),
    "device": (str, "cpu | cuda; default cpu, whose samples are reproducible."),
    "korean": (bool, "Add morphemes by kiwipiepy (extra 'korean'): repeated ones, plausibility."),
}


def run_command(spec: Path | None, output: Path | None, **given: Any) -> None:
    """Compare settings of text generation on quality, diversity and speed; one folder with a report comes out.

    Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench generation

        tunelab bench generation --model ./my-kogpt2 --output results

        tunelab bench generation --optimize human_distance

        tunelab bench generation --prompt "오늘 날씨는" --temperature 0.3,0.9,1.2 --top-k 10,50
    """
    request = _request(spec, given)
    plan = request.plan()
    folder = request.folder(output, plan)
    from benchmarks.generation.display import Terminal
    from benchmarks.generation.run import run  # torch loads once the request is known to be good
    from tunelab.tracking.store import Store
    from tunelab.tracking.uri import default_tracking_uri

    uri = request.tracking_uri
    store = None if uri == "off" else Store(uri or default_tracking_uri())
    with keep_done(folder):
        results = run(plan, folder, Terminal(), request.goal())
    if store is not None:
        from benchmarks.generation.report.logged import log_benchmark

        say(f"Logged as run {log_benchmark(store, folder, results, say)} in {store.shown_uri}")
    tell_report(folder)


command = with_parameters(
    run_command,
    [
        argument("spec", "Benchmark file (YAML); default the built-in benchmark.", kind=Path),
        option("output", "Folder for results; default bench-generation-NAME.", kind=Path),
        *(option(name, help) for name, help in MODELS.items()),
        option("prompt", "A prompt of your own; give it several times for more.", kind=list[str]),
        *(option(name, help, metavar="VALUES") for name, help in GRID.items()),
        *(option(name, help, kind=kind) for name, (kind, help) in CHANGES.items()),
        option("optimize", "Search settings that minimise human_distance or scorer_distance."),
        option("trials", "Settings that --optimize tries; default 48.", kind=int),
        option("speed", "Measure speed too; the default.", kind=bool, opposite=True),
        option("tracking_uri", "MLflow store; 'off' for none.", metavar="URI"),
    ],
)


def _request(spec: Path | None, given: dict[str, Any]) -> Request:
    from benchmarks.generation.plan.request import Request

    return Request(
        spec=spec,
        prompts=tuple(given["prompt"] or ()),
        grid={name: given[name] for name in GRID},
        changes={name: given[name] for name in (*MODELS, *CHANGES)},
        optimize=given["optimize"],
        trials=given["trials"],
        speed=given["speed"] is not False,
        tracking_uri=given["tracking_uri"],
    )
