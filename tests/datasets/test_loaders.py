"""Each data set is read from a small file in the format of its archive."""

import gzip
import hashlib
import inspect
import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from wrmf import datasets
from wrmf.datasets import lastfm
from wrmf.datasets.source import Source, open_member

STEAM = (
    "{'user_id': 'u1', 'items_count': 2, 'items': ["
    "{'item_id': '10', 'item_name': \"It's\", 'playtime_forever': 6, 'playtime_2weeks': 0}, "
    "{'item_id': '20', 'item_name': 'B', 'playtime_forever': 0, 'playtime_2weeks': 0}]}\n"
    "{'user_id': 'u2', 'items_count': 1, 'items': ["
    "{'item_id': '20', 'item_name': 'B', 'playtime_forever': 5, 'playtime_2weeks': 0}]}\n"
) * 2
REVIEW = {"user_id": "u1", "business_id": "b1", "stars": 4.0, "text": "good", "date": "2020-01-02"}
# The member of the archive, its content, and how it is called.
CONTENTS = {
    "movielens-100k": ("ml-100k/u.data", "1\t7\t5\t100\n1\t8\t2\t101\n2\t7\t4\t102\n"),
    "movielens-1m": ("ml-1m/ratings.dat", "1::7::5::100\n1::8::2::101\n2::7::4::102\n"),
    "movielens-10m": ("ml-10M100K/ratings.dat", "1::7::5::100\n1::8::2.5::101\n2::7::4::102\n"),
    **{
        f"movielens-{size}": (
            f"ml-{size}/ratings.csv",
            "userId,movieId,rating,timestamp\n1,7,5.0,100\n1,8,2.5,101\n2,7,4.0,102\n",
        )
        for size in ("20m", "25m", "32m")
    },
    "lastfm": (
        "lastfm-dataset-360K/usersha1-artmbid-artname-plays.tsv",
        'a\tm1\tthe "x"\t3\na\tm3\ty\t1\nb\t\tthe "x"\t2\nb\tm3\t\t9\n',
    ),
    "lastfm-1k": (
        "lastfm-dataset-1K/userid-timestamp-artid-artname-traid-traname.tsv",
        "a\t2009-05-04T23:08:57Z\tm1\tX\tt1\tOne\na\t2009-05-05T23:08:57Z\tm1\tX\tt1\tOne\n"
        'a\t2009-05-06T23:08:57Z\tm1\tX\tt2\t"Two\nb\t2009-05-04T00:00:00Z\t\tX\t\tOne\n'
        "b\t2009-05-04T00:00:00Z\tm1\tX\t\t\n",
    ),
    "steam": ("australian_users_items.json", STEAM),
    "gowalla-checkins": (
        "loc-gowalla_totalCheckins.txt",
        "0\t2010-10-19T23:55:27Z\t30.2\t-97.7\t22847\n0\t2010-10-18T22:17:43Z\t30.2\t-97.7\t22847\n"
        "0\t2010-10-17T23:42:03Z\t30.2\t-97.7\t316637\n1\t2010-10-17T19:26:05Z\t30.2\t-97.7\t16516\n",
    ),
    "yelp": (
        "yelp_academic_dataset_review.json",
        json.dumps(REVIEW) + "\n" + json.dumps({**REVIEW, "user_id": "u2", "stars": 1.0}) + "\n",
    ),
    "amazon-all-beauty": (
        "All_Beauty.csv",
        "user_id,parent_asin,rating,timestamp\nA,B0,5.0,1588687728923\nC,B1,2.0,1588687728923\n",
    ),
    "sketchfab": (
        "model_likes_anon.psv",
        "modelname|mid|uid\nTank|m1|u1\nTank|m1|u1\nJeep|m2|u1\n",
    ),
}
SHAPES = {
    "lastfm-1k": (2, 2),
    "gowalla-checkins": (2, 3),
    "yelp": (2, 1),
    "sketchfab": (1, 2),
}


def packed(member, text, archive):
    """Return the content of an archive, by its name, that holds one file."""
    data, content = text.encode(), io.BytesIO()
    if archive.endswith(".zip"):
        with zipfile.ZipFile(content, "w") as file:
            file.writestr(member, data)
    elif archive.endswith(".tar.gz"):
        with tarfile.open(fileobj=content, mode="w:gz") as file:
            info = tarfile.TarInfo(member)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    else:
        assert archive.endswith(".gz"), archive
        return gzip.compress(data)
    return content.getvalue()


def sources(dataset):
    """Return the names of the parameter that has the address, and of the archive."""
    parameters = inspect.signature(dataset.loader).parameters
    return "base_url" if "base_url" in parameters else "url", dataset.source.archive


DOWNLOADED = sorted(CONTENTS.keys() - {"yelp", "sketchfab"})


def test_every_data_set_that_is_downloaded_is_tested():
    names = {name for name, row in datasets.DATASETS.items() if not row.is_generated}
    others = {name for name in names if name.startswith("amazon-")} - {"amazon-all-beauty"}
    # The triplets have tests of their own, since they are counted.
    assert names - others - {"msd"} == set(CONTENTS)
    assert len(others) + 1 == len(datasets.AMAZON_CATEGORIES)


@pytest.mark.parametrize("name", [name for name, row in datasets.DATASETS.items() if row.source])
def test_every_source_states_its_terms_and_its_page(name):
    source = datasets.DATASETS[name].source
    assert source.terms.endswith(".")
    assert source.home.startswith("http")
    assert source.megabytes or name.startswith("amazon-")
    assert len(source.md5 or "0" * 32) == len(source.member_md5 or "0" * 32) == 32


@pytest.mark.parametrize("name", DOWNLOADED)
def test_an_archive_is_downloaded_and_read(name, server):
    member, text = CONTENTS[name]
    parameter, archive = sources(datasets.DATASETS[name])
    content = packed(member, text, archive)
    server.files[f"/{archive}"] = content
    server.files[f"/{archive}.md5"] = hashlib.md5(content).hexdigest().encode()
    address = server.url if parameter == "base_url" else f"{server.url}{archive}"
    data = datasets.DATASETS[name].loader(**{parameter: address})
    assert data.shape == SHAPES.get(name, (2, 2))
    assert (server.cache / archive).exists()
    # It is not downloaded again.
    server.files.clear()
    assert datasets.DATASETS[name].loader(**{parameter: address}).shape == data.shape


@pytest.mark.parametrize("place", ["as unpacked", "flat", "in the cache"])
@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_an_unpacked_folder_is_read_without_a_download(name, place, server, tmp_path):
    member, text = CONTENTS[name]
    folder = server.cache if place == "in the cache" else tmp_path / "data"
    path = folder / (member if place == "as unpacked" else Path(member).name)
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    named = None if place == "in the cache" else folder
    data = datasets.DATASETS[name].load(folder=named)
    assert data.shape == SHAPES.get(name, (2, 2))
    assert server.ranges == []
    if named is not None:
        assert datasets.DATASETS[name].load(folder=path).shape == data.shape


@pytest.mark.parametrize("name", DOWNLOADED)
def test_an_archive_in_a_folder_is_read(name, server, tmp_path):
    member, text = CONTENTS[name]
    archive = datasets.DATASETS[name].source.archive
    (tmp_path / archive).write_bytes(packed(member, text, archive))
    assert datasets.DATASETS[name].load(folder=tmp_path).shape == SHAPES.get(name, (2, 2))
    assert server.ranges == []


@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_a_folder_without_the_data_is_an_error(name, server, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no .*, the files of "):
        datasets.DATASETS[name].load(folder=tmp_path)


def test_plays_have_counts_times_and_kinds(tmp_path):
    member, text = CONTENTS["lastfm-1k"]
    (tmp_path / Path(member).name).write_text(text, encoding="utf-8")
    data = datasets.fetch_lastfm_1k(folder=tmp_path)
    assert data.items.tolist() == ["X – One", 'X – "Two']
    assert data.matrix.toarray().tolist() == [[2, 1], [1, 0]]
    artists = datasets.fetch_lastfm_1k("artist", folder=tmp_path)
    assert artists.matrix.toarray().tolist() == [[3], [2]]
    with pytest.raises(ValueError, match="item must be one of"):
        datasets.fetch_lastfm_1k("album", folder=tmp_path)


def test_minutes_are_counts_or_games_are_owned(tmp_path):
    (tmp_path / "australian_users_items.json").write_text(STEAM, encoding="utf-8")
    data = datasets.fetch_steam(folder=tmp_path)
    assert data.matrix.toarray().tolist() == [[6, 0], [0, 5]]
    assert data.item_names.tolist() == ["It's", "B"]
    owned = datasets.fetch_steam(owned=True, folder=tmp_path)
    assert owned.matrix.toarray().tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("name", ["steam", "yelp"])
def test_a_line_of_another_form_is_named(name, tmp_path):
    member, text = CONTENTS[name]
    (tmp_path / member).write_text(f"{text}nothing\n", encoding="utf-8")
    with pytest.raises(OSError, match=f"line {text.count(chr(10)) + 1} is"):
        datasets.DATASETS[name].load(folder=tmp_path)


def test_low_ratings_are_left_out(tmp_path):
    for name in ("yelp", "amazon-all-beauty"):
        member, text = CONTENTS[name]
        (tmp_path / member).write_text(text, encoding="utf-8")
    assert datasets.fetch_yelp(4, folder=tmp_path).n_interactions == 1
    assert datasets.fetch_amazon("All_Beauty", 4, folder=tmp_path).users.tolist() == ["A"]
    with pytest.raises(ValueError, match="category must be one of"):
        datasets.fetch_amazon("Beauty")


def test_what_no_program_may_download_says_where_it_is(server):
    with pytest.raises(FileNotFoundError, match=r"fetch it from https://business\.yelp\.com/"):
        datasets.fetch_yelp()


def test_the_checksum_of_a_file_in_an_archive_is_compared(server, monkeypatch):
    member, text = CONTENTS["lastfm"]
    server.files["/lastfm-dataset-360K.tar.gz"] = packed(member, text, "x.tar.gz")
    address = f"{server.url}lastfm-dataset-360K.tar.gz"
    for md5, is_right in (("0" * 32, False), (hashlib.md5(text.encode()).hexdigest(), True)):
        source = Source(**{**vars(lastfm.LASTFM_360K), "url": address, "member_md5": md5})
        monkeypatch.setattr(lastfm, "LASTFM_360K", source)
        if is_right:
            assert datasets.fetch_lastfm(address).shape == (2, 2)
        else:
            with pytest.raises(OSError, match="in it has the checksum"):
                datasets.fetch_lastfm(address)
            assert list(server.cache.iterdir()) == []


def test_generated_data_are_read_from_no_folder():
    with pytest.raises(ValueError, match="read from no folder"):
        datasets.DATASETS["synthetic"].load(folder=".")


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt"])
def test_paths_in_an_archive_cannot_climb(ending, name, tmp_path, monkeypatch):
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    source = Source("X", "lines", f"http://x.test/x{ending}", "", "", 1)
    (folder / f"x{ending}").write_bytes(packed(name, "evil", ending))
    before = sorted(tmp_path.rglob("*"))
    with open_member(source, "evil.txt", folder) as file:
        # It is read where it is: nothing is written anywhere.
        assert file.read() == b"evil"
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_of_7z_is_unpacked_without_folders(tmp_path, server):
    py7zr = pytest.importorskip("py7zr", reason="needs pip install py7zr")
    member, text = CONTENTS["sketchfab"]
    path = tmp_path / "model_likes_anon.psv.7z"
    for name in (f"folder/{member}", member):
        path.unlink(missing_ok=True)
        with py7zr.SevenZipFile(path, "w") as archive:
            archive.writestr(text, name)
        if name == member:
            assert datasets.fetch_sketchfab(folder=tmp_path).shape == (1, 2)
        else:
            with pytest.raises(OSError, match="no file in it is called"):
                datasets.fetch_sketchfab(folder=tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name]


def test_without_py7zr_the_archive_can_be_unpacked_by_hand(tmp_path, monkeypatch, server):
    monkeypatch.setitem(sys.modules, "py7zr", None)
    (tmp_path / "model_likes_anon.psv.7z").write_bytes(b"7z")
    with pytest.raises(ImportError, match=r"pip install py7zr, or unpack .* by hand"):
        datasets.fetch_sketchfab(folder=tmp_path)
