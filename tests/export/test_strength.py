"""The strength of a correction in the file that is handed over, in C and in Verilog."""

import ctypes
import shutil
import subprocess

import numpy as np
import onnx
import pytest

from hwrts.export import open_session, to_onnx, verify
from hwrts.export.c import CWitness, build, c_files
from hwrts.export.c.library import NativeModel
from hwrts.export.c.traced import TracedModel
from hwrts.export.runtime import run_session_all
from hwrts.export.witness import stored_inputs
from hwrts.fixed_point import (
    PIXEL,
    STRONGEST,
    Add,
    Adjusted,
    Clip,
    Format,
    HwrtsError,
    Input,
    Lookup,
    MaxPool,
    Multiply,
    Network,
    Rounding,
    Scale,
    adjusted,
    run,
    run_all,
)

from ..fixed_point.build import anchor_network, noise, random_conv
from ..fixed_point.test_strength import EVERYTHING, STRENGTHS, same_size_network
from .rtl.simulate import assert_exact

needs_a_compiler = pytest.mark.skipif(
    not any(map(shutil.which, build.COMPILERS)), reason="no compiler of C is installed (cc, gcc, clang)"
)
SLIDER = Adjusted(register=True, coring=2, overshoot=8)


def fed(network, strength):
    codes = noise(network, 14, 18, seed=strength)
    return {"x": codes, "strength": np.full((1, 1, 1), strength, np.uint8)}


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP])
def test_every_witness_at_every_layer_with_a_register(rounding):
    network = adjusted(anchor_network(rounding), SLIDER)
    pictures = {f"strength {k}": fed(network, k) for k in STRENGTHS}
    verdict = verify(network, to_onnx(network).SerializeToString(), pictures)
    assert verdict.passed, verdict
    witnesses = {witness for witness, _, _ in verdict.rows}
    assert {"numpy fast", "onnxruntime fused", "onnxruntime unfused", "onnx.reference"} <= witnesses
    assert {layer for _, _, layer in verdict.rows} == {layer.name for layer in network.layers}
    assert any("lighter" in control["name"] for control in verdict.controls)


@pytest.mark.parametrize("how", [Adjusted(strength=0), Adjusted(strength=17), EVERYTHING])
def test_every_witness_with_a_number(how):
    network = adjusted(same_size_network(), how)
    pictures = {"noise of this": noise(network, 14, 18)}
    verdict = verify(network, to_onnx(network).SerializeToString(), pictures, [CWitness(network)])
    assert verdict.passed, verdict


def ten_bits(rounding=Rounding.HALF_EVEN, bits=10):
    """The body reads the picture rounded."""
    pixel = Format(False, bits, bits)
    small = Scale("small", "x", 1, 0, PIXEL)
    d = random_conv(
        np.random.default_rng(0), "d", "small", (3, 3), 3, Format(True, 8, bits - 1), weight_frac=5
    )
    return Network((Input("x", 3, pixel),), (small, d, Add("y", ("x", "d"), pixel)), rounding)


@needs_a_compiler
@pytest.mark.parametrize(("rounding", "bits"), [(Rounding.HALF_EVEN, 10), (Rounding.HALF_UP, 12)])
def test_every_witness_limits_pixels_of_more_bits(rounding, bits):
    """Tables and 3x3 pixels of 10 and 12 bits: NumPy, ONNX Runtime in both flavours, onnx.reference, C."""
    network = adjusted(ten_bits(rounding, bits), SLIDER)
    pictures = {}
    for strength in (0, 17, STRONGEST):
        pictures[f"strength {strength}"] = {
            "x": noise(network, 14, 18, seed=strength),
            "strength": np.full((1, 1, 1), strength, np.uint8),
        }
    verdict = verify(network, to_onnx(network).SerializeToString(), pictures, [CWitness(network)])
    assert verdict.passed, verdict
    witnesses = {witness for witness, _, _ in verdict.rows}
    assert {"numpy fast", "onnxruntime fused", "onnxruntime unfused", "onnx.reference", "c"} <= witnesses
    assert {layer for _, _, layer in verdict.rows} == {layer.name for layer in network.layers}


def test_the_circuit_limits_pixels_of_ten_bits(tmp_path):
    assert_exact(tmp_path, adjusted(ten_bits(), SLIDER), [(5, 7)])


def test_one_file_serves_the_slider():
    """Its second input is a byte; of each strength it makes what the network of that number makes."""
    network = anchor_network()
    slider = adjusted(network, SLIDER)
    model = to_onnx(slider)
    sizes = [
        [side.dim_value or side.dim_param for side in each.type.tensor_type.shape.dim]
        for each in model.graph.input
    ]
    assert sizes == [["N", 3, "H", "W"], ["N", 1, 1, 1]]
    assert model.graph.input[1].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    session = open_session(model.SerializeToString())
    for strength in STRENGTHS:
        codes = fed(slider, strength)
        fixed = adjusted(network, Adjusted(strength=strength, coring=2, overshoot=8))
        made = run_session_all(session, slider, stored_inputs(slider, codes))["y"][0].transpose(1, 2, 0)
        np.testing.assert_array_equal(made, run(fixed, codes["x"], "int64"))


@pytest.mark.parametrize("how", [Adjusted(strength=17), SLIDER])
def test_the_circuit_too(how, tmp_path):
    """In the simulator each frame has its own strength."""
    assert_exact(tmp_path, adjusted(anchor_network(), how), [(5, 7), (6, 4)])


@needs_a_compiler
@pytest.mark.parametrize("flags", [("-O0",), ("-O1", "-march=native", build.INTRINSICS)])
@pytest.mark.parametrize("make", [anchor_network, same_size_network])
def test_the_c_model_has_the_register_too(make, flags):
    """Every layer at every strength, rows in and out; the table of the register is computed once."""
    network = adjusted(make(), SLIDER)
    model = TracedModel(network, flags=flags)
    for strength in range(STRONGEST + 1):
        found, expected = model.tensors(codes := fed(network, strength)), run_all(network, codes, "int64")
        assert found.keys() == {layer.name for layer in network.layers}
        for name, made in found.items():
            np.testing.assert_array_equal(made, expected[name], name)


@needs_a_compiler
def test_the_c_model_is_a_witness_of_the_register():
    """Each layer alone among them, also that of the register alone; a flipped entry of its table is seen."""
    network = adjusted(anchor_network(), SLIDER)
    pictures = {f"strength {k}": fed(network, k) for k in STRENGTHS}
    verdict = verify(network, to_onnx(network).SerializeToString(), pictures, [CWitness(network)])
    assert verdict.passed, verdict
    assert {layer for who, _, layer in verdict.rows if who == "c"} == {layer.name for layer in network.layers}
    codes = fed(network, 17)
    tensors = run_all(network, codes, "int64")
    turned = network.layer("strength_turned")
    wrong = turned.corrupted([tensors["strength"]], tensors["strength_turned"])
    found = TracedModel(network.exchanged(wrong), flags=("-O0",)).tensors(codes)["strength_turned"]
    assert not np.array_equal(found, tensors["strength_turned"])


@needs_a_compiler
def test_bands_of_the_library_have_one_register(tmp_path, monkeypatch):
    monkeypatch.setenv("HWRTS_CACHE", str(tmp_path))
    monkeypatch.setattr("hwrts.fixed_point.fast.available_cores", lambda: 3)
    network = adjusted(anchor_network(), SLIDER)
    model = NativeModel(network)
    for strength in STRENGTHS:
        codes = {
            "x": noise(network, 45, 18, seed=strength),
            "strength": np.full((1, 1, 1), strength, np.uint8),
        }
        np.testing.assert_array_equal(model.run(codes)["y"], run(network, codes, "int64"))


@needs_a_compiler
@pytest.mark.parametrize(
    ("name", "codes", "said"),
    [
        ("strength", np.full((1, 1, 1), 64, np.uint8), "codes 64..64 leave 0..63"),
        ("strength", np.full((1, 1, 1), 255, np.uint8), "codes 255..255 leave 0..63"),
        ("strength", np.empty((0, 1, 1), np.uint8), r"shape \(0, 1, 1\)"),
        ("strength", np.zeros((2, 1, 1), np.uint8), r"shape \(2, 1, 1\), it is a tensor of one pixel"),
        ("x", np.full((14, 18, 3), 1024, np.uint16), "codes 1024..1024 leave 0..1023"),
        ("x", np.zeros((14, 18, 1), np.uint16), r"shape \(14, 18, 1\) is not \(height, width, 3\)"),
        ("x", np.zeros((14, 18, 3), np.float32), "dtype float32 is not an integer type"),
    ],
)
def test_the_library_takes_the_codes_of_its_inputs_alone(name, codes, said, tmp_path, monkeypatch):
    """Those of its definition, and no memory beside an array or a table is read."""
    monkeypatch.setenv("HWRTS_CACHE", str(tmp_path))
    model = NativeModel(network := adjusted(ten_bits(), SLIDER), flags=("-O0",))
    given = {"x": noise(network, 14, 18), "strength": np.full((1, 1, 1), 63, np.uint8)}
    np.testing.assert_array_equal(model.run(given)["y"], run(network, given, "int64"))
    for compute in (model.frame, model.run, lambda codes: run(network, codes)):
        with pytest.raises(HwrtsError, match=said):
            compute({**given, name: codes})


@needs_a_compiler
@pytest.mark.parametrize("rows", [13, 15])
def test_the_library_takes_inputs_of_one_size(rows, tmp_path, monkeypatch):
    monkeypatch.setenv("HWRTS_CACHE", str(tmp_path))
    network = Network((Input("x", 1, PIXEL), Input("z", 1, PIXEL)), (Add("y", ("x", "z"), PIXEL),))
    model = NativeModel(network, flags=("-O0",))
    codes = {"x": np.zeros((14, 18, 1), np.uint8), "z": np.zeros((rows, 18, 1), np.uint8)}
    for compute in (model.frame, model.run):
        with pytest.raises(HwrtsError, match="its inputs differ in height or width"):
            compute(codes)


@needs_a_compiler
@pytest.mark.parametrize("name", ["init", "frame"])
def test_c_refuses_a_register_beyond_its_range(name, tmp_path):
    """Its table has an entry for each code of 6 bits, and the byte that is handed in has 8."""
    network = adjusted(ten_bits(), SLIDER)
    library = tmp_path / "model.so"
    build.compile_c(c_files(network), ["model.c"], library, build.find_compiler(), ["-shared", "-fPIC"])
    model = ctypes.CDLL(str(library))
    model.model_size.restype, model.model_init.restype = ctypes.c_size_t, ctypes.c_void_p
    memory = np.empty(model.model_size(18, 14), np.uint8)
    x, y = noise(network, 14, 18), np.empty((14, 18, 3), np.uint16)
    at = ctypes.c_void_p(memory.ctypes.data)
    for strength, taken in ((0, True), (32, True), (63, True), (64, False), (200, False), (255, False)):
        register = (ctypes.c_uint8 * 1)(strength)
        if name == "init":
            assert bool(model.model_init(at, 18, 14, register)) == taken, strength
            continue
        pointers = [ctypes.c_void_p(x.ctypes.data), register, ctypes.c_void_p(y.ctypes.data)]
        assert bool(model.model_frame(at, 18, 14, *pointers)) == taken, strength
        if taken:
            codes = {"x": x, "strength": np.full((1, 1, 1), strength, np.uint8)}
            np.testing.assert_array_equal(y, run(network, codes, "int64"))


@needs_a_compiler
@pytest.mark.parametrize(("signed", "bits"), [(False, 10), (True, 10), (False, 6), (True, 5)])
def test_c_reads_as_many_bits_of_a_pixel_as_the_circuit_has_wires(signed, bits, tmp_path):
    """Sums and tables are of the format's codes: what more a word holds is nowhere an index."""
    form = Format(signed, bits, bits - 1)
    kind = np.dtype(form.dtype)
    table = np.random.default_rng(1).integers(form.min, form.max + 1, 1 << bits).astype(np.int16)
    network = Network((Input("x", 1, form),), (Lookup("y", "x", table, form),))
    library = tmp_path / "model.so"
    flags = ["-shared", "-fPIC", "-O0"]
    build.compile_c(c_files(network), ["model.c"], library, build.find_compiler(), flags)
    model = ctypes.CDLL(str(library))
    model.model_size.restype = ctypes.c_size_t
    size = 8 * kind.itemsize
    words = np.arange(1 << size, dtype=f"u{size // 8}").view(kind).reshape(-1, 256, 1)
    made, memory = np.empty_like(words), np.empty(model.model_size(256, len(words)), np.uint8)
    pointers = [ctypes.c_void_p(each.ctypes.data) for each in (memory, words, made)]
    assert model.model_frame(pointers[0], 256, len(words), *pointers[1:])
    kept = words.astype(np.int64) & ((1 << bits) - 1)
    codes = (kept - ((kept >> (bits - 1)) << bits if signed else 0)).astype(kind)
    np.testing.assert_array_equal(made, run(network, codes, "int64"))


@needs_a_compiler
def test_the_program_is_told_the_strength(tmp_path):
    network = adjusted(same_size_network(), SLIDER)
    program = tmp_path / "model"
    build.compile_c(c_files(network), ["main.c", "model.c"], program, build.find_compiler(), ["-O1"])
    picture = noise(network, 9, 11)
    (tmp_path / "in.ppm").write_bytes(b"P6\n11 9\n255\n" + picture.tobytes())
    for strength in (0, 17, STRONGEST):
        words = [program, tmp_path / "in.ppm", tmp_path / "out.ppm", str(strength)]
        subprocess.run(words, check=True)
        made = np.frombuffer((tmp_path / "out.ppm").read_bytes()[-picture.size :], np.uint8)
        codes = {"x": picture, "strength": np.full((1, 1, 1), strength, np.uint8)}
        np.testing.assert_array_equal(made.reshape(picture.shape), run(network, codes, "int64"))
    for wrong in ("33", "-1", "1.5", ""):
        done = subprocess.run([*words[:3], wrong], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"{wrong}: is no strength; give 0 to 32" in done.stderr


def with_register(*layers, outputs=()):
    gain = Input("gain", 1, Format(False, 6, 4), whole=True)
    return Network((Input("x", 1, PIXEL), gain), layers, outputs=outputs)


@pytest.mark.parametrize(
    ("layer", "outputs", "said"),
    [
        (MaxPool("y", "gain", (3, 3), 1, (1, 1, 1, 1)), ("z",), "layer 'y' reads 'gain', one pixel beside"),
        (Clip("y", "gain", 0, 20), ("z", "y"), "output 'y' is made of one pixel beside a picture"),
    ],
)
def test_what_no_c_model_has_of_a_register(layer, outputs, said):
    last = Multiply("z", ("x", "y"), PIXEL)
    with pytest.raises(HwrtsError, match=f"C model: {said}"):
        c_files(with_register(layer, last, outputs=outputs))


@needs_a_compiler
def test_sums_and_products_read_registers_on_either_side():
    """A register of a register, in front of the picture and behind it, and added."""
    network = with_register(
        Clip("less", "gain", 0, 20),
        Multiply("own", ("less", "gain"), Format(False, 8, 6)),
        Multiply("y", ("own", "x"), PIXEL),
        Add("z", ("y", "less"), PIXEL),
    )
    model = TracedModel(network, flags=("-O0",))
    witness = CWitness(network)
    for gain in (0, 9, 40, 63):
        codes = {"x": noise(network, 5, 6, seed=gain), "gain": np.full((1, 1, 1), gain, np.uint8)}
        expected = run_all(network, codes, "int64")
        for name, made in model.tensors(codes).items():
            np.testing.assert_array_equal(made, expected[name], name)
        for layer in network.layers:
            operands = {each: expected[each] for each in layer.sources}
            np.testing.assert_array_equal(witness.single(layer.name, operands), expected[layer.name])
