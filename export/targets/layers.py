"""Every layer of a QDQ file: in ONNX Runtime, and in NumPy under the rules of its network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from hwrts.export.clients import ONNXRUNTIME, client_of, compared, under
from hwrts.export.clients.read import read_file
from hwrts.export.compare import Row, compare
from hwrts.export.onnx_nodes import zero_point
from hwrts.export.operators import NODES
from hwrts.export.qdq_options import Stored
from hwrts.export.stimuli import Fed
from hwrts.export.targets.export import own_rule
from hwrts.export.targets.file import TargetFile
from hwrts.export.targets.pictures import check_pictures
from hwrts.fixed_point import HwrtsError, Network, Requantised, Rounding, run_all
from hwrts.fixed_point.requantize import shift_right

_REFERENCE = "onnx.reference"
_DOMAIN = "hwrts"
"""Of the QuantizeLinear that rounds by another rule."""

_SMALL = (24, 32)
"""The reference of the standard computes in slow Python."""

_SHOWN = ("photograph 0", "noise", "checkerboard")


def check_layers(file: TargetFile, photographs: Sequence[Fed]) -> list[dict[str, Any]]:
    """Entries of a manifest: each layer beside the definition, under half to even and the network's rules.

    ONNX Runtime rounds half to even. Of another rule the standard's reference computes the file, in NumPy,
    with QuantizeLinear by that rule: the same nodes, weights and scales.

    Args:
        file: One whose bytes are uint8, inside and at its ends.
        photographs: Codes of every input, of any size.

    Raises:
        HwrtsError: A file of other bytes, or ONNX Runtime refuses it.
    """
    if file.options.stored is not Stored.UNSIGNED or file.options.float_boundary:
        raise HwrtsError(
            f"--target {file.target.name}: its layers are no bytes of theirs; compare its outputs"
        )
    network, entries, rules = file.network, list[dict[str, Any]](), client_of(ONNXRUNTIME).rules
    read = read_file(file.model, network)
    shown = read.shown(read.inner)
    size = file.options.size or network.legal_size(*_SMALL)
    pictures = check_pictures(network, size, photographs[:1])
    pictures = {what: pictures[what] for what in _SHOWN if what in pictures}
    if own_rule(network, rules) is None:
        entries.append(_entry(under(network, rules), *compared(shown, under(network, rules), pictures)))
    if network.rules != rules and unwitnessed(network) is None:
        evaluator = ReferenceEvaluator(
            _rounding_as(network, onnx.load_from_string(shown.model)), new_ops=[Requantize]
        )
        rows = {end.tensor: Row(_REFERENCE, "entire", end.tensor) for end in shown.outputs}
        for what, picture in pictures.items():
            made = dict(zip(rows, evaluator.run(None, shown.stored(picture)), strict=True))
            found, tensors = shown.codes(made), run_all(network, picture)
            rows = {
                name: compare(row, network, what, tensors[name], found[name], tensors)
                for name, row in rows.items()
            }
        entries.append(_entry(network, list(rows.values()), str(onnx.__version__)))
    return entries


def unwitnessed(network: Network) -> str | None:
    """Why :func:`check_layers` compares nothing under the network's own rules; None where it does.

    The reference sums in float32, which must round no sum before QuantizeLinear; interpolation is around a
    middle, so it does not.
    """
    if network.rules == client_of(ONNXRUNTIME).rules:
        return None
    for layer in network.layers:
        if not NODES[type(layer)].FORMS.in_float32(network, layer):
            return (
                f"{_REFERENCE}: not compared, so nothing here computed the file as {network.rules}: float32 "
                f"does not hold every sum of layer {layer.name!r}"
            )
    return None


def _entry(definition: Network, rows: Sequence[Row], version: str) -> dict[str, Any]:
    differing = {row.layer: row.mismatches for row in rows if row.mismatches}
    return {
        "client": f"{rows[0].witness}, every layer",
        "version": version,
        "client_rounds_convolutions": definition.rules.convolutions.value,
        "client_rounds_additions": definition.rules.additions.value,
        "codes_compared": sum(row.compared for row in rows),
        "codes_differing": sum(differing.values()),
        "largest_difference": max(row.largest for row in rows),
        "codes_that_its_rounding_changes": 0,
        "layers": len(rows),
        "first_layer_that_differs": next((name for name in definition.tensors if name in differing), None),
    }


def _rounding_as(network: Network, model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which each layer's QuantizeLinear rounds by the rule of the layer (eq. 5)."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.opset_import.append(onnx.helper.make_opsetid(_DOMAIN, 1))
    layers = {layer.name: layer for layer in network.requantised}
    for node in copy.graph.node:
        layer = layers.get(node.output[0].removesuffix(".wide"))
        if node.op_type == "QuantizeLinear" and layer is not None:
            node.op_type, node.domain = Requantize.__name__, _DOMAIN
            for name, value in _rule(network, layer).items():
                node.attribute.append(onnx.helper.make_attribute(name, value))
    return copy


def _rule(network: Network, layer: Requantised) -> dict[str, Any]:
    frac = np.asarray(layer.acc_frac(*network.formats_of(layer.sources)), np.int64)
    return {
        "rule": network.rule_of(layer).value,
        "units": np.ravel(frac).tolist(),
        "drops": np.ravel(frac - layer.out.frac).tolist(),
        "zero": zero_point(layer.out),
    }


class Requantize(OpRun):  # type: ignore[misc]  # onnx.reference has no types
    """QuantizeLinear of sums that float32 holds exactly, by any rule."""

    op_domain = _DOMAIN
    op_schema = None

    def _run(  # its arguments are the standard's
        self, x: Any, scale: Any, zero_point: Any, rule: str, units: Any, drops: Any, zero: int
    ) -> tuple[NDArray[np.uint8]]:
        del scale  # 2**-frac, of which drops and units know
        last = np.moveaxis(x, 1, -1).astype(np.float64)  # (N, H, W, C)
        drops = np.asarray(drops, np.int64)
        sums = np.ldexp(last, np.asarray(units, np.int64)) + np.ldexp(float(int(zero_point) - zero), drops)
        if not np.array_equal(sums, np.rint(sums)):
            raise HwrtsError("QuantizeLinear: a sum between two units; the file is of another network")
        codes = shift_right(sums.astype(np.int64), drops, Rounding(rule)) + zero
        return (np.moveaxis(codes.clip(0, 255), -1, 1).astype(np.uint8),)
