"""What a target's client cannot be told: one line that names the layer, and what to do instead."""

from hwrts.export.operators import NODES
from hwrts.export.targets.target import Target
from hwrts.fixed_point import HwrtsError, Network


def refuse(target: Target, network: Network, size: tuple[int, int] | None) -> None:
    """Refuse what the client cannot be told.

    Args:
        target: What the file is for.
        network: As it is to be written: restated.
        size: Height and width of pictures; None leaves them open.

    Raises:
        HwrtsError: No size where one is needed, an operator, or grids of weights; with what to do.
    """
    said = f"--target {target.name}:"
    if target.needs_size and size is None:
        raise HwrtsError(f"{said} takes no open height and width; add --size such as 360x640")
    narrow = [name for name, each in network.formats.items() if each.bits < 8]
    if target.whole_bytes and narrow:
        raise HwrtsError(
            f"{said} tensor {narrow[0]!r} has {network.formats[narrow[0]].bits} bits, of which it computes "
            "other codes; quantize with 8 bits of activations, or use --target onnx"
        )
    for layer in network.layers:
        forms = NODES[type(layer)].FORMS
        if isinstance(layer, target.refused):
            raise HwrtsError(
                f"{said} layer {layer.name!r} is a {type(layer).__name__}, which has no exact form for it; "
                f"{forms.instead}, or use --target onnx"
            )
        forms.refuse(network, layer, target)
    for conv in network.convs:
        if target.per_tensor and len(set(conv.weight_frac.tolist())) > 1:
            raise HwrtsError(
                f"{said} layer {conv.name!r} is a Conv whose channels have grids of weights of their own, it "
                f"takes one for all; quantize with --target {target.name}"
            )
