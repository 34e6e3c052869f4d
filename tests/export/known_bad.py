"""Files that are right by their format, and that a client was seen to compute wrong without a word.

Each is a network of the package written as the target of that client is *not* written; a few kilobytes. Which
client, version and share of codes: docs/targets.md.
"""

from dataclasses import replace

from hwrts.export.clients import ClientFile
from hwrts.export.clients.tflite_file import Reader
from hwrts.export.qdq_options import Stored
from hwrts.export.targets import TARGETS, target_file
from hwrts.export.tflite import to_tflite

RESIZE_NEAREST_NEIGHBOR = 97


def bytes_without_a_sign(network, size) -> ClientFile:
    """IREE hands out uint8 as int8: the bytes are right, and codes from 128 on are 256 less."""
    return _written(network, size, "iree", stored=Stored.UNSIGNED)


def usual_depth_to_space(network, size) -> ClientFile:
    """IREE computes DepthToSpace of mode CRD as DCR."""
    return _written(network, size, "iree", depth_first=False)


def fused_sum(network, size) -> ClientFile:
    """OpenVINO puts a convolution and the sum that reads it together, and leaves out one rounding."""
    target = replace(TARGETS["openvino"], keeps_sums_apart=False)
    return target_file(network, target, size).for_clients


def nearest_by_corners(network, size) -> ClientFile:
    """TOSA's converter takes pixels of RESIZE_NEAREST_NEIGHBOR without half_pixel_centers by rounding."""
    file = to_tflite(network, size).for_clients
    model = bytearray(file.model)
    root = Reader(model, int.from_bytes(model[:4], "little"))
    codes = [each.number(3) for each in root.children(1)]
    (graph,) = root.children(2)
    for operator in graph.children(3):
        if codes[operator.number(0)] == RESIZE_NEAREST_NEIGHBOR:
            options = operator.child(4)
            place = options.table.Pos + options.place(1)
            assert model[place] == 1
            model[place] = 0
    return replace(file, model=bytes(model))


def _written(network, size, name, **options) -> ClientFile:
    target = TARGETS[name]
    return target_file(network, replace(target, options=replace(target.options, **options)), size).for_clients


BAD = {
    "bytes without a sign": (bytes_without_a_sign, "iree", "onnxruntime"),
    "the usual depth to space": (usual_depth_to_space, "iree", "onnxruntime"),
    "a fused sum": (fused_sum, "openvino", "onnxruntime"),
    "nearest pixels by corners": (nearest_by_corners, "tosa-single", "litert"),
}
"""What makes a file, the client that computes it wrong, and one that computes it right."""
