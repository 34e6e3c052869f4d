"""One folder for the people who build the chip: the files, and a manifest that says what they are worth."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_never

from hwrts.export.onnx_nodes import zero_point
from hwrts.export.onnx_writer import is_qdq
from hwrts.export.witness import stored_type
from hwrts.fixed_point import JSON_NAME, NPZ_NAME, PIXEL, Add, HwrtsError, Network, Padding, load_network
from hwrts.fixed_point.stored import MAX_DOCUMENT_BYTES, parse_json, read_file
from hwrts.fixed_point.window import MODES

SCHEMA = "hwrts.handover"
MANIFEST = "manifest.json"
ONNX_NAME = "model.int8.onnx"
VERDICT_NAME = "verify.json"
NAMES = (ONNX_NAME, JSON_NAME, NPZ_NAME)
"""What is handed over of every stage, and its verify.json if there is one."""


def hand_over(
    folder: Path,
    stage: Path,
    payloads: Mapping[str, bytes],
    verdict: str,
    source: Mapping[str, Any],
    target: Mapping[str, Any] | None = None,
    target_files: Mapping[str, bytes] | None = None,
    take: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
    sums: str | None = None,
) -> dict[str, Any]:
    """Fill a folder with a stage's files and ``manifest.json``.

    Args:
        folder: An empty folder.
        stage: Where the stage is, for messages.
        payloads: Its files by name, as they were when the verdict was compared with them.
        verdict: What they are worth: "PASSED", "FAILED" or "UNVERIFIED" with why.
        source: Entries that say where the stage comes from.
        target: What the manifest says of the file of a target, and of the clients that ran it.
        target_files: That file, and what comes with it, by name, which may have folders in it.
        take: For whom which of them are, beside what is said of every stage.
        more: Further entries of the manifest.
        sums: Name of a file with the sha256 of all others, as ``sha256sum -c`` reads it; None for none.

    Returns:
        The manifest.

    Raises:
        HwrtsError: A file is missing or damaged, or cannot be written.
    """
    for name in NAMES:
        if name not in payloads:
            raise HwrtsError(f"{stage / name}: cannot be read; run or quantize the stage again")
    files = {name: payloads[name] for name in (*NAMES, VERDICT_NAME) if name in payloads}
    files |= target_files or {}
    if sums is not None:
        lines = [
            f"{hashlib.sha256(payload).hexdigest()}  {name}\n" for name, payload in sorted(files.items())
        ]
        files[sums] = "".join(lines).encode()
    _write(folder, files)
    try:
        network = load_network(folder)  # what is handed over, not what the stage may hold by now
    except HwrtsError as error:
        raise HwrtsError(str(error).replace(str(folder), str(stage))) from error
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": 1,
        "verdict": verdict,
        "source": dict(source),
        "rounding": network.rounding.value,
        "rounding_of_additions": network.rules.additions.value,
        "additions_that_drop_bits": _rounded_additions(network),
        "accumulator_bits": {name: int(bounds.bits.max()) for name, bounds in network.bounds.items()},
        "formats": {name: str(out) for name, out in network.formats.items()},
        "pixel_layout": _layout(network),
        "padding": {conv.name: conv.padding.value for conv in network.convs},
        "padding_in_the_file": _padding_in_the_file(network),
        "take": _take(network, target or {}) | dict(take or {}),
        "files": {
            name: {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
            for name, payload in files.items()
        },
    }
    manifest |= more or {}
    if target is not None:
        manifest["target"] = dict(target)
    _write(folder, {MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode()})
    return manifest


def _rounded_additions(network: Network) -> list[str]:
    """Names of the additions whose codes depend on the rounding rule; none where all are exact."""
    return [each.name for each in network.of(Add) if int(each.shift(*network.formats_of(each.sources))) > 0]


def _take(network: Network, target: Mapping[str, Any]) -> dict[str, str]:
    """Which file is for whom."""
    said = {}
    if "file" in target:
        whom = str(target.get("purpose", f"--target {target['name']}"))
        # None is what each client brings, but of one that is known: that is exact under none.
        open_rule = target.get("client_rounds_convolutions", "") is None and target.get("client") is None
        said[target["file"]] = whom + f", exact if they round {network.rules}" * open_rule
    how = "QDQ" if is_qdq(network) else "integer operators that round as the network does"
    said[ONNX_NAME] = f"ONNX Runtime on a processor ({how}): what verify compared"
    said[JSON_NAME] = f"RTL and testbenches, with {NPZ_NAME} and hwrts.fixed_point"
    return said


def _layout(network: Network) -> str:
    """How pictures stand in the file, tensor by tensor where not all of them are plain RGB."""
    names = [*(tensor.name for tensor in network.inputs), *network.outputs]
    usual = all(network.formats[name] == PIXEL and network.channels[name] == 3 for name in names)
    if usual and len(names) == 2:
        return "input and output: uint8 NCHW RGB, code = pixel"
    said = []
    for i, name in enumerate(names):
        out, channels = network.formats[name], network.channels[name]
        kind = "input" if i < len(network.inputs) else "output"
        zero = f", stored code = code + {zero_point(out)}" if zero_point(out) else ""
        said.append(f"{kind} {name}: {stored_type(out)} NCHW, {channels} channel(s), {out}{zero}")
    return "; ".join(said)


def _padding_in_the_file(network: Network) -> str:
    """What the ONNX file says of the picture's edges: an accelerator may not take it."""
    reaching = {conv.padding for conv in network.convs if any(conv.shape.margins)}
    said = [_of_padding(padding) for padding in Padding if padding in reaching]
    return "; ".join(said) or "none: no convolution reads beyond the picture"


def _of_padding(padding: Padding) -> str:
    match padding:
        case Padding.ZERO:
            return "pads of the convolutions: zeros, so the output has a frame as deep as its kernels reach"
        case Padding.REPLICATE:
            mode, addresses = MODES[padding], "clamped"
        case Padding.REFLECT:
            mode, addresses = MODES[padding], "mirrored"
        case _:
            assert_never(padding)
    return (
        f"Pad of mode {mode} on uint8 in front of each convolution with {padding.value!r}; where a compiler "
        f"refuses it, or moves it to the host, {addresses} addresses must give the same bytes"
    )


def check_target(output: Path, *, replace: bool) -> None:
    """Refuse to hand over where something is already.

    Raises:
        HwrtsError: The folder exists, unless ``replace`` and it holds an earlier hand-over and nothing else.
    """
    if output.exists() and not replace:
        raise HwrtsError(f"{output}: exists already; choose another folder or replace it with --force")
    if output.exists() and not _is_handover(output):
        raise HwrtsError(
            f"{output}: is no earlier hand-over, so --force does not replace it; choose another folder"
        )


def _write(folder: Path, payloads: Mapping[str, bytes]) -> None:
    try:
        for name, payload in payloads.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(payload)
    except OSError as error:
        raise HwrtsError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error


def _is_handover(folder: Path) -> bool:
    """Whether a folder holds a manifest of ours and nothing that we did not write."""
    try:
        manifest = parse_json(read_file(folder / MANIFEST, MAX_DOCUMENT_BYTES))
        ours = {folder / name for name in (MANIFEST, *manifest["files"])}
        ours |= {above for path in ours for above in path.parents}
        built = [Path(name) for name, maker in _BUILT.items() if maker in manifest["files"]]
        there = {
            path
            for path in folder.rglob("*")
            if not any(path.relative_to(folder).is_relative_to(each) for each in built)
        }
        return manifest["schema"] == SCHEMA and there <= ours
    except (OSError, ValueError, KeyError, TypeError):
        return False


_BUILT = {
    "build": "Makefile",
    "rtl/build": "rtl/Makefile",
    "c/model": "c/Makefile",
    "c/trace": "c/Makefile",
}
"""What the Makefiles of a kit make, and the one that does: without that it is somebody's own."""
