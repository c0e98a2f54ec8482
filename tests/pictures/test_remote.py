from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wrmf.pictures import ApiPictures, UrlPictures, fetch_all

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
THUMBNAILS = "/thumbnails-of/{item}"


def test_the_id_is_percent_encoded_in_the_address(server):
    picture = UrlPictures(server.url + "/pictures/{item}")("a b/c")
    assert (picture.mime, picture.data) == ("image/png", PNG)
    assert server.requested == ["/pictures/a%20b%2Fc"]


def test_an_api_names_the_address_of_the_picture(server):
    by_size = ApiPictures(server.url + THUMBNAILS, "thumbnails.images[width==200,height==200].url")
    assert by_size("m1").data == PNG
    assert server.requested == ["/thumbnails-of/m1", "/large"]
    by_position = ApiPictures(server.url + THUMBNAILS, "thumbnails.images[0].url")
    assert by_position("m1").data == PNG
    assert server.requested[-1] == "/small"


def test_an_api_document_without_the_path_gives_no_picture(server):
    assert ApiPictures(server.url + THUMBNAILS, "no.such[3].thing")("m1") is None


@pytest.mark.parametrize("item", ["404", "web-page", "huge", "late"])
def test_a_response_that_is_no_picture_is_none_and_counted(server, item):
    source = UrlPictures(server.url + "/{item}", timeout=0.5)
    assert source(item) is None
    assert source.failures.total() == 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("404", "the server answered 404"),
        ("500", "the server answered 500"),
        ("declared-html", "the server sent text/html, not an image"),
        ("slow", "timed out"),
        ("endless", "larger than 5,000,000 bytes"),
        ("truncated", "the connection broke off"),
        ("circle", "the server answered 302"),
        ("not-http", "no connection (BadStatusLine)"),
        ("to-file", "the server answered 302"),
    ],
)
def test_each_failure_is_counted_by_its_reason(server, item, reason):
    source = UrlPictures(server.url + "/{item}", timeout=1)
    assert source(item) is None
    assert dict(source.failures) == {reason: 1}


@pytest.mark.parametrize("item", ["good", "no-type", "octet-stream", "moved"])
def test_a_picture_is_recognised_whatever_type_the_server_declares(server, item):
    assert UrlPictures(server.url + "/{item}")(item).mime == "image/png"


@pytest.mark.parametrize(
    "item",
    [
        "file",
        "data",
        "number",
        "null",
        "list",
        "bad-address",
        "bad-port",
        "not-json",
        "nested",
        "to-ftp",
    ],
)
def test_no_document_of_an_api_raises(server, item):
    source = ApiPictures(server.url + "/{item}", "url", timeout=1)
    assert source(item) is None
    assert source.failures.total() == 1


@pytest.mark.parametrize("item", ["relative", "spaced"])
def test_an_api_may_name_a_relative_or_unescaped_address(server, item):
    assert ApiPictures(server.url + "/{item}", "url")(item).data == PNG


def test_many_items_are_fetched_from_a_server(server):
    pictures = fetch_all(UrlPictures(server.url + "/{item}"), ["a", "b", "404"])
    has_picture = {item: picture is not None for item, picture in pictures.items()}
    assert has_picture == {"a": True, "b": True, "404": False}


def test_a_server_that_is_not_running_gives_no_picture():
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    source = UrlPictures(f"http://127.0.0.1:{port}/{{item}}", timeout=1)
    assert source("x") is None
    assert next(iter(source.failures)).startswith("no connection")


def test_pictures_and_their_absence_are_cached(server, tmp_path):
    for _ in range(2):
        source = UrlPictures(server.url + "/{item}", cache=tmp_path)
        assert source("good").data == PNG
        assert source("404") is None
    assert server.requested == ["/good", "/404"]


def test_a_server_error_is_asked_again_and_a_missing_picture_is_not(server, tmp_path):
    for _ in range(2):
        source = UrlPictures(server.url + "/{item}", cache=tmp_path / "new" / "folder")
        assert [source("503"), source("410")] == [None, None]
    assert server.requested == ["/503", "/410", "/503"]


def test_a_damaged_cache_file_is_downloaded_again(server, tmp_path):
    UrlPictures(server.url + "/{item}", cache=tmp_path)("good")
    (cached,) = tmp_path.iterdir()
    cached.write_bytes(PNG[:5])
    assert UrlPictures(server.url + "/{item}", cache=tmp_path)("good").data == PNG
    assert server.requested == ["/good", "/good"]
    assert cached.read_bytes() == PNG


def test_a_cache_that_cannot_be_written_does_not_lose_the_picture(server, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert UrlPictures(server.url + "/{item}", cache=tmp_path / "file")("good").data == PNG


def test_sources_with_one_cache_folder_do_not_share_pictures(server, tmp_path):
    assert UrlPictures(server.url + "/{item}", cache=tmp_path)("good").data == PNG
    assert ApiPictures(server.url + "/{item}", "url", cache=tmp_path)("good") is None


def test_a_file_address_is_refused(tmp_path):
    (tmp_path / "x.png").write_bytes(PNG)
    with pytest.raises(ValueError, match="http"):
        UrlPictures(f"file://{tmp_path}/{{item}}.png")


@pytest.mark.parametrize("template", ["https://example.org/x.jpg", "ftp://example.org/{item}", ""])
def test_a_template_without_item_or_http_is_refused(template):
    with pytest.raises(ValueError, match="template"):
        UrlPictures(template)


def test_a_timeout_must_be_above_zero():
    with pytest.raises(ValueError, match="timeout must be a number of seconds above 0, got 0"):
        UrlPictures("https://example.org/{item}", timeout=0)


@pytest.mark.parametrize("path", ["", ".", "a..b", "a[", "a]", "a[]", "a[b]", "a[b==]", "a[1"])
def test_an_invalid_json_path_is_refused(path):
    with pytest.raises(ValueError, match="JSON path"):
        ApiPictures("https://example.org/{item}", path)
