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

    ``files`` maps paths, such as ``/a.zip``, to the content that is served there.
    """

    url: str
    cache: Path
    files: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture
def server(monkeypatch, tmp_path):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = state.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args):
            pass

    cache = tmp_path / "cache"
    monkeypatch.setenv("WRMF_DATA", str(cache))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state = Server(f"http://127.0.0.1:{running.server_port}/", cache)
        threading.Thread(target=running.serve_forever, daemon=True).start()
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
