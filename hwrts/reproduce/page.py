"""What a user gets: CSV and pictures of each result, results.json, and one page that shows them all."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from hwrts import __version__
from hwrts.data import read_image, write_image
from hwrts.data.depth import Codes
from hwrts.errors import RunFolderError
from hwrts.files.atomic import text_bytes, write_atomic
from hwrts.files.read import LARGEST, Document, Text, read_versioned
from hwrts.report.crops import png_uri
from hwrts.report.plots import Curve, Plot, line_plot, standalone_svg
from hwrts.report.template import render
from hwrts.report.text import NONE, fixed
from hwrts.reproduce.tables import Cell, Table
from hwrts.runs.folder import write_json

SCHEMA = "hwrts reproduction"
SCHEMA_VERSION = 1

_DIGITS = 6  # of a number in a file: more are noise

_StoredNumber = Annotated[int | float, Field(ge=-LARGEST, le=LARGEST)]
_FileName = Annotated[Text, Field(pattern=r"^[A-Za-z0-9_-]+\.(csv|svg|png)$")]


class _Finding(Document):
    claim: Text
    agrees: bool
    text: Text


class _Result(Document):
    title: Text
    columns: list[Text]
    decimals: list[Annotated[int, Field(ge=0, le=12)] | None]
    rows: list[list[_StoredNumber | Text | None]]
    findings: list[_Finding]
    files: list[_FileName]
    int8: bool = False

    @model_validator(mode="after")
    def _check_table(self) -> "_Result":
        if {len(self.columns)} != {len(self.decimals), *map(len, self.rows)}:
            raise ValueError("rows, columns and decimals of different lengths")
        return self


class ResultsFile(Document):
    """results.json."""

    results: dict[Text, _Result]


def write_result(root: Path, table: Table, picture: Codes | None) -> dict[str, Any]:
    """Write the files of one result; returns its entry in results.json.

    Args:
        root: Folder of the reproduction.
        table: Rows and findings; without a row there is no CSV.
        picture: Becomes a PNG of the table's name.
    """
    entry: dict[str, Any] = {
        "title": table.title,
        "columns": [column.title for column in table.columns],
        "decimals": [column.decimals for column in table.columns],
        "rows": [[_rounded(cell) for cell in row] for row in table.rows],
        "findings": [dataclasses.asdict(each) for each in table.findings],
    }
    files = {}
    if table.rows:
        files[f"{table.name}.csv"] = _csv(entry)
    for name, plot in result_plots(table.name, entry).items():
        files[f"{name}.svg"] = standalone_svg(plot)
    for file, text in files.items():
        write_atomic(root / file, text_bytes(text))
    entry["files"] = list(files)
    if picture is not None:
        write_image(root / f"{table.name}.png", picture)
        entry["files"].append(f"{table.name}.png")
    return entry


def read_results(root: Path) -> dict[str, Any]:
    """results.json of a folder, or an empty one.

    Raises:
        RunFolderError: It is damaged or of another version.
    """
    path = root / "results.json"
    if not path.is_file():
        return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "results": {}}
    return read_versioned(path, ResultsFile, SCHEMA, SCHEMA_VERSION)


def write_page(root: Path, document: dict[str, Any]) -> Path:
    """Write results.json and index.html, which holds everything it shows; returns the page's path."""
    write_json(root / "results.json", document)
    sections = [
        {
            **entry,
            "name": name,
            "cells": [
                [_shown(cell, decimals) for cell, decimals in zip(row, entry["decimals"], strict=True)]
                for row in entry["rows"]
            ],
            "plots": _plots(root, name, entry),
            "pngs": [png_uri(read_image(root / file)) for file in entry["files"] if file.endswith(".png")],
        }
        for name, entry in document["results"].items()
    ]
    html = render(
        "hwrts.reproduce",
        "page.html.j2",
        document=document,
        sections=sections,
        claims=[finding["agrees"] for section in sections for finding in section["findings"]],
        version=__version__,
    )
    write_atomic(root / "index.html", text_bytes(html))
    return root / "index.html"


def _plots(root: Path, name: str, entry: dict[str, Any]) -> list[Plot]:
    """The plots of a result that was read from results.json.

    Raises:
        RunFolderError: Its rows and columns are not those of this result.
    """
    try:
        return list(result_plots(name, entry).values())
    except (ValueError, TypeError, KeyError) as error:
        raise RunFolderError(
            f"{root / 'results.json'}: damaged, the rows of {name} are not what its plots show ({error}); "
            f"make it again with hwrts reproduce {name}"
        ) from error


def result_plots(name: str, entry: dict[str, Any]) -> dict[str, Plot]:
    """The plots of a result by file name, from its entry in results.json: the page needs no measurement."""
    columns: list[str] = entry["columns"]
    rows: list[list[Cell]] = entry["rows"]

    def curve(label: str, column: str, paper: bool = False) -> list[Curve]:
        at = columns.index(column)
        points = tuple((i + 1.0, float(row[at])) for i, row in enumerate(rows) if row[at] is not None)  # type: ignore[arg-type]
        return [Curve(label, points, paper)] if points else []

    if name == "fig4":
        levels = (
            curve("HRn, paper", "paper: HRn, %", True)
            + curve("HRn", "HRn, %")
            + curve("USM n times", "USM n times, %")
        )
        grown = curve("HRn", "change") + curve("USM", "change of USM")
        return {
            "fig4": line_plot("fig4", "Difference from HR0", "n", "% of full scale", tuple(levels)),
            "fig4-change": line_plot(
                "fig4-change", "Change from the step before", "n", "% of full scale", tuple(grown)
            ),
        }
    if name == "fig6":
        return _quality_plots(columns, rows)
    return {}


_PLOTTED = (
    "Multi-scale Edge Acutance",
    "Multi-scale Texture Acutance",
    "Noise Signature Index",
    "Illumination",
)


def _quality_plots(columns: list[str], rows: list[list[Cell]]) -> dict[str, Plot]:
    """MOS, and the measures that move, against the stage."""

    def points(column: str, suffix: str = "") -> tuple[tuple[float, float], ...]:
        at = columns.index(column)
        found = {str(row[0]): row[at] for row in rows}
        numbered = ((n, found.get(f"HR{n}{suffix if n else ''}")) for n in range(len(rows)))
        return tuple((float(n), float(value)) for n, value in numbered if value is not None)

    def plot(file: str, title: str, unit: str, paper: str, measured: str) -> Plot:
        curves = [Curve("paper", points(paper), paper=True), Curve("float", points(measured))]
        int8 = points(measured, " int8")
        if len(int8) > 1:  # HR0 is in it anyway
            curves.append(Curve("int8", int8))
        return line_plot(file, title, "stage n", unit, tuple(each for each in curves if each.points))

    plots = {"fig6-mos": plot("fig6-mos", "MOS of HRn", "MOS, raw", "paper: MOS", "MOS, raw")}
    for i, name in enumerate(_PLOTTED, 1):
        plots[f"fig6-{i}"] = plot(f"fig6-{i}", f"{name} of HRn", "100: reference", f"paper: {name}", name)
    return plots


def _csv(entry: dict[str, Any]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(entry["columns"])
    writer.writerows(entry["rows"])  # None becomes an empty field
    return stream.getvalue()


def _rounded(cell: Cell) -> Cell:
    return round(cell, _DIGITS) if isinstance(cell, float) else cell


def _shown(cell: Cell, decimals: int | None) -> str:
    if cell is None:
        return NONE
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if decimals is None else fixed(float(cell), decimals)
