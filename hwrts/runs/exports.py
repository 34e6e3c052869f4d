"""exports.json of a run: which files were handed over, and what clients made of them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from hwrts.files.read import DELETE, LARGEST, Count, Document, Number, Sha256, Text, read_document
from hwrts.fixed_point import NPZ_NAME
from hwrts.runs.folder import RunFolder, write_json

_Estimated = Annotated[float, Field(ge=0, le=LARGEST)]


class _Check(Document):
    client: Text
    version: Text
    codes_compared: Count
    codes_differing: Count
    largest_difference: Number = None


class _Estimate(Document):
    accelerator: Text
    version: Text
    milliseconds: _Estimated
    cycles: Count
    sram_kib: _Estimated
    dram_kib: _Estimated
    on_cpu: list[Text]


class _Export(Document):
    stage: Text
    network_sha256: Sha256
    target: Text
    size: Annotated[list[Count], Field(min_length=2, max_length=2)] | None
    file: Text
    bytes: Count
    rounding: Text
    checks: list[_Check]
    not_run: list[Text]
    vela: list[_Estimate] = Field([])


class ExportsFile(Document):
    """exports.json."""

    exports: list[_Export]


def remember(run: RunFolder, manifest: Mapping[str, Any]) -> None:
    """Keep what a hand-over's manifest says of its target's file; it replaces that of an earlier one.

    Args:
        run: The run, which nobody else may be writing to.
        manifest: As :func:`hwrts.export.handover.hand_over` made it, of a target that has a file.

    Raises:
        NotWrittenError: The folder cannot be written to.
        RunFolderError: exports.json is damaged.
    """
    target, files = manifest["target"], manifest["files"]
    entry = {
        "stage": manifest["source"]["stage"],
        "network_sha256": files[NPZ_NAME]["sha256"],
        "target": target["name"],
        "size": target["size"],
        "file": target["file"],
        "bytes": files[target["file"]]["bytes"],
        "rounding": f"{manifest['rounding']}, {manifest['rounding_of_additions']}",
        "checks": target["checks"],
        "not_run": target["not_run"],
        "vela": target.get("vela", []),
    }
    others = [each for each in read_exports(run) if _file_of(each) != _file_of(entry)]
    write_json(run.exports, {"exports": [*others, entry]})


def read_exports(run: RunFolder) -> list[dict[str, Any]]:
    """What :func:`remember` kept, oldest first.

    Raises:
        RunFolderError: The file is damaged.
    """
    if not run.exports.is_file():
        return []
    exports: list[dict[str, Any]] = read_document(run.exports, ExportsFile, DELETE)["exports"]
    return exports


def _file_of(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return entry["stage"], entry["target"], entry["size"]
