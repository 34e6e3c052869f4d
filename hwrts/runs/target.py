"""The file of a target for a stage of a run, and what its manifest says."""

import re
from dataclasses import dataclass
from typing import Any

from hwrts.errors import ConfigError, HwrtsError
from hwrts.export.clients import CLIENTS
from hwrts.export.targets import target_file, target_of
from hwrts.export.targets.export import checked
from hwrts.export.targets.float_file import FLOAT
from hwrts.export.targets.layers import check_layers, unwitnessed
from hwrts.export.tflite import TFLITE_TARGETS
from hwrts.fixed_point import Network, Rounding, RoundingRules, load_network
from hwrts.runs.float_file import float_files
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.tflite_file import tflite_files
from hwrts.runs.verify_inputs import load_fed

DEFAULT = "onnx"
"""What is handed over where nobody asks for a client's file: most toolchains take it."""

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


@dataclass(frozen=True)
class Asked:
    """What a user asked for.

    Attributes:
        target: Its name; None is :data:`DEFAULT`, where the network has that form.
        size: As it was typed, such as "360x640".
        opset: Of the file; None is the default.
        ir_version: Of the file; None is the lowest that the opset allows.
        check: Whether clients run it.
    """

    target: str | None = None
    size: str | None = None
    opset: int | None = None
    ir_version: int | None = None
    check: bool = True


def parse_size(text: str) -> tuple[int, int]:
    """Height and width.

    Raises:
        ConfigError: Something else.

    >>> parse_size("360x640")
    (360, 640)
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigError(f"--size {text!r:.40}: is no height and width; write it as 360x640")
    return int(found[1]), int(found[2])


def trained_for(target: str) -> dict[str, Any]:
    """Settings of QAT with which a network is what a client computes.

    Args:
        target: Its name.

    Raises:
        ConfigError: Its client's rules are not known, or it quantises on its own.
        HwrtsError: There is no target of that name.

    >>> trained_for("tflite")
    {'skip_bits': 8, 'rounding': 'half_even,half_up'}
    >>> trained_for("tensorrt")
    {'skip_bits': 8, 'rounding': 'half_even', 'activation_bits': 7}
    """
    bytes_alone = {"skip_bits": 8}  # every client's file
    if target in TFLITE_TARGETS:
        return bytes_alone | {"rounding": str(CLIENTS[TFLITE_TARGETS[target].runtimes[0]].rules)}
    if target == FLOAT:
        raise ConfigError(
            f"--target {target}: its client quantises on its own; export it and leave it out here"
        )
    found = target_of(target)
    if not found.exact:
        raise ConfigError(f"--target {target}: no rounding rule is known of it; choose one with --rounding")
    rules = found.rules or RoundingRules.of(Rounding.HALF_EVEN)
    return {
        **bytes_alone,
        "rounding": str(rules),
        **({"activation_bits": 7} if found.around_zero else {}),
        **({"one_weight_grid": True} if found.per_tensor else {}),
    }


def check_adjustable(asked: Asked) -> None:
    """Refuse a target whose file does not hold the integers, where those are adjusted.

    Raises:
        ConfigError: It does not.
    """
    if asked.target == FLOAT:
        raise ConfigError(
            f"--target {FLOAT}: is the network before it had integers, without a strength or limits; leave "
            "those out, or use another target"
        )


def target_entry(
    run: RunFolder, stage: StageFolder, asked: Asked, adjusted: Network | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the manifest says of a target, and its files by name.

    Args:
        run: The run.
        stage: Its stage.
        asked: The target.
        adjusted: The stage's network with its correction adjusted, where that is handed over.

    Where nothing was asked for and the network cannot be said in that file, the entry says why, and there are
    no files. A file that was written and that a client refuses is an error, whoever asked for it.

    Raises:
        HwrtsError: The target that was asked for cannot be told this network, or a client refuses the file.
    """
    size = None if asked.size is None else parse_size(asked.size)
    name = asked.target or DEFAULT
    if name == FLOAT:
        return float_files(
            run, stage, size, opset=asked.opset, ir_version=asked.ir_version, check=asked.check
        )
    network = adjusted or load_network(stage.root)
    if name in TFLITE_TARGETS:
        if (asked.opset, asked.ir_version) != (None, None):
            raise ConfigError(f"--opset and --ir-version: are of ONNX files; leave them out for {name}")
        return tflite_files(run, network, name, size, check=asked.check)
    target = target_of(name)
    try:
        file = target_file(network, target, size, opset=asked.opset, ir_version=asked.ir_version)
    except HwrtsError as error:
        if asked != Asked(check=asked.check):
            raise
        why = f"model.qdq.onnx is left out: {error}"
        return {"name": DEFAULT, "rewritten": [], "checks": [], "not_run": [why]}, {}
    if asked.check:
        photographs = list(load_fed(run, network).values())
        entry = checked(file, photographs)
        if name == DEFAULT:
            entry["checks"] += check_layers(file, photographs)
            entry["not_run"] += filter(None, [unwitnessed(network)])
    else:
        entry = {**file.described(), "checks": [], "not_run": ["not run in any client: --no-check"]}
    return entry, {file.name: file.model}
