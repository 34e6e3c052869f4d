"""The closed table of what an integer network is exported for."""

from dataclasses import dataclass

from hwrts.export.clients import CLIENTS
from hwrts.export.qdq_options import QdqOptions, Stored
from hwrts.fixed_point import (
    Add,
    Clip,
    Concat,
    Conv,
    GlobalAverage,
    HwrtsError,
    Layer,
    Lookup,
    PRelu,
    Resize,
    Rounding,
    RoundingRules,
    Scale,
    SpaceToDepth,
    Upsample,
)

_EVEN = Rounding.HALF_EVEN


@dataclass(frozen=True)
class Target:
    """A client, and the file that it computes exactly.

    Attributes:
        name: As ``--target`` says it.
        purpose: What takes the file.
        options: How the file says the network.
        rules: What the client rounds convolutions and everything else by; None where it is not known, or
            where each reader of the file brings its own.
        needs_size: Whether it takes no open height and width.
        around_zero: Whether tensors of unsigned bytes become codes - 128 (:mod:`.around_zero`).
        per_tensor: Whether all output channels of a convolution must have one grid of weights.
        keeps_sums_apart: Whether convolutions that an addition reads must be outputs too, or their rounding
            is left out.
        near_grids: Whether it leaves bits of sums out whose operands have grids far from each other, so that
            they are said by others (:mod:`hwrts.export.near_sums`).
        exact_sums: Whether it computes other codes of additions that drop bits.
        one_limit: Whether it computes other codes of limits, so that one has another form, and two have none.
        whole_bytes: Whether it computes other codes of formats that have fewer than 8 bits.
        client: Of :data:`hwrts.export.clients.CLIENTS`, beside ONNX Runtime; None if none is public.
        restated: Operators of which it computes other codes, and that are said by others
            (:mod:`hwrts.export.restated`), in that order.
        refused: Operators that it cannot be told, if they are left then.
        exact: Whether a network can be what it computes; False where no rule that was tried is its own.
        note: What the manifest says of it besides.
    """

    name: str
    purpose: str
    options: QdqOptions
    rules: RoundingRules | None = None
    needs_size: bool = True
    around_zero: bool = False
    per_tensor: bool = False
    keeps_sums_apart: bool = False
    near_grids: bool = False
    exact_sums: bool = False
    one_limit: bool = False
    whole_bytes: bool = False
    client: str | None = None
    restated: tuple[type[Layer], ...] = ()
    refused: tuple[type[Layer], ...] = ()
    exact: bool = True
    note: str = ""


_SAFE = QdqOptions(relu=True, moves_in_real=True)
"""Relu and Resize as clients look for them: this changes no code in any."""


TARGETS = {
    target.name: target
    for target in (
        Target("onnx", "toolchains that read QDQ, TVM, tract, ONNX Runtime", _SAFE, needs_size=False),
        Target(
            "qnn",
            "Qualcomm HTP by ONNX Runtime's QNN provider or AI Hub",
            QdqOptions(
                relu=True, moves_in_real=True, clip_in_real=True, flat_tables=True, stored=Stored.UPWARD
            ),
            CLIENTS["qnn"].rules,
            near_grids=True,
            client="qnn",
            # Of these, and of a depthwise convolution of one tap, its emulator computes other codes.
            restated=(PRelu, Concat, Upsample, Clip, Scale, Conv),
            refused=(GlobalAverage, Resize, Upsample),
        ),
        Target(
            "iree",
            "IREE",
            QdqOptions(
                relu=True, moves_in_real=True, stored=Stored.SIGNED, depth_first=True, taps_convolved=True
            ),
            CLIENTS["iree"].rules,
            client="iree",
        ),
        Target(
            "openvino",
            "OpenVINO",
            QdqOptions(relu=True, moves_in_real=True, bias_apart=True),
            CLIENTS["openvino"].rules,
            needs_size=False,
            keeps_sums_apart=True,
            client="openvino",
            restated=(SpaceToDepth,),  # of its own 45 % of codes are others, silently
            note="convolutions that an addition reads are outputs too: their rounding is left out otherwise",
        ),
        Target(
            "verisilicon",
            "VeriSilicon NPUs by Acuity",
            QdqOptions(moves_in_real=True),  # a Relu leaves what it reads without a grid on the NPU, silently
            CLIENTS["acuity-npu"].rules,
            whole_bytes=True,
            exact_sums=True,
            client="acuity",
            one_limit=True,
            # The NPU's emulator rounds sums by no one rule, convolutions half to even; PRelu it refuses, and
            # below a lower limit 3 of 5,760 codes were others.
            restated=(PRelu, Upsample, Clip, Add),
            # Others, silently: 8,203 of 11,520 codes of two tables, 3,078 of 14,400 of bicubic interpolation;
            # places of other interpolation have no grid in Acuity's program, and a mean ends it.
            refused=(GlobalAverage, Lookup, Resize, Upsample),
        ),
        Target(
            "tensorrt",
            "NVIDIA TensorRT",
            QdqOptions(
                relu=True, moves_in_real=True, clip_in_real=True, stored=Stored.SYMMETRIC, float_bias=True
            ),
            RoundingRules(_EVEN, _EVEN),
            around_zero=True,
            restated=(Concat, Upsample),
            refused=(GlobalAverage, Resize, Upsample),
            note="not run on the chip, and its compiler neither",
        ),
        Target(
            "vitis",
            "AMD Vitis AI and Ryzen AI",
            QdqOptions(
                relu=True, moves_in_real=True, clip_in_real=True, stored=Stored.SYMMETRIC, float_bias=True
            ),
            around_zero=True,
            per_tensor=True,
            restated=(Concat, Upsample),
            refused=(GlobalAverage, Resize, Upsample),
            note="not run on the chip, and its compiler neither; its rounding is not known",
        ),
        Target(
            "qonnx",
            "QONNX, for FINN and hls4ml",
            QdqOptions(
                relu=True,
                moves_in_real=True,
                stored=Stored.BY_SIGN,
                float_bias=True,
                float_weights=True,
                float_boundary=True,
                shapes=True,  # qonnx-convert looks for them before it infers any
            ),
            CLIENTS["qonnx"].rules,
            client="qonnx",
            refused=(GlobalAverage, Resize),
        ),
        Target(
            "rknn",
            "Rockchip RKNN, whose simulator is exact under no rule that was tried",
            QdqOptions(relu=True, moves_in_real=True, clip_in_real=True),
            client="rknn",
            refused=(GlobalAverage, Lookup, Resize),
            exact=False,
            note="codes that differ in its simulator are counted, and are no verdict; not run on the chip",
        ),
    )
}
"""By name. ``float`` is no integer network, and those of TensorFlow Lite no ONNX (in
:mod:`hwrts.export.tflite.target`)."""


def target_of(name: str) -> Target:
    """The target of a name.

    Raises:
        HwrtsError: There is none.
    """
    if name not in TARGETS:
        known = ", ".join(TARGETS)
        raise HwrtsError(
            f"--target {name!r:.40}: there is none of that name; use {known}, tflite, ethos-u, tosa or float"
        )
    return TARGETS[name]
