import time

import pytest

from wrmf.pictures.picture import image_type


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(32), "image/png"),
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
def test_the_first_bytes_determine_the_type(data, mime):
    assert image_type(data) == mime


def test_many_comments_before_the_root_element_do_not_slow_recognition_down():
    start = time.perf_counter()
    assert image_type(b"<!---->" * 500 + b"<html>") is None
    assert time.perf_counter() - start < 1
