"""What verify.json proves about a stage's files: each is read once and compared with what was verified."""

import hashlib
from dataclasses import dataclass

from hwrts.files.read import file_sha256
from hwrts.fixed_point import JSON_NAME, NPZ_NAME
from hwrts.fixed_point.stored import parse_json, read_file
from hwrts.runs.folder import StageFolder


@dataclass(frozen=True)
class Proof:
    """The files of a stage that a verdict is about, and what it says of them.

    Attributes:
        payloads: Content by name, of the files that are there, verify.json among them.
        verdict: "PASSED", "FAILED", or "UNVERIFIED" and why.
        changed: Names of files that are missing or not the ones that were verified; all of them if
            verify.json names none.
    """

    payloads: dict[str, bytes]
    verdict: str
    changed: tuple[str, ...]


def read_proof(stage: StageFolder) -> Proof:
    """Read the files of a stage and compare them with its verify.json, whatever state that is in."""
    names = _names(stage)
    found = {name: _content(stage, name) for name in (*names, stage.verify.name)}
    payloads = {name: payload for name, payload in found.items() if payload is not None}
    if stage.verify.name not in payloads:
        return Proof(payloads, "UNVERIFIED (no verify.json)", names)
    try:
        document = parse_json(payloads[stage.verify.name])
        recorded, passed = dict(document["sha256"]), document["passed"] is True
    except (ValueError, KeyError, TypeError):
        return Proof(payloads, "UNVERIFIED (verify.json does not say which files it is about)", names)
    changed = tuple(
        name
        for name in names
        if name not in payloads or hashlib.sha256(payloads[name]).hexdigest() != recorded.get(name)
    )
    if changed:
        return Proof(payloads, f"UNVERIFIED (not what was verified: {', '.join(changed)})", changed)
    return Proof(payloads, "PASSED" if passed else "FAILED", ())


def file_hashes(stage: StageFolder) -> dict[str, str]:
    """sha256 by name of the files that a verdict is about.

    Raises:
        RunFolderError: One cannot be read.
    """
    return {name: file_sha256(stage.root / name) for name in _names(stage)}


def _names(stage: StageFolder) -> tuple[str, ...]:
    return stage.onnx.name, JSON_NAME, NPZ_NAME, stage.qat_weights.name


def _content(stage: StageFolder, name: str) -> bytes | None:
    try:
        return read_file(stage.root / name)
    except OSError:
        return None
