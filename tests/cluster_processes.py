"""A scheduler and workers as the command ``dask`` starts them, in processes that can be killed."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import wrmf

# The package that is tested: of this checkout, or installed.
ROOT = Path(wrmf.__file__).parents[1]
SECONDS = 600
# A machine with other work may take longer to answer than the half minute of the defaults.
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10 minutes",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "10 minutes",
}


class CommandCluster:
    """``dask scheduler`` and ``dask worker`` on this machine; a context manager.

    Parameters
    ----------
    folder : path, of logs and of what workers spill
    n_workers : int, default 2
    threads : int, default 1
        Of each worker.
    memory : str, default "2GiB"
        Limit of each worker.
    """

    def __init__(self, folder, n_workers=2, threads=1, memory="2GiB"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.threads, self.memory = threads, memory
        self.scheduler_file = self.folder / "scheduler.json"
        self.processes = []
        self.workers = []
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.wait_for(lambda: self.address is not None, "no scheduler")
        for _ in range(n_workers):
            self.add_worker()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    @property
    def address(self):
        """The address of the scheduler, None before it listens."""
        try:
            return json.loads(self.scheduler_file.read_text())["address"]
        except (OSError, ValueError, KeyError):
            return None

    def start(self, kind, *options, environment=None, before=None):
        """Start a process of the command ``dask``; ``before`` is called in it at its start."""
        inherited = {**os.environ, **ENVIRONMENT}
        log = self.folder / f"{kind}-{len(self.processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dask", kind, *options, "--no-dashboard"),
                    *("--scheduler-file", str(self.scheduler_file)),
                ],
                env={**inherited, **(environment or {})},
                cwd=self.folder,
                preexec_fn=before,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def add_worker(self, **options):
        """Start a worker; see :meth:`start`."""
        number = len(self.workers)
        worker = self.start(
            "worker",
            *("--name", f"worker-{number}", "--nthreads", str(self.threads), "--no-nanny"),
            *("--memory-limit", self.memory, "--host", "127.0.0.1"),
            *("--local-directory", str(self.folder / f"spill-{number}")),
            **options,
        )
        self.workers.append(worker)
        return worker

    def client(self):
        """Return a client once all workers that were started are there."""
        from distributed import Client

        client = Client(self.address, timeout=SECONDS)
        client.wait_for_workers(sum(worker.poll() is None for worker in self.workers), SECONDS)
        return client

    def wait_for(self, condition, problem):
        """Wait until a condition holds; an AssertionError if it never does."""
        until = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < until, f"{problem}: see the logs in {self.folder}"
            time.sleep(0.05)

    def close(self):
        """End all processes."""
        for process in reversed(self.processes):
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()


def limit_files(size):
    """Return a function that lets the system refuse longer files, as a full disk does."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def command(*words, **options):
    """Start the command ``wrmf``; the result is the process."""
    code = "import sys; from wrmf.cli.main import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run_command(*words):
    """Run the command ``wrmf``; return the exit status, and what it wrote to standard error."""
    process = command(*words)
    _, errors = process.communicate(timeout=3000)
    return process.returncode, errors
