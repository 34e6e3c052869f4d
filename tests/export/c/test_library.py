"""The compiled model: one band a core gives the codes of a whole frame, and it is compiled once."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hwrts.export.c import build, library
from hwrts.export.c.library import NativeModel
from hwrts.fixed_point import HwrtsError, run_outputs
from hwrts.fixed_point import fast as fast_rows

from ...fixed_point.random_networks import random_inputs, random_network

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, build.COMPILERS)), reason="no compiler of C is installed (cc, gcc, clang)"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv(library.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache/c"


@pytest.mark.parametrize("seed", [3, 7, 14])
def test_bands_are_the_whole_frame(seed, monkeypatch):
    """Networks that shrink, enlarge and have several inputs and outputs, in five bands."""
    seeds = (s for s in range(seed, 300) if random_network(s, 8, s % 4 == 3).streamable)
    seed = next(seeds)
    network = random_network(seed, 8, seed % 4 == 3)
    inputs = random_inputs(network, 60, 9, seed)
    monkeypatch.setattr(fast_rows, "available_cores", lambda: 5)
    monkeypatch.setattr(fast_rows, "_SMALLEST_PART", 2)
    model = NativeModel(network, flags=("-O0",))
    expected = run_outputs(network, inputs, "int64")
    for found in (model.run(inputs), model.frame(inputs)):
        assert found.keys() == expected.keys()
        for name in expected:
            assert found[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(found[name], expected[name])


def test_it_is_compiled_once(anchor, folder, monkeypatch):
    network, compiler = anchor(), build.find_compiler()
    first = library.compiled(network, compiler, ("-O0",))
    assert [*folder.iterdir()] == [first]
    other = library.compiled(network, compiler, ("-O1",))
    assert other != first
    monkeypatch.setattr(library, "compile_c", lambda *_: pytest.fail("compiled again"))
    assert library.compiled(anchor(), compiler, ("-O0",)) == first
    with pytest.raises(pytest.fail.Exception):
        library.compiled(anchor(1), compiler, ("-O0",))


def test_several_at_once_make_one_whole_file(anchor, folder):
    network, compiler = anchor(), build.find_compiler()
    with ThreadPoolExecutor(3) as pool:
        made = {*pool.map(lambda _: library.compiled(network, compiler, ("-O0",)), range(3))}
    assert made == {*folder.iterdir()}
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    model = NativeModel(network, compiler, ("-O0",))
    expected = run_outputs(network, picture, "int64")["picture"]
    np.testing.assert_array_equal(model.run({"x": picture})["picture"], expected)


def test_a_compiler_that_fails_leaves_nothing(anchor, folder):
    with pytest.raises(HwrtsError, match="does not compile it"):
        library.compiled(anchor(), build.find_compiler(), ("-include", "missing.h"))
    assert not [*folder.iterdir()]


def test_a_cache_that_cannot_be_made_is_one_line(anchor, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(library.CACHE, str(tmp_path / "file"))
    with pytest.raises(
        HwrtsError, match=r"compiled models cannot be kept there .* name another folder in HWRTS_CACHE"
    ):
        library.compiled(anchor(), build.find_compiler())


def test_a_size_that_it_does_not_take(anchor):
    model = NativeModel(anchor(), flags=("-O0",))
    with pytest.raises(HwrtsError, match="a picture of 1x70000 is too large for it; use tiles"):
        model.frame({"x": np.zeros((1, 70000, 3), np.uint8)})


def test_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv(library.CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert library.cache_folder() == tmp_path / "hwrts"
