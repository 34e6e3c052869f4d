"""Each step of VIQET against literals, and against a slow version written out."""

import doctest
import importlib
import math
import pkgutil

import numpy as np
import pytest
from scipy import ndimage

import hwrts.metrics
import hwrts.metrics.viqet as package
from hwrts.metrics.viqet.blocks import whole_blocks, zigzag
from hwrts.metrics.viqet.canny import canny
from hwrts.metrics.viqet.filters import gaussian_taps, separable, window_sums
from hwrts.metrics.viqet.gabor import Spectrum, coarse_bank, fine_bank, reach_of
from hwrts.metrics.viqet.grain import grain
from hwrts.metrics.viqet.noise import _band_pass, noise_signature
from hwrts.metrics.viqet.resize import grey, resize, working_size
from hwrts.metrics.viqet.simple import (
    contrast_and_exposure,
    divergence_from_uniform,
    over_and_under_exposed,
    saturation,
)
from hwrts.metrics.viqet.texture import texture_table
from hwrts.metrics.viqet.warmth import color_warmth

MODULES = [
    f"{p.__name__}.{m.name}" for p in (hwrts.metrics, package) for m in pkgutil.iter_modules(p.__path__)
]
WITH_EXAMPLES = {
    "against_float",
    "artefacts",
    "baselines",
    "blocks",
    "contraction",
    "fidelity",
    "filters",
    "flicker",
    "patterns",
    "resize",
    "simple",
}


@pytest.fixture
def noise():
    def make(*shape, low=0, high=256):
        return np.random.default_rng(5).integers(low, high, shape, dtype=np.uint8)

    return make


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert result.failed == 0
    assert (result.attempted > 0) == (name.rpartition(".")[2] in WITH_EXAMPLES)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1200, 1920), (1200, 1920)),
        ((2160, 3840), (1080, 1920)),
        ((1200, 1921), (1199, 1920)),
        ((640, 427), (1200, 800)),
        ((1, 2), (960, 1920)),
        ((1, 5000), (0, 1920)),
        ((2000, 1), (1200, 0)),
    ],
)
def test_working_size(size, expected):
    assert working_size(*size) == expected


def slow_resize(p, height, width):
    h, w = p.shape

    def weights(j, n, count):
        t = np.float32((j + 0.5) * (1 / (count / n)) - 0.5)
        s = math.floor(t)
        return s, np.float32(t - np.float32(s))

    out = np.zeros((height, width), np.int64)
    for i in range(height):
        top, low = weights(i, h, height)
        b = int(np.rint((np.float32(1) - low) * np.float32(2048))), int(np.rint(low * np.float32(2048)))
        for j in range(width):
            left, right = weights(j, w, width)
            if left < 0 or left >= w - 1:
                left, right = (0 if left < 0 else w - 1), np.float32(0)
            a = int(np.rint((np.float32(1) - right) * 2048)), int(np.rint(right * np.float32(2048)))
            rows = [
                a[0] * int(p[y, left]) + a[1] * int(p[y, min(left + 1, w - 1)])
                for y in (min(max(top, 0), h - 1), min(max(top + 1, 0), h - 1))
            ]
            out[i, j] = (((b[0] * (rows[0] >> 4)) >> 16) + ((b[1] * (rows[1] >> 4)) >> 16) + 2) >> 2
    return out


@pytest.mark.parametrize("target", [(9, 13), (10, 10), (23, 31), (1, 1), (6, 14), (11, 7), (12, 7)])
def test_resize(noise, target):
    p = noise(2, 12, 14)
    found = resize(p, *target)
    assert np.array_equal(found, np.stack([slow_resize(plane, *target) for plane in p]))


def test_resize_of_one_pixel_and_of_exactly_half(noise):
    assert (resize(np.full((3, 1, 1), 7, np.uint8), 5, 4) == 7).all()
    p = noise(1, 6, 8)
    wide = p[0].astype(int)
    half = (wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2] + 2) // 4
    assert np.array_equal(resize(p, 3, 4)[0], half)
    same = resize(p, 6, 8)
    assert np.array_equal(same, p)
    assert same is not p


def test_grey():
    codes = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [1, 2, 3]], np.uint8)
    assert grey(codes.T[:, None]).tolist() == [[76, 150, 29, 255, 2]]


@pytest.mark.parametrize("border", ["symmetric", "edge", "constant"])
@pytest.mark.parametrize("shape", [(5, 7), (70, 33), (64, 96)])
def test_separable(noise, border, shape):
    x = noise(*shape).astype(np.float64)
    taps = np.random.default_rng(2).random(5), np.random.default_rng(3).random(9)
    mode = {"symmetric": "reflect", "edge": "nearest", "constant": "constant"}[border]
    expected = ndimage.correlate(x, np.outer(*taps), mode=mode)
    # sums of 45 float64 products near 1e3, in another order
    np.testing.assert_allclose(separable(x, *taps, border), expected, rtol=1e-12)
    np.testing.assert_allclose(separable(x.astype(np.float32), *taps, border), expected, rtol=1e-5)


def test_gaussian_taps():
    taps = gaussian_taps(13, 2.0)
    assert taps.sum() == pytest.approx(1, abs=1e-15)
    assert taps[6] / taps[8] == pytest.approx(math.exp(0.5))
    assert gaussian_taps(1, 1 / 6).tolist() == [1.0]


def test_window_sums_wrap_without_harm():
    x = np.full((300, 300), 65025, np.uint32)  # running sums reach 5.8e9, above 2**32
    assert (window_sums(x, 20) == 400 * 65025).all()


def test_contrast_and_exposure_with_partial_blocks(noise):
    g = noise(16, 20)
    blocks = [g[i : i + 7, j : j + 7].astype(float) for i in range(0, 16, 7) for j in range(0, 20, 7)]
    assert len(blocks) == 9
    contrast = np.mean([(b.max() - b.min()) / (b.max() + b.min() + 1e-19) for b in blocks])
    limit = sum(b.std() for b in blocks) / 10
    busy = [b.mean() for b in blocks if b.std() > limit]
    assert contrast_and_exposure(g) == pytest.approx((contrast, sum(busy) / (len(busy) + 1)), rel=1e-12)


def test_saturation():
    colours = np.array([[255, 0, 0], [200, 100, 100], [0, 0, 0], [9, 9, 9], [3, 2, 1]], np.uint8)
    # 255, 127.5 and 170 in exact numbers; T[200] is 5222, and (522200 + 2048) >> 12 is 127
    assert saturation(colours.T[:, None]) == (255 + 127 + 0 + 0 + 170) / 5


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([7, 7, 7], math.log(256)),
        ([255, 255], math.log(256)),
        ([0, 1], math.log(128)),
        ([3, 255, 255], math.log(256)),
        (list(range(255)), math.log(256 / 255)),
    ],
)
def test_divergence(codes, expected):
    assert divergence_from_uniform(np.array([codes], np.uint8)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(16, 40), (33, 24), (8, 8)])
def test_over_and_under(shape):
    g = np.where(np.random.default_rng(1).random(shape) < 0.5, 255, 253).astype(np.uint8)
    g[:, : shape[1] // 2] = np.random.default_rng(2).integers(0, 5, (shape[0], shape[1] // 2))
    k = min(shape) // 8
    p = np.pad(g.astype(float), (k // 2, k - 1 - k // 2), mode="symmetric")
    means = np.array([[p[i : i + k, j : j + k].mean() for j in range(shape[1])] for i in range(shape[0])])
    expected = 100 * (means > 254).mean(), 100 * (means < 2).mean()
    assert over_and_under_exposed(g) == pytest.approx(expected)
    assert min(expected) > 0


def test_warmth():
    def of(colour):
        return color_warmth(np.tile(np.array(colour, np.uint8)[:, None, None], (1, 8, 8)))

    assert of([0, 0, 0]) == 40000  # (0, 0) is nearest to the blue end
    assert of([255, 255, 255]) == 1500
    # (85, 84)/256 lies near the white of 5,500 K, x 0.332 y 0.341
    assert of([100, 88, 76]) == pytest.approx(5500, abs=1000)
    two = np.zeros((3, 4, 8), np.uint8)
    two[:, :, 4:] = 255
    assert color_warmth(two) == (40000 + 1500) / 2


def slow_canny(image):
    p = np.pad(image.astype(int), 1, mode="edge")
    h, w = image.shape
    dx, dy = np.zeros((h, w), int), np.zeros((h, w), int)
    for i in range(h):
        for j in range(w):
            n = p[i : i + 3, j : j + 3]
            dx[i, j] = n[0, 2] + 2 * n[1, 2] + n[2, 2] - n[0, 0] - 2 * n[1, 0] - n[2, 0]
            dy[i, j] = n[2, 0] + 2 * n[2, 1] + n[2, 2] - n[0, 0] - 2 * n[0, 1] - n[0, 2]
    m = np.pad(abs(dx) + abs(dy), 1)
    crest = np.zeros((h, w), bool)
    for i in range(h):
        for j in range(w):
            v, y, x = m[i + 1, j + 1], i + 1, j + 1
            if v <= 40:
                continue
            gx, gy = abs(dx[i, j]), abs(dy[i, j]) << 15
            if gy < gx * 13573:
                crest[i, j] = v > m[y, x - 1] and v >= m[y, x + 1]
            elif gy > gx * 13573 + (gx << 16):
                crest[i, j] = v > m[y - 1, x] and v >= m[y + 1, x]
            else:
                s = -1 if (dx[i, j] ^ dy[i, j]) < 0 else 1
                crest[i, j] = v > m[y - 1, x - s] and v > m[y + 1, x + s]
    edges = crest & (m[1:-1, 1:-1] > 80)
    while True:
        grown = crest & ndimage.binary_dilation(edges, np.ones((3, 3)))
        if (grown == edges).all():
            return edges
        edges = grown


@pytest.mark.parametrize("sigma", [0.0, 0.7, 1.5])
@pytest.mark.parametrize("seed", range(3))
def test_canny(sigma, seed):
    image = np.random.default_rng(seed).integers(0, 256, (40, 53)).astype(np.uint8)
    image = ndimage.gaussian_filter(image, sigma)
    image[5:15, 5:20] = 200  # straight edges, where a comparison ties
    image[15:25, 5:20] = 40
    expected = slow_canny(image)
    assert 50 < expected.sum() < expected.size / 2
    assert np.array_equal(canny(image), expected)


def test_canny_of_a_flat_picture():
    assert not canny(np.full((9, 9), 77, np.uint8)).any()


def test_banks():
    assert [len(kernel) for kernel in fine_bank()] == [49, 25, 17, 15, 11, 11, 9, 9, 7]
    assert [len(kernel) for kernel in coarse_bank()] == [45] * 4 + [25] * 4 + [13] * 4 + [7] * 4
    for kernel in (*fine_bank(), *coarse_bank()):
        assert np.array_equal(kernel, kernel[::-1, ::-1])
        assert abs(kernel.sum()) < 1e-4  # no response to brightness, but for the 5 digits
    assert len({kernel.tobytes() for kernel in coarse_bank()}) == 16


@pytest.mark.parametrize("shape", [(60, 71), (30, 20)])
def test_filtering(noise, shape):
    x = noise(*shape).astype(np.float32)
    spectrum = Spectrum(x, reach_of(fine_bank()))
    for kernel in (*fine_bank(), *coarse_bank()[:4]):
        expected = ndimage.correlate(x.astype(np.float64), kernel, mode="constant")
        # float32 transforms of codes up to 255
        np.testing.assert_allclose(spectrum.filtered(kernel), expected, atol=2e-4)


def test_orientations_are_what_they_say():
    for o, (y, x) in enumerate([(0, 1), (1, 1), (1, 0), (-1, 1)]):
        kernel = coarse_bank()[o]
        centre = len(kernel) // 2
        profile = [kernel[centre + i * y, centre + i * x] for i in range(8)]
        across = [kernel[centre + i * x, centre - i * y] for i in range(8)]
        assert min(profile) < 0 < min(across)  # the wave runs along one direction and stands along the other


def test_whole_blocks():
    x = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7)
    assert whole_blocks(x, 2)[1].tolist() == [[2, 3], [9, 10]]
    assert whole_blocks(x, 2).shape == (6, 2, 2)
    assert sorted(zigzag(36).tolist()) == list(range(1296))


def test_texture_of_two_blocks():
    flat = np.full((36, 72), 100, np.uint8)
    flat[:, 36:] = 120
    table = texture_table(flat)
    # DC is left out, so all is zero, and a constant coefficient has no shape
    np.testing.assert_allclose(table, [11] * 6 + [0] * 18, atol=1e-9)
    varied = np.random.default_rng(0).integers(0, 256, (36 * 30, 36 * 30)).astype(np.uint8)
    shape, rho, var, _ = texture_table(varied).reshape(4, 6)
    np.testing.assert_allclose(shape, 2, atol=0.15)  # nearly Gaussian: 900 blocks
    np.testing.assert_allclose(rho, math.pi / 2, rtol=0.02)
    np.testing.assert_allclose(var, varied.var(), rtol=0.02)


def test_noise_grows_with_noise_and_looks_at_the_calm_part():
    rng = np.random.default_rng(4)

    def of(amplitude, width):
        planes = np.full((3, 240, 480), 120, np.int64)
        planes[:, :, :width] += rng.integers(-60, 61, (240, width))
        planes += np.round(amplitude * rng.standard_normal((240, 480))).astype(np.int64)
        return noise_signature(planes.clip(0, 255).astype(np.uint8))

    assert of(0, 240) == pytest.approx((0, 0), abs=1e-9)  # a flat half counts, however wild the other
    quiet, loud = of(2, 240), of(6, 240)
    assert 0 < quiet[0] < loud[0] < 1.8
    assert 0 < quiet[1] < loud[1]
    assert of(30, 480)[0] == 1.8


def test_noise_of_black_and_partly_black_blocks():
    planes = np.zeros((3, 240, 480), np.uint8)
    assert noise_signature(planes) == (0, 0)
    planes[:, :, 240:] = np.random.default_rng(6).integers(90, 110, (240, 240))
    assert noise_signature(planes)[0] > 0  # black blocks have no score and come last


@pytest.mark.parametrize("code", [0, 1, 128, 255])
def test_a_flat_block_never_has_an_undefined_response(code):
    # its score is then 0 times something finite, and it counts as calm; 0 times infinity would sort it last
    product = _band_pass(np.full((160, 240), code, np.uint8))
    assert product.shape == (6,)
    assert np.isfinite(product).all()


def test_grain():
    rng = np.random.default_rng(8)
    g = rng.integers(90, 111, (240, 200)).astype(np.uint8)
    planes = np.stack([g, g, g])
    assert grain(np.full_like(planes, 9), np.full_like(g, 9)) == 0
    taps = gaussian_taps(3, 0.5)
    smooth = [
        ndimage.correlate(c.astype(float), np.outer(taps, taps), mode="nearest")
        for c in (g, g.astype(int) ** 2)
    ]
    deviation = np.sort(np.sqrt(abs(smooth[1] - smooth[0] ** 2)).ravel())
    laplacian = ndimage.correlate(g.astype(int), [[0, 1, 0], [1, -4, 1], [0, 1, 0]], mode="nearest").max()
    expected = deviation[: len(deviation) // 200].mean() / deviation.mean() / laplacian
    assert deviation[0] > 1e-5
    assert grain(planes, g) == pytest.approx(expected, rel=1e-9)
