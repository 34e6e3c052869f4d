"""hwrts view: the graph shows, and nothing beyond this machine is asked for anything."""

import asyncio
import base64
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from hwrts.cli.viewer import MODEL, model_server, netron_file

from ..browser import chromium, tab

LATER = """
{
    const then = new Date("2031-05-01T00:00:00Z").getTime(), offset = then - Date.now(), Now = Date;
    window.Date = class extends Now {
        constructor(...given) { given.length ? super(...given) : super(Now.now() + offset); }
        static now() { return Now.now() + offset; }
    };
}
"""


@contextmanager
def serving(model):
    with model_server(model, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ask(port, path="/", host=None):
    headers = {} if host is None else {"Host": host.replace("PORT", str(port))}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_the_model_and_the_page_alone(tmp_path):
    model = tmp_path / "model.int8.onnx"
    model.write_bytes(b"a model")
    (tmp_path / "secret.json").write_text("{}")
    with serving(model) as port:
        assert ask(port, MODEL)[2] == b"a model"
        page = ask(port)
        assert page[0] == 200
        assert MODEL.encode() in page[2]
        for path in ("/", MODEL, "/view.js", "/nothing.js"):
            policy = ask(port, path)[1]["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "connect-src 'self'" in policy
            assert "http" not in policy
        outside = ("/data/secret.json", "/../server.py", "/server.py", "/%2e%2e/x.json", "//etc/passwd", "/.")
        for path in outside:
            assert ask(port, path)[0] == 404, path
    assert netron_file("/onnx.js") is not None


@pytest.mark.parametrize("path", ["/", MODEL, "/view.js"])
def test_who_calls_it_by_another_name_gets_nothing(tmp_path, path):
    """A page whose host was given the address 127.0.0.1 afterwards would read the model as its own."""
    model = tmp_path / "model.int8.onnx"
    model.write_bytes(b"a model")
    with serving(model) as port:
        for host in ("localhost:PORT", "127.0.0.1:PORT", "[::1]:PORT"):
            assert ask(port, path, host)[0] == 200
        for host in ("evil.com", "evil.com:PORT", "localhost", "localhost:1", "localhost.evil.com:PORT", ""):
            status, _, content = ask(port, path, host)
            assert (status, b"a model" in content) == (403, False), host


def test_a_port_that_is_taken(workspace, hwrts):
    with serving(workspace / "runs/tiny/stage1/model.int8.onnx") as port:
        refused = hwrts("view", "runs/tiny", "--port", port, "--no-browser")
    assert refused.code == 2
    assert f"port {port}: cannot be used" in refused.err
    assert "--port" in refused.err


def test_a_model_that_is_a_pipe_is_not_waited_for(workspace, hwrts):
    model = workspace / "runs/tiny/stage1/model.int8.onnx"
    model.unlink()
    os.mkfifo(model)
    refused = hwrts("view", "runs/tiny", "--stage", "1", "--no-browser")
    assert refused.code == 2
    assert "model.int8.onnx: cannot be read (not a regular file)" in refused.err


async def visit(address, profile, script):
    """What a page asks for, its text, and its picture, when a graph shows or 60 seconds are over."""
    async with tab(profile) as page:
        await page.call("Network.enable")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        await page.call("Page.navigate", url=address)
        nodes, deadline = 0, time.monotonic() + 60
        while not nodes and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            nodes = await page.value("document.querySelectorAll('#target .node').length")
        await asyncio.sleep(3)  # what it asks for afterwards
        text = await page.value("document.body.innerText")
        message = await page.value("getComputedStyle(document.getElementById('message')).opacity")
        picture = (await page.call("Page.captureScreenshot"))["data"]
    return page.asked, nodes, text, message, base64.b64decode(picture)


@pytest.mark.parametrize("script", ["", LATER], ids=["today", "in 2031"])
def test_the_page_shows_the_graph_and_asks_nobody(finished, tmp_path, script):
    command = [sys.executable, "-m", "hwrts", "view", "runs/tiny", "--port", "0", "--no-browser"]
    profile = tmp_path / "profile"
    with (
        chromium(profile),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=finished) as view,
    ):
        try:
            address = view.stdout.readline().split()[0]
            asked, nodes, text, message, picture = asyncio.run(visit(address, profile, script))
        finally:
            view.terminate()
    (tmp_path / "page.png").write_bytes(picture)
    assert nodes > 10
    assert "QuantizeLinear" in text
    assert "update" not in text.lower()
    assert "cookie" not in text.lower()
    assert message == "0"
    foreign = [each for each in asked if not each.startswith((address, "data:", "blob:"))]
    assert foreign == []
    assert any(each.startswith(address + MODEL) for each in asked)
    assert view.returncode == 143
