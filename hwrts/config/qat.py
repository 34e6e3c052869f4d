"""Settings of the quantisation."""

from typing import Annotated, Literal

from pydantic import Field

from hwrts.config.section import Rate, Section, Steps

WeightBits = Annotated[int, Field(ge=2, le=8)]
"""Width of weights: 1 bit has no zero, more than 8 no integer operator takes."""


class QatConfig(Section):
    """Quantisation-aware training of each stage."""

    steps: Steps = Field(300, ge=0, description="fine-tuning steps after calibration; 0 calibrates only")
    learning_rate: Rate = Field(
        3e-4, description="peak Adam rate; more gains PSNR, but enhances beyond the float network"
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
    activation_bits: int = Field(8, ge=2, le=8, description="width of the tensors between input and output")
    rounding: Literal["half_even", "half_up", "half_away", "floor"] = Field(
        "half_even", description="tie rule of every requantisation; half_up is the cheapest in RTL"
    )
