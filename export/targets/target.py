"""The closed table of what an integer network is exported for."""

from collections.abc import Callable
from dataclasses import dataclass

from hwrts.export.clients import CLIENTS
from hwrts.export.qdq_options import QdqOptions, Stored
from hwrts.fixed_point import (
    Concat,
    GlobalAverage,
    HwrtsError,
    Layer,
    Lookup,
    Network,
    PRelu,
    Resize,
    Rounding,
    RoundingRules,
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
        client: Of :data:`hwrts.export.clients.CLIENTS`, beside ONNX Runtime; None if none is public.
        refused: Operators that it cannot be told.
        inexact: Whether it was seen to compute other codes of a layer, whatever it is told.
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
    client: str | None = None
    refused: tuple[type[Layer], ...] = ()
    inexact: Callable[[Network, Layer], bool] = lambda network, layer: False
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
        for layer in network.layers:
            if isinstance(layer, self.refused) or self.inexact(network, layer):
                raise HwrtsError(
                    f"--target {self.name}: layer {layer.name!r} is a {type(layer).__name__}, which has no "
                    "exact form for it; train a network without it, or use --target onnx"
                )
        for conv in network.convs:
            if self.per_tensor and len(set(conv.weight_frac.tolist())) > 1:
                raise HwrtsError(
                    f"--target {self.name}: layer {conv.name!r} is a Conv whose channels have grids of "
                    "weights of their own, it takes one for all; use --target tensorrt"
                )


_SAFE = QdqOptions(relu=True, moves_in_real=True)
"""Relu and Resize as clients look for them: this changes no code in any."""

_WHOLE = (GlobalAverage, Lookup, Resize)
"""Written in whole numbers and Gather, for which accelerators have no quantised operator."""


def _qnn_is_inexact(network: Network, layer: Layer) -> bool:
    """Leaky ReLUs, bicubic interpolation, and concatenations that move operands to another grid.

    Measured in its emulator: 15 %, 2 % and 30 % of codes are others, by 4, 1 and 4 at most.
    """
    if isinstance(layer, Concat):
        formats = network.formats_of((*layer.sources, layer.name))
        return len({(each.signed, each.frac) for each in formats}) > 1
    return isinstance(layer, PRelu) or (isinstance(layer, Upsample) and layer.kind != "bilinear")


TARGETS = {
    target.name: target
    for target in (
        Target("onnx", "ONNX Runtime, TVM, tract, and whoever reads QDQ", _SAFE, needs_size=False),
        Target(
            "qnn",
            "Qualcomm HTP by ONNX Runtime's QNN provider or AI Hub",
            QdqOptions(relu=True, moves_in_real=True, clip_in_real=True),
            CLIENTS["qnn"].rules,
            client="qnn",
            refused=_WHOLE,
            inexact=_qnn_is_inexact,
        ),
        Target(
            "iree",
            "IREE",
            QdqOptions(relu=True, moves_in_real=True, stored=Stored.SIGNED, depth_first=True),
            CLIENTS["iree"].rules,
            client="iree",
        ),
        Target(
            "openvino",
            "OpenVINO",
            _SAFE,
            CLIENTS["openvino"].rules,
            needs_size=False,
            keeps_sums_apart=True,
            client="openvino",
            refused=(SpaceToDepth,),  # 45 % of codes are others, silently
            note="convolutions that an addition reads are outputs too: their rounding is left out otherwise",
        ),
        Target(
            "verisilicon",
            "VeriSilicon NPUs by Acuity",
            _SAFE,
            RoundingRules(_EVEN, Rounding.FLOOR),
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
            refused=(*_WHOLE, Upsample),
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
            refused=(*_WHOLE, Upsample),
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
            ),
            CLIENTS["qonnx"].rules,
            client="qonnx",
            refused=_WHOLE,
            note="convert it with qonnx-convert --output_style quant",
        ),
        Target(
            "rknn",
            "Rockchip RKNN",
            QdqOptions(relu=True, moves_in_real=True, clip_in_real=True),
            refused=_WHOLE,
            note="its simulator is exact under no rule that was tried: count the codes that differ",
        ),
    )
}
"""By name. ``float`` is no integer network, and ``tflite`` and ``ethos-u`` no ONNX (in hwrts.runs)."""


def target_of(name: str) -> Target:
    """The target of a name.

    Raises:
        HwrtsError: There is none.
    """
    if name not in TARGETS:
        known = ", ".join(TARGETS)
        raise HwrtsError(
            f"--target {name!r:.40}: there is none of that name; use {known}, tflite, ethos-u or float"
        )
    return TARGETS[name]
