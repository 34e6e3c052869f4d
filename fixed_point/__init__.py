"""Integer networks in NumPy alone: what the circuit must compute, code for code.

The equations are derived in docs/arithmetic.md. The folder imports nothing but NumPy and can be copied
beside a testbench.
"""

from .attacks import attack_input, attacked_pixel, pair_can_saturate_int16
from .bounds import FLOAT32_LIMIT, Bounds, room_for_weights
from .codes import Input, RunPath
from .convolution import conv_accumulate
from .errors import HwrtsError
from .file import JSON_NAME, NPZ_NAME, load_network, save_network
from .formats import PIXEL, Format, pixel_format, weight_limit
from .interpolation import UPSAMPLE_KINDS, upsample_is_exact, upsample_kernel, upsample_taps
from .lines import Edge, Lines, frame_bits, plan_lines
from .network import Network
from .operators import (
    OPERATORS,
    Add,
    Along,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    GlobalAverage,
    Layer,
    Lookup,
    Maximum,
    MaxPool,
    Multiply,
    Over,
    Places,
    PRelu,
    Reorder,
    Repeat,
    Resize,
    Scale,
    Slice,
    SpaceToDepth,
    Upsample,
)
from .operators.operator import Operator, Tensor, Work
from .operators.requantised import Requantised, layer_bounds
from .operators.tensor import plain
from .requantize import Rounding, requantize, shift_right
from .rules import RoundingRules
from .run import run, run_all, run_counted, run_layer, run_outputs
from .steps import Step, halo, multiple_of, registers_of, scales_of, whole_frame
from .stream import LineRun, stream, stream_all
from .strength import PLAIN, REGISTER, STRENGTH, STRONGEST, Adjusted, adjusted, has_register
from .window import POINT, WHOLE, Padding, Window

__all__ = [
    "FLOAT32_LIMIT",
    "JSON_NAME",
    "NPZ_NAME",
    "OPERATORS",
    "PIXEL",
    "PLAIN",
    "POINT",
    "REGISTER",
    "STRENGTH",
    "STRONGEST",
    "UPSAMPLE_KINDS",
    "WHOLE",
    "Add",
    "Adjusted",
    "Along",
    "Bounds",
    "Clip",
    "Concat",
    "Conv",
    "DepthToSpace",
    "Edge",
    "Format",
    "GlobalAverage",
    "HwrtsError",
    "Input",
    "Layer",
    "LineRun",
    "Lines",
    "Lookup",
    "MaxPool",
    "Maximum",
    "Multiply",
    "Network",
    "Operator",
    "Over",
    "PRelu",
    "Padding",
    "Places",
    "Reorder",
    "Repeat",
    "Requantised",
    "Resize",
    "Rounding",
    "RoundingRules",
    "RunPath",
    "Scale",
    "Slice",
    "SpaceToDepth",
    "Step",
    "Tensor",
    "Upsample",
    "Window",
    "Work",
    "adjusted",
    "attack_input",
    "attacked_pixel",
    "conv_accumulate",
    "frame_bits",
    "halo",
    "has_register",
    "layer_bounds",
    "load_network",
    "multiple_of",
    "pair_can_saturate_int16",
    "pixel_format",
    "plain",
    "plan_lines",
    "registers_of",
    "requantize",
    "room_for_weights",
    "run",
    "run_all",
    "run_counted",
    "run_layer",
    "run_outputs",
    "save_network",
    "scales_of",
    "shift_right",
    "stream",
    "stream_all",
    "upsample_is_exact",
    "upsample_kernel",
    "upsample_taps",
    "weight_limit",
    "whole_frame",
]
