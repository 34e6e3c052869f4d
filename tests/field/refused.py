"""Modules that no line buffer computes: each is refused in a sentence of its own."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Each pixel reads all others, weighed by a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(3, 8, 1) for _ in range(3))
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        count, _, height, width = x.shape
        q, k, v = (conv(x).flatten(2) for conv in (self.query, self.key, self.value))
        weights = torch.softmax(q.transpose(1, 2) @ k / 8**0.5, -1)
        return x + self.last((v @ weights.transpose(1, 2)).view(count, 8, height, width))


class Warped(nn.Module):
    """A picture read where another layer says."""

    def __init__(self) -> None:
        super().__init__()
        self.flow, self.last = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.grid_sample(x, self.flow(x).permute(0, 2, 3, 1), align_corners=False))


class UntilFlat(nn.Module):
    """A loop that ends when values say so."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        while x.std() > 0.1:
            x = x - 0.5 * self.step(x)
        return x
