"""The ways to run a finished stage on pictures; all return the same bytes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hwrts.command_line import command_line
from hwrts.data import tiles
from hwrts.data.depth import Samples, on_grid, to_bytes
from hwrts.data.luma import CHROMA_HALO, OWN, Luma, through
from hwrts.data.tiles import ANY, Sizes, Upscaler
from hwrts.errors import HwrtsError, RunFolderError
from hwrts.export import open_session, run_session, to_onnx
from hwrts.export.runtime import run_session_all
from hwrts.export.witness import from_stored, to_stored
from hwrts.files.read import read_bytes
from hwrts.fixed_point import PIXEL, Adjusted, Network, adjusted, load_network, run
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.proof import read_proof

Engine = Literal["onnxruntime", "numpy", "native", "torch"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

Integers = NDArray[np.integer]
"""Codes (H, W, C) of an integer network."""
Stored = Callable[[Mapping[str, Integers]], dict[str, Integers]]
"""Stored codes (1, C, H, W) of every input to those of every output, by name."""

_INSTEAD = "feed its codes to model.int8.onnx with ONNX Runtime, or to hwrts.fixed_point.run_outputs"


@dataclass(frozen=True)
class Deployed:
    """An int8 network, however it is computed, on whole pictures: in tiles, so in bounded memory, if it can.

    Attributes:
        codes: Codes (H, W, 3) to (SH, SW, 3), of a piece that is small enough for one pass; of a
            network of luma (H, W, 1) to (SH, SW, 1).
        halo: Input pixels around an output pixel that it depends on; None if it needs the whole picture: that
            goes through in one pass then, whatever memory it takes.
        scale: S; 1 of a same-size network, a Fraction of one that makes smaller pictures.
        sizes: Of the pictures that it takes and makes.
        stored: What the ONNX file makes of stored codes (1, C, H, W), by input and by output; None where
            another engine computes.
        refusal: Why it is no network of pictures, so that :attr:`codes` cannot be asked; None if it is.
        luma: What :attr:`codes` sees of a picture; None if it sees red, green and blue.
        bits: Of its pixels, in and out. Of more than 8, codes are uint16.
        wider: How many times :data:`.tiles.TILE` the sides of its tiles are.
    """

    codes: Upscaler
    halo: int | None
    scale: int | Fraction
    sizes: Sizes = ANY
    stored: Stored | None = None
    refusal: str | None = None
    luma: Luma | None = None
    bits: int = 8
    wider: int = 1

    @classmethod
    def of(
        cls,
        network: Network,
        codes: Upscaler,
        stored: Stored | None = None,
        refusal: str | None = None,
        luma: Luma | None = None,
    ) -> "Deployed":
        """What computes the codes of an integer network, with that network's halo, scale and sizes.

        One that sees luma alone gets the Y' of pictures, whose colours get the correction of it; one of
        several frames gets the same picture several times.

        Args:
            network: The integer network.
            codes: Pixels (H, W, C) of its input to those of its output.
            stored: As the attribute.
            refusal: Why nobody knows what to feed it; None finds out whether it takes pictures.
            luma: Of one channel, which Y' it has learnt from; None is that of a module nobody said it of.
        """
        made, halo = network.tensors[network.output], network.halo if network.streamable else None
        sizes = Sizes(network.multiple, network.smallest, made.lacks)
        whole = made.scale.denominator == 1 and not any(made.lacks)
        scale = made.scale.numerator if made.scale.denominator == 1 else made.scale
        refusal = refusal or _refusal(network)
        if refusal is not None:
            return cls(_refusing(refusal), halo, scale, sizes, stored, refusal)
        frames = network.channels[network.inputs[0].name] // 3
        bits = network.inputs[0].out.bits if network.inputs[0].out.bits > 8 else 8
        if frames > 1:
            return cls(lambda pixels: codes(np.tile(pixels, frames)), halo, scale, sizes, stored, bits=bits)
        if frames:
            return cls(codes, halo, scale, sizes, stored, bits=bits)
        if not whole:  # no colours of that size are there: all three are its Y'

            def colours(pixels: Integers) -> Integers:
                return codes((luma or OWN).of(pixels, bits)).repeat(3, axis=2)

            return cls(colours, halo, scale, sizes, stored, bits=bits)
        return cls(codes, halo, scale, sizes, stored, luma=luma or OWN, bits=bits)

    @property
    def enlargement(self) -> int | None:
        """S, if what it makes of a picture has that size times a whole number; else None."""
        return self.scale if isinstance(self.scale, int) and not any(self.sizes.lacks) else None

    def reach(self, *, same_size: bool) -> int | None:
        """Input pixels around a pixel of what :meth:`enhance` or :meth:`upscale` returns it depends on."""
        if self.halo is None:
            return None
        halo = self.halo if self.luma is None or self.scale == 1 else max(self.halo, CHROMA_HALO)
        return halo + (tiles.DOWNSCALER_HALO if same_size and self.scale > 1 else 0)

    def upscale(self, pixels: Samples) -> NDArray[Any]:
        """S(x): codes (H, W, 3) to (SH, SW, 3), of a picture of any size (:class:`.tiles.Sizes`).

        Bytes give bytes, whatever the network's bits: it gets them with zeros behind, and they are rounded.
        """
        # of a scale that is no whole number luma is None
        scale = int(self.scale)
        return self._in_its_bits(
            pixels, lambda codes: through(self.luma, codes, self.upscale_seen, scale, self.bits)
        )

    def enhance(self, pixels: Samples) -> NDArray[Any]:
        """The same-size enhancement: codes (H, W, 3) to (H, W, 3), likewise."""
        return self._in_its_bits(
            pixels, lambda codes: through(self.luma, codes, self.enhance_seen, 1, self.bits)
        )

    def upscale_seen(self, seen: Samples) -> NDArray[Any]:
        """What it makes of what it sees of a picture, (H, W, C) to (SH, SW, C); C is 1 of one of luma."""
        return self._in_its_bits(seen, self._by_tiles(tiles.upscale))

    def enhance_seen(self, seen: Samples) -> NDArray[Any]:
        """The same at the same size."""
        return self._in_its_bits(seen, self._by_tiles(tiles.enhance))

    def _by_tiles(self, how: Callable[..., Any]) -> Callable[[Samples], NDArray[Any]]:
        return lambda seen: how(self.codes, seen, self.halo, self.scale, self.sizes, self.bits, self.wider)

    def _in_its_bits(self, given: Samples, make: Callable[[Samples], NDArray[Any]]) -> NDArray[Any]:
        small = given.dtype == np.uint8
        if not small and given.max() >> self.bits:  # beyond a table or a sum that was proved
            raise HwrtsError(
                f"pixels of {self.bits} bits: codes {given.min()}..{given.max()} leave "
                f"0..{(1 << self.bits) - 1}; give codes of the network's own bits, or bytes"
            )
        made = make(on_grid(given, self.bits) if small else given)
        return to_bytes(made, self.bits) if small else made


def make_engine(
    name: Engine,
    stage: StageFolder,
    torch_upscaler: Callable[[], Upscaler] | None = None,
    how: Adjusted | None = None,
) -> Deployed:
    """The int8 network of a stage, computed by an engine.

    Args:
        name: Which runtime computes.
        stage: A finished stage.
        torch_upscaler: Makes the fake-quantised module's upscaler, for "torch" alone: the others run without
            importing it.
        how: What is done to its correction; the file is written anew for it then, in memory.

    Raises:
        HwrtsError: An unknown name, a file that is damaged or not the one that was verified, or a network
            whose correction cannot be adjusted.
    """
    network, luma = load_network(stage.root), stage.luma
    proof = read_proof(stage)
    if proof.changed:
        raise RunFolderError(
            f"{stage.root / proof.changed[0]}: not used, it is {proof.verdict}; restore the stage, or prove "
            f"it again with {command_line('verify', stage.root.parent)}"
        )
    refusal = _of_own_inputs(stage)
    if how is not None:
        if name == "torch":
            raise HwrtsError(
                "engine torch: computes the network as it was trained, without another strength or limits; "
                "use onnxruntime, numpy or native"
            )
        network = adjusted(network, how)
    if name == "numpy":
        return Deployed.of(network, _numpy(network), refusal=refusal, luma=luma)
    if name == "native":
        return Deployed.of(network, native_codes(network), refusal=refusal, luma=luma)
    if name == "onnxruntime":
        model = proof.payloads[stage.onnx.name] if how is None else to_onnx(network).SerializeToString()
        return onnx_engine(model, network, refusal, luma)
    if name == "torch" and torch_upscaler is not None:
        if _refusal(network) is None and {network.inputs[0].out, network.formats[network.output]} != {PIXEL}:
            raise HwrtsError("engine torch: computes pixels of 0..1 alone; use onnxruntime or numpy")
        return Deployed.of(network, torch_upscaler(), refusal=refusal, luma=luma)
    raise HwrtsError(f"engine {name!r} is unknown; use {', '.join(ENGINES)}")


def open_stage(stage: StageFolder) -> Deployed:
    """The int8 ONNX file of a finished stage, whether it is proved or not."""
    model, network = read_bytes(stage.onnx), load_network(stage.root)
    return onnx_engine(model, network, _of_own_inputs(stage), stage.luma)


def onnx_engine(
    model: bytes, network: Network, refusal: str | None = None, luma: Luma | None = None
) -> Deployed:
    """The int8 ONNX file of a network, computed by ONNX Runtime; the others as in :meth:`Deployed.of`."""
    session = open_session(model)

    def stored_codes(stored: Mapping[str, Integers]) -> dict[str, Integers]:
        return run_session_all(session, network, stored)

    def codes(pixels: Integers) -> Integers:
        stored = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])  # (1, C, H, W)
        result: Integers = run_session(session, network, stored)[0].transpose(1, 2, 0)
        return result

    made = Deployed.of(network, codes, stored_codes, refusal, luma)
    return replace(made, wider=tiles.wider_by(_pixel_bytes(network)))


def _pixel_bytes(network: Network) -> int:
    """Of the tensor that has the most for each pixel of the input, as it is held in a tile."""

    def held(name: str) -> int:
        if name == network.output and network.tensors[name].scale > 1:
            return 4  # the down-scaler takes floats
        return 1 if network.formats[name].bits <= 8 else 4

    return max(
        math.ceil(tensor.scale**2 * network.channels[name] * held(name))
        for name, tensor in network.tensors.items()
    )


def native_codes(network: Network) -> Upscaler:
    """Pixels to pixels by the C model, compiled for this processor.

    Raises:
        HwrtsError: No C model says the network, no compiler is there, or nothing can be kept.
    """
    from hwrts.export.c.library import NativeModel  # loads templates, which the other engines need not

    model, source = NativeModel(network), network.inputs[0].name
    return _on_codes(network, lambda codes: model.run({source: codes})[network.output])


def _numpy(network: Network) -> Upscaler:
    """The same in NumPy."""
    return _on_codes(network, lambda codes: run(network, codes))


def _on_codes(network: Network, compute: Callable[[Integers], Integers]) -> Upscaler:
    """Pixels to pixels, whatever codes stand for them (eq. 40)."""
    source, out = network.inputs[0].out, network.formats[network.output]

    def codes(pixels: Integers) -> Integers:
        made = compute(from_stored(pixels.transpose(2, 0, 1)[None], source))
        pixels_made: Integers = to_stored(made, out)[0].transpose(1, 2, 0)
        return pixels_made

    return codes


def _refusal(network: Network) -> str | None:
    """Why a network does not map a picture to a picture; None if it does."""
    taken = [each.channels for each in network.inputs]
    given = network.channels[network.output]
    if len(taken) > 1:
        found = f"takes {len(taken)} inputs, {', '.join(each.name for each in network.inputs)}"
    elif (taken[0] != 1 and taken[0] % 3) or given != (1 if taken[0] == 1 else 3):
        found = f"makes {given} channels of {taken[0]}"
    else:
        return None
    return f"the network {found}; a picture to a picture is needed here: {_INSTEAD}"


def _refusing(refusal: str) -> Upscaler:
    def codes(pixels: Integers) -> Integers:
        raise HwrtsError(refusal)

    return codes


def _of_own_inputs(stage: StageFolder) -> str | None:
    """Why no picture can be fed to a user's module whose file says itself what is made of one."""
    root = stage.root.parent
    said = RunFolder(root).notes().get("inputs") if (root / "run.json").is_file() else None
    return said and f"what the network is fed is made by {said}, which is no part of the run: {_INSTEAD}"
