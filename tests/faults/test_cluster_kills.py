"""A fit on a cluster whose workers are killed has the same bits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import wrmf

pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")
HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.timeout(10**5)
def test_killed_workers_change_no_bit(tmp_path, n_kills):
    package = str(Path(wrmf.__file__).parents[1])
    root = os.pathsep.join([os.environ.get("PYTHONPATH", ""), package]).lstrip(":")
    count = max(2, n_kills // 10)
    run = subprocess.run(
        [sys.executable, str(HERE / "cluster_kills.py"), str(count), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert run.stdout.splitlines()[-1:] == [f"{count} kills survived"], run.stdout + run.stderr
