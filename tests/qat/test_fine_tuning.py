"""How far a step of fine-tuning moves the weights of a kernel."""

import torch
import torch.nn.functional as F

from hwrts.graph import Conv, Graph, Input
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.training.checkpoint import load_training, save_training
from hwrts.training.fit import Schedule, Training, fit

X = F.interpolate(torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0)), scale_factor=4)
RATE = 1e-3


def tiny_weights() -> QuantNetwork:
    """Behind a sum of large values a kernel has weights of 1e-4, as a folded batch norm leaves them."""
    random = torch.Generator().manual_seed(1)
    large, small, last = (torch.randn(8, n, 3, 3, generator=random) for n in (3, 8, 8))
    graph = Graph(
        (
            Input("x", 3),
            Conv("large", ("x",), large, torch.zeros(8), True),
            Conv("small", ("large",), 1e-4 * small, torch.zeros(8)),
            Conv("y", ("small",), 0.1 * last[:3], torch.full((3,), 0.5)),
        )
    )
    return QuantNetwork(graph, calibrate(graph, [X]))


def steps(training: Training, until: int) -> None:
    fit(
        training,
        training.model,
        lambda step: (X, X),
        Schedule(RATE, until, "constant"),
        lambda done, loss: None,
    )


def weights(training: Training) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in training.model.named_parameters()}


def test_a_step_is_no_larger_than_the_weights():
    """Adam's first step is the rate for every weight: ten times these, and all that was learnt is gone."""
    training = tiny_weights().fine_tuning()
    before = weights(training)
    steps(training, 1)
    moved = {name: float((value - before[name]).abs().max()) for name, value in weights(training).items()}
    small, others = moved.pop("convs.small.weight"), moved
    assert 0.005 * RATE < small < 0.02 * RATE
    assert {
        round(others[f"convs.{name}"] / RATE, 2) for name in ("large.weight", "y.weight", "small.bias")
    } == {1}


def test_it_goes_on_where_it_was_saved(tmp_path):
    undisturbed = tiny_weights().fine_tuning()
    steps(undisturbed, 4)
    killed, resumed = tiny_weights().fine_tuning(), tiny_weights().fine_tuning()
    steps(killed, 2)
    save_training(tmp_path / "state.safetensors", killed, {})
    load_training(tmp_path / "state.safetensors", resumed)
    steps(resumed, 4)
    wanted = weights(undisturbed)
    assert all(torch.equal(value, wanted[name]) for name, value in weights(resumed).items())


def test_networks_of_usual_weights_are_trained_as_before():
    torch.manual_seed(0)
    graph = deploy_form(trace(Residual(1, 8)))
    first = QuantNetwork(graph, calibrate(graph, [X])).fine_tuning()
    small = [group for group in first.optimizer.param_groups if group.get("share", 1.0) < 1]
    assert [group["params"][0].shape for group in small] == [(3, 8, 3, 3)]  # of an untrained residual
    with torch.no_grad():
        for part in first.model.parameters():
            part.mul_(100)
    assert len(first.model.fine_tuning().optimizer.param_groups) == 1  # type: ignore[operator]
