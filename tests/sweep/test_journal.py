"""A journal that a full disk, a power cut or a flipped bit left: the sweep goes on with what it has."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hwrts.sweep.folder import claim, save_entry
from hwrts.sweep.journal import NAME, Lock, mend_end
from hwrts.sweep.study import SweepStudy

ENDS = {
    "a line that a full disk cut": lambda whole: whole + b'{"op_code":5,"worker_id":"ab',
    "40 bytes less": lambda whole: whole[:-40],
    "zero bytes": lambda whole: whole + bytes(4096),
    "zero bytes in place of a line": lambda whole: whole[:-200] + bytes(200),
    "a whole line without its end": lambda whole: whole[:-1],
    "a whole line that is no object": lambda whole: whole + b"7\n",
}


def made(root: Path, spec, told: int = 2) -> list[dict[str, Any]]:
    """A journal with one configuration more asked than told; its values in order."""
    study = SweepStudy(root, spec)
    values = []
    for _ in range(told):
        number, asked = study.ask()
        study.tell(number, 30.0 + number, 100.0)
        values.append(asked)
    values.append(study.ask()[1])
    return values


@pytest.fixture
def spec(tiny):
    return tiny(axes={"network.blocks": [1], "network.channels": [4], "qat.weight_bits": [4, 6, 7, 8]})


@pytest.mark.parametrize("name", ENDS)
def test_a_torn_end_is_cut_off(tmp_path, spec, name):
    """Optuna raised JSONDecodeError for ever, although everything before the end was there."""
    made(tmp_path, spec)
    path = tmp_path / NAME
    before = path.read_bytes()
    path.write_bytes(ENDS[name](before))
    study = SweepStudy(tmp_path, spec)
    assert "its end was cut short" in str(study.mended)
    assert before.startswith(path.read_bytes()[: len(before) - 400])
    assert [quality for _, _, quality in study.told()][:1] == [30.0]
    while study.asked < 4:
        number, _ = study.ask()
        study.tell(number, 31.0, 100.0)
    assert SweepStudy(tmp_path, spec).mended is None


def test_a_whole_journal_stays_as_it_is(tmp_path, spec):
    made(tmp_path, spec)
    before = (tmp_path / NAME).read_bytes()
    assert mend_end(tmp_path / NAME) == 0
    assert (tmp_path / NAME).read_bytes() == before
    assert mend_end(tmp_path / "none") == 0


DAMAGES = {
    "a torn line that was written on to": lambda lines: [*lines[:3], lines[3][:20] + lines[4], *lines[5:]],
    "another value": lambda lines: [line.replace(b'"4"', b'"5"') for line in lines],
    "no number": lambda lines: [line.replace(b"30.0", b"NaN") for line in lines],
    "an unknown operation": lambda lines: [*lines, b'{"op_code":77,"worker_id":"x"}\n'],
    "no operation": lambda lines: [*lines, b"{}\n"],
    "nothing of a sweep": lambda lines: [b'{"a":1}\n'],
}


@pytest.mark.parametrize("method", ["grid", "tpe"])
@pytest.mark.parametrize("name", DAMAGES)
def test_a_journal_damaged_within_is_put_aside_and_begun_again(tmp_path, spec, name, method):
    spec = spec.model_copy(update={"search": spec.search.model_copy(update={"method": method, "trials": 4})})
    claim(tmp_path, spec, "photographs")
    known = made(tmp_path, spec)
    path = tmp_path / NAME
    path.write_bytes(b"".join(DAMAGES[name](path.read_bytes().splitlines(keepends=True))))
    study = SweepStudy(tmp_path, spec, known)
    if study.mended is None:  # what is missing or changed was of no consequence
        assert name == "another value"
        return
    assert "put aside as optuna.journal.damaged1" in str(study.mended)
    assert study.told() == []
    asked = [study.ask()[1] for _ in known]
    assert asked == known  # the same again: what is trained is only read
    assert SweepStudy(tmp_path, spec).mended is None


def test_a_lock_that_the_system_does_not_let_go_says_so(tmp_path, monkeypatch):
    """A disk became read-only; a lock that somebody else has released is Optuna's own error."""
    lock = Lock(str(tmp_path / NAME))
    lock.acquire()

    def refuse(path):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(OSError, match="Read-only"):
            lock.release()
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.lock"]
    lock.release()
    assert not list(tmp_path.iterdir())
    with pytest.raises(RuntimeError, match="did not possess"):
        lock.release()


def test_other_choices_of_a_trial_that_was_never_told(tmp_path, spec):
    """Nothing else in the journal contradicts them, and its value is one of the sweep."""
    values = SweepStudy(tmp_path, spec).ask()[1]
    path = tmp_path / NAME
    other = next(bits for bits in (7, 8) if bits != values["qat.weight_bits"])
    path.write_bytes(path.read_bytes().replace(rb"\"%d\"" % other, rb"\"9%d\"" % other))
    assert "put aside as optuna.journal.damaged1" in str(SweepStudy(tmp_path, spec, [values]).mended)


def test_the_sweep_gives_the_journal_what_it_knows(tmp_path, spec):
    from hwrts.sweep.runner import Sweep

    sweep = Sweep(tmp_path / "sweep", spec)
    values = {"network.blocks": 1, "network.channels": 4, "qat.weight_bits": 7}
    costs = dict.fromkeys(
        ("params", "weight_kib", "macs", "gmacs", "line_kib", "traffic_gbs", "latency_lines",
         "receptive_field", "accumulator_bits"), 1.0,
    )  # fmt: skip
    save_entry(sweep.root, {"key": "abc", "values": values, "costs": costs})
    (sweep.root / NAME).write_text(json.dumps({"a": 1}) + "\n")
    again = Sweep(tmp_path / "sweep", spec)
    assert "begun again with the 1 configurations" in str(again.study.mended)
