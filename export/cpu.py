"""What the processor can do, as far as integer arithmetic and bf16 depend on it."""

import platform
from pathlib import Path

FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
"""CPU features that decide how fast, or with which kernel, 8-bit and bf16 arithmetic runs."""


def cpu_flags() -> frozenset[str]:
    """The processor's feature names as Linux lists them; empty where that list does not exist."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


def has_vnni(flags: frozenset[str]) -> bool:
    """Whether 8-bit products are summed without saturating at 16 bits on the way."""
    return bool(flags & {"avx_vnni", "avx512_vnni"})


def cpu_name() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
