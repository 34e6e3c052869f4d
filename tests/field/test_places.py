"""Values moved in space: 0 differing codes in all rounding rules."""

import pytest
import torch

from hwrts.fixed_point import Rounding
from hwrts.runs.own_check import check_own_module

from .places import PLACES
from .test_field import verified


@pytest.mark.in_turns
@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", PLACES)
def test_values_in_other_places(name: str, rounding: Rounding) -> None:
    torch.manual_seed(0)
    verified(check_own_module(PLACES[name]().eval()), rounding, pixels=24)
