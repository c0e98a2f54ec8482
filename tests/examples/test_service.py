"""The example service answers what the model answers, and says what to send."""

import numpy as np
import pytest

import wrmf


@pytest.fixture(scope="module")
def model(model_file):
    return wrmf.load(model_file)


@pytest.fixture(scope="module")
def client(service, model_file):
    testing = pytest.importorskip("fastapi.testclient", reason="needs pip install httpx")
    return testing.TestClient(service.create_app(wrmf.load(model_file, mmap=True)))


def ids(response):
    assert response.status_code == 200, response.text
    return [listed["item"] for listed in response.json()["items"]]


def test_a_known_user_gets_the_list_of_the_model(client, model):
    user = model.users[3]
    response = client.post("/recommend", json={"user": user, "n": 4})
    listed, scores = model.recommend([user], n=4)[0]
    assert ids(response) == listed.tolist()
    answer = response.json()
    assert [item["score"] for item in answer["items"]] == scores.tolist()
    assert [item["name"] for item in answer["items"]] == model.recommend([user], n=4).names[
        0
    ].tolist()
    assert (answer["source"], answer["ignored"]) == ("recommend", [])


def test_filters_leave_out_and_choose_and_unknown_items_are_named(client, model):
    user, items = model.users[3], model.items.tolist()
    first = ids(client.post("/recommend", json={"user": user, "n": 3}))
    body = {"user": user, "n": 3, "exclude": [first[0], "gone"]}
    response = client.post("/recommend", json=body)
    assert ids(response)[:2] == first[1:]
    assert response.json()["ignored"] == ["gone"]
    body = {"user": user, "items": [*items[:20], "gone"]}
    assert (
        ids(client.post("/recommend", json=body))
        == model.recommend([user], items=items[:20]).ids[0].tolist()
    )
    assert ids(client.post("/recommend", json={"user": user, "items": ["gone"]})) == []


def test_an_unknown_user_gets_popular_items_without_scores(client, model):
    answer = client.post("/recommend", json={"user": "nobody", "n": 3}).json()
    counts = np.bincount(model.train_matrix.indices, minlength=len(model.items))
    popular = model.items[np.argsort(-counts, kind="stable")[:3]].tolist()
    assert [item["item"] for item in answer["items"]] == popular
    assert {item["score"] for item in answer["items"]} == {None}
    assert (answer["source"], answer["ignored"]) == ("popular", ["nobody"])


def test_a_history_is_folded_in_and_its_unknown_items_are_named(client, model):
    a, b = model.items[[4, 9]].tolist()
    response = client.post("/recommend_new", json={"history": [a, "gone", b], "counts": [2, 1, 1]})
    assert ids(response) == model.recommend_new({0: {a: 2, b: 1}}).ids[0].tolist()
    assert (response.json()["source"], response.json()["ignored"]) == ("fold_in", ["gone"])
    for history in ([], ["gone"]):
        answer = client.post("/recommend_new", json={"history": history}).json()
        assert answer["source"] == "popular"
        assert len(answer["items"]) == 10


def test_similar_items_are_those_of_the_model(client, model):
    item = model.items[7]
    response = client.post("/similar_items", json={"item": item, "n": 3})
    assert ids(response) == model.similar_items([item], n=3).ids[0].tolist()
    response = client.post("/similar_items", json={"item": "gone"})
    assert response.status_code == 404
    assert response.json()["error"] == "no item has the id 'gone'"


def test_health_states_the_size_of_the_model(client, model):
    answer = client.get("/health").json()
    assert (answer["users"], answer["items"], answer["factors"]) == (*model.state.shape, 4)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/recommend", {"usr": "ann"}, "user: Field required; usr: Extra inputs"),
        ("/recommend", {"user": "ann", "n": 0}, "n: Input should be greater than or equal to 1"),
        ("/recommend", {"user": True}, "user"),
        (
            "/recommend_new",
            {"history": ["x"], "counts": [1, 2]},
            "2 counts came for a history of 1",
        ),
        ("/similar_items", {"item": ["x"]}, "item"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_send(client, path, body, message):
    response = client.post(path, json=body)
    assert response.status_code == 422
    assert message in response.json()["error"]
    assert client.post(path, json=response.json()["send"]).status_code in (200, 404)


def test_bad_counts_and_texts_that_are_no_json_are_errors(client, model):
    body = {"history": model.items[:1].tolist(), "counts": [-1]}
    response = client.post("/recommend_new", json=body)
    assert response.status_code == 422
    assert "finite and ≥ 0" in response.json()["error"]
    response = client.post("/recommend", content=b"{")
    assert response.status_code == 422
    assert "content-type: application/json" in response.json()["error"]
    assert "/recommend_new" in client.get("/").json()["send"]["POST"]


def test_a_body_that_is_cut_off_a_wrong_method_and_half_a_character_are_errors(client):
    headers = {"content-type": "application/json"}
    cut = client.post("/recommend", content=b'{"user": "ann", ', headers=headers)
    assert cut.status_code == 422
    assert "the body is no JSON: " in cut.json()["error"]
    got = client.get("/recommend?user=ann")
    assert got.status_code == 405
    assert got.json()["error"] == "Method Not Allowed: send it by POST"
    for path, body in (
        ("/recommend", b'{"user": "\\ud800"}'),
        ("/recommend_new", b'{"history": ["x", "\\ud800"]}'),
        ("/similar_items", b'{"item": "\\ud800"}'),
    ):
        half = client.post(path, content=body, headers=headers)
        assert half.status_code == 422
        assert "no text of Unicode" in half.json()["error"]


def test_a_model_without_training_data_is_refused_at_the_start(service, likes, tmp_path):
    model = wrmf.WRMF(factors=2, iterations=1).fit(likes)
    model.save(tmp_path / "m", train=False)
    with pytest.raises(ValueError, match='train="seen"'):
        service.create_app(wrmf.load(tmp_path / "m"))


def test_a_missing_file_is_an_error_that_says_how_to_make_one(service, monkeypatch, tmp_path):
    monkeypatch.setenv("WRMF_MODEL", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match=r"make_model\.py"):
        service.load_model()
