"""Refusals that other tests of files do not end in: what is done, and the line that it gives."""

import sys
import tempfile
from dataclasses import replace
from subprocess import CompletedProcess

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from hwrts.export import environments
from hwrts.export.clients import compared
from hwrts.export.clients import run as clients_run
from hwrts.export.clients.client import client_of
from hwrts.export.clients.file import End
from hwrts.export.clients.read import read_file
from hwrts.export.clients.run import run_file
from hwrts.export.clients.tflite_file import TfliteFile
from hwrts.export.handover import NAMES, check_target, hand_over
from hwrts.export.onnx_writer import to_onnx, to_qdq
from hwrts.export.qdq_options import QdqOptions, Stored
from hwrts.export.runtime import census, open_session, run_session
from hwrts.export.tflite import Flavour, to_tflite, vela
from hwrts.export.witness import OnnxWitness
from hwrts.fixed_point import PIXEL, Conv, Format, HwrtsError, Input, Network

SIZE = (4, 6)
ZERO = np.zeros(1, np.int32)


def network(out=PIXEL, channels=1):
    weight = np.ones((channels, 1, 1, 1), np.int8)
    zeros = np.zeros(channels, np.int32)
    return Network((Input("x", 1, PIXEL),), (Conv("c", "x", weight, zeros, zeros, out),))


def reading(source):
    return Network((Input("x", 1, source),), network().layers)


def onnx_file(height=None, kind=None, **how):
    """The network's file, its output said to be of another type or size."""
    model = to_qdq(network(**how), QdqOptions(size=SIZE))
    tensor = model.graph.output[0].type.tensor_type
    if kind is not None:
        tensor.elem_type = kind
    if height is not None:
        tensor.shape.dim[2].dim_value = height
    return model.SerializeToString()


def read(*given, **how):
    return read_file(onnx_file(*given, **how), network())


def another_size(monkeypatch, folder):
    run_file(read().file, [{"x": np.zeros((5, 6, 1), np.uint8)}])


def one_channel_for_two(monkeypatch, folder):
    compared(read().file, network(channels=2), {"black": {"x": np.zeros((*SIZE, 1), np.uint8)}})


def said_by_a_client(monkeypatch, folder):
    monkeypatch.setattr(
        clients_run, "run_there", lambda *given: CompletedProcess([], 1, "", "a\nb.cc: error: no\nc")
    )
    monkeypatch.setattr(clients_run, "client_of", lambda name: replace(client_of(name), module="onnx"))
    clients_run._there(read().file, [{"x": np.zeros((*SIZE, 1), np.uint8)}], "openvino")


def weights_for_an_output(monkeypatch, folder):
    model = to_tflite(network(), SIZE, Flavour.TFLITE).model
    monkeypatch.setattr(TfliteFile, "_ends_of_graph", lambda self: (["x"], ["c.bias"]))
    read_file(model, network())


def one_that_does_not_end(monkeypatch, folder):
    monkeypatch.setattr(environments, "_SECONDS", 0.01)
    environments.run_there("chip", [sys.executable, "-c", "import time; time.sleep(9)"], folder)


def a_folder_of_somebody(monkeypatch, folder):
    (folder / "notes").write_text("")
    check_target(folder, replace=True)


def a_stage_without_its_file(monkeypatch, folder):
    hand_over(folder, folder / "stage", {}, "PASSED", {})


def a_file_in_place_of_the_folder(monkeypatch, folder):
    (folder / "taken").write_text("")
    hand_over(folder / "taken", folder / "stage", dict.fromkeys(NAMES, b""), "PASSED", {})


def an_opset_that_is_too_old(monkeypatch, folder):
    def invalid(*given, **how):
        raise ValueError("No Op registered for Gelu with domain_version of 17\nmore")

    monkeypatch.setattr(onnx.checker, "check_model", invalid)
    to_qdq(network(), QdqOptions(opset=17))


def another_input(monkeypatch, folder):
    given = replace(
        network(), inputs=(Input("y", 1, PIXEL),), layers=(replace(network().layers[0], source="y"),)
    )
    run_session(open_session(onnx_file()), given, np.zeros((1, 1, *SIZE), np.uint8))


def another_output(monkeypatch, folder):
    session = open_session(onnx_file(channels=2))
    run_session(session, network(), np.zeros((1, 1, *SIZE), np.uint8))


def a_disk_that_is_full(monkeypatch, folder):
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def cut(path):
        raise ValueError("cut short")

    monkeypatch.setattr(onnx, "load", cut)
    census(onnx_file())


def vela_that_refuses(monkeypatch, folder):
    monkeypatch.setattr(vela, "python_with", lambda *names: "python")
    monkeypatch.setattr(vela, "run_there", lambda *given: CompletedProcess([], 1, "", "Traceback\nno CONV\n"))
    vela.compile_for_ethos_u(b"")


def a_witness_that_fails(monkeypatch, folder):
    def start(model):
        raise ValueError("no such kernel\nmore")

    OnnxWitness("chip", network(), onnx_file(), start, lambda name: (network(), to_onnx(network())))


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (
            lambda *given: End("x", "y", PIXEL, "uint8").codes(np.zeros((2, 1, 3, 3), np.uint8)),
            "output 'y': (2, 1, 3, 3) is not one picture; use a file of one",
        ),
        (
            lambda *given: read(kind=TensorProto.INT64),
            "'c' is INT64 (1, 1, 4, 6), where one picture of codes or of real values (float32) belongs",
        ),
        (lambda *given: read(height=5), "'c' is 5x6 where the network makes 4x6 of 4x6"),
        (
            one_channel_for_two,
            "onnxruntime: makes (4, 6, 1) of 'c' where the network makes (4, 6, 2); the file is of another "
            "size; give that of the stage",
        ),
        (
            another_size,
            "onnxruntime: cannot run the file ([ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid "
            "dimensions for input: x for the following indices); export the stage again",
        ),
        (
            said_by_a_client,
            "openvino: refuses the file (b.cc: error: no); use another client, or another --target",
        ),
        (weights_for_an_output, "'c.bias' is int32 (1,), where one picture of int8 or uint8 belongs"),
        (one_that_does_not_end, "chip: given up after 0.01 s; use a smaller --size"),
        (
            a_folder_of_somebody,
            "F: is no earlier hand-over, so --force does not replace it; choose another folder",
        ),
        (
            a_stage_without_its_file,
            "F/stage/model.int8.onnx: cannot be read; run or quantize the stage again",
        ),
        (
            a_file_in_place_of_the_folder,
            "F/taken: cannot be written (File exists); choose another folder",
        ),
        (
            an_opset_that_is_too_old,
            "opset 17: cannot say this network (No Op registered for Gelu with domain_version of 17); use 19",
        ),
        (
            another_input,
            "ONNX file: ONNX Runtime cannot run it (Required inputs (['x']) are missing from input feed "
            "(['y']).); export or quantize the stage again",
        ),
        (
            another_output,
            "ONNX file: makes uint8 (1, 2, 4, 6) where the network makes uint8 (1, 1, 4, 6); export or "
            "quantize the stage again",
        ),
        (
            a_disk_that_is_full,
            "F: ONNX Runtime's optimised graph cannot be written there and read again (cut short); free some "
            "space, or set TMPDIR to another folder",
        ),
        (vela_that_refuses, "vela: refuses the file (no CONV); use --target tflite, for processors"),
        (
            a_witness_that_fails,
            "ONNX file: chip cannot compute it (no such kernel); export or quantize the stage again",
        ),
        (
            lambda *given: to_onnx(reading(Format(True, 9, 8))),
            "ONNX: layer 'c': Conv of 9 bits has no form in an int8 file; give it at most 8",
        ),
        (
            lambda *given: to_qdq(network(Format(True, 9, 8)), QdqOptions(stored=Stored.SIGNED)),
            "tensor 'c' of 9 bits: this client's file holds at most 8; take model.int8.onnx, which is handed "
            "over without --target",
        ),
        (
            lambda *given: to_tflite(network(Format(True, 9, 8)), SIZE, Flavour.TFLITE),
            "tflite: tensor 'c' of 9 bits: an int8 file holds at most 8; take model.int8.onnx, which is "
            "handed over without --target",
        ),
    ],
)
def test_a_refusal_is_one_line(does, message, tmp_path, monkeypatch):
    with pytest.raises(HwrtsError) as caught:
        does(monkeypatch, tmp_path)
    assert str(caught.value).replace(str(tmp_path), "F") == message
