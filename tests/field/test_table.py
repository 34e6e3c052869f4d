"""Every row of the table of operators, each part by its own module: 0 differing codes in all roundings."""

import pytest
import torch

from hwrts.fixed_point import Rounding
from hwrts.runs.own_check import check_own_module

from .table import TABLE
from .test_field import verified

PARTS = {(row, part): made for row, parts in TABLE.items() for part, made in parts.items()}


def test_no_row_is_missing() -> None:
    assert len(TABLE) == 14
    assert [len(parts) for parts in TABLE.values()] == [9, 2, 5, 2, 5, 3, 5, 4, 3, 13, 2, 2, 9, 7]


@pytest.mark.in_turns
@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("row", "part"), PARTS, ids=[f"{row}: {part}" for row, part in PARTS])
def test_a_row_of_the_table(row: str, part: str, rounding: Rounding) -> None:
    torch.manual_seed(0)
    verified(check_own_module(PARTS[row, part]().eval()), rounding, pixels=24)
