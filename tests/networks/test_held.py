import pytest
import torch
import torch.nn.functional as F

from hwrts.graph import run_graph
from hwrts.graph.deploy import deploy_form, fused_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.networks.held import Held, project_gradients
from hwrts.training.aids import training_aids
from hwrts.training.fit import Schedule, Training, fit
from hwrts.training.precision import MixedPrecision

KINDS = [
    (Held(zero_sums=True), (8, 3, 3, 3)),
    (Held(tie="rows"), (3, 8, 3, 3)),
    (Held(tie="rows"), (12, 8, 3, 3)),
    (Held(tie="colours"), (12, 3, 3, 3)),
    (Held(zero_sums=True, tie="colours"), (3, 3, 5, 5)),
    (Held(), (4, 2, 1, 1)),
]


def randomised(keeps, blocks=1):
    torch.manual_seed(3)
    network = Residual(blocks, 8, keeps=keeps)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) / 5)
    if keeps != "nothing":
        network.hold_weights()
    return network


@pytest.mark.parametrize(("held", "shape"), KINDS)
def test_a_projection_is_one_and_its_own_adjoint(held, shape):
    a, b = torch.randn(2, *shape, dtype=torch.float64)
    torch.testing.assert_close(held.projected(held.projected(a)), held.projected(a))
    torch.testing.assert_close((held.projected(a) * b).sum(), (a * held.projected(b)).sum())


def test_colours_are_filtered_alike_and_apart():
    weight = Held(tie="colours").projected(torch.arange(12.0 * 3).reshape(12, 3, 1, 1))
    assert weight[:, :, 0, 0].tolist()[:5] == [[13, 0, 0], [16, 0, 0], [19, 0, 0], [22, 0, 0], [0, 13, 0]]


@pytest.mark.parametrize("keeps", ["flat", "grey"])
@pytest.mark.parametrize("same_size", [False, True])
def test_random_weights_keep_what_they_should(keeps, same_size):
    graph = deploy_form(trace(randomised(keeps)), same_size=same_size)
    level = torch.rand(1, 3, 1, 1)
    values = run_graph(graph, level.expand(1, 3, 24, 24))
    inside = (
        values[graph.output][:, :, 10:-10, 10:-10]
        if same_size
        else values[graph.output][:, :, 20:-20, 20:-20]
    )
    torch.testing.assert_close(inside, level.expand_as(inside), rtol=0, atol=1e-5)
    grey = torch.rand(1, 1, 24, 24).expand(1, 3, 24, 24)
    found = run_graph(graph, grey)[graph.output]
    spread = float((found.amax(1) - found.amin(1)).max())
    assert (spread < 1e-5) == (keeps == "grey")


def test_what_keeps_nothing_is_the_network_of_before():
    network = randomised("nothing")
    x = torch.rand(1, 3, 12, 12)
    plain = F.relu(network.conv_in(x))
    plain = plain + F.relu(network.conv[0](plain))
    assert torch.equal(network(x), network.shuffle(network.conv_ext(x + network.conv_out(plain))))
    assert not any(node.held != Held() for node in fused_form(trace(network)).operations if node.PARTS)


@pytest.mark.parametrize("keeps", ["flat", "grey"])
def test_training_is_what_is_deployed(keeps):
    network, x = randomised(keeps), torch.rand(2, 3, 24, 24)
    trained = network.train()(x)
    torch.testing.assert_close(network.eval()(x), trained, rtol=0, atol=1e-5)
    mixed = MixedPrecision(network.train()).run(x)
    torch.testing.assert_close(mixed, trained, rtol=0, atol=0.1)  # bf16 has 8 bits


def test_the_gradient_knows_of_the_derived_bias():
    """Without it (docs/experiments.md) conv_out is driven up along the answer to flat areas without end."""
    network = randomised("grey").train()
    network(torch.full((1, 3, 24, 24), 0.3))[:, :, 20:-20, 20:-20].sum().backward()
    assert float(network.conv_out.weight.grad.abs().max()) < 1e-3
    project_gradients(network)
    rows = network.conv_out.weight.grad
    assert torch.equal(rows[0], rows[1])


def test_a_training_stays_where_it_should():
    network, x = randomised("grey"), torch.rand(4, 3, 16, 16)
    y = F.interpolate(x, scale_factor=2)
    aids = training_aids(network, small_residual=False)
    fit(
        Training.start(network),
        network,
        lambda step: (x, y),
        Schedule(1e-3, 5),
        lambda *_: None,
        aids.constrain,
        project=aids.project,
    )
    assert float(network.conv_in.weight.detach().sum((2, 3)).abs().max()) < 1e-5
    assert torch.equal(network.conv_out.weight[0], network.conv_out.weight[2])
    level = torch.full((1, 3, 24, 24), 0.7)
    inside = network.eval()(level)[:, :, 20:-20, 20:-20]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.7), rtol=0, atol=1e-5)
