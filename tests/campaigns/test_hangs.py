"""A command that hangs is found by what it does itself, however busy the machine is."""

import multiprocessing
import sys
import time
from itertools import repeat

import pytest

from .children import Child


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")
@pytest.mark.parametrize(("hang", "given"), [(sum, repeat(1)), (time.sleep, 60)])
def test_a_command_that_hangs_is_killed(tmp_path, hang, given):
    process = multiprocessing.get_context("spawn").Process(target=hang, args=(given,))
    process.start()
    (tmp_path / "log").write_text("what it said")
    with pytest.raises(AssertionError, match=r"it hangs, .*what it said"):
        Child(process, tmp_path / "log").end(computing=0.2, asleep=0.4)
    process.join(10)
    assert process.exitcode == -9
