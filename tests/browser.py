"""A tab of headless Chromium, driven by its debugging protocol; who asks for one without it is skipped."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import time
import urllib.request

import pytest


class Page:
    """A tab."""

    def __init__(self, socket):
        self.socket, self.asked, self.refused, self.number = socket, [], [], 0

    async def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        await self.socket.write_message(json.dumps(message))
        while True:
            answer = json.loads(await self.socket.read_message())
            if answer.get("method") == "Network.requestWillBeSent":
                self.asked.append(answer["params"]["request"]["url"])
            if answer.get("id") == self.number:
                return answer["result"]

    async def value(self, script):
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return result["result"].get("value")


@contextlib.contextmanager
def chromium(profile):
    """A browser with this profile while the block runs."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs chromium")
    pytest.importorskip("tornado")
    browser = [
        found, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--remote-debugging-port=0", f"--user-data-dir={profile}", "--window-size=1000,1400", "about:blank",
    ]  # fmt: skip
    with subprocess.Popen(browser, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        try:
            yield
        finally:
            started.terminate()


@contextlib.asynccontextmanager
async def tab(profile):
    """A page of the browser with this profile."""
    from tornado.websocket import websocket_connect

    ports = profile / "DevToolsActivePort"
    deadline = time.monotonic() + 120
    while not ports.exists() or len(ports.read_text().splitlines()) < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    port = ports.read_text().split()[0]
    request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        url = json.load(answer)["webSocketDebuggerUrl"]
    page = Page(await websocket_connect(url, max_message_size=1 << 28))
    await page.call("Page.enable")
    yield page
    page.socket.close()
    while await page.socket.read_message() is not None:  # None: it is closed
        pass
