"""Settings of runs that were made before there was a choice keep what they had."""

import pytest

from hwrts.config import RunConfig
from hwrts.runs.folder import RunFolder
from hwrts.settings_file import dump_toml


@pytest.mark.parametrize(
    ("setting", "now", "before"), [("keeps", "grey", "nothing"), ("padding", "replicate", "zero")]
)
def test_a_run_without_the_setting_has_what_runs_had(tmp_path, setting, now, before):
    text = dump_toml(RunConfig())
    (tmp_path / "config.toml").write_text(text.replace(f'{setting} = "{now}"\n', ""))
    assert getattr(RunFolder(tmp_path).config.network, setting) == before
    (tmp_path / "config.toml").write_text(text)
    assert getattr(RunFolder(tmp_path).config.network, setting) == now
