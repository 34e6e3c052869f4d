"""hwrts list and hwrts compare."""

import json
import shlex
import shutil
from pathlib import Path

from hwrts.report.silicon import COLUMNS

from .conftest import call


def test_list_and_compare(workspace, capfd):
    """One copy of a finished run; what is asked is what the run's own files say."""
    shutil.copytree("runs/tiny", "runs/other")
    (workspace / "runs/begun").mkdir()
    (workspace / "runs/begun/run.json").write_text('{"status": "running"}')
    (workspace / "runs/no_run").mkdir()
    measures = json.loads((workspace / "runs/tiny/stage2/metrics.json").read_text())

    listed = call(capfd, "list")
    lines = [
        line for line in listed.out.splitlines() if line.startswith((" tiny", " other", " begun", " no"))
    ]
    assert [line.split()[0] for line in lines] == ["begun", "other", "tiny"]
    assert "PASSED" in lines[2]
    assert f"{measures['psnr_int8_db']:.2f}" in lines[2]
    assert "running" in lines[0]
    assert "runs/begun: stage 1 is not finished" in listed.err
    assert call(capfd, "list", "-q").err == ""
    found = json.loads(call(capfd, "list", "runs", "--json").out)
    assert [each["run"] for each in found] == ["runs/begun", "runs/other", "runs/tiny"]
    assert found[2]["psnr_int8_db"] == measures["psnr_int8_db"]
    assert (found[2]["stage"], found[2]["passed"], found[2]["network"]) == (
        "2",
        True,
        "Residual-1, 4 channels",
    )
    assert found[0]["problem"].startswith("runs/begun: stage 1 is not finished")
    assert call(capfd, "list", "photos").out == "photos: no runs; make one with: hwrts demo\n"

    refused = call(capfd, "compare", "runs/tiny", "runs/begun")
    assert refused.code == 2
    assert "runs/begun: stage 1 is not finished" in refused.err
    both = json.loads(call(capfd, "compare", "runs/tiny", "runs/other", "--json").out)
    assert both[0]["cost"] == both[1]["cost"]
    assert list(both[0]["cost"]) == list(COLUMNS)
    assert not Path("compare.html").exists()
    compared = call(capfd, "compare", "runs/tiny", "runs/other", "-o", "both.html")
    assert compared.out.splitlines()[-1] == "page: both.html"
    cost = json.loads(call(capfd, "cost", "runs/tiny", "--json").out)
    assert f"{cost['macs_per_input_pixel']:,}" == both[0]["cost"][COLUMNS[0]]
    page = (workspace / "both.html").read_text()
    for name in ("runs/tiny", "runs/other"):
        assert f'"label": "{name}, stage 2-same, same size"' in page
    assert both[0]["cost"][COLUMNS[2]] in page
    report = (workspace / "runs/tiny/report.html").read_text()
    for command in ("enhance PHOTO.jpg -o OUT.png --run", "export", "handover", "quantize", "view"):
        assert f"<code>{shlex.join(['hwrts', *command.split()])}" in report
