"""What each operator computes, in sentences for people who have never seen this package."""

EQUATIONS = {
    "Conv": (
        "acc[y, x, o] = bias[o] + sum over ky, kx, i of weight[o, ky, kx, i] * in[y*stride - top + "
        "ky*dilation, x*stride - left + kx*dilation, g*I + i]. I is the last axis of weight, g = o "
        "div (O div groups), pads = (top, left, bottom, right). H' = (H + top + bottom - (KH - "
        "1)*dilation - 1) div stride + 1, likewise W'. Beyond the picture `in` is code 0 (padding "
        "zero), the nearest pixel (replicate) or the mirrored one, the edge not repeated (reflect). "
        "out = requantise(acc)."
    ),
    "Add": (
        "acc = (a << (f - fa)) + (b << (f - fb)), fa and fb the frac of both sources, f the larger "
        "one; minus in place of plus where `negated`. A source of one channel meets all channels, one "
        "of one pixel all pixels. out = requantise(acc)."
    ),
    "Scale": "acc = multiplier * in. out = requantise(acc).",
    "PRelu": "acc = in << slope_frac where in >= 0, else slope[c] * in. out = requantise(acc).",
    "DepthToSpace": "out[y*R + i, x*R + j, c] = in[y, x, c*R*R + i*R + j], R = block. No code changes.",
    "Repeat": "out[y, x, c] = in[y div factor, x div factor, c]. No code changes.",
    "Upsample": (
        "Separable interpolation by F = factor with taps[phase, tap] of K taps, M = K div 2: acc[F*y "
        "+ i, F*x + j, c] = sum over u, v of taps[i, u] * taps[j, v] * in[y + u - M, x + v - M, c], "
        "coordinates clamped to the picture. out = requantise(acc)."
    ),
    "Resize": (
        "Bilinear, or nearest, from N to M rows (columns alike): row r of the result lies at p/128 "
        "rows of the source, p = (256*n + d) div (2*d), at most 128*(N - 1), where n/d is max((2*r + "
        "1)*N - M, 0) / (2*M) for places centres, r*(N - 1) / max(M - 1, 1) for corners, and the "
        "whole number r*N div M for nearest. It is (128 - w) times row p div 128 plus w times the "
        "next one (the last has itself), w = p mod 128. First rows, then columns: acc has 14 fraction "
        "bits more. M is factor*N, or the rows of the second source. out = requantise(acc)."
    ),
    "Concat": (
        "The channels of the sources behind one another, each brought onto the finest grid: acc = in "
        "<< (f - f_n), f the largest frac of all. out = requantise(acc)."
    ),
    "Multiply": (
        "acc = a * b. A source of one channel meets all channels, one of one pixel all pixels. out = "
        "requantise(acc)."
    ),
    "Lookup": "out = table[in - smallest code of the source]. Nothing is rounded.",
    "Clip": "out = min(max(in, low), high). Nothing is rounded.",
    "Slice": "out[y, x, c] = in[y, x, start + c], for start + c < stop. No code changes.",
    "Reorder": "out[y, x, c] = in[y, x, order[c]]. No code changes.",
    "MaxPool": (
        "The largest code of each window of kernel = (rows, columns) pixels, windows `stride` pixels "
        "apart, the first one pads[0] rows and pads[1] columns beyond the upper left corner; what "
        "lies outside the picture is not looked at. No code changes."
    ),
    "SpaceToDepth": "out[y, x, c*R*R + i*R + j] = in[y*R + i, x*R + j, c], R = block. No code changes.",
    "GlobalAverage": (
        "The mean of each channel over the picture (one pixel is left), or of each row or column, "
        "which all of its pixels are given. S the sum of n codes, d = frac of the result - frac of "
        "the source: out = saturate(round((S << max(d, 0)) / (n << max(-d, 0)))), one division, "
        "rounded by the layer's rule (double is half_away here). It has no accumulator file and no "
        "shift."
    ),
    "Maximum": (
        "The largest code over the channels (one channel is left), over the picture (one pixel is "
        "left), or over each row or column, which all of its pixels are given. No code changes."
    ),
}
"""By the name of the operator."""

ROUNDING = {
    "half_even": "nearest code; a tie goes to the even one",
    "half_up": "nearest code; a tie goes toward plus infinity: add half an LSB, drop the low bits",
    "half_away": "nearest code; a tie goes away from zero",
    "floor": "toward minus infinity: the low bits are dropped",
    "double": "half_up by one bit, then half_away by the other shift - 1 bits",
}
"""What happens to the bits that a shift to the right drops."""
