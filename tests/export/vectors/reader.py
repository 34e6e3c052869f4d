"""The reader of a folder of vectors: NumPy and the folder's own sentences, nothing of the package.

What is computed here is written from VECTORS.md, so a folder that says too little, or another thing than the
network does, fails.
"""

import json
import re

import numpy as np


def words(text, entry):
    """The array of a .mem file, digit by digit."""
    bits, shape = entry["bits"], entry["shape"]
    made = []
    for line in text.split():
        word = int(line, 16)
        assert word < 1 << entry["word_bits"]
        for channel in range(shape[-1]):
            code = (word >> (bits * channel)) & ((1 << bits) - 1)
            made.append(code - (1 << bits) if entry["signed"] and code >> (bits - 1) else code)
    return np.array(made, np.int64).reshape(shape)


def arrays_in_c(text):
    """Arrays of a header by name, flat."""
    found = {}
    for kind, name, size, body in re.findall(
        r"static const (\w+) (\w+)\[(\d+)\] = \{ /\* [x\d ]+ \*/(.*?)\};", text, re.S
    ):
        plain = body.replace("(-2147483647 - 1)", "-2147483648")
        values = [int(word) for word in plain.split(",")]
        assert len(values) == int(size)
        bits, low = int("".join(filter(str.isdigit, kind))), 0 if kind[0] == "u" else 1
        assert -(low << (bits - 1)) <= min(values) <= max(values) < 1 << (bits - low)
        found[name] = values
    return found


class Folder:
    """A folder as a person has it: names and contents."""

    def __init__(self, files):
        self.files = files
        self.manifest = json.loads(files["manifest.json"])
        self.tensors = {each["id"]: each for each in self.manifest["tensors"]}
        self.layers = {each["id"]: each for each in self.manifest["layers"]}

    def array(self, entry):
        """An array of its .mem file."""
        return words(self.files[f"mem/{entry['stem']}.mem"].decode(), entry)

    def constants(self, layer):
        return {part: self.array(entry) for part, entry in layer["constants"].items()}

    def computed(self, layer, xs):
        """Codes and accumulators (or None) of a layer, of one frame (H, W, C) of each source."""
        constants, settings = self.constants(layer), layer["settings"]
        formats = [self.tensors[name] for name in layer["sources"]]
        out = self.tensors[layer["id"]]
        acc = globals()[f"acc_{layer['operator'].lower()}"](xs, formats, out, constants, settings, layer)
        if layer["accumulator"] is None:
            return acc, None
        assert layer["accumulator"]["lowest"] <= acc.min()
        assert acc.max() <= layer["accumulator"]["highest"]
        shift = constants["shift"][:, 0]
        codes = rounded(acc, shift, layer["rounding"])
        return saturated(codes, out), acc


def limits(tensor):
    bits = tensor["bits"]
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if tensor["signed"] else (0, (1 << bits) - 1)


def saturated(codes, out):
    return np.clip(codes, *limits(out))


def rounded(acc, shift, rule):
    """By floats of 53 bits, which hold all that is here exactly."""
    if rule == "double":
        first = np.minimum(np.maximum(shift, 0), 1)
        value = np.where(first > 0, np.floor(acc / 2.0 + 0.5), acc) / 2.0 ** (shift - first)
        rule = "half_away"
    else:
        value = acc / np.exp2(shift.astype(float))
    match rule:
        case "half_even":
            value = np.rint(value)
        case "half_up":
            value = np.floor(value + 0.5)
        case "half_away":
            value = np.sign(value) * np.floor(np.abs(value) + 0.5)
        case "floor":
            value = np.floor(value)
    return value.astype(np.int64)


def clamped(x, rows, columns):
    return x[np.clip(rows, 0, len(x) - 1)][:, np.clip(columns, 0, x.shape[1] - 1)]


def acc_conv(xs, formats, out, constants, settings, layer):
    (x,), weight, bias = xs, constants["weight"], constants["bias"][:, 0]
    channels, kh, kw, size = weight.shape
    top, left, bottom, right = settings["pads"]
    stride, dilation, groups = settings["stride"], settings["dilation"], settings["groups"]
    height = (len(x) + top + bottom - (kh - 1) * dilation - 1) // stride + 1
    width = (x.shape[1] + left + right - (kw - 1) * dilation - 1) // stride + 1
    acc = np.zeros((height, width, channels), np.int64)
    for ky in range(kh):
        for kx in range(kw):
            rows = np.arange(height) * stride - top + ky * dilation
            columns = np.arange(width) * stride - left + kx * dilation
            if settings["padding"] == "reflect":
                rows, columns = mirrored(rows, len(x)), mirrored(columns, x.shape[1])
            seen = clamped(x, rows, columns)
            if settings["padding"] == "zero":
                seen = seen * inside(rows, len(x))[:, None, None] * inside(columns, x.shape[1])[None, :, None]
            for o in range(channels):
                group = o // (channels // groups)
                acc[..., o] += seen[..., group * size : (group + 1) * size] @ weight[o, ky, kx]
    return acc + bias


def mirrored(places, size):
    places = np.abs(places)
    return np.where(places >= size, 2 * (size - 1) - places, places)


def inside(places, size):
    return ((places >= 0) & (places < size)).astype(np.int64)


def acc_add(xs, formats, out, constants, settings, layer):
    finest = max(each["frac"] for each in formats)
    a, b = (x << (finest - each["frac"]) for x, each in zip(xs, formats, strict=True))
    return a - b if settings["negated"] else a + b


def acc_scale(xs, formats, out, constants, settings, layer):
    return settings["multiplier"] * xs[0]


def acc_prelu(xs, formats, out, constants, settings, layer):
    return np.where(xs[0] >= 0, xs[0] << settings["slope_frac"], xs[0] * constants["slope"][:, 0])


def acc_depthtospace(xs, formats, out, constants, settings, layer):
    (x,), block = xs, settings["block"]
    made = np.zeros((len(x) * block, x.shape[1] * block, x.shape[2] // block**2), np.int64)
    for c in range(made.shape[2]):
        for i in range(block):
            for j in range(block):
                made[i::block, j::block, c] = x[..., c * block * block + i * block + j]
    return made


def acc_spacetodepth(xs, formats, out, constants, settings, layer):
    (x,), block = xs, settings["block"]
    made = np.zeros((len(x) // block, x.shape[1] // block, x.shape[2] * block**2), np.int64)
    for c in range(x.shape[2]):
        for i in range(block):
            for j in range(block):
                made[..., c * block * block + i * block + j] = x[i::block, j::block, c]
    return made


def acc_repeat(xs, formats, out, constants, settings, layer):
    factor = settings["factor"]
    rows, columns = (np.arange(side * factor) // factor for side in xs[0].shape[:2])
    return xs[0][rows][:, columns]


def acc_upsample(xs, formats, out, constants, settings, layer):
    (x,), taps, factor = xs, constants["taps"], settings["factor"]
    height, width, channels = x.shape
    acc = np.zeros((height * factor, width * factor, channels), np.int64)
    middle = taps.shape[1] // 2
    for i in range(factor):
        for j in range(factor):
            for u in range(taps.shape[1]):
                for v in range(taps.shape[1]):
                    seen = clamped(x, np.arange(height) + u - middle, np.arange(width) + v - middle)
                    acc[i::factor, j::factor] += taps[i, u] * taps[j, v] * seen
    return acc


def acc_resize(xs, formats, out, constants, settings, layer):
    rows, columns = (
        xs[-1].shape[:2] if settings["factor"] is None else [s * settings["factor"] for s in xs[0].shape[:2]]
    )
    down = resized(xs[0], rows, settings["places"])
    return resized(down.swapaxes(0, 1), columns, settings["places"]).swapaxes(0, 1)


def resized(x, made, places):
    acc = np.zeros((made, *x.shape[1:]), np.int64)
    size = len(x)
    for row in range(made):
        n, d = {
            "centres": (max((2 * row + 1) * size - made, 0), 2 * made),
            "corners": (row * (size - 1), max(made - 1, 1)),
            "nearest": (row * size // made, 1),
        }[places]
        place = min((256 * n + d) // (2 * d), 128 * (size - 1))
        first, weight = divmod(place, 128)
        acc[row] = (128 - weight) * x[first] + weight * x[min(first + 1, size - 1)]
    return acc


def acc_concat(xs, formats, out, constants, settings, layer):
    finest = max(each["frac"] for each in formats)
    return np.concatenate([x << (finest - each["frac"]) for x, each in zip(xs, formats, strict=True)], axis=2)


def acc_multiply(xs, formats, out, constants, settings, layer):
    return xs[0] * xs[1]


def acc_lookup(xs, formats, out, constants, settings, layer):
    return constants["table"][:, 0][xs[0] - limits(formats[0])[0]]


def acc_clip(xs, formats, out, constants, settings, layer):
    return np.minimum(np.maximum(xs[0], settings["low"]), settings["high"])


def acc_slice(xs, formats, out, constants, settings, layer):
    return xs[0][..., settings["start"] : settings["stop"]]


def acc_reorder(xs, formats, out, constants, settings, layer):
    return xs[0][..., constants["order"][:, 0]]


def acc_maxpool(xs, formats, out, constants, settings, layer):
    (x,), (kh, kw), stride = xs, settings["kernel"], settings["stride"]
    top, left, bottom, right = settings["pads"]
    height, width = (len(x) + top + bottom - kh) // stride + 1, (x.shape[1] + left + right - kw) // stride + 1
    made = np.zeros((height, width, x.shape[2]), np.int64)
    for row in range(height):
        for column in range(width):
            y, z = row * stride - top, column * stride - left
            made[row, column] = x[max(y, 0) : y + kh, max(z, 0) : z + kw].max(axis=(0, 1))
    return made


AXES = {"picture": (0, 1), "rows": (1,), "columns": (0,), "channels": (2,)}


def acc_globalaverage(xs, formats, out, constants, settings, layer):
    (x,), axes = xs, AXES[settings["along"]]
    total = x.sum(axis=axes, keepdims=True)
    count = int(np.prod([x.shape[axis] for axis in axes]))
    finer = out["frac"] - formats[0]["frac"]
    n, d = total << max(finer, 0), count << max(-finer, 0)
    rule = layer["rounding"]
    floor, rest = n // d, 2 * (n % d)
    up = {
        "half_even": (rest > d) | ((rest == d) & (floor % 2 == 1)),
        "half_up": rest >= d,
        "half_away": (rest > d) | ((rest == d) & (n >= 0)),
        "double": (rest > d) | ((rest == d) & (n >= 0)),
        "floor": np.zeros(n.shape, bool),
    }[rule]
    made = saturated(floor + up, out)
    return made if settings["along"] == "picture" else np.broadcast_to(made, x.shape)


def acc_maximum(xs, formats, out, constants, settings, layer):
    found = xs[0].max(axis=AXES[settings["over"]], keepdims=True)
    return np.broadcast_to(found, xs[0].shape) if settings["over"] in ("rows", "columns") else found
