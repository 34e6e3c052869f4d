"""Which of several calibrated networks is nearest to the float one."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from hwrts.errors import HwrtsError
from hwrts.graph import Graph, run_graph
from hwrts.qat.network import QuantNetwork


def nearest(
    candidates: Sequence[Callable[[], QuantNetwork]],
    graph: Graph,
    batches: Sequence[Tensor | Mapping[str, Tensor]],
) -> QuantNetwork:
    """The one whose outputs have the least squared error on some batches; of equals the first.

    Args:
        candidates: Each makes one, or raises because there are no such integers.
        graph: The float network.
        batches: Pictures (N, C, H, W) in 0..1 of the kinds that the network will see, or what each input is
            fed, by its name.

    Raises:
        HwrtsError: None can be made; what the first says.
    """
    made: list[QuantNetwork] = []
    refused: list[HwrtsError] = []
    for make in candidates:
        try:
            made.append(make())
        except HwrtsError as error:
            refused.append(error)
    if not made:
        raise refused[0]
    if len(made) == 1:
        return made[0]
    errors = [_squared_error(each, graph, batches) for each in made]
    return made[errors.index(min(errors))]


@torch.no_grad()
def _squared_error(
    quantised: QuantNetwork, graph: Graph, batches: Sequence[Tensor | Mapping[str, Tensor]]
) -> float:
    """Summed over all outputs; what the grid of a picture cuts off is the same for all candidates."""
    quantised.eval()
    error = 0.0
    for batch in batches:
        picture = next(iter(batch.values())) if isinstance(batch, Mapping) else batch
        wanted, found = run_graph(graph, batch), quantised.to(picture.device).values(batch)
        error += sum(float((found[name] - wanted[name]).double().square().sum()) for name in graph.outputs)
    quantised.train()
    return error
