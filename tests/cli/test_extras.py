"""Commands without the libraries of extras: they work, or name the extra."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hwrts.extras import EXTRAS

WITHOUT = (
    "import sys\nfor name in {names}:\n    sys.modules[name] = None\n"
    "from hwrts.cli import main\nsys.argv = ['hwrts', *sys.argv[1:]]\nmain()"
)


def without(folder, *words, names=sum(EXTRAS.values(), ())):  # noqa: B008 - once
    """A process in which they are not installed."""
    command = [sys.executable, "-c", WITHOUT.format(names=names), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "names", "error"),
    [
        (
            ("sweep", "--budget", "params=30k"),
            EXTRAS["sweep"],
            "error: hwrts sweep: optuna, plotly, pyarrow not installed; pip install 'hwrts[sweep]'\n",
        ),
        (
            ("sweep", "--budget", "params=30k", "--cluster", "tcp://127.0.0.1:1", "-q"),
            EXTRAS["cluster"],
            "error: --cluster: distributed not installed; pip install 'hwrts[cluster]'\n",
        ),
    ],
)
def test_a_command_names_its_extra(tmp_path, words, names, error):
    done = without(tmp_path, *words, names=names)
    assert (done.returncode, done.stderr) == (2, error)


def test_clips_name_theirs(finished):
    (finished / "clip.mkv").touch()
    done = without(
        finished, "enhance", "clip.mkv", "-o", "out.mkv", "--run", "runs/tiny", "-q", names=("av",)
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: clips: av not installed; pip install 'hwrts[video]'\n",
    )


def test_the_others_load_none_of_them(finished):
    """What they all import, and the one that proves and writes the page."""
    for words in (
        ("--help",),
        ("cost", "residual"),
        ("verify", "runs/tiny", "--stage", "1", "--layer", "conv_0"),
    ):
        done = without(finished, *words)
        assert done.returncode == 0, done.stderr


def test_a_star_import_takes_what_is_there():
    asked = (
        "import sys\nfor name in ('optuna', 'plotly', 'pyarrow'):\n    sys.modules[name] = None\n"
        "import hwrts\nfrom hwrts import *\n"
        "assert train and load and 'run_sweep' not in globals()\n"
        "try:\n    hwrts.run_sweep\nexcept HwrtsError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("not installed; pip install 'hwrts[sweep]'\n")


def test_every_extra_is_one_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    for extra, names in EXTRAS.items():
        wanted = {line.partition(">=")[0] for line in project["optional-dependencies"][extra]}
        assert wanted == set(names)
        assert not wanted & {line.partition(">=")[0] for line in project["dependencies"]}
