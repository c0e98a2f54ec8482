"""Archives are downloaded once, verified and read; errors say what to do."""

import hashlib
import inspect
import io
import tarfile

import pytest

from wrmf import datasets
from wrmf.datasets.download import download
from wrmf.datasets.source import Source

RATINGS = "1\t7\t5\t100\n1\t8\t2\t101\n2\t7\t4\t102\n"


@pytest.fixture
def movielens(server, zipped):
    """The server with a small archive of ratings and its checksum."""
    archive = zipped("ml-100k/u.data", RATINGS)
    server.files["/ml-100k.zip"] = archive
    digest = hashlib.md5(archive).hexdigest()
    server.files["/ml-100k.zip.md5"] = f"{digest}  ml-100k.zip\n".encode()
    return server


def test_ratings_are_verified_cached_and_read(movielens):
    data = datasets.fetch_movielens("100k", min_rating=4, base_url=movielens.url)
    assert data.n_interactions == 2
    assert sorted(data.times.tolist()) == [100, 102]
    movielens.files.clear()
    assert datasets.fetch_movielens("100k", base_url=movielens.url).n_interactions == 3
    assert [path.name for path in movielens.cache.iterdir()] == ["ml-100k.zip"]


@pytest.mark.parametrize(
    ("size", "member", "text"),
    [
        ("1m", "ml-1m/ratings.dat", RATINGS.replace("\t", "::")),
        (
            "20m",
            "ml-20m/ratings.csv",
            "userId,movieId,rating,timestamp\n" + RATINGS.replace("\t", ","),
        ),
    ],
)
def test_ratings_of_other_sizes_are_read_with_their_separator(server, zipped, size, member, text):
    server.cache.mkdir()
    (server.cache / f"ml-{size}.zip").write_bytes(zipped(member, text))
    data = datasets.fetch_movielens(size)
    assert data.users.tolist() == [1, 2]
    assert data.items.tolist() == [7, 8]


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match="size must be one of"):
        datasets.fetch_movielens("3k")


def test_a_download_with_a_wrong_checksum_leaves_nothing_behind(movielens):
    movielens.files["/ml-100k.zip"] = b"other bytes"
    with pytest.raises(OSError, match="checksum"):
        datasets.fetch_movielens("100k", base_url=movielens.url)
    assert list(movielens.cache.iterdir()) == []


@pytest.mark.parametrize("missing", ["/ml-100k.zip", "/ml-100k.zip.md5"])
def test_a_failed_download_says_what_to_do(movielens, missing):
    del movielens.files[missing]
    with pytest.raises(OSError, match="fetch it by hand and save it as"):
        datasets.fetch_movielens("100k", base_url=movielens.url)


def test_a_published_checksum_that_is_none_is_an_error(movielens):
    movielens.files["/ml-100k.zip.md5"] = b"see the README"
    with pytest.raises(OSError, match="holds no checksum"):
        datasets.fetch_movielens("100k", base_url=movielens.url)


def test_a_cached_file_is_not_verified_again(server):
    server.cache.mkdir()
    (server.cache / "x.zip").write_bytes(b"fetched by hand")
    source = Source("X", "bytes", f"{server.url}x.zip", "", "", 1, md5="0" * 32)
    assert download(source).read_bytes() == b"fetched by hand"


def test_triplets_are_fetched_counted_and_read(server, zipped):
    server.files["/t.zip"] = zipped("train_triplets.txt", "ann\tx\t3\nann\ty\t1\nbob\tx\t2\n")
    data = datasets.fetch_msd(f"{server.url}t.zip", n_triplets=3)
    assert data.users.tolist() == ["ann", "bob"]
    assert data.items.tolist() == ["x", "y"]
    assert data.matrix.toarray().tolist() == [[3, 1], [2, 0]]


def test_incomplete_triplets_are_refused(server, zipped):
    server.files["/t.zip"] = zipped("train_triplets.txt", "ann\tx\t3\n")
    with pytest.raises(OSError, match="checksum"):
        datasets.fetch_msd(f"{server.url}t.zip", md5="0" * 32)
    with pytest.raises(OSError, match="holds 1 triplets, not 48373586: delete it"):
        datasets.fetch_msd(f"{server.url}t.zip")


@pytest.mark.parametrize("make", [lambda zipped: zipped("other.txt", ""), lambda zipped: b"text"])
def test_another_archive_in_place_of_the_triplets_is_refused(server, zipped, make):
    server.files["/t.zip"] = make(zipped)
    with pytest.raises(OSError, match="is not the archive of triplets"):
        datasets.fetch_msd(f"{server.url}t.zip")


def test_a_failed_download_of_triplets_says_what_to_do(server):
    with pytest.raises(OSError, match="fetch it by hand and save it as"):
        datasets.fetch_msd(f"{server.url}nothing.zip")


def tarred(name, text):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def test_plays_of_artists_of_one_name_are_added_up(server):
    plays = b'ann\tm1\tthe "x"\t3\nann\tm2\tthe "x"\t4\nbob\t\tthe "x"\t2\nbob\tm3\t\t9\n'
    server.files["/l.tgz"] = tarred("lastfm/usersha1-artmbid-artname-plays.tsv", plays)
    data = datasets.fetch_lastfm(f"{server.url}l.tgz")
    assert data.items.tolist() == ['the "x"']
    assert data.matrix.toarray().tolist() == [[7], [2]]


def test_another_archive_in_place_of_the_plays_is_refused(server):
    server.files["/l.tgz"] = tarred("other.tsv", b"")
    with pytest.raises(OSError, match="is not the archive of plays"):
        datasets.fetch_lastfm(f"{server.url}l.tgz")


def test_sketchfab_likes_that_were_unpacked_by_hand_are_read(server):
    server.cache.mkdir()
    likes = "modelname|mid|uid\nTank|m1|u1\nTank|m1|u1\nJeep|m2|u1\n"
    (server.cache / "model_likes_anon.psv").write_text(likes)
    data = datasets.fetch_sketchfab()
    assert data.item_names.tolist() == ["Tank", "Jeep"]
    assert data.matrix.toarray().tolist() == [[1, 1]]
    assert data.n_duplicates == 1


def test_every_named_data_set_has_a_description_and_a_loader():
    names = ["synthetic", "sketchfab", "lastfm", "msd", *(f"movielens-{n}m" for n in (1, 10, 20))]
    assert set(names) < set(datasets.DATASETS)
    for dataset in datasets.DATASETS.values():
        assert dataset.description
        assert "\n" not in dataset.description
        # Otherwise the seed of the command line would be ignored.
        takes_seed = "random_state" in inspect.signature(dataset.loader).parameters
        assert dataset.is_generated == takes_seed


def test_only_generated_data_sets_depend_on_the_random_state(movielens):
    generated = datasets.Dataset(
        "generated",
        lambda random_state: datasets.synthetic_likes(60, 50, 600, random_state),
        is_generated=True,
    )
    first, second = generated.load(random_state=1), generated.load(random_state=2)
    assert (first.matrix != second.matrix).nnz > 0
    downloaded = datasets.Dataset(
        "downloaded", lambda: datasets.fetch_movielens("100k", base_url=movielens.url)
    )
    assert downloaded.load(random_state=1).n_interactions == 3
