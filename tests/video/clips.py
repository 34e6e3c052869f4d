"""Small clips that the tests make, and their codes as they are decoded."""

from fractions import Fraction

import av
import numpy as np

LIMITED, FULL = 1, 2
BT709 = (LIMITED, 1, 1, 1)
"""Range, matrix, primaries and curve, as H.273 numbers them."""


def dtype_of(pixels):
    return np.uint16 if "10" in pixels else np.uint8


def codes_of(frame):
    """The planes of a frame of libav."""
    kind = dtype_of(frame.format.name)
    return [
        np.frombuffer(plane, kind)
        .reshape(-1, plane.line_size // kind().itemsize)[: plane.height, : plane.width]
        .copy()
        for plane in frame.planes
    ]


def pattern(pixels, size, number, seed=0):
    """A frame: a slope that moves, and noise in every bit, beyond black and white too."""
    frame = av.VideoFrame(*size, pixels)
    rng = np.random.default_rng((seed, number))
    most = 1023 if "10" in pixels else 255
    for index, plane in enumerate(frame.planes):
        kind = dtype_of(pixels)
        codes = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind().itemsize)
        y, x = np.mgrid[: plane.height, : plane.width]
        slope = (x * 5 + y * 3 + number * 7 + index * 40) * (most // 255)
        noise = rng.integers(0, most // 8, x.shape)
        codes[: plane.height, : plane.width] = (slope + noise) % (most + 1)
    return frame


def make_clip(
    path,
    pixels="yuv420p",
    size=(22, 14),
    count=4,
    codec="ffv1",
    options=None,
    rate=Fraction(24000, 1001),
    tags: tuple[int, int, int, int] = BT709,
    times=None,
    sound=False,
    rotation=None,
    aspect=None,
    chapters=False,
    picture=pattern,
    **container,
):
    """Write a clip without loss, of frames that ``picture`` draws; its planes, frame by frame."""
    path, made = str(path), []
    with av.open(path, "w", **container) as out:
        options = options or {"ffv1": {"slicecrc": "1"}, "libx264": {"qp": "0"}}.get(codec, {})
        video = out.add_stream(codec, rate=rate, options=options)
        (video.width, video.height), video.pix_fmt = size, pixels
        of = video.codec_context
        of.color_range, of.colorspace, of.color_primaries, of.color_trc = tags
        of.time_base = 1 / Fraction(rate) if times is None else Fraction(1, 1000)
        if aspect is not None:
            of.sample_aspect_ratio = aspect
        if rotation is not None:
            video.set_display_rotation(rotation)
        if chapters:
            whole = {"start": 0, "end": 500, "time_base": Fraction(1, 1000)}
            out.set_chapters([{"id": 1, "metadata": {"title": "one"}, **whole}])
        audio = out.add_stream("aac", rate=48_000) if sound else None
        out.metadata["title"] = "moving"
        for number in range(count):
            frame = picture(pixels, size, number)
            made.append(codes_of(frame))
            frame.pts = number if times is None else times[number]
            frame.time_base = of.time_base
            out.mux(video.encode(frame))
            if audio is not None:
                wave = (np.sin(np.arange(2002) / 9 + number)[None] * 9000).astype(np.int16)
                part = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
                part.rate, part.pts = 48_000, number * 2002
                out.mux(audio.encode(part))
        out.mux(video.encode(None))
        if audio is not None:
            out.mux(audio.encode(None))
    return made


def decoded(path, threads="AUTO"):
    """The planes of every frame of a clip, and the times of the frames in seconds."""
    with av.open(str(path)) as clip:
        clip.streams.video[0].thread_type = threads
        frames = list(clip.decode(clip.streams.video[0]))
        return [codes_of(frame) for frame in frames], [frame.pts * frame.time_base for frame in frames]


def packets(path, kind):
    """The bytes of every packet of a kind of stream."""
    with av.open(str(path)) as clip:
        streams = [each for each in clip.streams if each.type == kind]
        return [bytes(each) for each in clip.demux(streams) if each.size] if streams else []
