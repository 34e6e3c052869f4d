"""Frames that are made of what operators call their worst inputs reach what is proved of their sums."""

import pytest

from hwrts.export.vectors.attacks import attack_frames
from tests.fixed_point.random_networks import random_network


@pytest.mark.parametrize("seed", range(40))
def test_worst_frames_reach_the_proof(seed):
    network = random_network(seed)
    attacked = 0
    for layer in network.requantised:
        frames = attack_frames(network, layer)
        if not frames:
            assert all(network.scales[source] == 0 for source in layer.sources)
            continue  # a kernel on a single pixel meets one tap
        attacked += 1
        formats, bounds = network.formats_of(layer.sources), network.bounds[layer.name]
        sums = [layer.accumulate([each[source] for source in layer.sources], formats) for each in frames]
        assert min(int(acc.min()) for acc in sums) == bounds.lowest.min()
        assert max(int(acc.max()) for acc in sums) == bounds.highest.max()
    assert attacked or not network.requantised
