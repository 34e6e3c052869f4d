"""Settings of runs that were made before there was a choice keep what they had."""

from hwrts.config import RunConfig
from hwrts.runs.folder import RunFolder
from hwrts.settings_file import dump_toml


def test_a_run_without_the_setting_keeps_nothing(tmp_path):
    text = dump_toml(RunConfig())
    (tmp_path / "config.toml").write_text(text.replace('keeps = "grey"\n', ""))
    assert RunFolder(tmp_path).config.network.keeps == "nothing"
    (tmp_path / "config.toml").write_text(text)
    assert RunFolder(tmp_path).config.network.keeps == "grey"


def test_a_run_without_the_setting_pads_with_zeros(tmp_path):
    text = dump_toml(RunConfig())
    (tmp_path / "config.toml").write_text(text.replace('padding = "replicate"\n', ""))
    assert RunFolder(tmp_path).config.network.padding == "zero"
    (tmp_path / "config.toml").write_text(text)
    assert RunFolder(tmp_path).config.network.padding == "replicate"
