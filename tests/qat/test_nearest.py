"""Of networks on several grids the one that makes the best picture is fine-tuned."""

import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.errors import HwrtsError
from hwrts.graph import Graph, run_graph
from hwrts.graph.equalise import equalised
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import SILENT
from hwrts.qat.nearest import nearest
from hwrts.qat.network import QuantNetwork
from hwrts.runs import quantise
from hwrts.runs.quantise import start_qat


def drawn(name: str, seed: int) -> tuple[Graph, torch.Tensor]:
    """A network of drawn weights that has leaky ReLUs, and what it is calibrated on."""
    torch.manual_seed(seed)
    settings = {"name": name, "blocks": 1, "channels": 8, "keeps": "nothing"}
    model = build_network(NetworkConfig.model_validate(settings)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.add_(torch.randn_like(weight) * 0.15)
    return trace(model), torch.rand(2, 3, 24, 24)


def error(network: QuantNetwork, traced: Graph, x: torch.Tensor) -> float:
    with torch.no_grad():
        wanted = run_graph(traced, x)[traced.output].clamp(0, 1)
        return float((network.eval()(x) - wanted).square().mean())


@pytest.mark.parametrize(
    ("name", "seed", "kept"),
    [("ecbsr", 6, True), ("ecbsr", 7, False), ("ecbsr", 10, False), ("fsrcnn", 3, False)],
)
def test_factors_are_kept_where_the_picture_gains(name, seed, kept, monkeypatch):
    """With ECBSR they cost 0.3 to 0.7 dB as often as they gained as much."""
    traced, x = drawn(name, seed)
    found = []

    def seen(graph, formats, batches):
        found.append(equalised(graph, formats, batches))
        return found[-1]

    def made() -> QuantNetwork:
        return start_qat(traced, QatConfig(), lambda step: x, SILENT)

    monkeypatch.setattr(quantise, "equalised", seen)
    chosen, again = made(), made()
    assert chosen.training  # as one that nobody compared
    assert (chosen.graph is found[0]) == kept
    assert (again.graph is found[1]) == kept
    monkeypatch.setattr(quantise, "equalised", lambda graph, formats, batches: graph)
    without = error(made(), traced, x)
    assert (error(chosen, traced, x) < without) == kept
    assert kept or error(chosen, traced, x) == without


def test_the_one_that_has_integers_is_taken():
    traced, x = drawn("ecbsr", 7)
    made = start_qat(traced, QatConfig(), lambda step: x, SILENT)

    def refused(why: str) -> QuantNetwork:
        raise HwrtsError(why)

    assert nearest([lambda: refused("one"), lambda: made], made.graph, [x]) is made
    with pytest.raises(HwrtsError, match=r"^one$"):
        nearest([lambda: refused("one"), lambda: refused("two")], made.graph, [x])
