"""The command serves what the example serves, and says what is missing."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import wrmf
from wrmf.cli.main import main
from wrmf.service import server
from wrmf.service.server import ServerOptions

PATH = os.pathsep.join([str(Path(wrmf.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def served(monkeypatch):
    """The calls of gunicorn, which serves nothing."""
    pytest.importorskip("fastapi", reason='needs pip install "wrmf[serve]"')
    calls = []
    monkeypatch.setattr(server, "_run_gunicorn", lambda app, options: calls.append((app, options)))
    return calls


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no gunicorn")
def test_options_reach_the_server(served, workplace):
    words = ["--host", "0.0.0.0", "--port", "0", "--workers", "3"]
    assert main(["serve", "model.wrmf", *words]) == 0
    (app, options) = served[0]
    assert options == ServerOptions("0.0.0.0", 0, 3)
    assert "/recommend_new" in {route.path for route in app.routes}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.wrmf"], "no such model file"),
        (["likes.csv"], "is not a readable wrmf model file"),
        (["-"], "must be a file"),
        (["model.wrmf", "--port", "70000"], "--port must be from 0 to 65535, got 70000"),
        (["model.wrmf", "--workers", "-1"], "--workers must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_served_is_an_error(words, message, served, workplace, capsys):
    assert main(["serve", *words]) == 1
    assert message in capsys.readouterr().err
    assert not served


def test_a_port_in_use_is_an_error_that_names_the_option(served, workplace, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert main(["serve", "model.wrmf", "--port", port]) == 1
    error = capsys.readouterr().err
    assert f"cannot listen at 127.0.0.1, port {port}" in error
    assert "pass another --port" in error
    assert not served


def test_a_host_that_is_no_address_is_an_error(served, workplace, capsys):
    assert main(["serve", "model.wrmf", "--host", "no-such-host.invalid"]) == 1
    assert (
        "--host must be an address of this machine, got 'no-such-host.invalid'"
        in capsys.readouterr().err
    )
    assert not served


def test_a_model_without_training_data_is_refused(served, workplace, capsys):
    wrmf.load("model.wrmf").save("bare.wrmf", train=False)
    assert main(["serve", "bare.wrmf"]) == 1
    assert "what users have seen" in capsys.readouterr().err


def test_without_its_libraries_the_extra_is_named(monkeypatch, workplace, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "model.wrmf"]) == 1
    assert 'pip install "wrmf[serve]"' in capsys.readouterr().err


def test_there_is_a_worker_for_each_cpu_and_one_on_windows(monkeypatch):
    assert ServerOptions().n_workers >= 1
    assert ServerOptions(workers=3).n_workers == 3
    monkeypatch.setattr(sys, "platform", "win32")
    assert ServerOptions().n_workers == 1
    with pytest.raises(ValueError, match="must be 1 on Windows"):
        ServerOptions(workers=2)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs a POSIX system")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGQUIT"])
def test_the_command_answers_requests_until_a_signal_ends_it(name, workplace):
    pytest.importorskip("uvicorn_worker", reason='needs pip install "wrmf[serve]"')
    command = [sys.executable, "-m", "wrmf", "serve", "model.wrmf", "--port", "0", "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": PATH}
    with Path("log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
        try:
            for _ in range(600):
                text = Path("log").read_text(encoding="utf-8")
                if "Listening at: " in text:
                    break
                assert process.poll() is None, text
                time.sleep(0.1)
            address = text.partition("Listening at: ")[2].split()[0]
            with urllib.request.urlopen(f"{address}/health", timeout=60) as reply:
                assert b'"factors":4' in reply.read()
        finally:
            process.send_signal(getattr(signal, name))
            assert process.wait(timeout=60) == 0
    # Workers that do not end are killed after half a minute, and this is said.
    assert "SIGKILL" not in Path("log").read_text(encoding="utf-8")
