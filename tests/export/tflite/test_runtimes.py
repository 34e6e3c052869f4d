"""What runtimes make of the file: no code differs from the definition under their own rules."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hwrts.export.clients import check_file, clients_of, run_file
from hwrts.export.environments import python_with
from hwrts.export.tflite import Flavour, to_tflite
from hwrts.export.tflite.vela import VELA, compile_for_ethos_u
from hwrts.fixed_point import HwrtsError, Network, Rounding, run_outputs

from ...fixed_point.random_networks import random_inputs, random_network
from .networks import LAYERS, codes, network

CLIENTS = clients_of("tflite")
RULES = {name: client.rules for name, client in CLIENTS.items() if client.rules}


def needs(client):
    if CLIENTS[client].python is None:
        pytest.skip(
            f"{client} is not installed: make targets, or pip install hwrts[{CLIENTS[client].environment}]"
        )


@pytest.mark.parametrize("flavour", Flavour, ids=lambda flavour: flavour.value)
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_no_code_differs(client, kind, flavour):
    needs(client)
    made = network(kind, RULES[client])
    for size in ((13, 18), (8, 6)):
        picture = codes(made, *size)
        file = to_tflite(made, picture["x"].shape[:2], flavour)
        entry = check_file(file.for_clients, made, [picture, codes(made, *size, seed=1)], client)
        assert entry["codes_differing"] == 0, (size, entry)
        assert entry["codes_compared"] > 2 * size[0] * size[1], entry


@pytest.mark.parametrize("client", CLIENTS)
def test_another_rule_shows(client):
    """The comparison sees a rounding that is not the client's: of convolutions, and of additions."""
    needs(client)
    convolutions, additions = RULES[client]
    own = network("ties", (convolutions, additions))
    picture = codes(own, 24, 26)
    found, _ = run_file(to_tflite(own, (24, 26)).for_clients, [picture], client)
    for rule in Rounding:
        for name, rules in (("y", (rule, additions)), ("z", (convolutions, rule))):
            expected = run_outputs(network("ties", rules), picture)[name]
            differing = np.count_nonzero(found[0][name] != expected)
            assert (differing == 0) == (rules == (convolutions, additions)), (name, rules, differing)


@pytest.mark.parametrize("client", ["litert", "tflite-micro"])
def test_a_wrong_weight_is_found(client):
    needs(client)
    made = network("same size", RULES[client])
    picture = codes(made, 12, 14)
    layer, x = made.layer("hidden"), run_outputs(made, picture)["y"]
    wrong = made.exchanged(layer.corrupted([np.ones((4, 4, 8), np.uint8)], np.ones((4, 4, 8), np.uint8)))
    entry = check_file(to_tflite(wrong, (12, 14)).for_clients, made, [picture], client)
    assert 0 < entry["codes_differing"] < x.size


def random_file(seed, client, flavour):
    """A random network with every layer given out, under a client's rules; None where it is refused."""
    drawn = random_network(seed, several=bool(seed % 2))
    convolutions, additions = RULES[client]
    names = tuple(layer.name for layer in drawn.layers)
    made = Network(drawn.inputs, drawn.layers, convolutions, additions=additions, outputs=names)
    fed = random_inputs(made, 9, 11, seed)
    try:
        return made, fed, to_tflite(made, fed[made.inputs[0].name].shape[:2], flavour)
    except HwrtsError as error:
        refused = str(error)
    assert re.search("GlobalAverage|too coarse|bits apart", refused), refused
    return None


def check_random(seed, client, flavour):
    drawn = random_file(seed, client, flavour)
    if drawn is not None:
        made, fed, file = drawn
        entry = check_file(file.for_clients, made, [fed], client)
        assert entry["codes_differing"] == 0, (seed, entry, made)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed):
    client = ("litert", "litert-reference", "tflite-micro")[seed % 3]
    needs(client)
    check_random(seed, client, list(Flavour)[seed % 2])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 200))
def test_more_random_networks(seed):
    client = ("litert", "litert-reference", "tflite-micro")[seed % 3]
    needs(client)
    check_random(seed, client, list(Flavour)[seed // 3 % 2])


def test_a_runtime_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("HWRTS_TARGETS", str(tmp_path))
    monkeypatch.setattr("hwrts.export.environments.find_spec", lambda name: None)
    made = network("same size", RULES["litert"])
    said = r"{0}: is not installed, so the file was not run in it; pip install hwrts\[{0}\], or make targets"
    with pytest.raises(HwrtsError, match=said.format("litert")):
        run_file(to_tflite(made, (8, 8)).for_clients, [codes(made, 8, 8)], "litert")
    with pytest.raises(HwrtsError, match=said.format("vela")):
        compile_for_ethos_u(b"")


def test_what_is_no_file_is_refused_in_a_line():
    needs("litert")
    made = network("same size", RULES["litert"])
    bad = replace(to_tflite(made, (8, 8)).for_clients, model=b"no file at all")
    with pytest.raises(HwrtsError, match="litert: refuses the file") as caught:
        run_file(bad, [codes(made, 8, 8)], "litert")
    assert "\n" not in str(caught.value)


def test_nothing_compared_is_no_verdict():
    made = network("same size", RULES["litert"])
    with pytest.raises(HwrtsError, match="nothing to compare"):
        check_file(to_tflite(made, (8, 8)).for_clients, made, [], "litert")


@pytest.mark.parametrize("kind", ["x2", "x3", "same size", "scale", "depthwise", "prelu", "concat"])
def test_vela_puts_everything_on_ethos_u(kind):
    if python_with(*VELA) is None:
        pytest.skip("vela is not installed: make targets, or pip install hwrts[vela]")
    made = network(kind, RULES["tflite-micro"])
    size = made.legal_size(40, 48)
    report = compile_for_ethos_u(to_tflite(made, size, Flavour.ETHOS_U).model)
    assert report.on_cpu == ()
    assert report.on_npu > 0
    assert report.cycles > 0
    if kind in ("x2", "x3"):
        on_cpu = compile_for_ethos_u(to_tflite(made, size).model).on_cpu
        assert any("shuffled" in each for each in on_cpu)  # what this flavour is for
