"""hwrts reproduce: the paper's tables and figures, measured here and shown beside the paper's numbers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.interrupt import LastWords
from hwrts.cli.options import MaxMegapixels, Quiet
from hwrts.errors import ConfigError
from hwrts.runs.settings import run_notes


def reproduce(
    what: Annotated[
        str, typer.Argument(help="table1, table2, table3, fig4, fig5, fig6 or all.", metavar="WHAT")
    ] = "all",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Folder of photographs, such as DIV2K_train_HR (--budget tiny: or the embedded ones).",
            show_default=False,
        ),
    ] = None,
    val: Annotated[
        Path | None,
        typer.Option(
            "--val",
            help="Folder of validation photographs (default: val/ in --data, or a fifth of it).",
            show_default=False,
        ),
    ] = None,
    max_megapixels: MaxMegapixels = None,
    budget: Annotated[
        str,
        typer.Option(
            help="tiny: a first look, minutes; small: two cores, hours; medium: two cores, a night, for "
            "table3; paper: a GPU, days."
        ),
    ] = "small",
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Add the int8 networks' rows: quantised, exported and verified. A result that has them "
            "keeps them.",
        ),
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the runs and results; made or continued.")
    ] = Path("reproduction"),
    seed: Annotated[int, typer.Option(help="Makes everything repeatable.", min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Make the paper's tables and figures again: train what is missing, reuse and continue what exists.

    Writes CSV, SVG and PNG, results.json, and index.html with paper and measurement side by side and what
    agrees. That something differs from the paper is a result: the exit status is 0 when everything was made.
    """
    from hwrts.data import MAX_MEGAPIXELS
    from hwrts.files.lock import writing
    from hwrts.reproduce.budgets import budget as find_budget
    from hwrts.reproduce.reproduction import reproduce
    from hwrts.reproduce.results import chosen_targets
    from hwrts.reproduce.runs import Source

    targets, chosen = chosen_targets(what), find_budget(budget)
    if data is None and chosen.name != "tiny":
        raise ConfigError(
            f"--budget {chosen.name}: give a folder of photographs with --data; the embedded ones are for "
            "the first look of --budget tiny"
        )
    source = Source(data, val, seed, device, max_megapixels or MAX_MEGAPIXELS)
    progress = ConsoleProgress(quiet)
    progress.say(f"{', '.join(targets)} with budget {chosen.name} in {output}")
    for note in chosen.notes:
        progress.say(note)
    with writing(output), LastWords("interrupted; the same command continues"):
        document = reproduce(output, targets, chosen, source, run_notes(seed), progress, int8=int8)
    if json:
        print_json(document)
        return
    for target in targets:
        _print_result(target, document["results"][target])
    print_line(f"results: {output / 'results.json'}")
    print_line(f"page:    {output / 'index.html'}")


def _print_result(target: str, entry: dict[str, Any]) -> None:
    """What agrees and what does not, and where the numbers are."""
    rows = [[finding["claim"], "agrees" if finding["agrees"] else "differs"] for finding in entry["findings"]]
    if rows:
        print_table(f"{target}: the paper's claims", ["claim", "measured"], rows)
    for finding in entry["findings"]:
        print_line(f"- {finding['text']}")
    print_line(f"files of {target}: {', '.join(entry['files'])}")
