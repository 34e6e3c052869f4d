"""Peak memory of hwrts enhance on a picture of 7680x4320, for each engine, same size and x2.

python benchmarks/memory_8k.py runs/NAME
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from hwrts.data import Photo, load_photo

HEIGHT, WIDTH = 4320, 7680


def peak_mib(run: Path, picture: Path, engine: str, size: str) -> float:
    """Peak resident size of one call, measured in a process that has no other child."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [
        sys.executable, "-m", "hwrts", "enhance", str(picture), "-o", str(picture.with_name("out.png")),
        "--run", str(run), "--engine", engine, size, "--force", "-q",
    ]  # fmt: skip
    printed = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return int(printed.stdout) * unit / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    run: Path = parser.parse_args().run
    coffee = load_photo(Photo("coffee", None))
    times = (-(-HEIGHT // coffee.shape[0]), -(-WIDTH // coffee.shape[1]), 1)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "8k.png"
        Image.fromarray(np.tile(coffee, times)[:HEIGHT, :WIDTH]).save(picture, compress_level=1)
        for engine in ("numpy", "onnxruntime"):
            for size in ("--same-size", "--x2"):
                print(f"{engine:12} {size:12} {peak_mib(run, picture, engine, size):7.0f} MiB")


if __name__ == "__main__":
    main()
