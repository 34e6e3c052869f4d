"""Brevitas without torch's compiler, which is there for whoever wants it."""

import subprocess
import sys

CODE = """
import sys

from hwrts.qat.network import QuantNetwork
from hwrts.graph import brevitas_layers
import brevitas

assert "torch._dynamo" not in sys.modules, "it was loaded"
assert brevitas.is_dynamo_compiling is brevitas_layers.is_compiling
assert not brevitas.is_dynamo_compiling()

import torch._dynamo

assert torch._dynamo.config.recompile_limit > 0, "a stand-in was left"
assert not brevitas.is_dynamo_compiling()
torch._dynamo.is_compiling = lambda: True
assert brevitas.is_dynamo_compiling()
"""


def test_the_compiler_is_not_loaded_and_answers_when_it_is() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
