"""What hls4ml takes of a file of target ``qonnx``: of NumPy, onnx and qonnx alone, for scripts of yours too.

    model = hls4ml.converters.convert_from_onnx_model(graph("model.qonnx.onnx"), hls_config=...)

The real numbers are the file's; what hls4ml 1.3 does not read is said in another way:

- Weights of a convolution have one grid, the finest of its channels, in as many bits as that takes.
- Biases are behind Quant nodes, so that they have a type.
- Attributes that are what they are if nothing is said, are said.
- Pictures are (N, H, W, C).
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper, load
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant
from qonnx.util.cleanup import cleanup_model

_REFUSED = ("DepthToSpace", "SpaceToDepth", "Resize")
"""hls4ml 1.3 does not know the first two, and takes sides of the third for channels."""
_UNSAID = {"dilations": [1, 1], "strides": [1, 1], "group": 1}


def graph(path: str | Path) -> Any:
    """The graph (qonnx's ModelWrapper) of a file, for ``hls4ml.converters.convert_from_onnx_model``.

    Raises:
        ValueError: It has an operator that hls4ml does not compute, or several outputs: layouts of the
            others are not what it says, and their codes wrong.
    """
    model: ModelProto = load(path)
    if len(model.graph.output) > 1:
        raise ValueError(f"hls4ml computes files of one output, this one has {len(model.graph.output)}")
    for node in model.graph.node:
        if node.op_type in _REFUSED:
            raise ValueError(f"node {node.name!r}: hls4ml computes no {node.op_type}")
        said = {attribute.name for attribute in node.attribute}
        if node.op_type == "Conv":
            node.attribute.extend(
                helper.make_attribute(name, value) for name, value in _UNSAID.items() if name not in said
            )
    wrapper = ModelWrapper(model).transform(InferShapes()).transform(QCDQToQuant())
    for node in [node for node in wrapper.graph.node if node.op_type == "Conv"]:
        _one_grid(wrapper, wrapper.find_producer(node.input[1]))
        if len(node.input) == 3:
            _typed_bias(wrapper, node)
    wrapper = cleanup_model(wrapper)
    return cleanup_model(wrapper.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True)))


def _one_grid(wrapper: Any, quant: Any) -> None:
    """No code saturates: in the finest grid they are the coarser ones times a power of two."""
    scale, bits = wrapper.get_initializer(quant.input[1]), wrapper.get_initializer(quant.input[3])
    finest = scale.min()
    quant.input[1] = _constant(wrapper, f"{quant.output[0]}.scale", finest)
    quant.input[2] = _constant(wrapper, f"{quant.output[0]}.zero", 0)
    quant.input[3] = _constant(wrapper, f"{quant.output[0]}.bits", bits + np.log2(scale.max() / finest))


def _typed_bias(wrapper: Any, conv: Any) -> None:
    bias: NDArray[Any] = wrapper.get_initializer(conv.input[2]).astype(np.float64)
    frac = next(n for n in range(150) if not np.any(np.ldexp(bias, n) % 1))  # float32 has no finer grid
    bits = int(np.abs(np.ldexp(bias, frac)).max()).bit_length() + 1
    constants = [
        _constant(wrapper, f"{conv.output[0]}.bias.{what}", value)
        for what, value in (("scale", 2.0**-frac), ("zero", 0), ("bits", bits))
    ]
    typed = f"{conv.output[0]}.bias.typed"
    quant = helper.make_node(
        "Quant",
        [conv.input[2], *constants],
        [typed],
        domain="qonnx.custom_op.general",
        signed=1,
        narrow=0,
        rounding_mode="ROUND",
    )
    conv.input[2] = typed
    wrapper.graph.node.insert(0, quant)


def _constant(wrapper: Any, name: str, value: Any) -> str:
    wrapper.set_initializer(name, np.asarray(value, np.float32))
    return name
