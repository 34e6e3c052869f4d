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
    Network,
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
        near_grids: Whether it leaves bits of sums out whose operands have grids far from each other.
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
    whole_bytes: bool = False
    client: str | None = None
    restated: tuple[type[Layer], ...] = ()
    refused: tuple[type[Layer], ...] = ()
    exact: bool = True
    note: str = ""

    def check(self, network: Network, size: tuple[int, int] | None) -> None:
        """Refuse what the client cannot be told.

        Raises:
            HwrtsError: No size where one is needed, an operator, or grids of weights; with what to do.
        """
        if self.needs_size and size is None:
            raise HwrtsError(
                f"--target {self.name}: takes no open height and width; add --size such as 360x640"
            )
        narrow = [name for name, each in network.formats.items() if each.bits < 8]
        if self.whole_bytes and narrow:
            raise HwrtsError(
                f"--target {self.name}: tensor {narrow[0]!r} has {network.formats[narrow[0]].bits} bits, of "
                "which it computes other codes; quantize with 8 bits of activations, or use --target onnx"
            )
        for layer in network.layers:
            if isinstance(layer, self.refused):
                raise HwrtsError(
                    f"--target {self.name}: layer {layer.name!r} is a {type(layer).__name__}, which has no "
                    f"exact form for it; {_INSTEAD[type(layer)]}, or use --target onnx"
                )
            if self.near_grids and isinstance(layer, Add) and _far(network, layer):
                raise HwrtsError(
                    f"--target {self.name}: layer {layer.name!r} adds grids that are {_FAR} bits apart or "
                    "more, which has no exact form for it; quantize with --exact-additions, or use --target "
                    "onnx"
                )
        for conv in network.convs:
            if self.per_tensor and len(set(conv.weight_frac.tolist())) > 1:
                raise HwrtsError(
                    f"--target {self.name}: layer {conv.name!r} is a Conv whose channels have grids of "
                    f"weights of their own, it takes one for all; quantize with --target {self.name}"
                )


_FAR, _FINER = 6, 5
"""Bits between the grids of two operands, and from the coarser one to a finer sum, from both of which on
Qualcomm's emulator leaves bits of the finer operand out; below either it computes every code."""


def _far(network: Network, layer: Add) -> bool:
    coarser, finer = sorted(each.frac for each in network.formats_of(layer.sources))
    return finer - coarser >= _FAR and layer.out.frac - coarser >= _FINER


_SAFE = QdqOptions(relu=True, moves_in_real=True)
"""Relu and Resize as clients look for them: this changes no code in any."""

_INSTEAD: dict[type[Layer], str] = {
    GlobalAverage: "train a network without it",
    Lookup: "train with a ReLU or a leaky ReLU in its place",
    Resize: "enlarge by a whole factor",
    Upsample: "interpolate bilinearly by 2, 4 or 8",
}
"""What a network can have in place of what is refused."""


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
            client="acuity",
            note="rules of the NPU; Acuity's own fake quantisation rounds additions half to even",
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
