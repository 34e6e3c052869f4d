"""ONNX Runtime sessions whose integer arithmetic is exact, and what they made of the file."""

import math
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto

from hwrts.export.cpu import cpu_flags, has_vnni
from hwrts.export.onnx_nodes import WHOLE_NODE, WIDE_NODE, WIDE_TYPES, is_wide
from hwrts.export.onnx_writer import is_qdq, to_onnx
from hwrts.export.operators import NODES
from hwrts.export.qdq_options import OPSET, Stored
from hwrts.fixed_point import PIXEL, Conv, HwrtsError, Input, Network, run
from hwrts.fixed_point.cores import available_cores, cpu_quota


def open_session(
    model: bytes, *, fused: bool = True, exact: bool = True, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """A CPU session.

    Args:
        model: Serialised ONNX.
        fused: Let ONNX Runtime fuse QDQ into integer operators; False computes between Q and DQ in float.
        exact: On x86 without VNNI, the default int8 kernel saturates pairs of products at int16 (eq. 14);
            this asks for the kernel that does not. Where the CPU has VNNI nothing is asked for: its kernel
            is exact, and almost twice as fast.
        threads: Threads of one operator; None takes all cores, or as many as a container's limit lets run.

    Raises:
        HwrtsError: A model that ONNX Runtime cannot load.
    """
    options = _options(fused=fused, exact=exact)
    if threads is None and cpu_quota() < math.inf:
        threads = available_cores()
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class of their own
        raise HwrtsError(
            f"ONNX file: ONNX Runtime refuses it ({first_line(error)}); {_instead(model)}"
        ) from error


def _instead(model: bytes) -> str:
    """What to do with a file that is refused: of a later opset it may be right, and this runtime older."""
    with suppress(Exception):  # protobuf's errors share no base class
        opset = next(each.version for each in onnx.load_from_string(model).opset_import if not each.domain)
        if opset > OPSET:
            return (
                f"opset {opset} may be too new for it: use --opset {OPSET}, or write it unrun by --no-check"
            )
    return "export or quantize the stage again"


@cache
def default_is_exact() -> bool:
    """Whether a session without options sums 8-bit products exactly on this processor (eq. 14).

    It has VNNI by the system's list, and one small convolution confirms it: under an emulator, the list is
    that of the processor beneath.
    """
    if not has_vnni(cpu_flags()):
        return False
    zero = np.zeros(16, np.int32)
    largest = Conv("y", "x", np.full((16, 32, 1, 1), 127, np.int8), zero + 16, zero, PIXEL)
    network = Network((Input("x", 32, PIXEL),), (largest,))
    white = np.full((4, 4, 32), 255, np.uint8)  # 32 * 255 * 127 / 2**16 is 16, saturated pairs make 8
    (found,) = open_session(to_onnx(network).SerializeToString(), exact=False).run(
        None, {"x": white.transpose(2, 0, 1)[None]}
    )
    return bool((found[0].transpose(1, 2, 0) == run(network, white)).all())


def run_session(
    session: onnxruntime.InferenceSession, network: Network, stored: NDArray[np.integer]
) -> NDArray[np.integer]:
    """What the file makes of a picture: stored codes (1, C, H, W) to (1, C', S*H, S*W), S its enlargement.

    Of several outputs the first; there must be one input. Errors as in :func:`run_session_all`.
    """
    return run_session_all(session, network, {network.inputs[0].name: stored})[network.output]


def run_session_all(
    session: onnxruntime.InferenceSession, network: Network, stored: Mapping[str, NDArray[np.integer]]
) -> dict[str, NDArray[np.integer]]:
    """The stored codes of every output by name, of those of every input.

    Raises:
        HwrtsError: ONNX Runtime fails, or the file is of another network.
    """
    height, width = stored[network.inputs[0].name].shape[2:]
    try:
        made = dict(zip(network.outputs, session.run(list(network.outputs), dict(stored)), strict=True))
    except Exception as error:  # its errors share no base class of their own
        raise HwrtsError(
            f"ONNX file: ONNX Runtime cannot run it ({first_line(error)}); export or quantize the stage again"
        ) from error
    for name, found in made.items():
        expected = (1, network.channels[name], *network.size_of(name, height, width))
        kind = np.dtype(Stored.UNSIGNED.dtype(network.formats[name]))
        if found.dtype != kind or found.shape != expected:
            raise HwrtsError(
                f"ONNX file: makes {found.dtype} {found.shape} where the network makes {kind} {expected}; "
                "export or quantize the stage again"
            )
    return made


def first_line(error: Exception) -> str:
    """The first line of a message that may have hundreds."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def check_model(model: bytes) -> None:
    """Check serialised ONNX with ``onnx.checker``.

    Raises:
        HwrtsError: Not an ONNX model, or not a valid one.
    """
    try:
        onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    except Exception as error:  # protobuf's and the checker's errors share no base class
        raise HwrtsError(
            f"ONNX file: not a valid model ({first_line(error)}); export or quantize the stage again"
        ) from error


def census(model: bytes) -> dict[str, int]:
    """How often each operator stands in the graph that ONNX Runtime executes after its optimisations.

    Raises:
        HwrtsError: There is no room for the graph, which ONNX Runtime writes to a temporary file.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "optimised.onnx"
            options = _options(fused=True, exact=True)
            options.optimized_model_filepath = str(path)
            onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            optimised = onnx.load(path)
    except Exception as error:  # ONNX Runtime does not say that the disk was full, its file is cut short then
        place = tempfile.tempdir or "temporary folder"
        raise HwrtsError(
            f"{place}: ONNX Runtime's optimised graph cannot be written there and read again "
            f"({first_line(error)}); free some space, or set TMPDIR to another folder"
        ) from error
    return dict(sorted(Counter(_kind(node) for node in optimised.graph.node).items()))


def _kind(node: onnx.NodeProto) -> str:
    """An operator's name; with a word behind it if it computes whole numbers, be they held in floats.

    ONNX Runtime adds some of its own, which put the sides of a shape in another order: their result tells.
    """
    # A name that is no UTF-8 comes as bytes.
    names = (str(node.name), *(f"{output}.{node.op_type}" for output in node.output))
    wide = next(filter(None, map(WIDE_NODE.search, names)), None)
    if wide is not None:
        return f"{node.op_type} of {WIDE_TYPES[TensorProto.DataType.Value(wide[1])]}"
    return f"{node.op_type} of int64" if any(map(WHOLE_NODE.search, names)) else str(node.op_type)


def float_islands(network: Network, counts: dict[str, int]) -> list[str]:
    """What keeps the optimised graph from being integer throughout; empty if it is.

    PRelu, Resize and Sub are float operators on exact values, the documented exceptions (docs/arithmetic.md,
    section 8). In the integer-operator flavour additions and roundings are float operators on exact integers
    by design.
    """
    expected: Counter[str] = Counter()
    islands: list[str] = []
    for kind, nodes in NODES.items():
        own = [layer for layer in network.layers if type(layer) is kind]
        for wide in (False, True):
            fused = nodes.FUSED.qdq if is_qdq(network) and not wide else nodes.FUSED.integer
            if fused is not None:
                these = [layer for layer in own if is_wide(network, layer) is wide]
                expected[fused] += sum(not nodes.FUSED.unfused(network, layer) for layer in these)
                islands += nodes.FUSED.islands if not wide else ()
    problems = [
        f"{op}: {counts.get(op, 0)} of {count}"
        for op, count in expected.items()
        if counts.get(op, 0) != count
    ]
    wanted = Counter(op for layer in network.layers for op in NODES[type(layer)].FUSED.floats(network, layer))
    return problems + [
        f"float {op}: {counts[op] - wanted[op]}" for op in islands if counts.get(op, 0) > wanted[op]
    ]


def _options(*, fused: bool, exact: bool) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warnings about fusions would go to the user's terminal
    if not fused:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    if exact and not default_is_exact():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options
