"""The table of errors has every message, each with what to do, and names a test that is there."""

import re

import pytest

from docs._site.errors import errors_page, produced, refusals

from .pages import ROOT


def test_every_message_is_in_the_table_as_cause_and_remedy():
    page, found = errors_page(), refusals()
    assert len(found) > 400
    rows = [line for line in page.splitlines() if line.startswith("| ") and "| kind |" not in line]
    assert len(rows) == len(found)


def test_a_message_is_taken_apart():
    (loaded,) = (each for each in refusals() if "is not a run folder (no run.json)" in each.message)
    place = ("hwrts/runs/folder.py", "open_run", "RunFolderError")
    assert (loaded.file, loaded.function, loaded.kind) == place
    assert (loaded.cause, loaded.remedy) == (
        "...: is not a run folder (no run.json)",
        "hwrts run makes one",
    )


def test_the_tests_that_are_named_are_there():
    names = set(produced().values())
    assert len(names) > 20
    for name in names:
        path, _, function = name.partition("::")
        text = (ROOT / path).read_text("utf-8")
        assert re.search(rf"def {function.rpartition('::')[2]}\(", text), name


@pytest.mark.slow
def test_every_message_was_produced_by_a_test():
    """For every night; how a new message's test is noted, docs/_site/errors.py says."""
    tests = produced()
    silent = [each.key for each in refusals() if each.key not in tests]
    assert silent == []
