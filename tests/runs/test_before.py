"""Settings of runs that were made before there was a choice keep what they had."""

import tomllib

import pytest
import tomli_w

from hwrts.config import RunConfig
from hwrts.runs.folder import RunFolder
from hwrts.runs.settings import resolve_config
from hwrts.settings_file import BEFORE, dump_toml

from .tiny import Lines


@pytest.mark.parametrize(
    ("setting", "now", "before"), [("keeps", "grey", "nothing"), ("padding", "replicate", "zero")]
)
def test_a_run_without_the_setting_has_what_runs_had(tmp_path, setting, now, before):
    text = dump_toml(RunConfig())
    (tmp_path / "config.toml").write_text(text.replace(f'{setting} = "{now}"\n', ""))
    assert getattr(RunFolder(tmp_path).config.network, setting) == before
    (tmp_path / "config.toml").write_text(text)
    assert getattr(RunFolder(tmp_path).config.network, setting) == now


def test_a_copy_of_an_older_run_s_settings_is_trained_as_that_run(tmp_path):
    """Wherever the file is now: that it names every setting of its time says what it is."""
    older = tomllib.loads(dump_toml(RunConfig()))
    for table, later in BEFORE.items():
        for key in later:
            older[table].pop(key, None)  # what is none is not written
    copy = tmp_path / "my.toml"
    copy.write_text(tomli_w.dumps(older))
    lines = Lines()
    resolved = resolve_config(str(copy), {"rts.steps": 7}, lines)
    assert (resolved.network.padding, resolved.network.keeps) == ("zero", "nothing")
    assert (resolved.degradation.versions, resolved.rts.bound_targets) == (1, False)
    (said,) = lines.said
    assert "network.padding = zero" in said
    assert "rts.loss = squared" in said


@pytest.mark.parametrize("left_out", ["batch", "seed", "[data]", "weight_bits"])
def test_settings_that_name_less_take_today_s(tmp_path, left_out):
    text = dump_toml(RunConfig())
    mine = tmp_path / "my.toml"
    for key in (left_out, "padding"):
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"{key} ="))
    if left_out == "[data]":
        text = text[: text.index("[data]")] + text[text.index("[degradation]") :]
    mine.write_text(text)
    assert resolve_config(str(mine), {}).network.padding == "replicate"
