"""What each layer's weights are worth: one layer at a time on fewer bits, all others as they are.

Nothing is trained: a layer's trained weights are rounded again, as calibration rounds them, and the
integer network with that one layer exchanged runs on photographs. docs/sensitivity.md has the formulae.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from hwrts.data import PhotoStore, to_codes, upscale_by_2
from hwrts.data.depth import Codes
from hwrts.data.luma import Luma
from hwrts.errors import ConfigError
from hwrts.fixed_point import Network, run
from hwrts.metrics import psnr_db
from hwrts.progress import Progress
from hwrts.qat.network import QuantNetwork
from hwrts.runs.engines import Deployed
from hwrts.runs.folder import StageFolder
from hwrts.training.rts import target_kind

PHOTOGRAPHS = 8
"""At most so many validation photographs are measured on, the first ones: half a million pixels."""

SIDE = 256
"""Side of the centre crop that the network reads: large enough that its edge weighs little."""

NARROWER = range(2, 8)
"""The widths below int8."""

# Letters of the shape comments: H rows, W columns of a crop, F how much the network enlarges.


@dataclass(frozen=True)
class Crops:
    """What is measured on.

    Attributes:
        inputs: Codes (H, W, 3) uint8.
        references: Codes (F*H, F*W, 3) uint8 for each input, by name: "original", and "target" where the
            stage was trained toward something else.
        luma: What the network sees of them; None if that is all.
    """

    inputs: list[Codes]
    references: dict[str, list[Codes]]
    luma: Luma | None = None


@dataclass(frozen=True)
class Reduced:
    """The network with one layer on fewer bits.

    Attributes:
        weight_bits: Width of that layer's weights.
        mse_int8: Mean squared difference from the unreduced int8 output over all codes, codes**2.
        psnr_db: PSNR against each reference, mean of the crops.
    """

    weight_bits: int
    mse_int8: float
    psnr_db: dict[str, float]


@dataclass(frozen=True)
class LayerSensitivity:
    """One layer: its number of weights, their width in the stage, and what fewer bits do."""

    name: str
    weights: int
    weight_bits: int
    reduced: tuple[Reduced, ...]

    @property
    def errors(self) -> dict[int, float]:
        """Mean squared difference from the int8 output by width, 0 at the layer's own."""
        return {each.weight_bits: each.mse_int8 for each in self.reduced} | {self.weight_bits: 0.0}


@dataclass(frozen=True)
class Sensitivity:
    """All layers of a network, in order.

    Attributes:
        layers: What fewer bits do to each.
        psnr_db: PSNR of the network's int8 output against each reference.
        bicubic_db: The same of bicubic interpolation; empty for a network that keeps the size.
    """

    layers: tuple[LayerSensitivity, ...]
    psnr_db: dict[str, float]
    bicubic_db: dict[str, float] = field(default_factory=dict)

    def loss_db(self, reduced: Reduced, reference: str) -> float:
        """PSNR against a reference that is lost; negative if the pictures came nearer to it."""
        return self.psnr_db[reference] - reduced.psnr_db[reference]


def load_crops(store: PhotoStore, stage: StageFolder, luma: Luma | None = None) -> Crops:
    """Centre crops of the first validation photographs, of which the stage's network sees all or the luma.

    A x2 network reads LR; its references are the original and, from stage 2 on, the target of the stage. A
    same-size network reads originals, and its target is what the float network makes of them.
    """
    number = stage.number
    if stage.same_size:
        source, scale, kinds = "hr", 1, {"target": target_kind(number)}
    else:
        source, scale, kinds = "lr", 2, {"original": target_kind(0)}
        if number > 1:
            kinds["target"] = target_kind(number - 1)
    crops = Crops([], {name: [] for name in kinds}, luma)
    for i in range(min(PHOTOGRAPHS, len(store.names))):
        pixels = store.array(i, source)
        top, left = (max(0, (size - SIDE) // 2) for size in pixels.shape[:2])
        crops.inputs.append(_window(pixels, top, left, SIDE))
        for name, kind in kinds.items():
            reference = store.array(i, kind)
            crops.references[name].append(_window(reference, scale * top, scale * left, scale * SIDE))
    return crops


def _window(pixels: Codes, top: int, left: int, side: int) -> Codes:
    return np.array(pixels[top : top + side, left : left + side])


def measure_sensitivity(
    quantised: QuantNetwork, crops: Crops, widths: Collection[int], progress: Progress
) -> Sensitivity:
    """Set each convolution's weights alone to fewer bits and measure what the picture loses.

    Each crop counts as a picture of its own: beyond its edge there are zeros, for every network alike.

    Args:
        quantised: The network of a stage.
        crops: What to measure on, at least one.
        widths: Widths to try, 2..7; those that are not below a layer's own are left out for it.
        progress: Where to say what happens.

    Raises:
        ConfigError: No layer has more bits than the smallest of the widths.
    """
    network = quantised.eval().lower()
    tried = {
        conv.name: [bits for bits in sorted(widths, reverse=True) if bits < conv.weight_bits]
        for conv in network.convs
    }
    if not any(tried.values()):
        widest = max(conv.weight_bits for conv in network.convs)
        raise ConfigError(f"--bits: the widest weights have {widest} bits already; try fewer")
    int8, layers, done = _outputs(network, crops), [], 0
    with progress.task("layers on fewer bits, one at a time", sum(map(len, tried.values()))) as advance:
        for conv in network.convs:
            reduced = []
            for bits in tried[conv.name]:
                found = _outputs(quantised.exchanged(network, quantised.narrowed(conv.name, bits)), crops)
                reduced.append(Reduced(bits, _mse(found, int8), _psnr_db(found, crops)))
                done += 1
                advance(done, f"{conv.name}, {bits} bits")
            size = conv.weight_i8.size
            layers.append(LayerSensitivity(conv.name, size, conv.weight_bits, tuple(reduced)))
    return Sensitivity(tuple(layers), _psnr_db(int8, crops), _bicubic_db(crops))


def _outputs(network: Network, crops: Crops) -> list[Codes]:
    # every code is on the pixel grid, so what holds the picture holds it
    deployed = Deployed.of(network, lambda seen: run(network, seen).astype(seen.dtype), luma=crops.luma)
    return [deployed.upscale(pixels) for pixels in crops.inputs]  # (F*H, F*W, 3) each


def _mse(pictures: list[Codes], references: list[Codes]) -> float:
    """Over all codes of all pictures; sums of integers, so exact whatever their order."""
    squares = [np.square(a.astype(np.int64) - b) for a, b in zip(pictures, references, strict=True)]
    total = sum(int(each.sum()) for each in squares)
    return float(total / sum(each.size for each in squares))


def _psnr_db(pictures: list[Codes], crops: Crops) -> dict[str, float]:
    """The mean over the crops, as the measures of a stage are means over photographs."""
    return {
        name: float(np.mean([psnr_db(a, b) for a, b in zip(pictures, each, strict=True)]))
        for name, each in crops.references.items()
    }


def _bicubic_db(crops: Crops) -> dict[str, float]:
    if any(each[0].shape == crops.inputs[0].shape for each in crops.references.values()):
        return {}
    return _psnr_db([to_codes(upscale_by_2(pixels)) for pixels in crops.inputs], crops)
