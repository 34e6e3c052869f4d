"""The definition, the fast path and the line buffers agree on networks that nobody thought of."""

import numpy as np
import pytest

from hwrts.fixed_point import (
    OPERATORS,
    HwrtsError,
    LineRun,
    Padding,
    Rounding,
    plan_lines,
    run,
    run_all,
    stream,
)

from .random_networks import random_codes, random_network

SIZES = [(1, 1), (1, 8), (9, 1), (2, 2), (5, 7), (16, 3), (33, 10)]


@pytest.mark.parametrize("widest", [8, 16])
@pytest.mark.parametrize("seed", range(100))
def test_all_paths_agree(seed, widest):
    network = random_network([seed, widest], widest)
    height, width = SIZES[seed % len(SIZES)]
    codes = random_codes(network, height, width, seed)
    expected = run_all(network, codes, "int64")
    for name, tensor in run_all(network, codes, "fast").items():
        np.testing.assert_array_equal(tensor, expected[name], err_msg=f"{name} of {network}")
    for path in ("int64", "fast"):
        found = run(network, codes, path)
        assert found.dtype == expected[network.output].dtype
        np.testing.assert_array_equal(found, expected[network.output])
        if network.streamable:
            rows = np.stack(list(stream(network, codes, path)))
            assert rows.dtype == found.dtype
            np.testing.assert_array_equal(rows, expected[network.output])


@pytest.mark.parametrize("seed", range(60))
def test_the_rows_held_are_those_planned(seed):
    network = random_network([seed, 99])
    if not network.streamable:
        with pytest.raises(HwrtsError, match="made of the whole picture"):
            LineRun(network)
        return
    lines, engine = plan_lines(network.steps), LineRun(network)
    codes = random_codes(network, 96, 6, seed)
    for row in codes:
        engine.push(row)
    assert engine.peak_bits == lines.bits(codes.shape[1])


@pytest.mark.parametrize("seed", range(60))
def test_the_first_row_comes_when_it_is_planned(seed):
    network = random_network([seed, 98])
    latency = plan_lines(network.steps).latency
    if latency is None:
        return  # it is no stream
    engine = LineRun(network)
    counts = [len(engine.push(row)) for row in random_codes(network, 96, 6, seed)]
    assert next(i for i, count in enumerate(counts) if count) == latency


def tiled(network, codes, tile):
    """The output put together from tiles with their halo, or None if one would be too small a picture."""
    unit, (height, width) = network.multiple, codes.shape[:2]
    margin, tile = (-(-pixels // unit) * unit for pixels in (network.halo, tile))
    scale, (rows, columns) = network.scales[network.output], network.size_of(network.output, height, width)
    out = np.zeros((rows, columns, network.channels[network.output]), np.int64)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y, x = max(top - margin, 0), max(left - margin, 0)
            part = codes[y : top + tile + margin, x : left + tile + margin]
            if min(np.subtract(part.shape[:2], network.smallest)) < 0:
                return None
            made = run_all(network, part)[network.output][int((top - y) * scale) :, int((left - x) * scale) :]
            end = [
                size if place + tile >= side else int((place + tile) * scale)
                for size, place, side in ((rows, top, height), (columns, left, width))
            ]
            place = slice(int(top * scale), end[0]), slice(int(left * scale), end[1])
            here = out[place]
            here[...] = made[: here.shape[0], : here.shape[1]]
    return out


@pytest.mark.parametrize("part", range(4))
def test_tiles_are_the_whole(part):
    compared = 0
    for seed in range(15 * part, 15 * part + 15):
        network = random_network([seed, 97])
        if network.streamable:
            codes = random_codes(network, 17, 23, seed)
            found = tiled(network, codes, 8)
            if found is not None:
                np.testing.assert_array_equal(found, run(network, codes), err_msg=f"seed {seed}: {network}")
                compared += 1
    assert compared >= 10


def test_few_are_no_stream():
    """Or too little would be said of those that are."""
    for stream_of in (8, 16, 99):
        assert 80 < sum(random_network([seed, stream_of]).streamable for seed in range(100)) < 100


def test_the_networks_differ():
    """A builder that always made the same would prove nothing."""
    networks = [random_network([seed, 8]) for seed in range(100)]
    kinds = {type(layer).__name__ for network in networks for layer in network.layers}
    assert kinds == set(OPERATORS)
    assert {rule for network in networks for rule in network.rules} == set(Rounding)
    assert len({network.rules for network in networks}) >= 20  # of 25 pairs
    assert {len(network.layers) for network in networks} == set(range(1, 8))
    convs = [conv for network in networks for conv in network.convs]
    assert {conv.padding for conv in convs} == set(Padding)
    assert {conv.stride for conv in convs} == {1, 2, 3}
    assert {conv.dilation for conv in convs} == {1, 2}
    assert {1, 2, 4} < {conv.groups for conv in convs}
    assert {(1, 3), (3, 1), (4, 4), (2, 2)} < {conv.weight_i8.shape[2:] for conv in convs}
    assert any(conv.groups == conv.weight_i8.shape[0] > 1 for conv in convs)  # depthwise
    assert any(max(tensor.lacks) for network in networks for tensor in network.tensors.values())
    assert {network.multiple for network in networks} >= {1, 2, 3, 4}
    formats = {out for network in networks for out in network.formats.values()}
    assert {out.bits for out in formats} == set(range(2, 9))
    assert min(out.frac for out in formats) < 0
    assert any(
        layer.sources[0] == layer.sources[-1] and len(layer.sources) == 2
        for network in networks
        for layer in network.layers
    )
