"""The line, the halves and the pieces of what is looked at, code by code."""

import numpy as np
import pytest

from hwrts.data.looking import SWEEP, Box, Grid, Look
from hwrts.errors import DataError

WHITE, BLACK = (235, 128, 128), (16, 128, 128)


def planes(grid, seed):
    """Of a result: no code is that of a line."""
    rng = np.random.default_rng(seed)
    height, width = grid.height * grid.scale, grid.width * grid.scale
    coarse = -(-height // grid.down), -(-width // grid.across)
    low, high = (20, 120) if seed else (130, 230)
    return tuple(
        rng.integers(low, high, shape).astype(np.uint8) for shape in ((height, width), coarse, coarse)
    )


def shown(look, grid, seconds=0.0):
    before, after = planes(grid, 0), planes(grid, 1)
    made = look.planes(before, after, grid, WHITE, BLACK, seconds)
    height, width = look.size(grid)
    assert made[0].shape == (height, width)
    for plane in made[1:]:
        assert plane.shape == (-(-height // grid.down), -(-width // grid.across))
    return before, after, made


GRIDS = [
    Grid(14, 24, 1, 2, 2), Grid(15, 23, 1, 2, 2), Grid(15, 23, 2, 2, 2), Grid(7, 9, 3, 1, 2), Grid(15, 23, 1),
    Grid(5, 6, 2),
]  # fmt: skip


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("share", [0.0, 0.37, 0.5, 1.0])
def test_a_split_screen(grid, share):
    """Left of the line every code of the original, right of it every code of the result."""
    before, after, made = shown(Look(split=share), grid)
    width = grid.width * grid.scale
    at = int(share * width) // grid.across * grid.across
    assert (made[0][:, :at] == before[0][:, :at]).all()
    assert (made[0][:, at + 2 :] == after[0][:, at + 2 :]).all()
    assert (made[0][:, at : at + 1] == 16).all()
    assert (made[0][:, at + 1 : at + 2] == 235).all()
    first, last = at // grid.across, (at + 2) // grid.across
    for one, other, plane in zip(before[1:], after[1:], made[1:], strict=True):
        assert (plane[:, :first] == one[:, :first]).all()
        assert (plane[:, last:] == other[:, last:]).all()
        assert (plane[:, first:last] == 128).all()


@pytest.mark.parametrize("grid", GRIDS)
def test_side_by_side(grid):
    before, after, made = shown(Look(side_by_side=True), grid)
    width = grid.width * grid.scale
    gap = made[0].shape[1] - 2 * width
    assert gap == (3 if width % 2 and grid.across == 2 else 2)
    assert (made[0][:, :width] == before[0]).all()
    assert (made[0][:, width + gap :] == after[0]).all()
    assert (made[0][:, width] == 16).all()
    assert (made[0][:, width + 1 : width + gap] == 235).all()
    for one, other, plane in zip(before[1:], after[1:], made[1:], strict=True):
        assert (plane[:, : one.shape[1]] == one).all()
        assert (plane[:, -one.shape[1] :] == other).all()
        assert (plane[:, one.shape[1] : -one.shape[1]] == 128).all()


@pytest.mark.parametrize(
    ("grid", "box", "times"),
    [
        (Grid(14, 24, 1, 2, 2), Box(4, 2, 6, 4), 3),
        (Grid(15, 23, 1, 2, 2), Box(18, 12, 5, 3), 4),  # to the end of odd sizes
        (Grid(15, 23, 2, 2, 2), Box(20, 10, 3, 5), 3),
        (Grid(15, 23, 1), Box(3, 1, 7, 5), 3),
        (Grid(6, 8, 2), Box(0, 0, 8, 6), 1),
    ],
)
@pytest.mark.parametrize("look", [{}, {"split": 0.5}, {"side_by_side": True}])
def test_a_piece_enlarged(grid, box, times, look):
    """Each pixel of the piece is times x times of what is shown, in both halves."""
    look = Look(zoom=box, **look)
    look.check("clip", grid)
    assert look.times(grid) == times
    before, after, made = shown(look, grid)
    down, across = grid.scale * box.top, grid.scale * box.left
    height, width = grid.scale * box.height, grid.scale * box.width
    wanted = [
        plane[0][down : down + height, across : across + width].repeat(times, 0).repeat(times, 1)
        for plane in (before, after)
    ]
    if look.side_by_side:
        assert (made[0][:, : width * times] == wanted[0]).all()
        assert (made[0][:, -width * times :] == wanted[1]).all()
    elif look.split is not None:
        at = int(0.5 * width * times) // grid.across * grid.across
        assert (made[0][:, :at] == wanted[0][:, :at]).all()
        assert (made[0][:, at + 2 :] == wanted[1][:, at + 2 :]).all()
    else:
        assert (made[0] == wanted[1]).all()
        coarse = after[1][down // grid.down :, across // grid.across :]
        for y in range(made[1].shape[0]):
            for x in range(made[1].shape[1]):
                assert made[1][y, x] == coarse[y // times, x // times]


def test_a_line_that_moves():
    grid, places = Grid(4, 80, 1, 2, 2), []
    for seconds in (0, 1, 2, 4, 6, 8, 9):
        _, _, made = shown(Look(split=SWEEP), grid, seconds)
        places.append([*np.flatnonzero((made[0] == 16).all(0)), 80][0])
    assert places == [0, 20, 40, 80, 40, 0, 20]


@pytest.mark.parametrize(
    ("grid", "box", "said"),
    [
        (Grid(14, 24, 1, 2, 2), Box(20, 0, 6, 4), "--zoom 20,0,6,4: is not inside of in.mkv, 24x14"),
        (Grid(14, 24, 1, 2, 2), Box(3, 1, 6, 4), "one for 2x2 pixels, apart; give 2,0,8,6"),
        (Grid(14, 24, 1, 1, 2), Box(3, 1, 6, 4), "one for 2x1 pixels, apart; give 2,1,8,4"),
        (Grid(15, 23, 1, 2, 2), Box(18, 12, 4, 3), None),
        (Grid(15, 23, 1, 2, 2), Box(18, 12, 5, 2), None),
        (Grid(15, 23, 1, 2, 2), Box(18, 12, 3, 3), "apart; give 18,12,4,3"),
    ],
)
def test_pieces_that_are_refused(grid, box, said):
    if said is None:
        Look(zoom=box).check("in.mkv", grid)
        return
    with pytest.raises(DataError) as error:
        Look(zoom=box).check("in.mkv", grid)
    assert said in str(error.value)
