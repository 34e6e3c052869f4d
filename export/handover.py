"""One folder for the people who build the chip: the files, and a manifest that says what they are worth."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from hwrts.fixed_point import JSON_NAME, NPZ_NAME, HwrtsError, load_network

SCHEMA = "hwrts.handover"
MANIFEST = "manifest.json"
ONNX_NAME = "model.int8.onnx"
VERDICT_NAME = "verify.json"


def hand_over(
    stage: Path,
    output: Path,
    source: dict[str, str],
    *,
    allow_unverified: bool = False,
    replace: bool = False,
) -> dict[str, Any]:
    """Copy a stage's files into a folder of their own, with ``manifest.json``; whole or not at all.

    Args:
        stage: Folder of a finished stage.
        output: Folder to make.
        source: Entries that say where the stage comes from.
        allow_unverified: Hand over a stage whose verification failed, is missing, or is of other bytes; the
            manifest says so.
        replace: Replace an earlier hand-over at ``output``.

    Returns:
        The manifest.

    Raises:
        HwrtsError: The stage did not pass, a file is damaged, or the folder exists.
    """
    network = load_network(stage)
    payloads = {name: _read(stage / name) for name in (ONNX_NAME, JSON_NAME, NPZ_NAME)}
    hashes = {name: hashlib.sha256(payload).hexdigest() for name, payload in payloads.items()}
    verdict = _verdict(stage / VERDICT_NAME, hashes)
    if verdict != "PASSED" and not allow_unverified:
        raise HwrtsError(
            f"{stage}: not handed over, its verdict is {verdict}; run hwrts verify, "
            "or insist with --unverified"
        )
    if (stage / VERDICT_NAME).is_file():
        payloads[VERDICT_NAME] = _read(stage / VERDICT_NAME)
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": 1,
        "verdict": verdict,
        "source": source,
        "rounding": network.rounding.value,
        "formats": {name: str(out) for name, out in network.formats.items()},
        "pixel_layout": "input and output: uint8 NCHW RGB, code = pixel",
        "files": {
            name: {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
            for name, payload in payloads.items()
        },
    }
    payloads[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    _write_folder(output, payloads, replace)
    return manifest


def _verdict(path: Path, hashes: dict[str, str]) -> str:
    try:
        document = json.loads(path.read_text("utf-8"))
        if {name: document["sha256"].get(name) for name in hashes} != hashes:
            return "UNVERIFIED (the files changed after their verification)"
        return "PASSED" if document["passed"] is True else "FAILED"
    except FileNotFoundError:
        return "UNVERIFIED (no verify.json)"
    except (OSError, ValueError, KeyError, TypeError):
        return "UNVERIFIED (verify.json is damaged)"


def _write_folder(output: Path, payloads: dict[str, bytes], replace: bool) -> None:
    if output.exists() and not replace:
        raise HwrtsError(f"{output}: exists already; choose another folder or replace it with --force")
    if output.exists() and not _is_handover(output):
        raise HwrtsError(
            f"{output}: is no earlier hand-over, so --force does not replace it; choose another folder"
        )
    temporary = output.with_name(f".{output.name}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, payload in payloads.items():
            (temporary / name).write_bytes(payload)
        if output.exists():
            shutil.rmtree(output)
        temporary.rename(output)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise HwrtsError(f"{output}: cannot be written ({error.strerror}); choose another folder") from error


def _is_handover(folder: Path) -> bool:
    """Whether a folder holds a manifest of ours and nothing that we did not write."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        ours = {MANIFEST, *manifest["files"]}
        return manifest["schema"] == SCHEMA and {path.name for path in folder.iterdir()} <= ours
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HwrtsError(
            f"{path}: cannot be read ({error.strerror}); run or quantize the stage again"
        ) from error
