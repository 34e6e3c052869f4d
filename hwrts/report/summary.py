"""The head of the report: the verdict in one line, and what was run."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hwrts.command_line import command_line
from hwrts.config import RunConfig
from hwrts.errors import HwrtsError
from hwrts.fixed_point import load_network
from hwrts.networks.build import build_network
from hwrts.report.stages import StageResult
from hwrts.report.text import plural, whole
from hwrts.runs.folder import RunFolder
from hwrts.runs.remarks import purpose


@dataclass(frozen=True)
class Headline:
    """The verdict of the whole run."""

    passed: bool
    sentence: str
    unfinished: str | None


def headline(run: RunFolder, stages: tuple[StageResult, ...], kept: StageResult) -> Headline:
    """Every finished stage and variant must have passed."""
    passed = all(stage.passed for stage in stages)
    compared = sum(stage.compared for stage in stages)
    mismatches = sum(stage.mismatches for stage in stages)
    witnesses = {row["witness"] for stage in stages for row in stage.rows}
    mains = sum(not stage.is_variant for stage in stages)
    what = plural(mains, "stage")
    if len(stages) > mains:
        what += f" and {plural(len(stages) - mains, 'variant')}"
    sentence = (
        f"{whole(mismatches)} of {whole(compared)} codes differ: {what}, {plural(len(witnesses), 'witness')} "
        f"against the int64 definition, tolerance {max(s.verify.get('tolerance', 0) for s in stages)}"
    )
    if run.notes().get("best_stage") is not None:
        sentence += f"; the run keeps stage {kept.name}"
    if not passed:
        sentence += f". Failed: stage {', '.join(stage.name for stage in stages if not stage.passed)}"
    status = run.notes().get("status", "unknown")
    unfinished = None if status == "finished" else f"The run is not finished (status {status})"
    return Headline(passed, sentence + ".", unfinished)


def facts(run: RunFolder, kept: StageResult) -> list[tuple[str, str]]:
    """Label and text of what was run; entries that run.json lacks are left out."""
    notes, verify = run.notes(), kept.verify
    config = run.config if run.trained else None
    device = notes.get("device") or {}
    hidden = "bf16 hidden layers" if device.get("bf16") else "float32"
    versions = notes.get("versions") or verify.get("versions") or {}
    found: list[tuple[str, Any]] = [
        ("Command", notes.get("command")),
        ("Started", notes.get("started")),
        ("Verified", verify.get("date")),
        ("Commit", notes.get("commit")),
        ("Seed", notes.get("seed", config.seed if config else None)),
        ("Module", notes.get("module")),
        ("Its weights", notes.get("weights")),
        ("Network", _network(config, kept) if config else None),
        ("Made for", purpose(config) if config else None),
        ("Photographs", _photographs(notes)),
        ("Processor", _cpu(verify.get("cpu") or {})),
        ("Device", f"{device['name']}, {hidden}: {device.get('reason', '')}" if "name" in device else None),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return [(label, str(value)) for label, value in found if value not in (None, "")]


def next_commands(run: RunFolder, kept: str, *, pictures: bool = True) -> list[tuple[str, str]]:
    """What to do with a run, and the command for it; ``kept`` is its stage, which takes pictures or not."""
    place, same = run.place, run.enhancing_stage(kept)
    exports = [(kept, "handover")]
    if same.same_size and same.name != kept:
        exports.append((same.name, "handover_same_size"))
    enhance = ("enhance a picture", command_line("enhance", "PHOTO.jpg", "-o", "OUT.png", "--run", place))
    circuit = ("C, Verilog and vectors for the chip team", command_line("handover", place, "-o", "kit"))
    if not run.trained:
        return [
            *([enhance] if pictures else []),
            ("hand it over", command_line("export", place, "-o", "handover")),
            circuit,
            ("read its layers", command_line("inspect", place)),
            ("look at the graph", command_line("view", place)),
        ]
    return [
        enhance,
        *(
            (f"hand over stage {name}", command_line("export", place, "--stage", name, "-o", folder))
            for name, folder in exports
        ),
        circuit,
        ("measure up-scaling", command_line("evaluate", place, "--data", "FOLDER")),
        ("try fewer bits", command_line("quantize", place, "--weight-bits", 6)),
        ("look at the graph", command_line("view", place)),
    ]


def photograph_names(notes: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Names by use: training, validation, left out."""
    parts = notes.get("photographs") or {}
    groups = [
        ("Training", parts.get("train") or []),
        ("Validation", parts.get("val") or []),
        ("In both", notes.get("in_both") or []),
        ("Left out", notes.get("skipped") or []),
    ]
    return [(label, [str(name) for name in names]) for label, names in groups if names]


def _network(config: RunConfig, kept: StageResult) -> str:
    text = f"{config.network.title}: {whole(_float_weights(config))} weights (biases not counted)"
    text += f", trained {config.network.expand} times as wide" if config.network.expand > 1 else ""
    text += f", taught by {config.rts.teacher}" if config.rts.taught else ""
    try:
        convs = load_network(kept.folder.root).convs
    except HwrtsError:
        return text  # a damaged file is reported where it is compared
    deployed = sum(conv.weight_i8.size for conv in convs)
    widths = {conv.weight_bits for conv in convs}
    bits = str(min(widths)) if len(widths) == 1 else f"{min(widths)} to {max(widths)}"
    text += f"; {whole(deployed)} weights of {bits} bits in {plural(len(convs), 'convolution')} as deployed"
    asked = {config.qat.accumulator_bits, *config.qat.layer_accumulator_bits.values()}
    registers = " and ".join(str(bits) for bits in sorted(each for each in asked if each is not None))
    return f"{text}, trained for accumulators of {registers} bits" if registers else text


def _float_weights(config: RunConfig) -> int:
    """Of the network as it is drawn; the file may hold more, of convolutions that are trained as two."""
    with torch.device("meta"):  # shapes alone: no time, no random numbers
        modules = build_network(config.network).modules()
    return sum(conv.weight.numel() for conv in modules if isinstance(conv, nn.Conv2d))


def _photographs(notes: dict[str, Any]) -> str:
    named = {label: len(names) for label, names in photograph_names(notes)}
    texts = [f"{named[label]} for {label.lower()}" for label in ("Training", "Validation") if label in named]
    if "In both" in named:
        texts.append(f"{named['In both']} in both: the network has seen what it is measured on")
    if "Left out" in named:
        texts.append(f"{named['Left out']} left out")
    return ", ".join(texts)


def _cpu(cpu: dict[str, Any]) -> str:
    if "name" not in cpu:
        return ""
    return f"{cpu['name']}, {'with' if cpu.get('vnni') else 'without'} VNNI"
