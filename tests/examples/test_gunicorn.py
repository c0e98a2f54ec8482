"""gunicorn serves the example, preloaded, with two workers that share the model."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import wrmf

FOLDER = Path(__file__).parents[2] / "examples" / "service"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(port, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        method = "GET" if body is None else "POST"
        headers = {"content-type": "application/json"}
        connection.request(method, path, body and json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.fixture
def port(model_file, tmp_path):
    """The port of a running service."""
    pytest.importorskip("gunicorn", reason='needs pip install "wrmf[serve]"')
    pytest.importorskip("uvicorn_worker", reason='needs pip install "wrmf[serve]"')
    port = free_port()
    path = os.pathsep.join([str(Path(wrmf.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "WRMF_MODEL": str(model_file),
        "WRMF_BIND": f"127.0.0.1:{port}",
        "WRMF_WORKERS": "2",
    }
    command = [sys.executable, "-m", "gunicorn", "service:app"]
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=FOLDER, env=environment, stderr=log)
        try:
            for _ in range(600):
                try:
                    ask(port, "/health")
                    break
                except OSError:
                    assert process.poll() is None, Path(log.name).read_text(encoding="utf-8")
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs a POSIX system")
def test_forked_workers_answer_what_the_model_answers(port, model_file):
    model = wrmf.load(model_file)
    users = model.users[:40].tolist()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda user: ask(port, "/recommend", {"user": user}), users))
        processes = set(pool.map(lambda _: ask(port, "/health")[1]["process"], users))
    assert {status for status, _ in answers} == {200}
    listed = [[item["item"] for item in answer["items"]] for _, answer in answers]
    assert listed == model.recommend(users).ids.tolist()
    assert 1 <= len(processes) <= 2
