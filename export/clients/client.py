"""The closed table of clients that exported files are run in: what they take, and what they round by."""

from dataclasses import dataclass
from pathlib import Path

from hwrts.export.environments import not_installed, python_with
from hwrts.fixed_point import HwrtsError, Rounding, RoundingRules


@dataclass(frozen=True)
class Client:
    """A client.

    Attributes:
        name: What it is called.
        takes: "onnx" or "tflite".
        module: What its environment can import.
        environment: Folder of that, and the extra of the package that installs it.
        rules: What it rounds convolutions and everything else by; None of one that is exact under no rule
            that was tried: codes that differ from the network's are counted, and none is ever a pass.
    """

    name: str
    takes: str
    module: str
    environment: str
    rules: RoundingRules | None

    @property
    def python(self) -> Path | None:
        """The interpreter that has it; None where it is not installed."""
        return python_with(self.module, self.environment)

    @property
    def not_installed(self) -> str:
        """The sentence for one that is not there."""
        return not_installed(self.name, self.environment)


ONNXRUNTIME = "onnxruntime"
"""The client that is a dependency, and runs in this process."""

_EVEN = RoundingRules.of(Rounding.HALF_EVEN)
_UP = RoundingRules.of(Rounding.HALF_UP)
_XNNPACK = RoundingRules(Rounding.HALF_EVEN, Rounding.HALF_UP)
_DOUBLE = RoundingRules(Rounding.DOUBLE, Rounding.HALF_AWAY)

CLIENTS = {
    client.name: client
    for client in (
        Client(ONNXRUNTIME, "onnx", "onnxruntime", "onnxruntime", _EVEN),
        Client("openvino", "onnx", "openvino", "openvino", _EVEN),
        Client("iree", "onnx", "iree.compiler", "iree", _EVEN),
        Client("qnn", "onnx", "onnxruntime_qnn", "qnn", _UP),
        Client("qonnx", "onnx", "qonnx", "qonnx", _EVEN),
        Client("hls4ml", "onnx", "hls4ml", "hls4ml", _EVEN),
        Client("tvm", "onnx", "tvm", "tvm", _EVEN),
        Client("tract", "onnx", "tract", "tract", _EVEN),
        Client("acuity", "onnx", "acuitylib", "acuity", _EVEN),
        Client("acuity-npu", "onnx", "acuitylib", "acuity", _EVEN),
        Client("rknn", "onnx", "rknn.api", "rknn", None),
        Client("litert", "tflite", "ai_edge_litert", "litert", _XNNPACK),
        Client("litert-reference", "tflite", "ai_edge_litert", "litert", _DOUBLE),
        Client("tflite-micro", "tflite", "tflite_micro", "tflite-micro", _DOUBLE),
        Client("tosa-single", "tflite", "tosa_converter_for_tflite", "tosa", _UP),
        Client("tosa-double", "tflite", "tosa_converter_for_tflite", "tosa", _DOUBLE),
    )
}
"""By name."""


def clients_of(takes: str) -> dict[str, Client]:
    """Those that take "onnx", or "tflite"."""
    return {name: client for name, client in CLIENTS.items() if client.takes == takes}


def client_of(name: str) -> Client:
    """The client of a name.

    Raises:
        HwrtsError: There is none.
    """
    if name not in CLIENTS:
        raise HwrtsError(f"client {name!r:.40}: there is none of that name; use {', '.join(CLIENTS)}")
    return CLIENTS[name]
