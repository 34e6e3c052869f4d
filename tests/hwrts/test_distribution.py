"""What is published: archives with plain folders where the checkout has links, and an image of one file."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from ..docs.test_examples import parse

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """sdist and wheel of what git knows here."""
    folder = tmp_path_factory.mktemp("archives")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    source = folder / "source"
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "dist"


@pytest.mark.slow
def test_archives_have_real_folders_stubs_and_no_tests(archives):
    (sdist,) = archives.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        members = {each.name.partition("/")[2]: each for each in tar.getmembers()}
    assert not [name for name, each in members.items() if each.issym() or each.islnk()]
    assert {"export/__init__.py", "fixed_point/__init__.py", "hwrts/__init__.pyi"} <= set(members)
    (wheel,) = archives.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    for name in ("export/__init__.py", "fixed_point/network.py", "__init__.pyi", "py.typed", "api/train.py"):
        assert f"hwrts/{name}" in names
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"hwrts"}
    assert "Description-Content-Type: text/markdown" in about
    assert "# hwrts\n" in about
    assert re.findall(r"\]\((?!https?://)[^)]*\)", about) == []


def test_the_project_says_what_it_is():
    assert (
        f"Programming Language :: Python :: {PROJECT['requires-python'].removeprefix('>=')}"
        in (PROJECT["classifiers"])
    )
    assert "Typing :: Typed" in PROJECT["classifiers"]
    for link in re.findall(r"https?://[^\s)`\"]+", (ROOT / "README.md").read_text("utf-8")):
        assert "example" not in link, f"{link}: leads nowhere"


SAID = (
    "![Seen](docs/a.png) of [docs/b.md](docs/b.md), [steps](docs/c.md), [it](https://there.org/x) ([1](#1))"
)


@pytest.mark.parametrize(
    ("repository", "published"),
    [
        (None, " of docs/b.md, steps (docs/c.md), [it](https://there.org/x) ([1](#1))"),
        (
            "https://here.org/hwrts/",
            "![Seen](https://here.org/hwrts/raw/main/docs/a.png) of "
            "[docs/b.md](https://here.org/hwrts/blob/main/docs/b.md), "
            "[steps](https://here.org/hwrts/blob/main/docs/c.md), [it](https://there.org/x) ([1](#1))",
        ),
    ],
)
def test_links_of_the_published_readme_need_no_file_beside_it(repository, published):
    assert runpy.run_path(str(ROOT / "setup.py"))["published"](SAID, repository) == published


def test_the_image_takes_what_its_file_copies():
    """Nothing is copied that .dockerignore leaves out, and all that the build needs is."""
    kept = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    copied = {
        word
        for line in re.findall(r"^COPY (.+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert {"README.md", "pyproject.toml", "setup.py", "hwrts", "export", "fixed_point"} <= copied


def test_what_the_image_runs_is_there():
    """Its instructions name copied files and a command of the package; its examples are commands of hwrts."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = [line for line in text.replace("\\\n", "").splitlines() if line and not line.startswith("#")]
    said = [line.partition(" ")[::2] for line in lines]
    assert {name for name, _ in said} <= {"FROM", "ARG", "COPY", "RUN", "ENV", "WORKDIR", "ENTRYPOINT", "CMD"}
    folders = [words.split()[-1] for name, words in said if name == "COPY"]
    for path in re.findall(r"/source/(\S+)", " ".join(words for name, words in said if name == "RUN")):
        assert "/source/" in folders
        assert (ROOT / path).exists(), path
    (entry,) = (json.loads(words) for name, words in said if name == "ENTRYPOINT")
    (default,) = (json.loads(words) for name, words in said if name == "CMD")
    assert set(entry) <= set(PROJECT["scripts"])
    assert default == ["--help"]
    for command in re.findall(r"docker run .* hwrts (.*)$", text, re.MULTILINE):
        parse(f"hwrts {command}")


def _docker() -> bool:
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(["docker", "info"], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_image_is_built_and_says_its_version():
    if not _docker():
        pytest.skip("needs docker and its daemon")
    subprocess.run(["docker", "build", "-t", "hwrts-test", str(ROOT)], check=True)
    command = ["docker", "run", "--rm", "hwrts-test", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"hwrts {PROJECT['version']}"
