import io
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Server:
    """A local web server and the folder of downloads that the test uses.

    ``files`` maps paths, such as ``/a.zip``, to the content that is served there. ``tag`` is the
    ETag of all files; without one, nothing can be continued. Each number in ``breaks`` is how many
    bytes of one reply are sent before the connection breaks. ``ranges`` are what was asked for.
    """

    url: str
    cache: Path
    files: dict[str, bytes] = field(default_factory=dict)
    tag: str | None = None
    breaks: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch, tmp_path):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = state.files.get(self.path)
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            start, size = 0, len(content or b"")
            if content is not None and asked and self.headers.get("If-Range") == state.tag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            status = 404 if content is None else 200 if not start else 206 if start < size else 416
            rest = content[start:] if status in (200, 206) else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(rest)))
            if state.tag:
                self.send_header("ETag", state.tag)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.end_headers()
            self.wfile.write(rest[: state.breaks.pop(0)] if state.breaks and rest else rest)

        def log_message(self, *args):
            pass

    cache = tmp_path / "cache"
    monkeypatch.setenv("WRMF_DATA", str(cache))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state = Server(f"http://127.0.0.1:{running.server_port}/", cache)
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield state
        running.shutdown()


@pytest.fixture
def zipped():
    """A function that makes a zip archive, as bytes, from the name and the text of one file."""

    def make(name, text):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr(name, text)
        return content.getvalue()

    return make
