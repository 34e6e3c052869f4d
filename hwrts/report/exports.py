"""The tables of files that were handed over: in which client, what differs, and Vela's estimates."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hwrts.files.read import file_sha256
from hwrts.fixed_point import NPZ_NAME
from hwrts.report.text import NONE, fixed, whole
from hwrts.runs.exports import read_exports
from hwrts.runs.folder import RunFolder


@dataclass(frozen=True)
class Exported:
    """A file in a client: cells of text, then of numbers; a file that no client ran has one row."""

    words: tuple[str, ...]
    numbers: tuple[str, ...]
    failed: bool


@dataclass(frozen=True)
class Exports:
    """Both tables.

    Attributes:
        rows: Stage, target, client, version; height and width, bytes, codes compared, codes that differ.
        vela: Stage, accelerator, version; height and width, milliseconds, frames a second, cycles, KiB of
            SRAM and of DRAM, operators that stay on the processor.
        left_out: Stages of which another network was handed over than they hold now.
    """

    rows: tuple[Exported, ...]
    vela: tuple[Exported, ...]
    left_out: tuple[str, ...]


def exports(run: RunFolder) -> Exports:
    """What was handed over of the networks that the run's stages hold now.

    Raises:
        RunFolderError: exports.json is damaged, or a stage's network cannot be read.
    """
    now = {stage.name: stage.root / NPZ_NAME for stage in run.stages()}
    hashes = {name: file_sha256(path) for name, path in now.items() if path.is_file()}
    found = sorted(read_exports(run), key=lambda each: (each["stage"], each["target"]))
    shown = [each for each in found if hashes.get(each["stage"]) == each["network_sha256"]]
    old = dict.fromkeys(each["stage"] for each in found if each not in shown)
    return Exports(tuple(_rows(shown)), tuple(_vela(shown)), tuple(old))


def _rows(found: Iterable[dict[str, Any]]) -> Iterator[Exported]:
    for each in found:
        ends = _size(each["size"]), whole(each["bytes"])
        for check in each["checks"]:
            words = each["stage"], each["target"], check["client"], check["version"]
            counts = whole(check["codes_compared"]), whole(check["codes_differing"])
            yield Exported(words, (*ends, *counts), failed=check["codes_differing"] > 0)
        if not each["checks"]:
            yield Exported((each["stage"], each["target"], "not run", ""), (*ends, NONE, NONE), failed=False)


def _vela(found: Iterable[dict[str, Any]]) -> Iterator[Exported]:
    for each in found:
        for guess in each["vela"]:
            milliseconds = guess["milliseconds"]
            numbers = (
                _size(each["size"]),
                fixed(milliseconds, 1),
                fixed(1000 / milliseconds if milliseconds else None, 1),
                whole(guess["cycles"]),
                fixed(guess["sram_kib"], 0),
                fixed(guess["dram_kib"], 0),
                whole(len(guess["on_cpu"])),
            )
            yield Exported((each["stage"], guess["accelerator"], guess["version"]), numbers, failed=False)


def _size(size: list[int] | None) -> str:
    return "any" if size is None else "x".join(map(str, size))
