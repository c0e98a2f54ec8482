import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wrmf.pictures import ApiPictures, UrlPictures, drawn_tile, fetch_all

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


@pytest.fixture
def server():
    """Answers under /pic/ and /api/; ``asked`` lists the paths asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            name = self.path.rsplit("/", 1)[-1]
            if name == "slow":
                time.sleep(2)
            images = [
                {"width": 50, "height": 50, "url": f"http://{self.headers['Host']}/pic/small"},
                {"width": 200, "height": 200, "url": f"http://{self.headers['Host']}/pic/right"},
            ]
            body, kind, status = PNG, "image/png", 200
            if self.path.startswith("/api/"):
                body = json.dumps({"thumbnails": {"images": images}}).encode()
                kind = "application/json"
            if name == "junk":
                body = b"{not json"
            elif name == "page":
                body, kind = b"<!doctype html>", "image/png"
            elif name == "huge":
                body = PNG + bytes(6 << 20)
            elif name == "absent":
                status = 404
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # The client has hung up, as it should on what is slow or huge.

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


def test_a_picture_comes_from_a_template(server):
    url, asked = server
    picture = UrlPictures(url + "/pic/{item}")("a b/c")
    assert (picture.mime, picture.data) == ("image/png", PNG)
    assert asked == ["/pic/a%20b%2Fc"]


def test_an_api_tells_where_the_picture_is(server):
    url, asked = server
    path = "thumbnails.images[width==200,height==200].url"
    assert ApiPictures(url + "/api/{item}", path)("m1").data == PNG
    assert asked == ["/api/m1", "/pic/right"]
    assert ApiPictures(url + "/api/{item}", "thumbnails.images[0].url")("m1").data == PNG
    assert asked[-1] == "/pic/small"
    assert ApiPictures(url + "/api/{item}", "no.such[3].thing")("m1") is None
    assert ApiPictures(url + "/api/{item}", "thumbnails.images[0].url")("junk") is None


@pytest.mark.parametrize("item", ["absent", "page", "huge", "slow"])
def test_what_is_no_picture_is_none_and_counted(server, item):
    url, _ = server
    source = UrlPictures(url + "/pic/{item}", timeout=0.5)
    assert source(item) is None
    assert sum(source.failures.values()) == 1


def test_pictures_and_their_absence_are_cached(server, tmp_path):
    url, asked = server
    for _ in range(2):
        source = UrlPictures(url + "/pic/{item}", cache=tmp_path)
        assert source("one").data == PNG
        assert source("absent") is None
    assert asked == ["/pic/one", "/pic/absent"]


def test_many_are_fetched_at_once(server):
    url, _ = server
    found = fetch_all(UrlPictures(url + "/pic/{item}"), ["a", "b", "absent"])
    assert {item: picture is not None for item, picture in found.items()} == {
        "a": True, "b": True, "absent": False,
    }  # fmt: skip


def test_only_http_addresses_are_opened(tmp_path):
    (tmp_path / "x.png").write_bytes(PNG)
    with pytest.raises(ValueError, match="http"):
        UrlPictures(f"file://{tmp_path}/{{item}}.png")


def test_tiles_are_the_same_for_the_same_item():
    first, again, other = (drawn_tile(i, "Rusty Tank 3") for i in (1, 1, 2))
    assert first.data == again.data
    assert first.mime == "image/svg+xml"
    assert b"<svg" in other.data
    assert b"<script" not in drawn_tile(1, "<script>").data
