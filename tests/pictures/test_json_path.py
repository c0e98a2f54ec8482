import pytest

from wrmf.pictures.json_path import JsonPath

DOCUMENT = {
    "a": {"b": [{"url": "first"}, {"url": "second"}]},
    "images": [{"w": 200, "h": 50, "u": 1}, {"w": 200, "h": 200, "u": 2}, {"w": True, "u": 3}],
    "kinds": [{"kind": "a, b]", "u": 4}, {"kind": "plain", "u": 5}],
    "dotted.name": 6,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b[0].url", "first"),
        ("a.b[-1].url", "second"),
        ("images[w==200,h==200].u", 2),
        ("images[ w == 200 ].u", 1),
        ("images[w==true].u", 3),
        ('kinds[kind=="a, b]"].u', 4),
        ("kinds[kind==plain].u", 5),
        ('["dotted.name"]', 6),
    ],
)
def test_a_path_leads_to_its_value(path, value):
    assert JsonPath(path).follow(DOCUMENT) == value


@pytest.mark.parametrize("path", ["images[w==1].u", "a.b[9].url", "a.c", "images.u", "a[0]"])
def test_a_path_that_the_document_does_not_have_is_a_lookup_error(path):
    with pytest.raises(LookupError, match="the document has nothing at"):
        JsonPath(path).follow(DOCUMENT)


def test_a_bracket_without_number_or_condition_is_refused():
    with pytest.raises(ValueError, match="cannot read the JSON path"):
        JsonPath("a[b][0].url")
