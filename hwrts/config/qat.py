"""Settings of the quantisation."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hwrts.config.section import Rate, Section, Steps
from hwrts.fixed_point import HwrtsError, RoundingRules

WeightBits = Annotated[int, Field(ge=2, le=8)]
"""Width of weights: 1 bit has no zero, more than 8 no integer operator takes."""

AccumulatorBits = Annotated[int, Field(ge=9, le=24)]
"""Width of accumulators: below 9 no code of 8 bits has room, and of more than 24 float32 would be inexact."""


def _rounding_names(text: str) -> str:
    try:
        return str(RoundingRules.parse(text))
    except HwrtsError as error:
        raise ValueError(str(error).partition("; ")[2]) from error  # whose value it is, is said


RoundingNames = Annotated[str, AfterValidator(_rounding_names)]
"""One rounding rule, or that of convolutions, a comma and that of additions, by their names."""


class QatConfig(Section):
    """Quantisation-aware training of each stage."""

    steps: Steps = Field(300, ge=0, description="fine-tuning steps after calibration; 0 calibrates only")
    learning_rate: Rate = Field(
        3e-4, description="peak Adam rate; more gains PSNR, but enhances beyond the float network"
    )
    settle: bool = Field(
        True,
        description="train weights of 6 bits and fewer on grids of least squared error, and bring them to "
        "rest on their codes as the training ends",
    )
    same_size: bool = Field(
        True, description="make the same-size network too, with D folded in: what a TV deploys"
    )
    same_size_steps: Steps = Field(
        100, ge=0, description="its fine-tuning steps; it starts from the trained network and only adapts"
    )
    weight_bits: WeightBits = Field(
        8, description="width of the weights; 7 never saturates on x86 without VNNI"
    )
    layer_weight_bits: dict[str, WeightBits] = Field(
        {},
        description="width of the weights of single layers, by the names that hwrts inspect shows, in place "
        "of weight_bits; hwrts quantize --weight-kib chooses them",
    )
    accumulator_bits: AccumulatorBits | None = Field(
        None,
        description="width of the accumulators of convolutions: weights are trained to fit, whatever the "
        "input; none: as they come, where float32 computes them exactly",
    )
    layer_accumulator_bits: dict[str, AccumulatorBits] = Field(
        {},
        description="width of the accumulators of single layers, by the names that hwrts inspect shows, in "
        "place of accumulator_bits",
    )
    activation_bits: int = Field(8, ge=2, le=8, description="width of the tensors between input and output")
    hidden_bits: int | None = Field(
        None,
        ge=2,
        le=8,
        description="width of the hidden tensors alone: all but the pictures and their corrections, which "
        "sums and convolutions make the picture of; none: activation_bits, which is the most",
    )
    skip_bits: Literal[8, 10, 12, 16] = Field(
        8,
        description="width of the hidden tensors that carry the picture past kernels to a sum, in networks "
        "that add no picture at their end; kernels read them rounded to the others' width; 8: as all others",
    )
    pixel_bits: Literal[8, 10, 12] = Field(
        8,
        description="width of the pixels in and out; the last sum has all bits, the body reads 8, rounded",
    )
    exact_additions: bool = Field(
        False,
        description="what is added is on the grid of the sum, so that no addition drops a bit: one network "
        "for clients that round additions differently",
    )
    one_weight_grid: bool = Field(
        False,
        description="all channels of a convolution have one grid of weights, for clients that know one scale "
        "per tensor",
    )
    rounding: RoundingNames = Field(
        "half_even",
        description="tie rule of every requantisation, or that of convolutions, a comma, and that of "
        "additions and all others: half_even, half_up (the cheapest in RTL), half_away, floor, double",
    )

    @property
    def of_single_layers(self) -> dict[str, dict[str, int]]:
        """By the name of a setting for all layers, what takes its place in single ones."""
        return {"weight_bits": self.layer_weight_bits, "accumulator_bits": self.layer_accumulator_bits}
