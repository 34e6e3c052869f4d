"""hwrts info: versions, the processor and the device."""

import platform
from typing import Annotated, Any

import typer

from hwrts import __version__
from hwrts.cli.console import print_json, print_line
from hwrts.cli.options import Quiet


def info(
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    quiet: Quiet = False,  # it has no progress; scripts give the flag to every command
) -> None:
    """Print versions, the CPU features that matter, and the device that would be used."""
    import torch

    from hwrts.export.cpu import FLAGS, cpu_flags, cpu_name, has_vnni
    from hwrts.runs.versions import library_versions
    from hwrts.training.device import choose_device

    flags = cpu_flags()
    device = choose_device()
    document: dict[str, Any] = {
        "hwrts": __version__,
        "python": platform.python_version(),
        **library_versions(),
        "cpu": cpu_name(),
        "cpu flags": {flag: flag in flags for flag in FLAGS},
        "threads": torch.get_num_threads(),
        "device": device.name,
        "bf16 training": device.bf16,
        "device reason": device.reason,
    }
    if json:
        print_json(document)
        return
    for key, value in document.items():
        text = (
            ", ".join(f"{flag} {'yes' if there else 'no'}" for flag, there in value.items())
            if isinstance(value, dict)
            else value
        )
        print_line(f"{key:14} {text}")
    if platform.machine() in ("x86_64", "AMD64") and flags and not has_vnni(flags):
        print_line(
            "no VNNI: ONNX Runtime's default int8 kernel saturates; hwrts asks for the exact one "
            "(docs/arithmetic.md, eq. 14)"
        )
