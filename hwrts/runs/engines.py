"""The ways to run a finished stage on pictures; all return the same bytes."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from hwrts.command_line import command_line
from hwrts.data.tiles import Picture, Upscaler
from hwrts.errors import HwrtsError, RunFolderError
from hwrts.export import open_session, run_session
from hwrts.fixed_point import Network, load_network, run
from hwrts.runs.folder import StageFolder
from hwrts.runs.proof import read_proof

Engine = Literal["onnxruntime", "numpy", "torch"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


def make_engine(
    name: Engine, stage: StageFolder, torch_upscaler: Callable[[], Upscaler]
) -> tuple[Upscaler, Network]:
    """An int8 upscaler of a stage, and its integer network (for the halo).

    Args:
        name: Which runtime computes.
        stage: A finished stage.
        torch_upscaler: Makes the fake-quantised module's upscaler; called for "torch" only, the others run
            without importing it.

    Raises:
        HwrtsError: An unknown name, or a file that is damaged or not the one that was verified.
    """
    network = load_network(stage.root)
    proof = read_proof(stage)
    if proof.changed:
        raise RunFolderError(
            f"{stage.root / proof.changed[0]}: not used, it is {proof.verdict}; restore the stage, or prove "
            f"it again with {command_line('verify', stage.root.parent)}"
        )
    if name == "numpy":
        return (lambda pixels: run(network, pixels)), network
    if name == "onnxruntime":
        return onnx_upscaler(proof.payloads[stage.onnx.name], network), network
    if name == "torch":
        return torch_upscaler(), network
    raise HwrtsError(f"engine {name!r} is unknown; use {', '.join(ENGINES)}")


def onnx_upscaler(model: bytes, network: Network) -> Upscaler:
    """The int8 ONNX file as a function on codes (H, W, 3) to (2H, 2W, 3)."""
    session = open_session(model)

    def upscaler(pixels: Picture) -> Picture:
        stored = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])  # (1, 3, H, W)
        result: Picture = run_session(session, network, stored)[0].transpose(1, 2, 0)
        return result

    return upscaler
