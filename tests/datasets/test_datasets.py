import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wrmf
from wrmf import datasets
from wrmf.search.grid import ARTICLE_GRID


def degrees(data):
    return np.diff(data.matrix.indptr), np.bincount(data.matrix.indices, minlength=data.n_items)


def test_the_article_shape_is_met():
    data = datasets.synthetic_likes()
    assert data.shape == (15274, 25655)
    assert data.n_interactions == 547_000
    for counts in degrees(data):
        assert counts.min() >= 5
        top = np.sort(counts)[::-1]
        # Heavy tails: the top hundredth holds several times its share.
        assert top[: len(top) // 100].sum() > 0.06 * counts.sum()
        assert top[0] > 20 * np.median(counts)
    assert data.k_core(5, 5).n_interactions == 547_000


@settings(max_examples=15)
@given(
    n_users=st.integers(20, 300),
    n_items=st.integers(20, 300),
    fill=st.floats(0.0, 1.0),
    seed=st.integers(0, 99),
)
@example(n_users=186, n_items=209, fill=0.0, seed=63)  # no like of a user and an item to spare
def test_small_shapes_are_met_exactly(n_users, n_items, fill, seed):
    low, high = 6 * max(n_users, n_items), int(0.4 * n_users * n_items)
    if low > high:
        with pytest.raises(ValueError, match="can have"):
            datasets.synthetic_likes(n_users, n_items, low)
        return
    wanted = int(low + fill * (high - low))
    data = datasets.synthetic_likes(n_users, n_items, wanted, seed)
    assert data.shape == (n_users, n_items)
    assert data.n_interactions == wanted
    assert all(counts.min() >= 5 for counts in degrees(data))


def test_seeds_repeat_and_differ():
    first, again, other = (datasets.synthetic_likes(200, 150, 2000, seed) for seed in (1, 1, 2))
    assert first.to_frame().equals(again.to_frame())
    assert not first.to_frame().equals(other.to_frame())


def test_precision_is_the_articles_and_the_best_of_its_grid_lies_inside():
    split = wrmf.leave_k_out(datasets.synthetic_likes(), k=5, fraction=0.2, random_state=0)
    middle = {"factors": 80, "regularization": 10.0, "alpha": 10.0}

    def best(**changed):
        model = wrmf.WRMF(**{**middle, **changed}, random_state=0, init_scale=1.0)
        curve = wrmf.learning_curve(model, split, [4, 8], ["precision@5"], exclude_seen=False)
        return curve.best()[1]

    inside = best()
    assert 0.02 < inside < 0.2
    for name in ("factors", "alpha"):
        for end in (min, max):
            assert best(**{name: end(ARTICLE_GRID[name])}) < inside - 0.001
    # Of λ a plateau is best: no end is better than its middle by a third of the standard error.
    for end in (min, max):
        assert best(regularization=end(ARTICLE_GRID["regularization"])) < inside + 0.0006


def test_the_articles_best_run_has_the_articles_shape():
    split = wrmf.leave_k_out(datasets.synthetic_likes(), k=5, fraction=0.2, random_state=0)
    model = wrmf.WRMF(40, regularization=0.1, alpha=50.0, random_state=0, init_scale=1.0)
    curve = wrmf.learning_curve(model, split, [2, 14, 38], exclude_seen=False)
    train, test, error = (curve.train["precision@5"], curve.test["precision@5"], curve.test["mse"])
    assert train[0] > train[1] + 0.02
    assert test[1] > test[0] + 0.002
    assert abs(test[2] - test[1]) < 0.005
    assert error[1] < error[0]
    assert error[1] < error[2] < error[0]


def test_neighbours_share_words_of_their_names():
    data = datasets.synthetic_likes(1500, 1200, 40_000, 0)
    model = wrmf.WRMF(32, alpha=10.0, random_state=0).fit(data)
    found = model.similar_items(data.items[:200], n=3)
    names = [set(name.split()[:-2]) for name in data.item_names]
    shared = np.mean([bool(names[a] & names[b]) for a in range(200) for b in found.rows[a]])
    by_chance = np.mean([bool(names[a] & names[b]) for a in range(200) for b in range(1000, 1030)])
    assert shared > 2 * by_chance


def test_the_raw_file_thresholds_down_to_the_core(tmp_path):
    raw = datasets.synthetic_raw_likes()
    assert len(raw) == 632_000
    path = tmp_path / "likes.psv"
    datasets.write_likes_file(raw, path)
    data = wrmf.read_interactions(path, "uid", "mid", item_name="modelname", duplicates="drop")
    assert data.shape == (62583, 28806)
    assert data.n_duplicates == 155
    assert any(name.startswith("Untitled | draft \\") for name in data.item_names)
    found, expected = data.k_core(5, 5), datasets.synthetic_likes()
    pairs = [
        set(zip(f["user"], f["item"], strict=True)) for f in (found.to_frame(), expected.to_frame())
    ]
    assert pairs[0] == pairs[1]


@pytest.fixture
def archive():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr("ml-100k/u.data", "1\t7\t5\t100\n1\t8\t2\t101\n2\t7\t4\t102\n")
    return content.getvalue()


@pytest.fixture
def server(archive, monkeypatch, tmp_path):
    """A local copy of the archive and its checksum; the dict says what to serve."""
    served = {
        "/ml-100k.zip": archive,
        "/ml-100k.zip.md5": f"{hashlib.md5(archive).hexdigest()}  ml-100k.zip\n".encode(),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = served.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args):
            pass

    monkeypatch.setenv("WRMF_DATA", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", served
        running.shutdown()


def test_a_download_is_checked_cached_and_read(server, tmp_path):
    url, served = server
    data = datasets.fetch_movielens("100k", min_rating=4, base_url=url)
    assert data.n_interactions == 2
    assert sorted(data.times.tolist()) == [100, 102]
    served.clear()
    assert datasets.fetch_movielens("100k", base_url=url).n_interactions == 3
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["ml-100k.zip"]


def test_a_damaged_download_leaves_nothing_behind(server, tmp_path):
    url, served = server
    served["/ml-100k.zip"] = b"other bytes"
    with pytest.raises(OSError, match="checksum"):
        datasets.fetch_movielens("100k", base_url=url)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_absent_download_says_what_to_do(server):
    url, served = server
    del served["/ml-100k.zip"]
    with pytest.raises(OSError, match="fetch it by hand and save it as"):
        datasets.fetch_movielens("100k", base_url=url)
    with pytest.raises(ValueError, match="size must be one of"):
        datasets.fetch_movielens("3k")


def zipped(name, text):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr(name, text)
    return content.getvalue()


def test_triplets_are_fetched_counted_and_read(server):
    url, served = server
    served["/t.zip"] = zipped("train_triplets.txt", "ann\tx\t3\nann\ty\t1\nbob\tx\t2\n")
    data = datasets.fetch_msd(f"{url}t.zip", n_triplets=3)
    assert data.users.tolist() == ["ann", "bob"]
    assert data.items.tolist() == ["x", "y"]
    assert data.matrix.toarray().tolist() == [[3, 1], [2, 0]]


def test_triplets_that_are_not_whole_are_refused(server):
    url, served = server
    served["/t.zip"] = zipped("train_triplets.txt", "ann\tx\t3\n")
    with pytest.raises(OSError, match="checksum"):
        datasets.fetch_msd(f"{url}t.zip", md5="0" * 32)
    with pytest.raises(OSError, match="holds 1 triplets, not 48373586: delete it"):
        datasets.fetch_msd(f"{url}t.zip")


def test_another_archive_in_place_of_the_triplets_is_refused(server):
    url, served = server
    served["/t.zip"] = zipped("other.txt", "")
    with pytest.raises(OSError, match="is not the archive of triplets"):
        datasets.fetch_msd(f"{url}t.zip")


def test_triplets_offline_say_what_to_do(server):
    url, _ = server
    with pytest.raises(OSError, match="fetch it by hand and save it as"):
        datasets.fetch_msd(f"{url}nothing.zip")
