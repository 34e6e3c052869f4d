"""hwrts score: VIQET's features and mean opinion score (MOS) of photographs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.options import MaxMegapixels, Quiet
from hwrts.cli.pictures import end_with, picture_files

if TYPE_CHECKING:
    from hwrts.metrics.viqet import Score

_MOS_DECIMALS = 3  # as in the paper's tables
_DECIMALS = 2
_NOTES = (
    "MOS is the raw value clipped to 1..4.5; compare pictures by the raw values",
    "Flat Region Index: not available (no MOS depends on it)",
)


def score(
    images: Annotated[
        list[Path], typer.Argument(help="Pictures, or folders of pictures.", metavar="IMAGE...")
    ],
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes, about 0.3 GB each; one a core if not given.", min=1, show_default=False
        ),
    ] = None,
    max_megapixels: MaxMegapixels = None,
    json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Score photographs without a reference: VIQET v1, outdoor day (and the raw MOS for outdoor night).

    The MOS that VIQET shows is clipped to 1..4.5. That hides how small pictures differ, as most of them are
    clipped: compare pictures by the raw MOS. docs/viqet.md says what is measured.

    Colours are converted to sRGB first. A picture that is damaged or too elongated is named at the end, with
    exit code 1; the others have scores.
    """
    from hwrts.data import MAX_MEGAPIXELS
    from hwrts.errors import DataError
    from hwrts.fixed_point.cores import available_cores
    from hwrts.metrics.viqet import Score, score_files

    files = picture_files(images)
    processes = min(workers or available_cores(), len(files))
    shown = f"{processes} processes" if processes > 1 else "1 process"
    with ConsoleProgress(quiet).task(f"scoring in {shown}, pictures", len(files)) as advance:
        found = score_files(files, processes, advance, max_megapixels or MAX_MEGAPIXELS)
    results = list(zip(files, found, strict=True))
    scored = [(file, result) for file, result in results if isinstance(result, Score)]
    errors = [result for _, result in results if isinstance(result, DataError)]
    if json and scored:
        entries = [{"image": str(file), **result.as_json()} for file, result in scored]
        print_json({"schema_version": 1, "images": entries})
    elif scored:
        _print(scored)
    end_with(errors, others_done=bool(scored))


def _print(scored: "list[tuple[Path, Score]]") -> None:
    if len(scored) == 1:
        _print_one(*scored[0])
    else:
        _print_several([file for file, _ in scored], [result for _, result in scored])
    for note in _NOTES:
        print_line(note)


def _print_one(file: Path, result: "Score") -> None:
    from hwrts.metrics.viqet import UNITS

    mos = {"MOS, raw": result.mos_raw, "MOS": result.mos, "MOS, raw, night": result.mos_raw_night}
    rows = [[name, f"{value:.{_MOS_DECIMALS}f}", ""] for name, value in mos.items()]
    rows += [[name, f"{result.features[name]:.{_DECIMALS}f}", unit] for name, unit in UNITS.items()]
    print_table(str(file), ["measure", "value", "unit"], rows)


def _print_several(files: list[Path], scores: "list[Score]") -> None:
    """Two tables within 100 columns, each with a row a picture and the mean."""
    from hwrts.metrics.viqet import UNITS

    mos = {
        "MOS, raw": [result.mos_raw for result in scores],
        "MOS": [result.mos for result in scores],
        "MOS, raw, night": [result.mos_raw_night for result in scores],
    }
    features = {name: [result.features[name] for result in scores] for name in UNITS}
    detail = {name: features.pop(name) for name in UNITS if "Acutance" in name or "Noise" in name}
    for table in (mos | detail, features):
        columns = ["picture"]
        rows = [[label] for label in (*map(str, files), "mean")]
        for name, values in table.items():
            columns.append(f"{name} {UNITS.get(name, '')}".strip().replace(" ", "\n"))
            decimals = _MOS_DECIMALS if name in mos else _DECIMALS
            for row, value in zip(rows, [*values, sum(values) / len(values)], strict=True):
                row.append(f"{value:.{decimals}f}")
        print_table("", columns, rows, paths=True)
