"""Pieces of photographs: the one with the most detail, what is shown of a large one, and margins."""

import numpy as np
import pytest

from hwrts.data.pieces import LARGEST, Piece, most_detail, shown_piece, with_margin

SEED = 20190


def test_most_detail_against_a_slow_search():
    rng = np.random.default_rng(SEED)
    pixels = rng.integers(0, 256, (22, 30, 3)).astype(np.uint8)
    grey = np.pad(pixels.astype(np.int64).sum(axis=2), 1, mode="edge")
    best, variance = None, -1.0
    for top in range(0, 22 - 8 + 1, 2):
        for left in range(0, 30 - 8 + 1, 2):
            high = [
                5 * grey[y + 1, x + 1]
                - grey[y : y + 3, x + 1].sum()
                - grey[y + 1, x : x + 3].sum()
                + grey[y + 1, x + 1]
                for y in range(top, top + 8)
                for x in range(left, left + 8)
            ]
            if np.var(high) > variance * (1 + 1e-12):  # np.var rounds; the search is exact
                best, variance = Piece(top, left, 8, 8), float(np.var(high))
    assert most_detail(pixels, 8) == best, f"seed {SEED}"


@pytest.mark.parametrize(
    ("shape", "piece"),
    [
        ((2, 2), Piece(0, 0, 2, 2)),
        ((4, 40), Piece(0, 0, 4, 16)),
        ((40, 4), Piece(0, 0, 16, 4)),
        ((16, 16), Piece(0, 0, 16, 16)),
    ],
)
def test_most_detail_of_a_flat_or_small_picture(shape, piece):
    assert most_detail(np.zeros((*shape, 3), np.uint8), 16) == piece


def test_most_detail_searches_the_centre_of_a_large_picture(monkeypatch):
    monkeypatch.setattr("hwrts.data.pieces.SEARCHED", 32)
    pixels = np.zeros((100, 120, 3), np.uint8)
    pixels[2, 2] = 255  # outside
    pixels[50:52, 60:62] = 40
    piece = most_detail(pixels, 8)
    assert piece.top <= 49 < 53 <= piece.top + 8
    assert piece.left <= 59 < 63 <= piece.left + 8


@pytest.mark.parametrize("step", [2, 6, 8, 10])
@pytest.mark.parametrize("shape", [(64, 66), (512, 768), (700, 90), (600, 1000)])
def test_what_is_shown_is_on_the_step_and_around_the_detail(step, shape):
    pixels = np.zeros((*shape, 3), np.uint8)
    y, x = shape[0] - 9, shape[1] - 9
    pixels[y, x] = 255
    piece = shown_piece(pixels, step)
    assert not any(each % step for each in (piece.top, piece.left, piece.height, piece.width))
    for side, size, most in zip((piece.height, piece.width), shape, LARGEST, strict=True):
        assert side == min(size // step * step, most // step * step)
    rows, columns = piece.inside
    assert rows.stop <= shape[0]
    assert columns.stop <= shape[1]
    assert rows.stop > y - step
    assert columns.stop > x - step


def test_a_margin_begins_and_ends_where_a_network_that_shrinks_may():
    y, x = np.mgrid[:40, :50].astype(np.uint8)
    pixels = np.stack([y, x, x], axis=2)  # each pixel says where it is
    for piece in (Piece(0, 0, 8, 8), Piece(10, 22, 6, 4), Piece(34, 44, 6, 6)):
        for multiple in (1, 4, 8):
            region, inner = with_margin(pixels, piece, 3, multiple=multiple)
            np.testing.assert_array_equal(region[inner], pixels[piece.inside])
            top, left = int(region[0, 0, 0]), int(region[0, 0, 1])
            assert top % multiple == left % multiple == 0
            for start, end, size in zip((top, left), region.shape, (40, 50), strict=False):
                assert (start + end) % multiple == 0 or start + end == size
            reach = [piece.top - 3, piece.left - 3]
            assert all(start <= max(0, at) for start, at in zip((top, left), reach, strict=True))
    region, inner = with_margin(pixels, Piece(10, 22, 6, 4), None)
    assert region.shape == pixels.shape
    assert inner == Piece(10, 22, 6, 4).inside
