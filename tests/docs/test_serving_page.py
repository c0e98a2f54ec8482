"""The requests of the page about serving are answered, the first one as the page says."""

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "serving.md").read_text(encoding="utf-8")
START = (DOCS / "start.md").read_text(encoding="utf-8")
REQUEST = re.compile(r"curl -s localhost:8000(/\w+) .*\\\n +-d '(.*)'")


@pytest.fixture
def client():
    testing = pytest.importorskip("fastapi.testclient", reason='needs pip install "wrmf[serve]"')
    from wrmf.service.app import create_app

    names = {}
    exec(re.findall(r"```python\n(.*?)```", START, re.S)[0], names)
    # As the command fits it: with the settings that the data choose.
    model = names["wrmf"].WRMF(random_state=0).fit(names["data"], progress=False)
    return testing.TestClient(create_app(model))


def test_the_requests_are_answered(client):
    requests = REQUEST.findall(TEXT)
    assert len(requests) == 3
    for path, body in requests:
        answer = client.post(path, json=json.loads(body))
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == 1


def test_the_first_answer_is_that_of_the_page(client):
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.S)
    path, body = REQUEST.findall(TEXT)[0]
    answer, expected = client.post(path, json=json.loads(body)).json(), json.loads(shown)
    (item,), (wanted,) = answer.pop("items"), expected.pop("items")
    assert answer == expected
    assert item.pop("score") == pytest.approx(wanted.pop("score"), abs=1e-4)
    assert item == wanted


def test_a_stranger_gets_popular_items_and_a_wrong_request_one_that_works(client):
    answer = client.post("/recommend", json={"user": "nobody"}).json()
    assert (answer["source"], answer["ignored"]) == ("popular", ["nobody"])
    failed = client.post("/recommend", json={"usr": "dan"})
    assert failed.status_code == 422
    assert client.post("/recommend", json=failed.json()["send"]).status_code == 200
    assert client.get("/openapi.json").status_code == 200
