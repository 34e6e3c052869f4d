import hashlib
import io
import json
import os
import shutil
import zipfile
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from hwrts.fixed_point import (
    JSON_NAME,
    NPZ_NAME,
    PIXEL,
    Add,
    Clip,
    DepthToSpace,
    HwrtsError,
    Input,
    Lookup,
    MaxPool,
    Network,
    Padding,
    PRelu,
    Repeat,
    Rounding,
    Scale,
    Upsample,
    file,
    load_network,
    run,
    save_network,
)
from hwrts.fixed_point.file import _sealed
from hwrts.fixed_point.stored import read_file, unpack_npz

from .build import anchor_network, conv, noise, one_conv, upsampled_network

SAMPLES = 200


@pytest.fixture
def saved(tmp_path):
    save_network(anchor_network(), tmp_path)
    return tmp_path


def refused(folder, message=None):
    """Exactly HwrtsError, one line, with the path in it."""
    with pytest.raises(HwrtsError, match=message) as caught:
        load_network(folder)
    assert caught.type is HwrtsError
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def assert_same(found, expected):
    """Equal weights: networks of two seeds have others."""
    for ours, theirs in zip(found.convs, expected.convs, strict=True):
        assert np.array_equal(ours.weight_i8, theirs.weight_i8)


def loads(folder):
    """Whether a network can be loaded; anything but a one-line HwrtsError is a failure."""
    try:
        load_network(folder)
    except HwrtsError as error:
        message = str(error)
    else:
        return True
    assert "\n" not in message
    assert len(message) < 600, message
    return False


def rewrite(folder, change):
    """Change the description and seal it again: what a faulty writer, not a damaged disk, would leave."""
    document = json.loads((folder / JSON_NAME).read_bytes())
    document.pop("json_sha256")
    document = change(document) or document
    (folder / JSON_NAME).write_bytes(_sealed(document))


def replace_arrays(folder, payload):
    """Put other bytes in place of the arrays, with the right checksum."""
    (folder / NPZ_NAME).write_bytes(payload)

    def change(document):
        document["npz_sha256"] = hashlib.sha256(payload).hexdigest()

    rewrite(folder, change)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def arrays_of(folder):
    with np.load(folder / NPZ_NAME) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.parametrize("make", [anchor_network, upsampled_network])
@pytest.mark.parametrize("rounding", Rounding)
def test_round_trip(tmp_path, rounding, make):
    network = make(rounding)
    save_network(network, tmp_path)
    loaded = load_network(tmp_path)
    assert (loaded.inputs, loaded.rounding) == (network.inputs, rounding)
    assert sorted(path.name for path in tmp_path.iterdir()) == [JSON_NAME, NPZ_NAME]
    for old, new in zip(network.layers, loaded.layers, strict=True):
        assert type(old) is type(new)
        assert (old.name, old.sources) == (new.name, new.sources)
        assert network.formats[old.name] == loaded.formats[new.name]
    for old, new in zip(network.convs, loaded.convs, strict=True):
        assert old.weight_bits == new.weight_bits
        for field in ("weight_i8", "weight_frac", "bias_i32"):
            assert getattr(old, field).dtype == getattr(new, field).dtype
            assert np.array_equal(getattr(old, field), getattr(new, field))
    codes = noise(network, 5, 6)
    assert np.array_equal(run(network, codes), run(loaded, codes))


OLD = """{
 "schema": "hwrts.fixed_point.Network",
 "schema_version": 2,
 "npz_sha256": "%s",
 "rounding": "half_up",
 "inputs": [{"name": "x", "channels": 1, "format": {"signed": false, "bits": 8, "frac": 8}}],
 "layers": [
  {"op": "Conv", "name": "c", "sources": ["x"],
   "format": {"signed": true, "bits": 8, "frac": 8}, "weight_bits": 8},
  {"op": "Add", "name": "s", "sources": ["x", "c"], "format": {"signed": false, "bits": 8, "frac": 8}},
  {"op": "Repeat", "name": "y", "sources": ["s"], "factor": 2}
 ],
 "proofs": {"c": {"lowest": [-382], "highest": [128], "partial_sum": [639], "bits": [10],
                  "exact_in": ["int32", "float64", "float32"]},
            "s": {"lowest": [-128], "highest": [382], "partial_sum": [383], "bits": [10],
                  "exact_in": ["int32", "float64", "float32"]}},
"""


def test_a_file_from_before_the_operators_of_section_8_is_read(tmp_path):
    """Written down by hand as version 0.1 had it: new operators must not make old files unreadable."""
    arrays = {"weight": np.int8, "weight_frac": np.int32, "bias": np.int32}
    values = {"weight": [[[[-2]]]], "weight_frac": [1], "bias": [128]}
    payload = npz(**{f"c.{part}": np.array(values[part], dtype) for part, dtype in arrays.items()})
    (tmp_path / NPZ_NAME).write_bytes(payload)
    body = (OLD % hashlib.sha256(payload).hexdigest()).encode()
    seal = f' "json_sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()
    (tmp_path / JSON_NAME).write_bytes(body + seal)
    assert run(load_network(tmp_path), np.array([[[3]]], np.uint8)).ravel().tolist() == [64] * 4


def test_the_same_network_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    for folder, network in ((first, upsampled_network()), (second, upsampled_network())):
        folder.mkdir()
        save_network(network, folder)
    save_network(load_network(first), first)
    for name in (JSON_NAME, NPZ_NAME):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_padding_is_written_where_it_is_not_zero(tmp_path):
    """A file from before convolutions had a padding says nothing of it, and is written again as it was."""
    zero = conv("c", "x", np.ones((1, 1, 3, 3)))
    network = one_conv(replace(zero, padding=Padding.REPLICATE))
    save_network(one_conv(zero), tmp_path)
    old = (tmp_path / JSON_NAME).read_bytes()
    assert b"padding" not in old
    save_network(load_network(tmp_path), tmp_path)
    assert (tmp_path / JSON_NAME).read_bytes() == old
    save_network(network, tmp_path)
    (layer,) = load_network(tmp_path).convs
    assert layer.padding is Padding.REPLICATE
    assert json.loads((tmp_path / JSON_NAME).read_bytes())["layers"][0]["padding"] == "replicate"


def test_shapes_of_convolutions_and_windows_come_back(tmp_path):
    """And what has its default is not written: files of before stay as they were."""
    plain = conv("c", "x", np.ones((4, 1, 3, 3)), out=PIXEL)
    layer = replace(plain, groups=4, stride=2, dilation=2, pads=(2, 1, 2, 3), padding=Padding.REFLECT)
    pool = MaxPool("m", "c", (3, 2), 2, (1, 0, 1, 0))
    network = Network((Input("x", 4, PIXEL),), (layer, pool, MaxPool("y", "m", (2, 2), 1, (0, 0, 1, 1))))
    save_network(network, tmp_path)
    read = load_network(tmp_path)
    for name in ("groups", "stride", "dilation", "pads", "padding"):
        assert getattr(read.layer("c"), name) == getattr(layer, name)
    assert read.layers[1:] == network.layers[1:]
    entries = json.loads((tmp_path / JSON_NAME).read_bytes())["layers"]
    assert entries[0]["pads"] == [2, 1, 2, 3]
    save_network(one_conv(conv("c", "x", np.ones((1, 1, 3, 3)))), tmp_path)
    entry = json.loads((tmp_path / JSON_NAME).read_bytes())["layers"][0]
    assert not {"groups", "stride", "dilation", "pads", "padding"} & set(entry)


@pytest.mark.parametrize("wrong", [[1, 1, 1], [1, 1, 1, "1"], [1, 1, 1, True], "1111", 1, {}])
def test_wrong_pads(tmp_path, wrong):
    save_network(one_conv(conv("c", "x", np.ones((1, 1, 3, 3)))), tmp_path)
    rewrite(tmp_path, lambda document: document["layers"][0].update(pads=wrong))
    refused(tmp_path)


@pytest.mark.parametrize("wrong", ["mirror", "", 1, True, None, ["replicate"]])
def test_wrong_paddings(tmp_path, wrong):
    save_network(one_conv(conv("c", "x", np.ones((1, 1, 3, 3)))), tmp_path)
    rewrite(tmp_path, lambda document: document["layers"][0].update(padding=wrong))
    refused(tmp_path)


def test_memory_order_does_not_change_the_bytes(tmp_path):
    weight = np.arange(2 * 3 * 9).reshape(2, 3, 3, 3)
    orders = {"1": np.ascontiguousarray(weight, np.int8), "2": np.asfortranarray(weight, np.int8)}
    for name, ordered in orders.items():
        (tmp_path / name).mkdir()
        save_network(one_conv(conv("c", "x", ordered)), tmp_path / name)
    assert (tmp_path / "1" / NPZ_NAME).read_bytes() == (tmp_path / "2" / NPZ_NAME).read_bytes()


def test_names_beyond_ascii_round_trip(tmp_path):
    save_network(one_conv(conv("Schicht/1 ü.β", "x", np.ones((1, 1, 1, 1)))), tmp_path)
    assert load_network(tmp_path).output == "Schicht/1 ü.β"


def test_the_checksum_is_that_of_the_bytes_before_its_line(saved):
    payload = (saved / JSON_NAME).read_bytes()
    before, after = payload.split(b' "json_sha256": "')
    assert after == hashlib.sha256(before).hexdigest().encode() + b'"\n}\n'


def test_saving_into_no_folder(tmp_path):
    with pytest.raises(HwrtsError, match="cannot be written"):
        save_network(anchor_network(), tmp_path / "missing")


@pytest.mark.parametrize("name", [JSON_NAME, NPZ_NAME])
def test_every_single_changed_byte_is_caught(saved, name):
    seed = 41
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    path = saved / name
    original = path.read_bytes()
    positions = rng.choice(len(original), SAMPLES, replace=False).tolist()
    positions += [0, 1, len(original) - 2, len(original) - 1]
    for position in positions:
        old = original[position]
        for new in {old ^ 1, old ^ 0x20, 0, 0x20, 0x0A, 0xFF, int(rng.integers(256))} - {old}:
            path.write_bytes(original[:position] + bytes([new]) + original[position + 1 :])
            refused(saved)
    path.write_bytes(original)
    load_network(saved)


@pytest.mark.parametrize("name", [JSON_NAME, NPZ_NAME])
def test_truncation_and_growth_are_caught(saved, name):
    path = saved / name
    original = path.read_bytes()
    lengths = [*np.linspace(0, len(original) - 1, 150).astype(int).tolist(), 1, 2, 3, len(original) - 2]
    for length in lengths:
        path.write_bytes(original[:length])
        refused(saved)
    for tail in (b"\n", b" ", b"\0", b"}", original):
        path.write_bytes(original + tail)
        refused(saved)
    path.write_bytes(b"\xef\xbb\xbf" + original)
    refused(saved)


@pytest.mark.parametrize("name", [JSON_NAME, NPZ_NAME])
def test_missing_files_and_folders(saved, name):
    (saved / name).unlink()
    assert name in refused(saved, "cannot be read .No such file")
    (saved / name).mkdir()
    refused(saved, "cannot be read .Is a directory")
    shutil.rmtree(saved)
    refused(saved, "cannot be read")


def test_files_of_two_networks_do_not_mix(saved, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    save_network(anchor_network(seed=9), other)
    shutil.copy(other / NPZ_NAME, saved)
    refused(saved, "do not match the checksum in network.json")


def test_a_pair_that_is_replaced_while_it_is_read_is_read_again(saved, monkeypatch):
    """network.json was of the old network, network.npz of the new one: refused as damaged."""
    other, read = anchor_network(seed=9), read_file

    def replaced_in_between(path, limit):
        payload = read(path, limit)
        if path.name == JSON_NAME:
            monkeypatch.undo()
            save_network(other, saved)
        return payload

    monkeypatch.setattr(file, "read_file", replaced_in_between)
    assert_same(load_network(saved), other)


def test_two_writers_of_one_folder_share_no_temporary_file(saved, monkeypatch):
    """Both wrote to network.npz.tmp: one renamed what the other one was writing, which then found no file."""
    first, second, flushed = anchor_network(seed=1), anchor_network(seed=2), os.fsync

    def another_in_between(descriptor):
        monkeypatch.undo()
        save_network(second, saved)
        flushed(descriptor)

    monkeypatch.setattr(os, "fsync", another_in_between)
    save_network(first, saved)
    assert_same(load_network(saved), first)
    assert sorted(path.name for path in saved.iterdir()) == [JSON_NAME, NPZ_NAME]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "3",
        '"x"',
        "[]",
        "{}",
        "[1, 2]",
        "NaN",
        "{",
        '{"schema": 1}',
        "[" * 100_000,
        "\ud800",
        "\0" * 9,
    ],
)
def test_other_json(saved, text):
    (saved / JSON_NAME).write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema_version", 3),
        ("schema_version", "1"),
        ("schema_version", None),
        ("schema", "x"),
        ("schema", []),
    ],
)
def test_wrong_schema(saved, key, value):
    rewrite(saved, lambda document: document | {key: value})
    refused(saved, "is not readable here; this is hwrts.fixed_point.Network version 2")


def test_proofs_of_other_integers_are_refused(saved):
    def forge(document):
        name = next(iter(document["proofs"]))
        document["proofs"][name]["highest"][0] -= 1
        return document

    rewrite(saved, forge)
    refused(saved, "its proofs are not those of its integers")


def test_a_newer_version_is_named_before_its_checksum(saved):
    path = saved / JSON_NAME
    path.write_bytes(path.read_bytes().replace(b'"schema_version": 2', b'"schema_version": 3'))
    refused(saved, "version 3 is not readable here")


WRONG: list[Any] = [
    None,
    True,
    1,
    -1,
    0,
    1.0,
    8.5,
    float("nan"),
    float("inf"),
    10**40,
    "",
    "x",
    "8",
    [],
    ["x"],
    [[]],
    {},
    {"a": 1},
]


def fields(value, path=()):
    """Every place in a JSON document, leaves and containers."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from fields(child, (*path, key))


def test_wrong_values_in_every_field(tmp_path, monkeypatch):
    """With a right checksum: each is refused, unless the value is a legal one that makes a legal network."""
    monkeypatch.setattr(file, "unpack_npz", cache(unpack_npz))  # the same arrays 2,955 times
    first, bigger = conv("c", "x", np.ones((4, 4, 1, 1))), Repeat("u", "s", 2)
    layers = (
        first,
        Add("s", ("x", "c"), PIXEL),
        bigger,
        DepthToSpace("d", "u", 2),
        Scale("m", "d", 100, 7, PIXEL),
        PRelu("p", "m", np.array([3], np.int8), 5, PIXEL),
        Upsample("i", "p", "bilinear", 2, PIXEL),
        Clip("l", "i", 3, 200),
        Lookup("t", "l", np.arange(256, dtype=np.int16), PIXEL),
    )
    save_network(Network((Input("x", 4, PIXEL),), layers), tmp_path)
    original = json.loads((tmp_path / JSON_NAME).read_bytes())
    original.pop("json_sha256")
    accepted = []
    apart = {}  # what is in a format is read by one function: of the last one alone
    for path in fields(original):
        within = path[path.index("format") + 1 :] if "format" in path else ()
        apart[within or path] = path
    for path in apart.values():
        for wrong in WRONG:
            document = json.loads(json.dumps(original))
            place = document
            for key in path[:-1]:
                place = place[key]
            if type(place[path[-1]]) is type(wrong) and place[path[-1]] == wrong:
                continue
            place[path[-1]] = wrong
            (tmp_path / JSON_NAME).write_bytes(_sealed(document))
            if loads(tmp_path):
                accepted.append(next(key for key in reversed(path) if isinstance(key, str)))
    # another sign, position of the point, limit, or x + x is a legal network, if not the one that was saved
    assert set(accepted) <= {"signed", "frac", "name", "sources", "low", "high"}, accepted


@pytest.mark.parametrize("make", [anchor_network, upsampled_network])
def test_missing_and_unknown_fields(tmp_path, make):
    saved = tmp_path
    save_network(make(), saved)
    original = json.loads((saved / JSON_NAME).read_bytes())
    original.pop("json_sha256")
    for path in [(key,) for key in original] + [
        ("inputs", 0),
        ("inputs", 0, "format"),
        *(("layers", k) for k in range(len(original["layers"]))),
    ]:
        document = json.loads(json.dumps(original))
        place = document
        for key in path[:-1]:
            place = place[key]
        target = place[path[-1]]
        if isinstance(target, dict):
            target["colour"] = "blue"
        else:
            del place[path[-1]]
        (saved / JSON_NAME).write_bytes(_sealed(document))
        refused(saved)
        if isinstance(target, dict):
            del target["colour"]
            for key in list(target):
                kept = target.pop(key)
                (saved / JSON_NAME).write_bytes(_sealed(document))
                refused(saved)
                target[key] = kept


@pytest.mark.parametrize(
    ("index", "sources"),
    [
        (0, []),
        (0, ["x", "x"]),
        (0, "x"),
        (2, ["in"]),
        (2, ["in", "in", "in"]),
        (7, ["d", "d"]),
        (8, [3]),
        (0, ["y"]),
    ],
)
def test_wrong_sources(saved, index, sources):
    rewrite(saved, lambda document: document["layers"][index].update(sources=sources))
    refused(saved, "sources|not made before it")


@pytest.mark.parametrize("op", ["conv", "Relu", None, [], "Input", "__class__"])
def test_unknown_operators(saved, op):
    rewrite(saved, lambda document: document["layers"][0].update(op=op))
    refused(saved, "unknown operator .*; known are Conv, Add, Scale, PRelu, DepthToSpace, Repeat, Upsample")


def test_proofs_of_every_operator_are_in_the_file(tmp_path):
    save_network(upsampled_network(), tmp_path)
    proofs = json.loads((tmp_path / JSON_NAME).read_bytes())["proofs"]
    assert list(proofs) == [layer.name for layer in upsampled_network().layers]
    assert proofs["up"]["highest"] == [19744 * 255] * 4
    assert proofs["soft"] == {
        "lowest": [-6528],
        "highest": [6477],
        "partial_sum": [6528],
        "bits": [14],
        "exact_in": ["int32", "float64", "float32"],
    }
    assert proofs["leaky"]["lowest"] == [5 * -128, 0, 0, 127 * -128]


@pytest.mark.parametrize("wrong", [np.zeros(4, np.int16), np.zeros((4, 1), np.int8), np.zeros(3, np.int8)])
def test_wrong_slopes(tmp_path, wrong):
    save_network(upsampled_network(), tmp_path)
    arrays = arrays_of(tmp_path)
    replace_arrays(tmp_path, npz(**arrays | {"leaky.slope": wrong}))
    refused(tmp_path, "layer 'leaky': .*slopes")
    del arrays["leaky.slope"]
    replace_arrays(tmp_path, npz(**arrays))
    refused(tmp_path, "has no array 'leaky.slope'")


def test_an_illegal_network_is_named_with_its_file(saved):
    rewrite(saved, lambda document: document["layers"][0].update(weight_bits=2))
    assert "range of 2 bits" in refused(saved, "layer 'in': a weight code is outside")


def test_missing_and_extra_arrays(saved):
    arrays = arrays_of(saved)
    for name in list(arrays):
        kept = arrays.pop(name)
        replace_arrays(saved, npz(**arrays))
        refused(saved, f"has no array '{name}'")
        arrays[name] = kept
    replace_arrays(saved, npz(**arrays, stowaway=np.zeros(3)))
    refused(saved, "array 'stowaway' belongs to no layer")
    replace_arrays(saved, npz())
    refused(saved, "has no array")


@pytest.mark.parametrize("name", ["in.weight", "in.bias", "in.weight_frac"])
def test_wrong_dtypes_and_shapes(saved, name):
    arrays = arrays_of(saved)
    good = arrays[name]
    for dtype in (np.float32, np.float64, np.int16, np.uint8, np.int64, ">i4", "S4", "U2", bool, complex):
        replace_arrays(saved, npz(**arrays | {name: good.astype(dtype)}))
        refused(saved, "use int8, int32, int32")
    for wrong in (
        good[:0],
        good[:-1],
        good[None],
        good.ravel()[0],
        good.reshape(1, -1),
        np.concatenate([good] * 2),
    ):
        replace_arrays(saved, npz(**arrays | {name: wrong}))
        refused(saved)


def test_pickles_are_refused(saved):
    arrays = arrays_of(saved)
    replace_arrays(saved, npz(**arrays | {"in.bias": np.array([{}, 1, 2, 3, 4, 5, 6, 7], object)}))
    refused(saved, "not an npz archive of plain integer arrays")


def corrupted_member(payload, name, change):
    """The archive with one member's bytes changed and its zip checksums right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            new.writestr(member, change(content) if member == name else content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b"",
        lambda b: b[:5],
        lambda b: b[:40],
        lambda b: b[:-1],
        lambda b: b.replace(b"NUMPY", b"NUMPI"),
        lambda b: b.replace(b"descr", b"dscer"),
        lambda b: b.replace(b"<i4", b"|O8"),
        lambda b: b.replace(b"(8,)", b"(-8)"),
        lambda b: b.replace(b"(8,)", b"(8,("),
        lambda b: b.replace(b"(8,)", b"9**9"),
        lambda b: b"\x80\x04K\x01.",
    ],
)
def test_damaged_arrays_inside_a_right_archive(saved, change):
    payload = (saved / NPZ_NAME).read_bytes()
    replace_arrays(saved, corrupted_member(payload, "in.bias.npy", change))
    refused(saved)


@pytest.mark.parametrize("payload", [b"", b"PK", b"PK\x03\x04" + b"\0" * 50, b"\x80\x04K\x01.", b"x" * 999])
def test_no_archive_at_all(saved, payload):
    replace_arrays(saved, payload)
    refused(saved, "not an npz archive of plain integer arrays")


def test_a_plain_npy_file(saved):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3, np.int8))
    replace_arrays(saved, buffer.getvalue())
    refused(saved, "not an npz archive of plain integer arrays")


def test_every_changed_byte_of_the_archive_behind_a_right_checksum(saved):
    """Zip and NumPy find some themselves; whatever is left must still be a legal network or HwrtsError."""
    seed = 42
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    original = (saved / NPZ_NAME).read_bytes()
    for position in rng.choice(len(original), SAMPLES, replace=False).tolist():
        changed = (
            original[:position]
            + bytes([original[position] ^ int(rng.integers(1, 256))])
            + original[position + 1 :]
        )
        replace_arrays(saved, changed)
        loads(saved)
