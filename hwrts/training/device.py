"""Where and how to compute, chosen with a reason that is printed and recorded."""

import math
import os
from dataclasses import dataclass

import torch

from hwrts.errors import ConfigError
from hwrts.export.cpu import cpu_flags
from hwrts.fixed_point.cores import available_cores, cpu_quota


@dataclass(frozen=True)
class Device:
    """A device with the arithmetic of float training.

    Attributes:
        name: Torch's name of the device.
        bf16: Whether hidden layers run under bfloat16 autocast; image tensors stay in float32.
        reason: Why, in one sentence.
    """

    name: str
    bf16: bool
    reason: str


def choose_device(name: str = "auto", precision: str = "auto") -> Device:
    """Resolve "auto" to the fastest device and precision that this machine has.

    Raises:
        ConfigError: A device that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"device {name!r}: unknown; use auto, cpu, cuda, cuda:N or mps")
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {name!r}: not usable on this machine; use auto, cpu, cuda, cuda:N or mps"
        ) from error
    if kind == "cpu" and cpu_quota() < math.inf:  # torch counts the machine's cores
        torch.set_num_threads(min(torch.get_num_threads(), available_cores()))
    if precision != "auto":
        return Device(name, precision == "bf16", f"{precision} was asked for")
    if name.startswith("cuda"):
        supported = torch.cuda.is_bf16_supported()
        return Device(name, supported, "the GPU has bf16" if supported else "the GPU has no bf16")
    if name == "cpu":
        flags = cpu_flags()
        found = sorted({"avx512_bf16", "amx_bf16"} & flags)
        return Device(
            name, bool(found), f"the CPU has {found[0]}" if found else "the CPU has no bf16 instructions"
        )
    return Device(name, False, "bf16 is not used on this device")


def make_deterministic(seed: int) -> None:
    """Equal seeds give equal weights: seed torch and forbid algorithms whose result varies."""
    # cuBLAS is deterministic only with a fixed workspace.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    torch.set_deterministic_debug_mode(
        "error"
    )  # use_deterministic_algorithms, which imports the compiler, 1 s
    # It would fill new tensors with NaN, to find operators that read what nobody wrote. Ours are all torch's
    # own, and filling took 11 % of the time of quantisation-aware training (torch.profiler).
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # "float32" must be that: TF32 keeps 10 bits, fewer than a pixel needs.
    torch.backends.cudnn.allow_tf32 = False
