import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

import hwrts
from hwrts.config import RunConfig
from hwrts.errors import ConfigError
from hwrts.runs.settings import resolve_config
from hwrts.settings_file import dump_toml, load_config, parse_config, read_toml, set_entry
from hwrts.settings_page import settings_page
from hwrts.training.device import make_deterministic

SHIPPED = sorted((Path(hwrts.__file__).parent / "configs").glob("*.toml"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"rst": {}}, "test: unknown key 'rst'; did you mean 'rts'?"),
        ({"rts": {"stage": 3}}, "test: unknown key 'rts.stage'; did you mean 'stages'?"),
        ({"qat": {"weight_bit": 8}}, "test: unknown key 'qat.weight_bit'; did you mean 'weight_bits'?"),
        ({"degradation": {"zzz": 1}}, "test: unknown key 'degradation.zzz'; known keys here: jpeg, kernel"),
        (
            {"zzz": 1},
            "unknown key 'zzz'; known keys here: seed, device, precision, data, degradation, ",
        ),
    ],
)
def test_unknown_keys_get_a_suggestion(document, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(document, "test")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("rts", "stages", 0), ("rts", "stages", -1), ("rts", "stages", "many"), ("rts", "stages", True),
        ("rts", "stages", 2.0), ("rts", "max_stages", 1), ("rts", "first_steps", 0), ("rts", "steps", 0),
        ("rts", "epochs", 0), ("rts", "batch", 0), ("rts", "batch", "16"), ("rts", "schedule", "cosine"),
        ("rts", "learning_rate", 0.0), ("rts", "learning_rate", -1e-3),
        ("rts", "learning_rate", float("inf")),
        ("rts", "first_learning_rate", float("nan")), ("qat", "weight_bits", 1), ("qat", "weight_bits", 9),
        ("qat", "activation_bits", 1), ("qat", "activation_bits", 9),
        ("qat", "hidden_bits", 1), ("qat", "hidden_bits", 9), ("qat", "skip_bits", 9), ("qat", "steps", -1),
        ("qat", "learning_rate", 0), ("qat", "layer_weight_bits", 4), ("qat", "layer_weight_bits", {"a": 1}),
        ("qat", "layer_weight_bits", {"a": 9}), ("qat", "layer_weight_bits", {"a": "4"}),
        ("network", "blocks", -1), ("network", "blocks", 65),
        ("network", "channels", 0), ("network", "channels", 1025),
        ("network", "widths", 4), ("network", "widths", {"conv_in": 0}), ("network", "widths", {"a": 2.0}),
        ("data", "patch", 15), ("data", "patch", 17),
        ("data", "crops_per_image", 0), ("data", "val_fraction", 0.0), ("data", "val_fraction", 1.0),
        ("data", "train", 7), ("data", "strict", 1), ("degradation", "kernel", "nearest"),
        ("degradation", "jpeg", 0), ("degradation", "jpeg", 96), ("degradation", "jpeg", [90, 70]),
        ("degradation", "jpeg", [70]), ("degradation", "jpeg", [1, 2, 3]), ("degradation", "jpeg", "best"),
        ("degradation", "jpeg", True), ("degradation", "lr_jpeg", [95, 40]), ("degradation", "versions", 65),
        ("degradation", "blur", [1.0, 0.5]), ("degradation", "blur", 5.0), ("degradation", "kernel", []),
        ("degradation", "read_noise", -1.0), ("degradation", "shot_noise", [6.0, 3.0]),
        ("degradation", "lr_jpeg_times", 9), ("degradation", "lr_subsampling", "4:2:2"),
        ("network", "keeps", "all"), ("network", "padding", "same"), ("rts", "loss", "mse"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(section, key, value):
    with pytest.raises(ConfigError) as caught:
        parse_config({section: {key: value}}, "test")
    message = str(caught.value)
    assert message.startswith(f"test: {section}")
    assert key in message
    assert "is not allowed: " in message
    assert "\n" not in message


def test_what_two_tables_say_together_is_one_sentence():
    with pytest.raises(ConfigError, match=r'^test: rts.loss = "luma" is not allowed: .* colours of residual'):
        parse_config({"rts": {"loss": "luma"}}, "test")


@pytest.mark.parametrize(("key", "value"), [("seed", -1), ("seed", 1.5), ("precision", "fp8"), ("device", 0)])
def test_wrong_top_level_values(key, value):
    with pytest.raises(ConfigError, match=f"test: {key} = .* is not allowed"):
        parse_config({key: value}, "test")


ROUND_TRIPS: list[dict[str, Any]] = [
    {},
    {"rts": {"stages": "auto", "max_stages": 5}},
    {"rts": {"stages": 7, "epochs": 20, "schedule": "constant", "learning_rate": 1e-10}},
    {"degradation": {"jpeg": "none", "kernel": "lanczos"}},
    {"degradation": {"jpeg": [60, 90], "kernel": "box"}},
    {"degradation": {"jpeg": 1}},
    {"seed": 2**40, "device": "cuda:1", "precision": "bf16"},
    {
        "data": {
            "train": 'C:\\photos "new"\t\x7f',
            "val": "Bilder/Ä 🌄",
            "strict": True,
            "patch": 256,
            "val_fraction": 0.25,
        }
    },
    {"network": {"blocks": 0, "channels": 1024}, "qat": {"steps": 0, "weight_bits": 2, "activation_bits": 3}},
    {"qat": {"layer_weight_bits": {"conv_in": 8, "conv.0": 2, "Ä\t": 3}}},
    {"network": {"name": "vdsr", "widths": {"conv_in": 8, "conv_0": 2}}},
]


@pytest.mark.parametrize("document", ROUND_TRIPS)
def test_toml_round_trip(document, tmp_path):
    config = parse_config(document, "test")
    path = tmp_path / "config.toml"
    path.write_bytes(dump_toml(config).encode())
    assert load_config(path) == config
    assert dump_toml(load_config(path)) == dump_toml(config)


def test_written_settings_say_what_each_is():
    """Also one that is not set; and a file without the words is read as before."""
    config = parse_config(ROUND_TRIPS[-1], "test")
    lines = dump_toml(config).splitlines()
    for section in (config, config.data, config.degradation, config.network, config.rts, config.qat):
        for name, field in type(section).model_fields.items():
            if isinstance(getattr(section, name), BaseModel):
                continue
            assert field.description, name
            places = [
                i
                for i, line in enumerate(lines)
                if re.match(rf"(# )?{name} (=|is not set)|\[(qat|network)\.{name}\]", line)
            ]
            above = [" ".join(line.removeprefix("# ") for line in lines[:i]) for i in places]
            assert any(text.endswith(field.description) for text in above), name
    bare = "\n".join(line for line in lines if not line.startswith("#"))
    assert parse_config(tomllib.loads(bare), "test") == config


def test_the_page_of_settings_is_the_generated_one():
    page = (Path(__file__).parents[2] / "docs/settings.md").read_text("utf-8")
    assert page == settings_page(), "make settings"
    assert "| `jpeg` | `80` | whole number, or a range of them, `[low, high]`, or `none` | JPEG" in page
    assert "| `patch` | `128` | whole number, ≥ 16, ≤ 4,096, a multiple of 2 | side" in page


def test_every_field_survives_with_another_value_than_its_default():
    changed = {
        "seed": 3, "device": "cpu", "precision": "float32",
        "data": {"train": "a", "val": "b", "val_fraction": 0.2, "strict": True, "patch": 64,
                 "crops_per_image": 2, "max_megapixels": 9},
        "degradation": {"jpeg": (50, 60), "kernel": "box", "blur": 0.5, "read_noise": 1.5,
                        "shot_noise": (0.5, 1.0), "lr_jpeg": 70, "lr_jpeg_times": (1, 2),
                        "lr_subsampling": "4:2:0", "versions": 3},
        "network": {"name": "sesr", "blocks": 2, "channels": 5, "expand": 2, "padding": "zero",
                    "keeps": "nothing", "colour": "luma", "matrix": "bt601", "range": "full",
                    "chroma": "bilinear", "widths": {"conv_0": 3}},
        "rts": {
            "stages": 2, "max_stages": 3, "first_steps": 4, "steps": 5, "epochs": 6, "batch": 7,
            "first_learning_rate": 0.5, "learning_rate": 0.25, "small_residual": False,
            "bound_targets": False, "teacher": "c", "teacher_share": 0.25,
            "schedule": "constant", "score": False, "stop": "score", "loss": "luma",
        },
        "qat": {
            "steps": 1, "learning_rate": 0.125, "weight_bits": 7, "activation_bits": 6,
            "rounding": "half_even,floor", "exact_additions": True, "one_weight_grid": True,
            "same_size": False, "same_size_steps": 9, "layer_weight_bits": {"conv_in": 2, 'a "b"': 5},
            "accumulator_bits": 16, "layer_accumulator_bits": {"conv_0": 18}, "settle": False,
            "hidden_bits": 5, "skip_bits": 12, "pixel_bits": 8,  # the only one of luma
        },
    }  # fmt: skip
    default, config = RunConfig().model_dump(), parse_config(changed, "test")
    assert config.model_dump() == changed  # no field is missing in the table above
    for section, values in changed.items():
        for key, value in values.items() if isinstance(values, dict) else [("", values)]:
            other = value != (default[section][key] if key else default[section])
            assert other == (key != "pixel_bits"), (section, key)
    deep = parse_config({"qat": {"pixel_bits": 10}}, "test")
    assert (deep.qat.pixel_bits, default["qat"]["pixel_bits"]) == (10, 8)
    assert parse_config(tomllib.loads(dump_toml(deep)), "test") == deep
    assert parse_config(tomllib.loads(dump_toml(config)), "test") == config


def test_jpeg_range():
    found = [
        parse_config({"degradation": {"jpeg": jpeg}}, "test").degradation.jpeg_range
        for jpeg in (80, [60, 90], [60, 60], "none")
    ]
    assert found == [(80, 80), (60, 90), (60, 60), None]


def test_stage_limit():
    assert parse_config({"rts": {"stages": 5}}, "test").stage_limit == 5
    assert parse_config({"rts": {"stages": "auto", "max_stages": 6}}, "test").stage_limit == 6


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().rts.stages = 9  # type: ignore[misc]


def test_shipped_configurations_load():
    assert SHIPPED
    for path in SHIPPED:
        config = load_config(path)
        assert parse_config(tomllib.loads(dump_toml(config)), "test") == config


def test_settings_of_a_run_from_before_there_was_a_padding_mean_zeros(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("\n".join(line for line in dump_toml(RunConfig()).split("\n") if "padding" not in line))
    assert load_config(path).network.padding == "zero"
    path.write_text("[network]\nblocks = 1\n")
    assert resolve_config(str(path), {}).network.padding == "replicate"  # of a file for new runs
    (tmp_path / "run.json").write_text("{}")
    assert resolve_config(str(path), {}).network.padding == "zero"
    assert resolve_config(str(path), {"network.padding": "replicate"}).network.padding == "replicate"
    path.write_text("network = 3")
    with pytest.raises(ConfigError, match="network = 3 is not allowed"):
        load_config(path)


def test_paper_configuration_is_the_papers():
    config = load_config(next(path for path in SHIPPED if path.name == "paper.toml"))
    assert (config.network.blocks, config.network.channels, config.network.padding) == (3, 64, "zero")
    assert (config.data.patch, config.data.crops_per_image) == (256, 100)
    assert (config.rts.batch, config.rts.epochs, config.rts.schedule) == (8, 20, "constant")
    assert config.rts.first_learning_rate == config.rts.learning_rate == 1e-3


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"[rts]\nstages = 1\nstages = 2\n"])
def test_files_that_are_not_toml(content, tmp_path):
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.toml: not TOML"):
        read_toml(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read .*give a TOML file"):
        load_config(tmp_path / "no.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


ENDLESS = {
    "a key of 50,000 parts": "a" + ".a" * 50_000 + " = 1",
    "a quoted one": '"a"' + " . 'a'" * 50_000 + " = 1",
    "a table of 50,000 parts": "[a" + ".a" * 50_000 + "]",
    "one in an inline table": "b = {a" + ".a" * 50_000 + " = 1}",
    "lists in lists": "a = " + "[" * 100_000,
    "tables in tables": "a = " + "{a = " * 3000,
    "5,000 digits": "a = " + "9" * 5000,
    "two megabytes": "#" * 2_000_000,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_toml_that_would_take_minutes_or_all_the_stack(name, tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(ENDLESS[name])
    with pytest.raises(ConfigError, match=r"c\.toml: (not TOML|cannot be read)") as caught:
        read_toml(path)
    assert len(str(caught.value)) < 300


def test_a_dotted_name_of_many_parts_is_refused():
    with pytest.raises(ConfigError, match=r"sweep: a\.a.* is not allowed: a key of 50000 parts"):
        set_entry({}, ".".join("a" * 50_000), 1, "sweep")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 2**63), ("data.crops_per_image", 10**9), ("data.patch", 10**6), ("data.train", "a\0b"),
        ("data.val", "\0"), ("rts.batch", 10**9), ("rts.steps", 10**10), ("rts.first_steps", 10**10),
        ("rts.epochs", 10**9), ("rts.stages", 10**9), ("rts.max_stages", 10**9), ("rts.learning_rate", 1e300),
        ("rts.first_learning_rate", 1e300), ("qat.learning_rate", 1e300), ("qat.steps", 10**10),
        ("qat.same_size_steps", 10**10),
    ],
)  # fmt: skip
def test_numbers_that_would_fail_later_or_never_end(name, value):
    """They passed the checks, and torch, NumPy or the memory ended the run after its start."""
    document: dict[str, Any] = {}
    set_entry(document, name, value, "test")
    with pytest.raises(ConfigError, match=rf"test: {name} = .* is not allowed: "):
        parse_config(document, "test")


def test_the_largest_seed_is_one_for_every_generator():
    largest = parse_config({"seed": 2**63 - 1}, "test").seed
    make_deterministic(largest)
    np.random.default_rng((largest * 1000 + 100, 3)).permutation(4)
