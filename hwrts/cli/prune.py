"""hwrts prune: a run with less channels of another, within a budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.interrupt import LastWords
from hwrts.cli.options import Quiet, RunArgument, option
from hwrts.cli.stage import print_stages
from hwrts.command_line import command_line
from hwrts.errors import ConfigError, RunFolderError
from hwrts.runs.settings import run_notes

if TYPE_CHECKING:
    from hwrts.cost.network import Form
    from hwrts.runs.folder import RunFolder
    from hwrts.runs.prune import Asked, Pruning


DEPLOYED: "tuple[Form, ...]" = ("x2", "same-size")
"""Forms of a network that silicon computes."""

SHOWN = ("params", "macs", "line_kib", "weight_kib")
"""Costs that are shown whatever the budget is of."""


def prune(
    run: RunArgument,
    budget: Annotated[
        str, typer.Option(help="Most that the network may cost, such as line_kib=64 (docs/cost.md).")
    ],
    stage: Annotated[
        int | None,
        typer.Option(help=r"A finished float stage \[the one the run kept].", min=1, show_default=False),
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often channels are left out.", min=1, max=100)] = 3,
    steps: Annotated[
        int | None,
        typer.Option(
            help=r"Training steps behind each round \[a quarter of the stage's].", min=1, show_default=False
        ),
    ] = None,
    multiple: Annotated[
        int, typer.Option(help="Of channels, what is left is a multiple of.", min=1, max=256)
    ] = 4,
    importance: Annotated[
        str,
        typer.Option(
            help="Which channels go: gradient (of the loss), or sensitivity (measured without each)."
        ),
    ] = "gradient",
    form: Annotated[str, typer.Option(help="The network that is counted: x2 or same-size.")] = "x2",
    mode: Annotated[
        str, typer.Option(help="Video mode of the output, for line memory, traffic and circuits.")
    ] = "2160p60",
    clock_mhz: Annotated[
        float, typer.Option(help="Of the circuit, for multipliers and kgates.", min=1)
    ] = 600.0,
    name: Annotated[
        str | None, option("Name of the new run; its folder is runs/NAME [that of RUN, and -pruned].")
    ] = None,
    output: Annotated[
        Path | None, option("Folder of the new run, in place of --name.", "--output", "-o")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run of that name.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Leave out the channels that a trained network needs least, until it is within a budget.

    What is left is trained again and is a run as any other. The same command continues what was interrupted.
    """
    from hwrts.api.train import finish_run
    from hwrts.files.lock import writing
    from hwrts.files.new_folder import next_to
    from hwrts.runs.folder import check_replaceable, is_occupied, open_run
    from hwrts.runs.prune import Pruning, is_unfinished

    source = open_run(run)
    if not source.trained:
        raise RunFolderError(
            f"{run}: is of a module of your own, which hwrts does not train; make it narrower in its file"
        )
    chosen = source.finished_stage(None if stage is None else str(stage))
    root = _root(source, name, output)
    progress = ConsoleProgress(quiet)
    asked = _asked(source, chosen.number, budget, rounds, steps, multiple, importance, form, mode, clock_mhz)
    with writing(root):
        place = root if is_unfinished(root) else next_to(root) if is_occupied(root) else root
        if not is_unfinished(place):
            check_replaceable(root, force=force, advice="choose another --name or --output")
        pruning = Pruning(source, source.stage(chosen.number), place, asked, run_notes(source.config.seed))
        pruning.check()
        pruning.begin(force=force)
        with LastWords("interrupted; the same command continues it"):
            passed = finish_run(pruning.rounds(progress), root, progress)
    _print_result(type(source)(root), pruning, as_json=json)
    if not passed:
        raise typer.Exit(1)


def _print_result(folder: "RunFolder", pruning: "Pruning", *, as_json: bool) -> None:
    """What pruning has made, what it costs now, and what to compare it with."""
    from hwrts.report.summary import next_commands
    from hwrts.runs.documents import read_measures, read_verdict
    from hwrts.runs.narrower import whole
    from hwrts.runs.prune import SCRATCH

    before, after = (pruning.shapes(each.config.network) for each in (pruning.source, folder))
    widths = [whole(shapes.groups()) for shapes in (before, after)]
    costs = [shapes.costs(each) for shapes, each in zip((before, after), widths, strict=True)]
    stage = folder.finished_stage(str(pruning.stage.number))
    compare = command_line("run", folder.root / SCRATCH, "--name", f"{folder.root.name}-scratch")
    if as_json:
        verdict = read_verdict(stage.verify)
        print_json(
            {
                "run": str(folder.root),
                "pruned": str(pruning.source.root),
                "stage": stage.name,
                "budget": pruning.asked.limits.at_most,
                "costs": {"before": costs[0], "after": costs[1]},
                "widths": {"before": widths[0], "after": widths[1]},
                **{key: verdict[key] for key in ("passed", "compared", "mismatches")},
                "measures": read_measures(stage.metrics),
                "measures_before": read_measures(pruning.stage.metrics),
                "from_scratch": compare,
            }
        )
        return
    rows = [
        [unit, f"{costs[0][unit]:,.5g}", f"{costs[1][unit]:,.5g}", f"{most:,.5g}" if most else ""]
        for unit in costs[0]
        if (most := pruning.asked.limits.at_most.get(unit)) or unit in SHOWN
    ]
    print_table(f"{folder.root}: {folder.config.network.title}", ["cost", "before", "after", "budget"], rows)
    narrower = [
        [name, str(width), str(widths[1][name])]
        for name, width in widths[0].items()
        if widths[1][name] != width
    ]
    print_table("", ["channels made by", "before", "after"], narrower)
    print_stages(folder)
    if stage.number > 1:
        print_line(f"stages before {stage.number} are those of {pruning.source.root}, this run has none")
    print_line(f"report:  {folder.report}")
    print_line(f"compare: {compare}")
    print_line("         the same network from its start, for as many steps (docs/pruning.md)")
    for i, (_, command) in enumerate(next_commands(folder, stage.name)[:2]):
        print_line(f"{'' if i else 'next:':8} {command}")


def _root(source: "RunFolder", name: str | None, output: Path | None) -> Path:
    """The folder that --name and --output ask for."""
    from hwrts.cli.run import root_of

    root = root_of(name, output, f"{source.place.resolve().name}-pruned")
    if root.resolve() == source.place.resolve():
        raise ConfigError(f"{root}: is the run that is pruned; choose another --name or --output")
    return root


def _asked(
    source: "RunFolder",
    number: int,
    budget: str,
    rounds: int,
    steps: int | None,
    multiple: int,
    importance: str,
    form: str,
    mode: str,
    clock_mhz: float,
) -> "Asked":
    """What the flags say.

    Raises:
        ConfigError: One that is not allowed.
    """
    from hwrts.cost.budget import Limits, parse_budget
    from hwrts.cost.modes import mode_named
    from hwrts.runs.importance import IMPORTANCES
    from hwrts.runs.prune import Asked, stores_of
    from hwrts.training.rts import stage_schedule

    kind = next((each for each in IMPORTANCES if each == importance), None)
    if kind is None:
        raise ConfigError(f"--importance {importance!r} is not allowed: use {' or '.join(IMPORTANCES)}")
    counted = next((each for each in DEPLOYED if each == form), None)
    if counted is None:
        raise ConfigError(f"--form {form!r} is not allowed: use {' or '.join(DEPLOYED)}")
    limits = Limits(mode=mode_named(mode).name, at_most=parse_budget(budget), clock_mhz=clock_mhz)
    if steps is None:
        config = source.config
        crops = len(stores_of(source)[0].names) * config.data.crops_per_image
        steps = max(1, stage_schedule(config, number, crops).steps // 4)
    return Asked(limits, counted, rounds, steps, multiple, kind)
