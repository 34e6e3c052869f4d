"""What runs are measured on."""

import numpy as np

from hwrts.data import degrade, open_store
from hwrts.progress import Silent
from hwrts.runs.folder import create_run
from hwrts.runs.session import prepare
from hwrts.settings_file import parse_config

from .tiny import TINY, photographs


def test_validation_pictures_have_no_noise(tmp_path):
    """Trained is on footage; a dB beside bicubic of noise would flatter every network."""
    data = {**TINY["data"], "train": str(photographs(tmp_path / "photos"))}
    noisy = {"read_noise": 6.0, "lr_jpeg": 30, "lr_jpeg_times": 1, "versions": 2}
    config = parse_config({**TINY, "data": data, "degradation": noisy}, "test")
    run = create_run(tmp_path / "run", config, {}, force=False)
    prepare(run, Silent())
    apart = {}
    for part in ("train", "val"):
        store = open_store(run.root / "data" / part)
        original, lr = np.array(store.array(0, "hr")), np.array(store.array(0, "lr"))
        clean = degrade(original, jpeg=80, kernel="bilinear", seed=0)
        apart[part] = np.abs(lr.astype(int) - clean).mean()
    assert apart["val"] == 0
    assert apart["train"] > 2
