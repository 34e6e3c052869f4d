"""Files of users: small networks of every shape that can be quantised."""

import textwrap

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

def conv(i, o, k=3):
    return nn.Conv2d(i, o, k, padding=k // 2)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.c = {layers}

    def forward(self, {parameters}):
{body}

def build():
    return Net()
"""


def source(layers, parameters, body, more=""):
    text = HEAD.format(
        layers=layers, parameters=parameters, body=textwrap.indent(textwrap.dedent(body), " " * 8)
    )
    return text + textwrap.dedent(more)


FILES = {
    "luma": source(
        "conv(1, 4), conv(4, 4), None", "x", "return F.pixel_shuffle(self.b(F.relu(self.a(x))), 2)"
    ),
    "two frames": source("conv(6, 4), conv(4, 3), None", "x", "return x[:, 3:] + self.b(F.relu(self.a(x)))"),
    "Bayer": source(
        "conv(4, 8), conv(8, 12), None", "raw", "return F.pixel_shuffle(self.b(F.relu(self.a(raw))), 2)"
    ),
    "packed 4:2:0": source(
        "conv(6, 8), conv(8, 6), None",
        "x",
        "return x + 0.1 * self.b(F.relu(self.a(x)))",
        """
        def inputs(picture):
            r, g, b = picture
            y = 0.299 * r + 0.587 * g + 0.114 * b
            chroma = F.avg_pool2d(torch.stack([(b - y) * 0.564 + 0.5, (r - y) * 0.713 + 0.5]), 2)
            return torch.cat([F.pixel_unshuffle(y[None], 2), chroma])
        """,
    ),
    "a larger frame before": source(
        "conv(15, 12), None, None",
        "x, before",
        "return F.pixel_shuffle(self.a(torch.cat([x, F.pixel_unshuffle(before, 2)], 1)), 2)",
    ),
    "a frame before": source(
        "conv(3, 3), None, None",
        "x, before",
        "return torch.lerp(before, x, torch.sigmoid(self.a((x - before).abs())))",
    ),
    "two inputs": source(
        "conv(4, 6), conv(6, 3), None",
        "x, strength",
        "return x + self.b(F.relu(self.a(torch.cat([x, strength], 1))))",
        """
        def inputs(picture):
            return {"strength": torch.full_like(picture[:1], 0.3), "x": picture}
        """,
    ),
    "a map of half the size": source(
        "conv(13, 8), conv(8, 12), None",
        "x, sigma",
        """
        h = torch.cat((F.pixel_unshuffle(x, 2), sigma), 1)
        return F.pixel_shuffle(self.b(F.relu(self.a(h))), 2)
        """,
    ),
    "a state": source(
        "conv(11, 8), conv(8, 8), conv(8, 12)",
        "x, h",
        """
        y = F.relu(self.a(torch.cat((x, h), 1)))
        return F.pixel_shuffle(self.c(y), 2), torch.tanh(self.b(y)) * 2
        """,
    ),
    "outputs of two sizes": source(
        "conv(3, 8), conv(8, 12), conv(8, 3)",
        "x",
        """
        h = F.relu(self.a(x))
        return {"small": x + self.c(h), "large": F.pixel_shuffle(self.b(h), 2), "features": h}
        """,
    ),
    "0..255": source(
        "conv(3, 6), conv(6, 3), None",
        "x",
        "return (x + self.b(F.relu(self.a(x)))).clamp(0, 255)",
        "value_range = (0, 255)",
    ),
    "-1..1": source(
        "conv(3, 6), conv(6, 3), None",
        "x",
        "return torch.tanh(x + self.b(F.relu(self.a(x))))",
        "value_range = (-1, 1)",
    ),
    "normalised": source(
        "conv(3, 6), conv(6, 3), None",
        "x",
        "return self.b(F.relu(self.a(x)))",
        'value_range = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}',
    ),
    "smaller": source(
        "conv(3, 6), conv(6, 3), None",
        "x",
        "return F.avg_pool2d(x, 2) + F.avg_pool2d(self.b(F.relu(self.a(x))), 2)",
    ),
    "without padding": source(
        "nn.Conv2d(3, 6, 3), nn.Conv2d(6, 3, 3), None",
        "x",
        "return x[..., 2:-2, 2:-2] + self.b(F.relu(self.a(x)))",
    ),
    "x2 that shrinks inside": source(
        "conv(3, 6), nn.Conv2d(6, 8, 3, 2, 1), conv(14, 12)",
        "x",
        """
        h = F.relu(self.a(x))
        deep = F.interpolate(F.relu(self.b(h)), scale_factor=2)
        return F.pixel_shuffle(self.c(torch.cat([h, deep], 1)), 2) + 0.5
        """,
    ),
    "x3/2": source(
        "conv(3, 6), nn.Conv2d(6, 3, 3, 2, 1), None",
        "x",
        "return self.b(F.interpolate(F.relu(self.a(x)), scale_factor=3))",
    ),
    "norm over channels": source(
        "conv(3, 6), conv(6, 3), nn.LayerNorm(6)",
        "x",
        """
        h = self.c(self.a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + 0.1 * self.b(h)
        """,
    ),
    "mean of the picture": source(
        "conv(3, 6), conv(6, 3), nn.Conv2d(6, 6, 1)",
        "x",
        """
        h = self.a(x)
        return x + 0.1 * self.b(h * torch.sigmoid(self.c(F.adaptive_avg_pool2d(h, 1))))
        """,
    ),
    "five channels out": source("conv(3, 6), conv(6, 5), None", "x", "return self.b(F.relu(self.a(x)))"),
}
"""Whole files, by what is special about the networks that they build."""
