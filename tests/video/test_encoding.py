"""What is asked of an encoder is done or refused, and never passed over."""

from pathlib import Path

import pytest

from hwrts.errors import DataError
from hwrts.video.encoding import Encoding, check_encoding
from hwrts.video.layout import layout_of

LAYOUT = layout_of("", "yuv420p", 4, 4, full=False, space=1)


@pytest.mark.parametrize(
    ("path", "encoding", "words"),
    [
        ("out.gif", Encoding(), "out.gif: is no name of a clip; use .mkv"),
        ("out.y4m", Encoding("nonsense"), "--codec nonsense: is unknown; use libx264"),
        (None, Encoding(preset="never"), "--preset never: is unknown; use ultrafast"),
        ("out.mkv", Encoding(crf=52), "--crf 52: is none of 0 to 51; 0 is best"),
        ("out.mkv", Encoding(crf=-1), "--crf -1: is none of 0 to 51"),
        ("out.y4m", Encoding("libx264"), "--codec: does nothing for Y4M, which holds the planes as they are"),
        (None, Encoding(crf=0), "--crf: does nothing for Y4M"),
        (None, Encoding(preset="slow"), "--preset: does nothing for Y4M"),
        (
            "out.mkv",
            Encoding("ffv1", crf=0),
            "--crf: does nothing for ffv1, which keeps every code; leave it",
        ),
        ("out.mkv", Encoding("ffv1", preset="slow"), "--preset: does nothing for ffv1"),
        ("out.mkv", Encoding(crf=16, lossless=True), "--crf: does nothing for --lossless, which keeps"),
    ],
)
def test_refused(path, encoding, words):
    with pytest.raises(DataError, match=words):
        check_encoding(path and Path(path), LAYOUT, encoding)


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        ("out.MP4", Encoding("libx265", 0, "slow")),
        ("out.mkv", Encoding(crf=51)),
        ("out.mkv", Encoding(preset="slow", lossless=True)),
        ("out.mkv", Encoding("ffv1", lossless=True)),
        ("out.y4m", Encoding()),
        (None, Encoding(lossless=True)),
    ],
)
def test_taken(path, encoding):
    check_encoding(path and Path(path), LAYOUT, encoding)


def test_best_is_not_unasked():
    assert Encoding(crf=0).options() == {"preset": "medium", "crf": "0"}
    assert Encoding().options() == {"preset": "medium", "crf": "16"}
    assert Encoding(lossless=True).options() == {"preset": "medium", "qp": "0"}
