"""The file of a target: what stands in it, how pictures go in and codes come out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx

from hwrts.export.clients.check import rules_said
from hwrts.export.clients.file import ClientFile, End
from hwrts.export.near_sums import near_sums
from hwrts.export.onnx_writer import to_qdq
from hwrts.export.operators.conv import has_one_bias
from hwrts.export.qdq_options import QdqOptions
from hwrts.export.restated import described, restated, without_byte_sums
from hwrts.export.targets.around_zero import around_zero, edges
from hwrts.export.targets.refusals import refuse
from hwrts.export.targets.target import Target
from hwrts.export.turned import turned
from hwrts.fixed_point import Add, Clip, HwrtsError, Network


@dataclass(frozen=True)
class TargetFile:
    """A file, and what is to be known of it.

    Attributes:
        target: What it is for.
        model: Its bytes.
        network: The integer network that it says: the definition.
        options: How it says it.
        zeros: By input and output, the stored byte that stands for code 0 (of pixels: for black).
        rewritten: What stands in it in another way than in the network, one sentence each.
    """

    target: Target
    model: bytes
    network: Network
    options: QdqOptions
    zeros: Mapping[str, int]
    rewritten: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the file in a folder."""
        return f"model.{'qdq' if self.target.name == 'onnx' else self.target.name}.onnx"

    @property
    def for_clients(self) -> ClientFile:
        """How codes go into it and come out."""
        inputs = [self._end(each.name, "float") for each in self.network.inputs]
        outputs = [self._end(name, "real") for name in self.network.outputs]
        return ClientFile(self.model, "onnx", tuple(inputs), tuple(outputs))

    def _end(self, name: str, real: str) -> End:
        out = self.network.formats[name]
        if self.options.float_boundary:
            return End(name, f"{name}.{real}", out, "float32")
        return End(name, name, out, self.options.stored.dtype(out).__name__, self.zeros[name])

    def described(self) -> dict[str, Any]:
        """Its entry of a manifest, without what clients made of it."""
        network, options = self.network, self.options
        kind = "float32, code * lsb" if options.float_boundary else options.stored.value
        names = [*(each.name for each in network.inputs), *network.outputs]
        nodes = onnx.load_from_string(self.model).graph.node
        return {
            "name": self.target.name,
            "purpose": self.target.purpose,
            "file": self.name,
            "bytes": len(self.model),
            "boundary": kind,
            "stored_zero": {} if options.float_boundary else {name: self.zeros[name] for name in names},
            "layout": "NCHW" + (", one picture" if options.size else ", any N, H and W"),
            "size": list(options.size) if options.size else None,
            "opset": options.opset,
            "rounding": network.rounding.value,
            "rounding_of_additions": network.rules.additions.value,
            "client": self.target.client,
            **rules_said(self.target.rules),
            "rewritten": list(self.rewritten),
            "operators": dict(sorted(Counter(node.op_type for node in nodes).items())),
            "note": self.target.note,
        }


def target_file(
    network: Network,
    target: Target,
    size: tuple[int, int] | None = None,
    *,
    opset: int | None = None,
    ir_version: int | None = None,
) -> TargetFile:
    """Write the file of a target.

    Args:
        network: The integer network.
        target: What it is for.
        size: Height and width of pictures; None leaves them open.
        opset: Of the file; None is the default.
        ir_version: Of the file; None is the lowest that the opset allows.

    Raises:
        HwrtsError: What the target cannot be told, in one line that names it, the layer, and what to do.
    """
    said, near = near_sums(network) if target.near_grids else (network, ())
    said, sums = without_byte_sums(said) if target.around_zero else (said, ())
    said, which = restated(said, target.restated, relu=target.one_limit)
    which = (*near, *sums, *which)
    refuse(target, said, size)
    options = replace(target.options, size=size, ir_version=ir_version)
    options = options if opset is None else replace(options, opset=opset)
    less = dict[str, int]()
    try:
        if target.around_zero:
            before, (said, less) = said, around_zero(said)
            pairs = zip(before.layers, said.layers, strict=True)
            which += tuple(
                f"{old.name}: {type(old).__name__} as {described(new)}"
                for old, new in pairs
                if described(old) != described(new)
            )
            options = replace(options, edges=tuple((name, -less[name]) for name in edges(said, less)))
        if target.keeps_sums_apart:
            options = replace(options, shown=_summed(said))
        model = to_qdq(said, options, metadata={"target": target.name})
    except HwrtsError as error:
        raise HwrtsError(f"--target {target.name}: {error}") from error
    zeros = {
        name: options.stored.zero_point(said.formats[name]) - less.get(name, 0)
        for name in (*(each.name for each in network.inputs), *network.outputs)
    }
    rewritten = (*which, *_rewritten(said, options, less))
    return TargetFile(target, model.SerializeToString(), network, options, zeros, rewritten)


def _summed(network: Network) -> tuple[str, ...]:
    """Convolutions that an addition reads, itself or behind limits, of which those of a byte are none."""
    convs, found = {conv.name for conv in network.convs}, dict[str, None]()
    limited = {clip.name: clip.source for clip in network.of(Clip)}
    for name in (source for each in network.of(Add) for source in each.sources):
        while name in limited:
            name = limited[name]
        if name in convs:
            found[name] = None
    return tuple(found)


def _rewritten(network: Network, options: QdqOptions, less: Mapping[str, int]) -> tuple[str, ...]:
    convs = {conv.name for conv in network.convs}
    bytes_ = [name for name, middle in less.items() if middle == 1 << 7]
    narrow = [name for name in less if name not in bytes_]
    order = ", ".join(name for name in turned(network) if name in convs)
    said = {
        "Relu before QuantizeLinear of unsigned tensors": options.relu,
        "moves of pixels and channels between DequantizeLinear and QuantizeLinear": options.moves_in_real,
        "formats of less than 8 bits end at a Clip of real values": options.clip_in_real
        and any(out.bits < 8 for out in network.formats.values()),
        "DepthToSpace in mode DCR"
        + (f", filters of {order} in its order" if order else ""): options.depth_first,
        f"codes less 128, which is in the biases: {', '.join(bytes_)}": bool(bytes_),
        f"codes less half of their range likewise: {', '.join(narrow)}": bool(narrow),
        "a LeakyRelu of slope 1 behind convolutions that have one bias for all channels": options.bias_apart
        and any(has_one_bias(conv) for conv in network.convs),
        "biases are float32": options.float_bias,
        "weights are float32 behind QuantizeLinear": options.float_weights,
        f"outputs besides: {', '.join(options.shown)}": bool(options.shown),
    }
    return tuple(sentence for sentence, holds in said.items() if holds)
