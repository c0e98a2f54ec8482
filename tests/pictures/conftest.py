"""A local picture server that behaves well or badly, as the requested path says."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)

# Documents of the JSON API, by the last part of the path.
DOCUMENTS = {
    "relative": '{"url": "/good"}',
    "file": '{"url": "file:///etc/hostname"}',
    "data": '{"url": "data:image/gif;base64,R0lGODlh"}',
    "number": '{"url": 7}',
    "null": '{"url": null}',
    "list": "[1, 2]",
    "bad-address": '{"url": "http://[::1"}',
    "bad-port": '{"url": "http://127.0.0.1:port/x.png"}',
    "spaced": '{"url": "/good?name=ä b"}',
    "not-json": "{not json",
    "nested": "[" * 100_000,
}
REDIRECTS = {
    "moved": "/good",
    "circle": "/circle",
    "to-file": "file:///etc/hostname",
    "to-ftp": "ftp://127.0.0.1:9/x.png",
}


class PictureHandler(BaseHTTPRequestHandler):
    """Responds as the last part of the path says; by default with a PNG."""

    def do_GET(self):
        self.server.requested.append(self.path)
        name = self.path.partition("?")[0].rsplit("/", 1)[-1]
        # The client closes the connection when a response is too slow or too large.
        with contextlib.suppress(OSError):
            self.respond(name)

    def respond(self, name):
        if self.path.startswith("/thumbnails-of/"):
            self.send(200, self.thumbnails(), "application/json")
        elif name in DOCUMENTS:
            self.send(200, DOCUMENTS[name].encode(), "application/json")
        elif name in REDIRECTS:
            self.send(302, Location=REDIRECTS[name])
        elif name in RESPONSES:
            RESPONSES[name](self)
        elif name.isdigit():
            self.send(int(name))
        else:
            self.send(200, PNG)

    def thumbnails(self):
        images = [
            {"width": 50, "height": 50, "url": f"{self.server.url}/small"},
            {"width": 200, "height": 200, "url": f"{self.server.url}/large"},
        ]
        return json.dumps({"thumbnails": {"images": images}}).encode()

    def send(self, status, body=b"", content_type="image/png", **headers):
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_late(self):
        self.server.stopped.wait(2)
        self.send(200, PNG)

    def send_slowly(self):
        self.send(200, PNG, content_type=None)
        while not self.server.stopped.wait(0.05):
            self.wfile.write(b"\0")

    def send_endlessly(self):
        self.send(200, PNG, content_type=None)
        while not self.server.stopped.is_set():
            self.wfile.write(bytes(1 << 16))

    def send_huge(self):
        body = PNG + bytes(6 << 20)
        self.send(200, body, Content_Length=str(len(body)))

    def log_message(self, *args):
        pass


# Faulty and unusual responses, by the last part of the path.
RESPONSES = {
    "no-type": lambda handler: handler.send(200, PNG, content_type=None),
    "octet-stream": lambda handler: handler.send(200, PNG, "application/octet-stream"),
    "declared-html": lambda handler: handler.send(200, PNG, "text/html"),
    "web-page": lambda handler: handler.send(200, b"<!doctype html>"),
    "truncated": lambda handler: handler.send(200, PNG, Content_Length="999"),
    "not-http": lambda handler: handler.wfile.write(b"\x00\x01 not http at all\r\n\r\n"),
    "late": PictureHandler.send_late,
    "slow": PictureHandler.send_slowly,
    "endless": PictureHandler.send_endlessly,
    "huge": PictureHandler.send_huge,
}


class PictureServer(ThreadingHTTPServer):
    """A server of pictures on this machine, with the list of the paths requested so far."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), PictureHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requested = []
        self.stopped = threading.Event()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with PictureServer() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.stopped.set()
        running.shutdown()
