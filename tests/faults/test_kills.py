"""A process that is killed while it writes leaves the old file or the new one, never a part."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults.kills import TASKS

import wrmf

HERE = Path(__file__).parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.timeout(10**5)
@pytest.mark.parametrize("task", TASKS)
def test_a_killed_process_leaves_whole_files_and_a_search_resumes(task, tmp_path, n_kills):
    # A process of its own, as those of the tests may have threads, which a fork does not copy.
    package = str(Path(wrmf.__file__).parents[1])
    root = os.pathsep.join([os.environ.get("PYTHONPATH", ""), package]).lstrip(":")
    command = [sys.executable, str(HERE / "kills.py"), task, str(n_kills), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": root}
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.stdout == f"{n_kills} kills survived\n", run.stderr
