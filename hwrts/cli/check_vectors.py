"""hwrts check-vectors: what a simulator or firmware wrote beside the vectors, code by code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwrts.cli.console import print_json, print_line, print_table
from hwrts.cli.options import Quiet

if TYPE_CHECKING:
    from hwrts.runs.vectors import Checked, Compared, Vectors

_NAMED = 5
"""Files of a kind that are named; all of them are in the JSON."""


def check_vectors(
    folder: Annotated[
        Path, typer.Argument(help="Folder of vectors, or the hand-over that it is in.", metavar="DIR")
    ],
    outputs: Annotated[
        Path,
        typer.Option(
            help="Folder with what was computed: STEM.mem of $writememh or STEM.npy, each under the name of "
            "its vectors."
        ),
    ],
    case: Annotated[
        list[str] | None, typer.Option(help="Only this case (repeatable).", show_default=False)
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Cases of which nothing was written are no failure.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print every file's counts as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare what a simulator wrote with the vectors; exit 1 if a code differs; names the first one."""
    from hwrts.runs.vectors import Vectors

    vectors = Vectors(folder)
    checked = vectors.check(outputs, case or (), partial=partial)
    if json:
        print_json(_document(vectors, checked))
    else:
        _say(vectors, checked, quiet=quiet)
    if not checked.passed:
        raise typer.Exit(1)


def _document(vectors: "Vectors", checked: "Checked") -> dict[str, Any]:
    names = {each["id"]: each["name"] for each in vectors.manifest["tensors"]}
    sums = ("codes", "differing", "undefined", "missing", "beyond")
    return {
        "schema": "hwrts.check_vectors",
        "schema_version": 1,
        "passed": checked.passed,
        **{name: checked.total(name) for name in sums},
        "missing_files": checked.missing,
        "untried_cases": checked.untried,
        "extra_files": checked.extra,
        "files": [
            {
                "file": each.file,
                "case": each.case,
                "layer": names[each.tensor],
                "accumulators": each.accumulators,
                **each.counts.as_json(),
                **each.reason,
            }
            for each in checked.compared
        ],
    }


def _say(vectors: "Vectors", checked: "Checked", *, quiet: bool) -> None:
    names = {each["id"]: each["name"] for each in vectors.manifest["tensors"]}
    if not quiet:
        _print_layers(names, checked)
    _list("short", [_short(each) for each in checked.compared if each.counts.absent], "; ")
    _list("long", [_long(each) for each in checked.compared if each.counts.beyond], "; ")
    first = next((each for each in checked.compared if each.counts.first is not None), None)
    if first is not None:
        print_line(f"first difference: {_first(first, names[first.tensor])}")
    _list("missing", [f"{stem}.mem" for stem in checked.missing])
    _list("of no vector", checked.extra)
    _list("not tried, allowed by --partial" if checked.partial else "not tried", checked.untried)
    codes, wrong = checked.total("codes"), checked.total("differing")
    others = [f"{checked.total(name):,} {name}" for name in ("undefined",) if checked.total(name)]
    if words := checked.total("missing"):
        others.append(f"{words:,} words are missing")
    verdict = "PASSED" if checked.passed else "FAILED"
    print_line(f"{verdict}: {', '.join([f'{wrong:,} of {codes:,} codes differ', *others])}")


def _print_layers(names: dict[str, str], checked: "Checked") -> None:
    """A row for each tensor, over all cases."""
    rows: dict[tuple[str, bool], list[int]] = {}
    for each in checked.compared:
        row = rows.setdefault((each.tensor, each.accumulators), [0] * 5)
        counts = each.counts
        added = (1, counts.codes, counts.differing, counts.undefined, counts.missing)
        row[:] = map(sum, zip(row, added, strict=True))
    table = [
        [names[tensor] + ", accumulators" * sums, *(f"{number:,}" for number in row)]
        for (tensor, sums), row in rows.items()
    ]
    print_table("", ["layer", "files", "codes", "differ", "undefined", "words missing"], table)


def _first(each: "Compared", name: str) -> str:
    first = each.counts.first
    assert first is not None
    found = "undefined (x)" if first.found is None else str(first.found)
    said = f"{each.file}, layer {name}, {first.place}: expected {first.expected}, found {found}"
    if each.reason:
        said += "; accumulator {accumulator}, shift {shift}, {rounding}".format(**each.reason)
    return said


def _short(each: "Compared") -> str:
    words = each.counts.words
    return (
        f"{each.file} has {words - each.counts.missing:,} of {words:,} words, the first that is missing is "
        f"{each.counts.absent}"
    )


def _long(each: "Compared") -> str:
    return f"{each.file} has {each.counts.beyond:,} words beyond its {each.counts.words:,}"


def _list(what: str, found: list[str], between: str = ", ") -> None:
    if found:
        more = f"{between}and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        print_line(f"{what}: {between.join(found[:_NAMED])}{more}")
