"""Witnesses: independent computations of the same integers, all with one face."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from hwrts.export.onnx_nodes import zero_point
from hwrts.export.onnx_writer import expose_layers, to_onnx
from hwrts.export.qdq_options import Stored
from hwrts.export.runtime import first_line, open_session
from hwrts.export.stimuli import Fed, fed
from hwrts.fixed_point import Format, HwrtsError, Network, RunPath, run_all, run_layer, run_outputs

Tensors = Mapping[str, NDArray[Any]]
"""Codes (H, W, C) by tensor name."""


class Witness(Protocol):
    """Something that computes a network's codes in its own way."""

    name: str
    small_only: bool

    def entire(self, picture: NDArray[Any] | Fed) -> Tensors:
        """Every tensor it can show for the codes of its inputs, each layer fed by its own predecessor."""

    def single(self, layer: str, operands: Tensors) -> NDArray[Any]:
        """The codes of one layer, fed with given codes of its sources."""


@runtime_checkable
class Remade(Witness, Protocol):
    """One that the same can be made of for another network."""

    def of(self, network: Network) -> Self:
        """The same of another network: one with a deliberate error."""


class NumpyWitness:
    """The integer network in NumPy, on one of its two paths."""

    small_only = False

    def __init__(self, network: Network, path: RunPath) -> None:
        self.name = f"numpy {path}"
        self._network, self._path = network, path

    def entire(self, picture: NDArray[Any] | Fed) -> Tensors:
        """Every tensor."""
        tensors = run_all(self._network, picture, self._path)
        if self._path == "fast":  # by rows through all layers, as it is used
            tensors |= run_outputs(self._network, picture, self._path)
        return tensors

    def single(self, layer: str, operands: Tensors) -> NDArray[Any]:
        """One layer."""
        return run_layer(self._network, self._network.layer(layer), operands, self._path)


Runner = Callable[[Mapping[str, NDArray[np.integer]]], list[NDArray[np.integer]]]


class OnnxWitness:
    """The ONNX file under some runtime; inner tensors are shown by making them outputs of a copy.

    Args:
        name: What to call it.
        network: The integer network.
        model: The file, serialised.
        start: Makes a runner of a model; the runner maps stored inputs (1, C, H, W) to stored outputs.
        alone: A layer, by its name, as a network and a file of its own.
        small_only: Too slow for anything but small pictures.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        model: bytes,
        start: Callable[[onnx.ModelProto], Runner],
        alone: Callable[[str], tuple[Network, onnx.ModelProto]],
        small_only: bool = False,
    ) -> None:
        self.name, self.small_only = name, small_only
        self._network, self._start, self._alone = network, start, alone
        with _refusing_the_file(name):
            exposed = expose_layers(onnx.load_from_string(model), network)
            self._names = [output.name for output in exposed.graph.output]
            self._entire = start(exposed)
        self._single: dict[str, Runner] = {}

    def entire(self, picture: NDArray[Any] | Fed) -> Tensors:
        """Every tensor that the file holds by its name."""
        with _refusing_the_file(self.name):
            stored = self._entire(stored_inputs(self._network, fed(self._network, picture)))
            return {
                name: from_stored(codes, self._network.formats[name])
                for name, codes in zip(self._names, stored, strict=True)
            }

    def single(self, layer: str, operands: Tensors) -> NDArray[Any]:
        """One layer, as a model of its own."""
        network, model = self._alone(layer)
        if layer not in self._single:
            self._single[layer] = self._start(model)
        return from_stored(self._single[layer](stored_inputs(network, operands))[0], network.formats[layer])


@contextmanager
def _refusing_the_file(witness: str) -> Iterator[None]:
    """One line for what a runtime says of a file that it cannot compute; its errors share no base class."""
    try:
        yield
    except HwrtsError:
        raise
    except Exception as error:
        raise HwrtsError(
            f"ONNX file: {witness} cannot compute it ({first_line(error)}); "
            "export or quantize the stage again"
        ) from error


def onnx_witnesses(network: Network, model: bytes) -> list[Witness]:
    """ONNX Runtime with and without its integer fusions, and the reference implementation of the standard.

    Args:
        network: The integer network.
        model: The file that is handed over, serialised.
    """

    def runtime(fused: bool) -> Callable[[onnx.ModelProto], Runner]:
        def start(model: onnx.ModelProto) -> Runner:
            session = open_session(model.SerializeToString(), fused=fused)
            return lambda feed: list(session.run(None, dict(feed)))

        return start

    def reference(model: onnx.ModelProto) -> Runner:
        evaluator = ReferenceEvaluator(model)

        def computed(feed: Mapping[str, NDArray[np.integer]]) -> list[NDArray[np.integer]]:
            with np.errstate(invalid="ignore"):  # its MaxPool casts a NaN for pads that are none
                return list(evaluator.run(None, dict(feed)))

        return computed

    @cache
    def alone(layer: str) -> tuple[Network, onnx.ModelProto]:  # once for all three, which only read it
        single = network.single(layer)
        return single, to_onnx(single)

    return [
        OnnxWitness("onnxruntime fused", network, model, runtime(True), alone),
        OnnxWitness("onnxruntime unfused", network, model, runtime(False), alone),
        OnnxWitness("onnx.reference", network, model, reference, alone, small_only=True),
    ]


def to_stored(codes: NDArray[Any], out: Format) -> NDArray[np.integer]:
    """Codes (H, W, C) as the file stores them: (1, C, H, W) around its zero point (eq. 11)."""
    stored: NDArray[np.integer] = (codes.astype(np.int32) + zero_point(out)).astype(stored_type(out))
    return stored.transpose(2, 0, 1)[None]


def stored_type(out: Format) -> np.dtype[np.integer]:
    """What the file stores codes in: uint8, or of more than 8 bits the codes as they are."""
    return np.dtype(Stored.UNSIGNED.dtype(out))


def stored_inputs(network: Network, codes: Fed) -> dict[str, NDArray[np.integer]]:
    """The codes of all inputs as the file stores them."""
    return {tensor.name: to_stored(codes[tensor.name], tensor.out) for tensor in network.inputs}


def from_stored(stored: NDArray[np.integer], out: Format) -> NDArray[np.integer]:
    """The inverse of :func:`to_stored`."""
    codes: NDArray[np.integer] = stored[0].transpose(1, 2, 0).astype(np.int32) - zero_point(out)  # (H, W, C)
    return codes.astype(out.dtype)
