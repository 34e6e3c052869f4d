"""Files that users give: pictures of every kind, weights, tables of settings. Made whole here, and read."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PICTURES: dict[str, dict[str, Any]] = {
    "rgb.png": {},
    "deep.png": {},
    "alpha.png": {},
    "rgb.jpg": {"quality": 80},
    "exif.jpg": {"quality": 80},
    "rgb.tif": {},
    "packed.tif": {"compression": "tiff_lzw"},
    "deep.tif": {},
    "rgb.webp": {"lossless": True},
    "rgb.bmp": {},
    "rgb.gif": {},
    "rgb.ppm": {},
    "rgb.jp2": {},
    "rgb.tga": {},
}
"""What each is saved with."""

CLIPS = {"clip.mkv": "ffv1", "clip.mp4": "libx264"} if find_spec("av") else {}
"""What each is encoded by."""


def make_strangers(folder: Path) -> None:
    """A file of each kind."""
    import torch
    from PIL import Image
    from safetensors.torch import save_file

    folder.mkdir()
    codes = np.random.default_rng(3).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    deep = Image.fromarray(codes[..., 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    for name, how in PICTURES.items():
        picture = deep if name.startswith("deep") else Image.fromarray(codes)
        if name.startswith("alpha"):
            picture.putalpha(Image.fromarray(codes[..., 1]))
        if name.startswith("exif"):
            how = {**how, "exif": exif, "dpi": (300, 300), "icc_profile": _profile()}
        picture.save(folder / name, **how)
    state = _module().state_dict()
    save_file(state, folder / "weights.safetensors")
    torch.save({"params_ema": state, "step": 7}, folder / "weights.pth")
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    for name, codec in CLIPS.items():
        from ..video.clips import make_clip

        make_clip(folder / name, codec=codec, sound=True)
    (folder / "sweep.toml").write_text(_SWEEP)
    (folder / "settings.toml").write_text(_SETTINGS)


def picture(path: Path) -> None:
    from hwrts.data import read_image, read_picture
    from hwrts.data.images import has_one_channel, image_size

    image_size(path)
    has_one_channel(path)
    read_image(path)
    read_picture(path)


def clip(path: Path) -> None:
    from hwrts.video.encoding import Encoding
    from hwrts.video.enhance import enhance_clip
    from hwrts.video.formats import file_name
    from hwrts.video.source import Clip

    opened = Clip(str(path), file_name(path), max_megapixels=1)
    enhance_clip(opened, path.with_name("out.mkv"), lambda codes: codes, 1, Encoding("ffv1"))


def weights(path: Path) -> None:
    from hwrts.runs.ready_weights import put_weights

    put_weights(_module(), path)


def sweep_table(path: Path) -> None:
    from hwrts.settings_file import read_toml
    from hwrts.sweep.space import check_axes, points, wanted
    from hwrts.sweep.spec import parse_spec

    spec = parse_spec(read_toml(path), str(path))
    check_axes(spec)
    if wanted(spec) < 1000:
        list(points(spec))


def settings_table(path: Path) -> None:
    from hwrts.settings_file import dump_toml, load_config

    dump_toml(load_config(path))


STRANGERS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(PICTURES, picture),
    **dict.fromkeys(CLIPS, clip),
    **dict.fromkeys(("weights.safetensors", "weights.pth", "old.pth"), weights),
    "sweep.toml": sweep_table,
    "settings.toml": settings_table,
}
"""What reads each file."""


def _module():
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 3, 1))


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


_SETTINGS = """
seed = 3
device = "cpu"
[data]
patch = 64
crops_per_image = 4
[degradation]
jpeg = [50, 90]
blur = 0.2
[network]
name = "residual"
blocks = 1
[rts]
stages = "auto"
first_steps = 10
[qat]
weight_bits = 4
rounding = "half_up"
"""

_SWEEP = """
quality = "psnr"
cost = "params"
[axes]
"network.channels" = [4, 6]
"qat.weight_bits" = [4, 8]
[budget]
at = "output"
at_most = {params = 30000}
[halving]
rungs = 2
[base.rts]
first_steps = 6
"""
