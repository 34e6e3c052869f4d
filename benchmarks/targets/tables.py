"""Markdown tables of what :mod:`.evidence` stored.

    python -m benchmarks.targets.tables STORE [STORE ...]

Cells of later files replace those of earlier ones. Printed are: codes compared and codes that differ of each
network in each client, the refusals, bytes of each file, and Vela's estimates.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

from benchmarks.targets.evidence import ROWS, SIZES, VELA, Row, read_store
from benchmarks.targets.trained import NAMES
from hwrts.export.clients import CLIENTS
from hwrts.runs.target import parse_size

Found = Mapping[str, Mapping[str, Any]]
"""Cells by their keys."""

MILLIONS = 100_000
"""Codes from which on they are counted in millions."""
LABELS = {"x2": "x2", "same": "same size", "up_sampling": "up-sampling", "prelu": "PReLU"}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    lines = [[*head], *([*row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _count(cell: Mapping[str, Any]) -> str:
    if "refused" in cell:
        return "-"
    differ, compared = cell["codes_differing"], cell["codes_compared"]
    count = f"{compared / 1e6:.2f} M" if compared >= MILLIONS else f"{compared:,}"
    return f"{f'**{differ:,}**' if differ else 0} of {count} ({len(cell['pictures'])})"


def _place(row: Row) -> Callable[[Mapping[str, Any]], tuple[int, int]]:
    """Clients in their order, then large pictures before small ones."""
    places = {client: place for place, client in enumerate(row.clients)}
    return lambda cell: (places.get(cell["client"], 0), -prod(parse_size(cell["size"])))


def differing(found: Found) -> str:
    """A row for each file in each client at each size; codes in millions, and of how many pictures."""
    rows: dict[tuple[str, str, str, str], dict[str, str]] = {}
    versions: dict[str, str] = {}
    for row in ROWS:
        for cell in sorted(found.values(), key=_place(row)):
            if cell["target"] == row.target and cell["client"] in row.clients and cell["client"] != VELA:
                client = cell["client"]
                key = row.target, client, str(CLIENTS[client].rules or "not known"), cell["size"]
                rows.setdefault(key, {})[cell["network"]] = _count(cell)
                versions[client] = cell.get("version", versions.get(client, ""))
    head = ["target", "client", "its rules", "size", *(LABELS.get(name, name) for name in NAMES)]
    body = ([*key, *(made.get(name, "") for name in NAMES)] for key, made in rows.items())
    said = "; ".join(f"{client}: {version}" for client, version in versions.items())
    commits = ", ".join(sorted({cell["commit"] for cell in found.values()}))
    return f"{table(head, body)}\n\nVersions: {said}. Commit: {commits}."


def refusals(found: Found) -> str:
    """Each sentence of a refusal once, with the networks that it is of."""
    said: dict[str, dict[str, None]] = {}
    for cell in found.values():
        if "refused" in cell:
            said.setdefault(cell["refused"], {})[f"{cell['target']} of {cell['network']}"] = None
    return "\n".join(f"- {', '.join(whom)}: `{sentence}`" for sentence, whom in said.items())


def sizes(found: Found) -> str:
    """Bytes of each file at the first size."""
    rows: dict[str, dict[str, str]] = {row.target: {} for row in ROWS}
    for cell in found.values():
        if "bytes" in cell and cell["size"] in (SIZES.split(",")[0], *SIZES.split(",")):
            rows[cell["target"]].setdefault(cell["network"], f"{cell['bytes']:,}")
    head = ["target", *(LABELS.get(name, name) for name in NAMES)]
    return table(head, ([target, *(made.get(name, "-") for name in NAMES)] for target, made in rows.items()))


def estimates(found: Found) -> str:
    """Vela's milliseconds, frames a second, memory, and operators left to the processor."""
    rows = []
    for name in NAMES:
        for cell in found.values():
            for each in cell.get("vela", ()) if cell["network"] == name else ():
                rows.append(
                    [
                        LABELS.get(name, name),
                        each["accelerator"],
                        f"{each['milliseconds']:.1f}",
                        f"{1000 / each['milliseconds']:.1f}",
                        f"{each['cycles'] / 1e6:.1f}",
                        f"{each['sram_kib']:,.0f}",
                        f"{each['dram_kib']:,.0f}",
                        str(len(each["on_cpu"])),
                    ]
                )
    columns = ("ms", "frames/s", "10^6 cycles", "SRAM KiB", "DRAM KiB", "left to the processor")
    return table(["network", "accelerator", *columns], rows)


def main() -> None:
    found: dict[str, Mapping[str, Any]] = {}
    for name in sys.argv[1:]:
        found |= read_store(Path(name))
    for title, made in (
        ("Codes that differ", differing),
        ("Refusals", refusals),
        ("Bytes", sizes),
        ("Vela", estimates),
    ):
        print(f"## {title}\n\n{made(found)}\n")


if __name__ == "__main__":
    main()
