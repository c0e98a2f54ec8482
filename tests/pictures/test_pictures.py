import contextlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

import pytest

from wrmf.pictures.download import JsonPath, sniff
from wrmf.pictures.sources import ApiPictures, FolderPictures, UrlPictures, drawn_tile, fetch_all

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
        "a": True,
        "b": True,
        "absent": False,
    }


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


# Hostile and broken servers, one behaviour a path.


@pytest.fixture
def trouble(monkeypatch):
    """A server whose path names what it does wrong; yields its address and the paths asked."""
    monkeypatch.setenv("no_proxy", "*")
    asked = []
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status, body=b"", kind="image/png", **headers):
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            asked.append(self.path)
            with contextlib.suppress(OSError):  # The client hung up.
                self.act(self.path.strip("/").partition("?")[0])

        def act(self, deed):
            if deed.isdigit():
                self.answer(int(deed))
            elif deed == "good":
                self.answer(200, PNG)
            elif deed == "bare":
                self.answer(200, PNG, kind=None)
            elif deed == "store":
                self.answer(200, PNG, kind="application/octet-stream")
            elif deed == "html":
                self.answer(200, PNG, kind="text/html")
            elif deed == "drip":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(PNG)
                while not released.wait(0.05):
                    self.wfile.write(b"\0")
            elif deed == "endless":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(PNG)
                while not released.is_set():
                    self.wfile.write(bytes(1 << 16))
            elif deed == "short":
                self.answer(200, PNG, **{"Content-Length": "999"})
            elif deed == "moved":
                self.answer(302, Location="/good")
            elif deed == "circle":
                self.answer(302, Location="/circle")
            elif deed.startswith("to-"):
                self.answer(302, Location=SECRET_ADDRESSES[deed])
            elif deed == "garbage":
                self.wfile.write(b"\x00\x01 not http at all\r\n\r\n")
            elif deed == "nested":
                self.answer(200, b"[" * 100_000, kind="application/json")
            else:
                self.answer(200, API_ANSWERS[deed].encode(), kind="application/json")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        released.set()
        running.shutdown()


SECRET_ADDRESSES = {"to-file": "file:///etc/hostname", "to-ftp": "ftp://127.0.0.1:9/x.png"}
API_ANSWERS = {
    "relative": '{"url": "/good"}',
    "file": '{"url": "file:///etc/hostname"}',
    "data": '{"url": "data:image/gif;base64,R0lGODlh"}',
    "number": '{"url": 7}',
    "null": '{"url": null}',
    "list": "[1, 2]",
    "bad-address": '{"url": "http://[::1"}',
    "bad-port": '{"url": "http://127.0.0.1:port/x.png"}',
    "spaced": '{"url": "/good?name=ä b"}',
}


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("404", "the server answered 404"),
        ("500", "the server answered 500"),
        ("html", "the server sent text/html, not an image"),
        ("drip", "timed out"),
        ("endless", "larger than 5,000,000 bytes"),
        ("short", "the connection broke off"),
        ("circle", "the server answered 302"),
        ("garbage", "no connection (BadStatusLine)"),
        ("to-file", "the server answered 302"),
    ],
)
def test_each_trouble_has_its_reason(trouble, deed, reason):
    source = UrlPictures(trouble[0] + "/{item}", timeout=1)
    assert source(deed) is None
    assert dict(source.failures) == {reason: 1}


@pytest.mark.parametrize("deed", ["good", "bare", "store", "moved"])
def test_pictures_come_whatever_the_server_calls_them(trouble, deed):
    assert UrlPictures(trouble[0] + "/{item}")(deed).mime == "image/png"


@pytest.mark.parametrize(
    "deed",
    ["file", "data", "number", "null", "list", "bad-address", "bad-port", "nested", "to-ftp"],
)
def test_no_answer_of_an_api_stops_a_report(trouble, deed):
    source = ApiPictures(trouble[0] + "/{item}", "url", timeout=1)
    assert source(deed) is None
    assert source.failures.total() == 1


@pytest.mark.parametrize("deed", ["relative", "spaced"])
def test_an_api_may_name_a_picture_by_a_loose_address(trouble, deed):
    assert ApiPictures(trouble[0] + "/{item}", "url")(deed).data == PNG


def test_a_passing_failure_is_asked_again_and_a_lasting_one_is_not(trouble, tmp_path):
    url, asked = trouble
    for _ in range(2):
        source = UrlPictures(url + "/{item}", cache=tmp_path / "made" / "here")
        assert [source("503"), source("410")] == [None, None]
    assert asked == ["/503", "/410", "/503"]


def test_nobody_listening_is_no_picture():
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    source = UrlPictures(f"http://127.0.0.1:{port}/{{item}}", timeout=1)
    assert source("x") is None
    assert next(iter(source.failures)).startswith("no connection")


def test_a_damaged_cache_file_is_fetched_anew(trouble, tmp_path):
    url, asked = trouble
    UrlPictures(url + "/{item}", cache=tmp_path)("good")
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(PNG[:5])
    assert UrlPictures(url + "/{item}", cache=tmp_path)("good").data == PNG
    assert asked == ["/good", "/good"]
    assert kept.read_bytes() == PNG


def test_a_cache_that_cannot_be_written_costs_no_picture(trouble, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert UrlPictures(trouble[0] + "/{item}", cache=tmp_path / "file")("good").data == PNG


def test_sources_do_not_share_what_is_cached(trouble, tmp_path):
    url, _ = trouble
    assert UrlPictures(url + "/{item}", cache=tmp_path)("good").data == PNG
    assert ApiPictures(url + "/{item}", "url", cache=tmp_path)("good") is None


@pytest.mark.parametrize("template", ["https://example.org/x.jpg", "ftp://example.org/{item}", ""])
def test_a_template_that_cannot_work_is_refused(template):
    with pytest.raises(ValueError, match="template"):
        UrlPictures(template)


DOCUMENT = {
    "a": {"b": [{"url": "first"}, {"url": "second"}]},
    "images": [{"w": 200, "h": 50, "u": 1}, {"w": 200, "h": 200, "u": 2}, {"w": True, "u": 3}],
    "kinds": [{"kind": "a, b]", "u": 4}, {"kind": "plain", "u": 5}],
    "dotted.name": 6,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[0].url", "first"),
        ("a.b[-1].url", "second"),
        ("a[b][0].url", None),
        ("images[w==200,h==200].u", 2),
        ("images[ w == 200 ].u", 1),
        ("images[w==true].u", 3),
        ("images[w==1].u", None),
        ('kinds[kind=="a, b]"].u', 4),
        ("kinds[kind==plain].u", 5),
        ('["dotted.name"]', 6),
        ("a.b[9].url", None),
        ("a.c", None),
        ("images.u", None),
        ("a[0]", None),
    ],
)
def test_json_paths_lead_where_they_say(path, found):
    if path == "a[b][0].url":
        with pytest.raises(ValueError, match="JSON path"):
            JsonPath(path)
    elif found is None:
        with pytest.raises(LookupError):
            JsonPath(path).follow(DOCUMENT)
    else:
        assert JsonPath(path).follow(DOCUMENT) == found


@pytest.mark.parametrize("path", ["", ".", "a..b", "a[", "a]", "a[]", "a[b]", "a[b==]", "a[1"])
def test_a_json_path_that_cannot_be_read_is_refused(path):
    with pytest.raises(ValueError, match="JSON path"):
        ApiPictures("https://example.org/{item}", path)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a > b -->\n<svg xmlns="x">', "image/svg+xml"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<html><svg></svg></html>", None),
        (b"<svgx>", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_the_type(data, mime):
    assert sniff(data) == mime


def test_a_hostile_file_is_told_apart_in_no_time():
    start = time.perf_counter()
    assert sniff(b"<!---->" * 500 + b"<html>") is None
    assert time.perf_counter() - start < 1


def test_a_folder_finds_pictures_by_id_and_checks_them(tmp_path):
    (tmp_path / "7.PNG").write_bytes(PNG)
    (tmp_path / "a.b.gif").write_bytes(b"GIF89a")
    (tmp_path / "x%2Fy.png").write_bytes(PNG)
    (tmp_path / "fake.jpg").write_text("not a picture")
    (tmp_path / "big.png").write_bytes(PNG + bytes(2000))
    (tmp_path / "folder.png").mkdir()
    source = FolderPictures(tmp_path, max_bytes=1000)
    assert source(7).mime == "image/png"
    assert source("a.b").mime == "image/gif"
    assert source("x/y").data == PNG
    assert [source(item) for item in ("fake", "big", "folder", "none")] == [None] * 4
    assert source.failures.total() == 2
    with pytest.raises(NotADirectoryError, match="no folder"):
        FolderPictures(tmp_path / "7.PNG")


def test_a_source_that_raises_stops_nothing(caplog):
    def source(item):
        if item == 2:
            raise RuntimeError("broken")
        return drawn_tile(item, "Kite")

    found = fetch_all(source, [1, 2, 3, 1])
    assert [item for item, picture in found.items() if picture is None] == [2]
    assert list(found) == [1, 2, 3]
    assert "broken" in caplog.text


@pytest.mark.parametrize("name", ["", "42", "<b>&\"'", "\ud800", "名前", "a" * 5000, "The of"])
def test_a_tile_of_any_name_is_well_formed_and_small(name):
    data = drawn_tile("<id>", name).data
    assert ElementTree.fromstring(data).tag.endswith("svg")
    assert len(data) < 8000


def test_tiles_whose_names_share_words_share_their_look():
    def colours(name):
        return set(re.findall(rb"#[0-9a-f]{6}", drawn_tile(name, name).data))

    lantern, kettle = colours("Copper Lantern 1"), colours("Copper Kettles 2")
    assert colours("Copper Lantern 9") == lantern
    assert len(lantern & kettle) >= 3
    assert len(lantern & colours("Iron Lanterns")) >= 3
    assert not lantern & colours("Paper Boat")
