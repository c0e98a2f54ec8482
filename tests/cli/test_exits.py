"""How a command ends: its status, what it leaves behind, and what it prints at the end."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import wrmf
from wrmf.cli.main import main
from wrmf.cli.verbs import VERBS
from wrmf.files import replacing

PATH = os.pathsep.join([str(Path(wrmf.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATH}
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other signals and pipes")


def files():
    return sorted(path.name for path in Path().iterdir())


@posix
@pytest.mark.parametrize(
    ("name", "status", "word"),
    [
        ("SIGINT", 130, b"interrupted"),
        ("SIGTERM", 143, b"terminated"),
        ("SIGHUP", 129, b"the terminal was closed"),
    ],
)
def test_a_fit_that_a_signal_ends_leaves_no_file(name, status, word, workplace):
    before = files()
    (workplace / "temporary").mkdir()
    words = ["fit", "-", "--iterations", "1000000", "--factors", "64", "--out", "new.wrmf"]
    command = [sys.executable, "-m", "wrmf", *words]
    environment = {**ENVIRONMENT, "TMPDIR": str(workplace / "temporary")}
    likes = (workplace / "likes.csv").open("rb")
    with (
        likes,
        subprocess.Popen(
            command,
            env=environment,
            stdin=likes,
            stderr=subprocess.PIPE,
            # The tests themselves may run under nohup, whose children ignore SIGHUP, too.
            preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL),
        ) as process,
    ):
        try:
            # The summary of the data is written right before the fit.
            while b"Number of interactions" not in process.stderr.readline():
                assert process.poll() is None
            time.sleep(0.5)
            process.send_signal(getattr(signal, name))
            error = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode == status
    assert error.rstrip().endswith(b"wrmf: " + word)
    assert b"Traceback" not in error
    # The copy of standard input is gone, too.
    assert not list((workplace / "temporary").iterdir())
    assert files() == sorted([*before, "temporary"])


@posix
def test_a_command_that_is_terminated_removes_its_temporary_file(workplace, monkeypatch, capsys):
    def end_while_saving(self, path, **options):
        with replacing(path) as file:
            file.write(b"half")
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("the signal ends the command")

    before = files()
    monkeypatch.setattr("wrmf.WRMF.save", end_while_saving)
    assert main(["fit", "likes.csv", "--factors", "2", "--out", "new.wrmf"]) == 143
    assert capsys.readouterr().err.endswith("wrmf: terminated\n")
    assert files() == before
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@posix
def test_a_signal_that_is_ignored_ends_no_command(workplace, monkeypatch):
    monkeypatch.setattr("wrmf.WRMF.save", lambda *arguments, **options: os.kill(os.getpid(), 1))
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert main(["fit", "likes.csv", "--factors", "2", "--out", "new.wrmf"]) == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, old)


def test_a_command_in_another_thread_sets_no_signal_handlers(workplace):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, ["datasets"]).result() == 0


@posix
def test_a_closed_pipe_is_quiet_for_every_format(workplace):
    for form in ("table", "csv", "jsonl", "parquet"):
        command = f'"{sys.executable}" -m wrmf recommend model.wrmf --format {form}'
        ended = subprocess.run(
            ["sh", "-c", f"({command}; echo status $? >&2) | head -c 1 >/dev/null"],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stderr == "status 0\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [[], ["--format", "csv"], ["--format", "parquet"]])
def test_a_full_disk_is_an_error_of_one_line(words, workplace):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "wrmf", "recommend", "model.wrmf", *words],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("wrmf: error: ")
    assert ended.stderr.count("\n") == 1


def test_an_error_writes_nothing_to_standard_output(workplace, monkeypatch, capsys):
    def fail(self, *arguments, **options):
        Path(arguments[0]).write_bytes(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr("wrmf.WRMF.save", fail)
    assert main(["fit", "likes.csv", "--factors", "2", "--out", "-"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("words", [["fit", "--help"], ["fit", "λ.csv"], ["similar", "m", "λ"]])
def test_an_encoding_without_greek_letters_is_no_error(words, workplace):
    ended = subprocess.run(
        [sys.executable, "-m", "wrmf", *words],
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert "\\u03bb" in (ended.stdout or ended.stderr) or "no such model file" in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        "fit likes.csv --out nowhere/m.wrmf",
        "search likes.csv --save nowhere/m.wrmf",
        "search likes.csv --journal nowhere/s.jsonl",
        "tune likes.csv --save nowhere/m.wrmf",
        "recommend model.wrmf --out nowhere/x.csv",
        "report likes.csv --journal nowhere/s.jsonl",
        "export model.wrmf npz nowhere/x.npz",
        "fit likes.csv --out .",
    ],
)
def test_a_file_that_cannot_be_written_is_an_error_before_any_work(
    words, workplace, monkeypatch, capsys
):
    for verb in VERBS:
        # A module that is imported below would keep the functions that replace others.
        verb.module()
    for name in ("wrmf.WRMF.fit", "wrmf.cli.data.read_interactions", "wrmf.model.loading.load"):
        monkeypatch.setattr(name, lambda *arguments, **options: pytest.fail("work is done"))
    assert main(words.split()) == 1
    error = capsys.readouterr().err
    assert "no such folder: " in error or ". is a folder" in error


@pytest.mark.parametrize(
    "words",
    [
        "fit likes.csv --out likes.csv",
        "fit likes.csv --out ./likes.csv",
        "fit other.csv likes.csv --out likes.csv",
        "fit other.csv --names likes.csv --item-name title --out likes.csv",
        "fit other.csv --users likes.csv --out likes.csv",
        "search other.csv --test likes.csv --save likes.csv",
        "report other.csv --journal likes.csv --out likes.csv",
        "recommend model.wrmf --users-file likes.csv --out likes.csv",
        "export likes.csv npz likes.csv",
        "fit --config likes.csv other.csv --out likes.csv",
    ],
)
def test_a_file_that_is_read_is_never_replaced(words, workplace, capsys):
    (workplace / "other.csv").write_text("user,item\nann,x\n")
    content = "" if "--config" in words else "user,item\nann,x\nbob,y\n"
    (workplace / "likes.csv").write_text(content)
    assert main(words.split()) == 1
    assert "likes.csv is read by this command, and would be replaced" in capsys.readouterr().err
    assert (workplace / "likes.csv").read_text() == content


def test_a_model_may_replace_the_one_that_it_comes_from(workplace, capsys):
    (workplace / "likes.csv").write_text("user,item\nann,x\nann,y\nbob,y\n")
    assert main(["fit", "likes.csv", "--factors", "2"]) == 0
    for out in ([], ["--out", "model.wrmf"]):
        assert main(["update", "model.wrmf", "likes.csv", *out]) == 0
    assert main(["fit", "likes.csv", "--like", "model.wrmf", "--factors", "2"]) == 0
    for words in (["update", "model.wrmf", "likes.csv"], ["fit", "x.csv", "--like", "likes.csv"]):
        assert main([*words, "--out", "likes.csv"]) == 1
        assert "likes.csv is read by this command" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_without_permission_is_an_error_before_any_work(workplace, capsys):
    (workplace / "likes.csv").write_text("user,item\nann,x\nann,y\nbob,y\n")
    (workplace / "closed").mkdir(mode=0o555)
    assert main(["fit", "likes.csv", "--out", "closed/m.wrmf"]) == 1
    error = capsys.readouterr().err
    assert "no permission to write in " in error
    assert "Number of users" not in error


def test_a_report_without_a_journal_says_how_to_make_one(workplace, capsys):
    assert main(["report", "likes.csv"]) == 1
    assert "wrmf search DATA --journal search.jsonl" in capsys.readouterr().err


def test_an_error_without_words_is_named(workplace, monkeypatch, capsys):
    def fail(path):
        raise MemoryError

    monkeypatch.setattr("wrmf.model.loading.load", fail)
    assert main(["recommend", "model.wrmf"]) == 1
    assert capsys.readouterr().err == "wrmf: error: MemoryError\n"


def test_iterations_are_checked_before_any_data_are_read(workplace, capsys):
    assert main(["fit", "likes.csv", "--iterations", "0"]) == 1
    assert capsys.readouterr().err == "wrmf: error: --iterations must be at least 1, got 0\n"


@pytest.mark.parametrize("words", ["similar model.wrmf -b17", "recommend model.wrmf --u3_"])
def test_an_id_that_looks_like_an_option_says_where_it_stands(words, workplace, capsys):
    with pytest.raises(SystemExit):
        main(words.split())
    verb = words.split()[0]
    assert f"stand after --, as in: wrmf {verb} model.wrmf -- -id" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["similar model.wrmf", "fit likes.csv --nothing"])
def test_nothing_is_said_of_such_ids_where_there_are_none(words, workplace, capsys):
    with pytest.raises(SystemExit):
        main(words.split())
    assert "stand after --" not in capsys.readouterr().err


def test_an_error_of_the_system_is_told_without_its_number(workplace, monkeypatch, capsys):
    def fail(path):
        raise OSError(28, "No space left on device", "model.wrmf")

    monkeypatch.setattr("wrmf.model.loading.load", fail)
    assert main(["recommend", "model.wrmf"]) == 1
    assert capsys.readouterr().err == "wrmf: error: model.wrmf: No space left on device\n"


@pytest.mark.parametrize(
    "words",
    [
        "search likes.csv --leave-out 2 --epochs 1 --grid factors=2 --save new.wrmf",
        "tune likes.csv --trials 1 --factors 2 --save new.wrmf",
    ],
)
def test_a_model_is_saved_though_the_table_goes_to_a_closed_pipe(words, workplace, monkeypatch):
    def closed(*arguments):
        raise BrokenPipeError

    for verb in ("search", "tune"):
        monkeypatch.setattr(f"wrmf.cli.{verb}.write_table", closed)
    monkeypatch.setattr("wrmf.cli.main._discard_output", lambda: None)
    assert main(words.split()) == 0
    assert wrmf.load("new.wrmf").factors == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_file_that_is_read_only_is_not_replaced(workplace, capsys):
    Path("kept.csv").write_text("kept")
    Path("kept.csv").chmod(0o444)
    assert main(["recommend", "model.wrmf", "--out", "kept.csv"]) == 1
    assert "no permission to write to kept.csv" in capsys.readouterr().err
    assert Path("kept.csv").read_text() == "kept"


def test_a_demo_in_place_of_a_file_asks_for_a_folder(workplace, capsys):
    assert main(["demo", "--out", "model.wrmf"]) == 1
    assert "model.wrmf is a file, and the demo writes several" in capsys.readouterr().err


def test_a_method_without_jobs_refuses_them(workplace, capsys):
    assert main(["search", "likes.csv", "--method", "tune", "--jobs", "2"]) == 1
    assert "--jobs has no meaning for --method tune" in capsys.readouterr().err


def test_a_core_that_is_no_number_of_interactions_names_its_option(workplace, capsys):
    assert main(["fit", "likes.csv", "--core", "-1"]) == 1
    assert capsys.readouterr().err.endswith("--core must be at least 0, got -1\n")


@posix
@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        ("datasets >&-", 0, ""),
        ("--help >&-", 0, ""),
        ("recommend model.wrmf --format csv >&-", 0, ""),
        ("recommend model.wrmf >&- 2>&-", 0, ""),
        ("fit likes.csv --factors 2 --out new.wrmf >&- 2>&-", 0, ""),
        ("fit --bogus >&- 2>&-", 2, ""),
        ("fit - <&-", 1, "wrmf: error: standard input is empty\n"),
        ("similar - x <&- >&-", 1, "wrmf: error: standard input is not a readable wrmf model file"),
    ],
)
def test_a_closed_standard_stream_is_no_bug(words, status, error, workplace):
    command = f'"{sys.executable}" -m wrmf {words}'
    ended = subprocess.run(
        ["sh", "-c", command], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == status
    assert ended.stderr.startswith(error)
    assert "Traceback" not in ended.stderr
    if "new.wrmf" in words:
        assert wrmf.load("new.wrmf").factors == 2
