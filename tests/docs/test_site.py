"""The pages that are made of the program, and the site: nothing is left out, nothing asks another machine."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
import typer

from docs._site.commands import commands_page
from docs._site.files import FILES, files_page
from hwrts.cli.app import app, register_commands

from .pages import PAGES, ROOT

FETCHED = re.compile(
    r"<(?:link|script|img|iframe)[^>]+(?:href|src)=\"?(?:https?:)?//[^\">]+|url\([\"']?https?://[^)]+"
)


def test_every_command_and_option_has_its_line():
    page = commands_page()
    register_commands()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        section = page.partition(f"## hwrts {name}\n")[2].partition("\n## hwrts ")[0]
        assert section
        for parameter in command.params:
            assert all(f"`{flag}`" in section for flag in parameter.opts if flag.startswith("--"))


def test_every_file_has_its_schema():
    page = files_page()
    assert len(FILES) >= 10
    for file in FILES:
        section = page.partition(f"## {file.name}\n")[2].partition("\n## ")[0]
        assert '"properties"' in section
        assert all(f'"{name}"' in section for name in file.model.model_fields)


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    written = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if ROOT / "docs" in page.parents}
    made = {f"reference/{name}.md" for name in ("commands", "errors", "files")}
    assert set(listed) - made == written
    assert len(listed) == len(set(listed))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs hwrts[docs] (make docs)")
def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]
    assert len(pages) > 20
    assert [(page, found[0]) for page in pages if (found := FETCHED.search(page.read_text("utf-8")))] == []


@pytest.mark.parametrize(
    ("text", "fetched"),
    [
        ('<script src="https://unpkg.com/x.js">', True),
        ('<link rel="stylesheet" href="//fonts.googleapis.com/css">', True),
        ("src: url(https://fonts.gstatic.com/a.woff)", True),
        ('<script src="assets/x.js">', False),
        ('<a href="https://example.com">', False),
    ],
)
def test_what_is_a_fetch(text, fetched):
    assert bool(FETCHED.search(text)) is fetched
