"""hwrts verify --client: a file for a client, run there and compared with a stage, code by code."""

from pathlib import Path
from typing import Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table, print_warning
from hwrts.cli.stage import choose_network
from hwrts.errors import ConfigError


def verify_client(
    run: Path,
    stage: str | None,
    file: Path,
    client: str | None,
    layers: list[str] | None,
    stimuli: list[str] | None,
    size: str | None,
    *,
    json: bool,
) -> None:
    """Print what a client makes of a file; exit 1 if one code differs.

    Args:
        run: The run folder.
        stage: What --stage says.
        file: What --client says.
        client: What --in says.
        layers: What --layer says.
        stimuli: What --stimulus says.
        size: What --size says.
        json: Print the document.

    Raises:
        HwrtsError: No such file, none of this network, or a client that is not there or refuses it.
    """
    from hwrts.runs.client_check import check_client, stage_beside
    from hwrts.runs.folder import open_run
    from hwrts.runs.target import parse_size

    if layers or stimuli:
        raise ConfigError("--layer and --stimulus: are of the witnesses; leave them out beside --client")
    sides = None if size is None else parse_size(size)
    folder = open_run(run)
    chosen = choose_network(folder, stage_beside(folder, file) if stage is None else stage, quiet=json)
    found = check_client(folder, chosen, file, client, ConsoleProgress(quiet=json), sides)
    if json:
        print_json(found)
    else:
        _say(found)
    if not found["passed"]:
        raise typer.Exit(1)


def _say(found: dict[str, Any]) -> None:
    from hwrts.report.explain import first_difference

    rounds = [found[f"client_rounds_{kind}"] for kind in ("convolutions", "additions")]
    known = rounds[0] is not None
    rules = ",".join(dict.fromkeys(rounds)) if known else "of no known rule"
    size = "x".join(map(str, found["size"])) if found["size"] else "any size"
    print_line(f"{found['file']}: {found['layout']}, {size}, beside stage {found['stage']}")
    for name, kind in found["boundary"].items():
        print_line(f"  {name}: {kind}")
    print_line(f"client: {found['client']} {found['version']}, rounding {rules}")
    shown = "x".join(map(str, found["picture_size"]))
    print_line(f"pictures of {shown}: {'; '.join(found['pictures'])}")
    rows = [
        [
            row["layer"],
            found["formats"][row["layer"]],
            f"{row['compared']:,}",
            f"{row['mismatches']:,}",
            _most(row),
        ]
        for row in found["rows"]
    ]
    print_table("", ["layer", "format", "codes compared", "differ", "by at most"], rows)
    first = first_difference(found, found["stage"], Path(found["file"]))
    if first is not None:
        print_line(f"  first difference: {first.text}")
        if known:
            print_line(f"  layers seen: {found['layers_seen_as']}")
    for remark in found["remarks"]:
        print_warning(remark)
    if found["codes_that_its_rounding_changes"]:
        print_warning(
            f"{found['client']}: rounds in another way than the network was trained for, which changes "
            f"{found['codes_that_its_rounding_changes']:,} codes; "
            f"quantize with --rounding {found['advised_rounding']}"
        )
    verdict = "PASSED" if found["passed"] else "FAILED" if found["mismatches"] else "NOT PASSED"
    why = "" if known else f"; {found['client']} is exact under no rounding rule that was tried"
    print_line(f"{verdict}: {found['mismatches']:,} of {found['compared']:,} codes differ{why}")


def _most(row: dict[str, Any]) -> str:
    return "not a number" if row["largest"] is None else f"{row['largest']:g}"
