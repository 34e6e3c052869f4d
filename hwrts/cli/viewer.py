"""Netron's page for one model, served to this machine alone, in a form that asks nobody for anything.

As Netron serves it, the page asks ipinfo.io where its reader is, reports to analytics.google.com, and half a
year after its release shows nothing but a demand to update.
"""

import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from hwrts.files.read import read_bytes

MODEL = "/data/model.int8.onnx"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".svg": "image/svg+xml",
    ".onnx": "application/octet-stream",
}

_HEADERS = {
    # The browser itself refuses what is not from here, whatever a version of Netron tries.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Cross-Origin-Resource-Policy": "same-origin",  # no other page of the same browser reads the model
    "Cache-Control": "no-store",
}

_COOKIE = "consent=1; Path=/; SameSite=Strict"
"""Netron asks for the country and for consent only where it finds no answer."""


def model_server(model: Path, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 of Netron's page and this model; ``serve_forever`` starts it.

    Args:
        model: An ONNX file.
        port: 0 takes a free one: ``server_port`` says which.

    Raises:
        OSError: The port is taken.
        RunFolderError: The model cannot be read.
    """
    content = read_bytes(model)

    class Handler(_Handler):
        model = content

    return _Server(("127.0.0.1", port), Handler)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing is wrong where a browser does not wait for the whole of a file; else a bug is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    model: ClassVar[bytes]

    def do_GET(self) -> None:
        """Answer with a file, to whoever calls this server by its own name."""
        # A page of somebody else's can give its own host our address, and would read the model as its own.
        port = self.connection.getsockname()[1]
        names = ("localhost", "127.0.0.1", "[::1]")
        allowed = [f"{name}:{port}" for name in names] + [*names] * (port == 80)  # a browser leaves 80 out
        if self.headers.get("Host") not in allowed:
            self._answer(HTTPStatus.FORBIDDEN, ".html", b"hwrts view answers to localhost alone\n")
            return
        path = urlsplit(self.path).path
        path = "/index.html" if path == "/" else path
        content = self.model if path == MODEL else netron_file(path)
        if content is None:
            self._answer(HTTPStatus.NOT_FOUND, ".html", b"no such file\n")
        else:
            self._answer(HTTPStatus.OK, Path(path).suffix, content)

    def _answer(self, status: HTTPStatus, suffix: str, content: bytes) -> None:
        self.send_response(status)
        headers = {"Content-Type": _TYPES[suffix], "Content-Length": str(len(content)), "Set-Cookie": _COOKIE}
        for name, value in (headers | _HEADERS).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: who asks is the user's own browser."""


def netron_file(path: str) -> bytes | None:
    """A file of Netron's page by its path in the address; None if there is none.

    >>> netron_file("/../server.py"), netron_file("/server.py")
    (None, None)
    """
    name = path.removeprefix("/")
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name) or Path(name).suffix not in _TYPES:
        return None
    file = resources.files("netron") / name
    if not file.is_file():
        return None
    content = file.read_bytes()
    return _offline(content.decode("utf-8")).encode() if name == "index.html" else content


def _offline(page: str) -> str:
    """The page with the model in it, and with settings of its own that end all it does beside showing it.

    Of settings that stand there twice the first one counts.
    """
    settings = {
        "type": "hwrts",
        "version": "0.0.0",  # of a developer's copy, which reports nothing
        "date": "9999-01-01 00:00:00",  # a release is never older than half a year
        "file": MODEL,
        "identifier": MODEL.rpartition("/")[2],
    }
    tags = "".join(f'<meta name="{name}" content="{value}">\n' for name, value in settings.items())
    return page.replace("<head>", f"<head>\n{tags}", 1)
