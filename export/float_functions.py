"""Functions of a single value as operators of ONNX in real values: what a table in integers stands for."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

_DIRECT = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "sqrt": "Sqrt", "abs": "Abs", "softsign": "Softsign",
    "log": "Log", "erf": "Erf", "sin": "Sin", "cos": "Cos", "sinh": "Sinh", "cosh": "Cosh", "atan": "Atan",
    "sign": "Sign", "selu": "Selu",
}  # fmt: skip
"""Functions that ONNX has."""

_STRAIGHT = 15.0
"""From here on a softplus is its straight line in float32, whatever threshold it was given."""


class Written:
    """Nodes and constants of one function.

    Args:
        name: What their names begin with.
        output: The name of the last result.
    """

    def __init__(self, name: str, output: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[np.float32]] = {}
        self._name, self._output = name, output

    def __call__(self, op: str, *operands: str | float, **attributes: float) -> str:
        """Append an operator of tensors and numbers; returns its result."""
        names = []
        for operand in operands:
            if isinstance(operand, str):
                names.append(operand)
                continue
            names.append(f"{self._name}.number{len(self.constants)}")
            self.constants[names[-1]] = np.array(operand, np.float32)
        made = f"{self._name}.step{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [made], name=f"{made}.{op}", **attributes))
        return made

    def end(self) -> None:
        """Give the last result its name."""
        self.nodes[-1].output[0] = self._output


_Compose = Callable[[Written, str, Mapping[str, float]], str]


def _gelu(write: Written, x: str, bent: str) -> str:
    return write("Mul", write("Mul", x, 0.5), write("Add", bent, 1.0))


def _cubic(write: Written, x: str) -> str:
    cube = write("Mul", write("Pow", x, 3.0), 0.044715)
    return write("Mul", write("Add", x, cube), math.sqrt(2 / math.pi))


_COMPOSED: dict[str, _Compose] = {
    "elu": lambda w, x, n: w("Elu", x, alpha=n["alpha"]),
    "celu": lambda w, x, n: w("Celu", x, alpha=n["alpha"]),
    "hardsigmoid": lambda w, x, n: w("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hardswish": lambda w, x, n: w("Mul", x, w("HardSigmoid", x, alpha=1 / 6, beta=0.5)),
    "silu": lambda w, x, n: w("Mul", x, w("Sigmoid", x)),
    "gelu": lambda w, x, n: _gelu(w, x, w("Erf", w("Mul", x, math.sqrt(0.5)))),
    "gelu_tanh": lambda w, x, n: _gelu(w, x, w("Tanh", _cubic(w, x))),
    "mish": lambda w, x, n: w("Mul", x, w("Tanh", w("Softplus", x))),
    "softplus": lambda w, x, n: w("Div", w("Softplus", w("Mul", x, n["beta"])), n["beta"]),
    "logsigmoid": lambda w, x, n: w("Neg", w("Softplus", w("Neg", x))),
    "tanhshrink": lambda w, x, n: w("Sub", x, w("Tanh", x)),
    "softshrink": lambda w, x, n: w("Shrink", x, lambd=n["lambd"], bias=n["lambd"]),
    "hardshrink": lambda w, x, n: w("Shrink", x, lambd=n["lambd"]),
    "reciprocal": lambda w, x, n: w("Div", n["numerator"], x),
    "rsqrt": lambda w, x, n: w("Reciprocal", w("Sqrt", x)),
    "power": lambda w, x, n: w("Pow", x, n["exponent"]),
    "exp2": lambda w, x, n: w("Pow", 2.0, x),
    "expm1": lambda w, x, n: w("Sub", w("Exp", x), 1.0),
    "log1p": lambda w, x, n: w("Log", w("Add", x, 1.0)),
    "log2": lambda w, x, n: w("Mul", w("Log", x), 1 / math.log(2)),
    "log10": lambda w, x, n: w("Mul", w("Log", x), 1 / math.log(10)),
}
"""Functions that are made of several, of x and the numbers that they take by name."""


def has_form(function: str, numbers: Mapping[str, float]) -> bool:
    """Whether a function has operators here."""
    if function == "softplus" and numbers["threshold"] < _STRAIGHT:
        return False
    return function in _DIRECT or function in _COMPOSED


def written(function: str, numbers: Mapping[str, float], name: str, source: str, output: str) -> Written:
    """The nodes of a function that has a form.

    Args:
        function: Its name, as the graph's operator has it.
        numbers: What it takes besides a tensor.
        name: What the names of its nodes begin with.
        source: The tensor.
        output: Name of the result.
    """
    write = Written(name, output)
    if function in _DIRECT:
        write(_DIRECT[function], source)
    else:
        _COMPOSED[function](write, source, numbers)
    write.end()
    return write
