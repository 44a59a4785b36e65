"""``tunelab bench``: the command line of the benchmarks. Each command imports its own code, so that help is instant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from search_spaces.errors import UserError
from tunelab.cli.arguments.language import LanguageOption
from tunelab.cli.commands import HelpfulGroup
from tunelab.system.language import tr, use_language

app = typer.Typer(
    name="bench",
    cls=HelpfulGroup,
    help="Benchmarks: tables, settings of text generation, methods of search, confirmation, speed.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

INTERRUPTED = 130  # exit code of a run stopped by Ctrl-C


@contextmanager
def _continued(folder: Path) -> Iterator[None]:
    """End the command in order when Ctrl-C stops the block; what is done is kept in the folder."""
    try:
        yield
    except KeyboardInterrupt:
        text = tr("Stopped. What is done is kept in {folder}; the same command continues from there.", folder=folder)
        typer.echo(text, err=True)
        raise typer.Exit(INTERRUPTED) from None


def _notify(text: str) -> None:
    typer.echo(text, err=True)


def _tell_report(folder: Path) -> None:
    from benchmarks.harness.suite import REPORT

    typer.echo(tr("Report: {path}", path=folder / REPORT))


def _names(text: str | None) -> tuple[str, ...] | None:
    return tuple(text.split(",")) if text else None


def _numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    try:
        return tuple(int(number) for number in text.split(",")) if text else None
    except ValueError:
        raise UserError(f"--{option} '{text}' must be whole numbers with commas, e.g. 1,8.") from None


@app.command()
def generation(
    spec: Annotated[Path | None, typer.Argument(help="Benchmark file (YAML); default the built-in benchmark.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results; default bench-generation-NAME.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model folder, GGUF file, hub name, models:/…, or sweep; default the stand-in.")
    ] = None,
    scorer: Annotated[
        str | None, typer.Option(help="'character-5-gram', or a second model, named as --model is.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="A prompt of your own; give it several times for more.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="sample, greedy, beam or beam_sample; several with commas.")] = None,
    temperature: Annotated[str | None, typer.Option(help="Values with commas, e.g. 0.3,0.9,1.2.")] = None,
    top_k: Annotated[str | None, typer.Option(help="Values with commas; 0 is off.")] = None,
    top_p: Annotated[str | None, typer.Option(help="Values with commas; 1 is off.")] = None,
    min_p: Annotated[str | None, typer.Option(help="Values with commas; 0 is off.")] = None,
    typical_p: Annotated[str | None, typer.Option(help="Values with commas; 1 is off.")] = None,
    repetition_penalty: Annotated[str | None, typer.Option(help="Values with commas; 1 is off.")] = None,
    no_repeat_ngram_size: Annotated[str | None, typer.Option(help="Values with commas; 0 is off.")] = None,
    num_beams: Annotated[str | None, typer.Option(help="Values with commas, for modes beam and beam_sample.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Maximum number of tokens of a continuation.")] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Number of continuations of each prompt, for settings with sampling.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Name of the setting that others are compared with.")] = None,
    rows: Annotated[int | None, typer.Option(help="Maximum number of sequences decoded at once.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of torch.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu | cuda; default cpu, whose samples are reproducible.")] = None,
    optimize: Annotated[
        str | None, typer.Option(help="Search settings that minimise human_distance or scorer_distance.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Settings that --optimize tries; default 48.")] = None,
    korean: Annotated[
        bool, typer.Option("--korean", help="Add morphemes by kiwipiepy (extra 'korean'): repeated ones, plausibility.")
    ] = False,
    speed: Annotated[bool, typer.Option(help="Measure speed too.")] = True,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store; 'off' for none.")] = None,
    language: LanguageOption = None,
) -> None:
    """Compare settings of text generation on quality, diversity and speed; one folder with a report comes out.

    Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench generation

        tunelab bench generation --model ./my-kogpt2 --output results

        tunelab bench generation --optimize human_distance

        tunelab bench generation --prompt "오늘 날씨는" --temperature 0.3,0.9,1.2 --top-k 10,50
    """
    use_language(language)
    from benchmarks.generation.display import Terminal
    from benchmarks.generation.plan.request import Request

    request = Request(
        spec=spec,
        prompts=tuple(prompt or ()),
        grid={
            "mode": mode,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "typical_p": typical_p,
            "repetition_penalty": repetition_penalty,
            "no_repeat_ngram_size": no_repeat_ngram_size,
            "num_beams": num_beams,
        },
        changes={
            "model": model,
            "scorer": scorer,
            "max_new_tokens": max_new_tokens,
            "repeats": repeats,
            "seed": seed,
            "baseline": baseline,
            "rows": rows,
            "threads": threads,
            "device": device,
            "korean": korean or None,
        },
        optimize=optimize,
        trials=trials,
        speed=speed,
        tracking_uri=tracking_uri,
    )
    plan = request.plan()
    folder = request.folder(output, plan)
    from benchmarks.generation.run import run  # torch loads once the request is known to be good
    from tunelab.tracking.store import Store
    from tunelab.tracking.uri import default_tracking_uri

    store = None if tracking_uri == "off" else Store(tracking_uri or default_tracking_uri())
    with _continued(folder):
        results = run(plan, folder, Terminal(), request.goal())
    if store is not None:
        from benchmarks.generation.report.logged import log_benchmark

        typer.echo(f"Logged as run {log_benchmark(store, folder, results, typer.echo)} in {store.shown_uri}")
    _tell_report(folder)


@app.command()
def speed(
    tasks: Annotated[str, typer.Option(help="Tables with a number to predict, with commas.")] = (
        "california_housing,diamonds"
    ),
    trials: Annotated[str, typer.Option(help="Sizes of sweeps, with commas.")] = "16",
    max_epochs: Annotated[int, typer.Option(min=1, help="Budget of one trial, epochs.")] = 27,
    rounds: Annotated[int, typer.Option(min=1, help="Number of runs of each competitor, alternating.")] = 3,
    competitors: Annotated[str, typer.Option(help="Competitors, with commas; default all.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Trials at once.")] = 2,
    device: Annotated[str, typer.Option(help="cpu | cuda")] = "cpu",
    control_trials: Annotated[int, typer.Option(help="Instant trials that show what control costs; 0 for none.")] = 400,
    loop_rounds: Annotated[int, typer.Option(min=0, help="Rounds of the training loop alone; 0 for none.")] = 5,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-speed"),
    language: LanguageOption = None,
) -> None:
    """Measure what a sweep costs beside its training, against other ways to run it; one folder with a report comes out.

    For example:

        tunelab bench speed

        tunelab bench speed --tasks california_housing --trials 64,256 --control-trials 2000
    """
    use_language(language)
    from benchmarks.speed import run as benchmark

    try:
        sizes = tuple(int(size) for size in trials.split(","))
    except ValueError:
        raise UserError(f"--trials '{trials}' must be whole numbers with commas, e.g. 64,256.") from None
    if min(sizes) < 1:
        raise UserError(f"--trials '{trials}': each number must be at least 1.")
    request = benchmark.Request(
        tasks=tuple(tasks.split(",")),
        trials=sizes,
        max_epochs=max_epochs,
        rounds=rounds,
        competitors=tuple(competitors.split(",")) if competitors else (),
        concurrency=concurrency,
        device=device,
        control_trials=control_trials,
        loop_rounds=loop_rounds,
    )
    benchmark.run(request, output, _notify)
    _tell_report(output)


@app.command()
def search(
    tables: Annotated[
        Path | None, typer.Option(help="Folder with recorded learning curves; trials are looked up, not trained.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Bundled tasks, with commas; with --tables those of the folder, default all.")
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="SAMPLER+SCHEDULER, with commas: tpe, random; asha, none; others by name from Optuna or Ray. With "
            "--tables also SyneTune-ASHA, SyneTune-CQR, SyneTune-BOHB, SMAC3-Hyperband, NePS-Hyperband, NePS-PriorBand "
            "where the package is installed."
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Repetitions; default 5, with --tables 30.")] = None,
    full_trials: Annotated[
        str | None,
        typer.Option(help="Budget of a search: epochs of this many full trials; with --tables several, with commas."),
    ] = None,
    workers: Annotated[
        str | None, typer.Option(help="With --tables: simulated workers, with commas; default 1,8,32.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the benchmark.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-search"),
    language: LanguageOption = None,
) -> None:
    """Compare methods of search with equal budgets; one folder with a report comes out.

    With --tables nothing is trained: searches replay recorded learning curves. Two commands fetch them into FOLDER:

        git clone --depth 1 https://github.com/slds-lmu/yahpo_data FOLDER/yahpo_data

        git clone --depth 1 https://github.com/releaunifreiburg/DyHPO FOLDER/DyHPO

    Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench search

        tunelab bench search --tasks wine,auto_mpg --methods tpe+asha,GPSampler+asha,tpe+HyperBandScheduler --seeds 10

        tunelab bench search --tables curves --methods tpe+asha,random+asha --workers 1,8 --seeds 5
    """
    use_language(language)
    from benchmarks.search.arena.command import compare_on_curves
    from benchmarks.search.command import compare_by_training

    given = {"tasks": _names(tasks), "methods": _names(methods), "seeds": seeds, "seed": seed}
    if tables is None and workers is not None:
        raise UserError("--workers needs --tables: without recorded curves, trials train one after another.")
    sizes = {"full_trials": _numbers("full-trials", full_trials), "workers": _numbers("workers", workers)}
    values = {key: value for key, value in {**given, **sizes}.items() if value is not None}
    with _continued(output):
        lines = compare_by_training(values, output) if tables is None else compare_on_curves(tables, values, output)
    for line in lines:
        typer.echo(line)


@app.command()
def plan(
    tasks: Annotated[str, typer.Option(help="Bundled tasks, with commas.")] = (
        "california_housing,auto_mpg,diamonds,boston_housing,heart_disease,wine,mnist"
    ),
    trials: Annotated[int, typer.Option(min=1, help="Size of each sweep.")] = 32,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-plan"),
    language: LanguageOption = None,
) -> None:
    """Compare what `tunelab plan` predicts with what the sweep then takes; one folder with a report comes out."""
    use_language(language)
    from benchmarks.plan import run as benchmark
    from benchmarks.plan.report import verdict

    found = benchmark.run(tasks.split(","), ["--trials", str(trials)], output, _notify)
    typer.echo(verdict(found))
    _tell_report(output)


@app.command()
def optimism(
    tasks: Annotated[str | None, typer.Option(help="Bundled tables, with commas.")] = None,
    simulated: Annotated[int | None, typer.Option(help="Number of simulated selections; default 300.")] = None,
    sweeps: Annotated[int | None, typer.Option(help="Number of sweeps of each table; default 40.")] = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials of a sweep; default 20.")] = None,
    max_epochs: Annotated[int | None, typer.Option(help="Epochs of a trial; default 27.")] = None,
    rows: Annotated[int | None, typer.Option(help="Maximum number of rows of a table; default 2000.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the benchmark.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-optimism"),
    language: LanguageOption = None,
) -> None:
    """Measure how well a winner's expected loss predicts its test loss: bias removed, coverage of the interval.

    Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench optimism

        tunelab bench optimism --tasks wine,auto_mpg --sweeps 20 --simulated 0
    """
    use_language(language)
    from benchmarks.optimism.spec import OptimismSpec, check

    sizes = {"simulated": simulated, "sweeps": sweeps, "trials": trials, "max_epochs": max_epochs, "rows": rows}
    spec = OptimismSpec.from_options(tasks=_names(tasks), seed=seed, **sizes)
    check(spec)
    from benchmarks.optimism.report import verdict
    from benchmarks.optimism.run import run

    with _continued(output):
        results = run(spec, output, _notify)
    typer.echo(verdict(results))
    _tell_report(output)


@app.command()
def confirmation(
    tasks: Annotated[str | None, typer.Option(help="Bundled tables, with commas.")] = None,
    sweeps: Annotated[int | None, typer.Option(help="Simulated sweeps of each task on noise; default 100.")] = None,
    planted: Annotated[
        int | None, typer.Option(help="Sweeps of each task and each weak reference; default 30.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Trials of a sweep; default 20.")] = None,
    max_epochs: Annotated[int | None, typer.Option(help="Epochs of a trial; default 27.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the benchmark.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-confirmation"),
    language: LanguageOption = None,
) -> None:
    """Measure how often a confirmation errs: winners called better on noise, and better ones that it misses.

    Takes about a quarter of an hour on two cores. Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench confirmation

        tunelab bench confirmation --tasks wine --sweeps 400 --planted 0
    """
    use_language(language)
    from benchmarks.confirmation.spec import ConfirmationSpec, check

    sizes = {"sweeps": sweeps, "planted": planted, "trials": trials, "max_epochs": max_epochs}
    spec = ConfirmationSpec.from_options(tasks=_names(tasks), seed=seed, **sizes)
    check(spec)
    from benchmarks.confirmation.report import verdict
    from benchmarks.confirmation.run import run

    with _continued(output):
        results = run(spec, output, _notify)
    typer.echo(verdict(results.sweeps))
    _tell_report(output)


@app.command()
def tables(
    folder: Annotated[Path, typer.Argument(help="Folder with tables.yaml: files and targets, systems, seeds.")],
    output: Annotated[Path, typer.Option(help="Folder for results.")] = Path("bench-tables"),
    language: LanguageOption = None,
) -> None:
    """Compare systems on a list of tables: ours, LightGBM, scikit-learn, and AutoGluon where it is installed.

    All get the same rows and the same time. Ctrl-C keeps what is done; the same command continues from there.

    For example:

        tunelab bench tables my-tables

        tunelab bench tables my-tables --output results
    """
    use_language(language)
    from benchmarks.tables.spec import read_tables

    spec = read_tables(folder)
    from benchmarks.tables.report import verdict
    from benchmarks.tables.run import run

    with _continued(output):
        results = run(spec, output, _notify)
    typer.echo(verdict(results))
    _tell_report(output)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A benchmark's folder.")],
    trust: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A model that the lock names and you vouch for; repeatable."),
    ] = None,
) -> None:
    """Run a benchmark again from its lock and say 'identical', or list what differs (exit code 1)."""
    from benchmarks.harness import verify as harness

    differences = harness.verify(folder, trust or [])
    if differences:
        typer.echo(f"{len(differences)} differences:")
        for difference in differences:
            typer.echo(f"- {difference}")
        raise typer.Exit(1)
    typer.echo("identical")
