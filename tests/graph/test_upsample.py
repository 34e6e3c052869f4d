import pytest
import torch
import torch.nn.functional as F

from hwrts.errors import HwrtsError
from hwrts.networks import FixedUpsample

KINDS = [("bilinear", 2), ("bilinear", 4), ("bicubic", 2)]
SIZES = [(1, 1), (1, 5), (6, 1), (2, 2), (7, 9)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", [2, 4])
def test_bilinear_equals_torch_on_codes(factor, size):
    """Codes have 8 bits and taps 6 together: torch's other order of summation rounds nothing either."""
    x = torch.randint(0, 256, (2, 3, *size)) * 2.0**-8
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert torch.equal(FixedUpsample("bilinear", factor)(x), expected)


def test_bicubic_by_hand_and_not_as_torch():
    x = torch.tensor([[[[0.0, 1.0]]]])
    found = FixedUpsample()(x)
    assert (found * 128).tolist() == [[[[-9.0, 26.0, 102.0, 137.0]] * 2]]
    assert not torch.equal(found, F.interpolate(x, scale_factor=2, mode="bicubic"))


@pytest.mark.parametrize(("kind", "factor"), KINDS)
def test_flat_pictures_stay_and_gradients_pass(kind, factor):
    x = torch.full((1, 2, 3, 4), 0.7, requires_grad=True)
    y = FixedUpsample(kind, factor)(x)
    torch.testing.assert_close(y, torch.full_like(y, 0.7), rtol=0, atol=1e-6)  # float32 sums of 0.7 * taps
    y.sum().backward()
    assert x.grad is not None
    # every new pixel's taps add up to 1, so all gradients together are the number of new pixels
    assert float(x.grad.sum()) == pytest.approx(y.numel(), rel=1e-5)


def test_nothing_in_it_is_trained():
    assert not list(FixedUpsample().parameters())
    assert not FixedUpsample().state_dict()


@pytest.mark.parametrize(("kind", "factor"), [("bicubic", 4), ("bilinear", 3), ("nearest", 2)])
def test_other_kinds_are_refused_when_it_is_made(kind, factor):
    with pytest.raises(HwrtsError, match="does not exist; use bilinear by 2, bilinear by 4, bicubic by 2"):
        FixedUpsample(kind, factor)
