"""Runs the application: gunicorn forks workers that share one prepared model."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrmf.model.loading import load

__all__ = ["ServerOptions", "end_by_sigterm", "serve"]

MISSING = 'serving needs {}, which are not all installed: pip install "wrmf[serve]"'
# A worker that ends after some requests gives back memory that Python keeps.
MOST_REQUESTS, JITTER = 100_000, 10_000


@dataclass(frozen=True)
class ServerOptions:
    """Where requests are taken, and by how many processes.

    Attributes
    ----------
    host : str, default "127.0.0.1"
        Address to listen at; "0.0.0.0" for those of all networks.
    port : int from 0 to 65535, default 8000
        0 takes a free one.
    workers : int ≥ 0, default 0
        Number of processes; 0 is one for each CPU that this process may use, and 1 on Windows,
        where processes cannot be forked.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be from 0 to 65535, got {self.port}")
        if self.workers < 0:
            raise ValueError(f"workers must be at least 0, got {self.workers}")
        if self.workers > 1 and sys.platform == "win32":
            raise ValueError("workers must be 1 on Windows, where processes cannot be forked")

    @property
    def n_workers(self) -> int:
        """The number of processes."""
        if self.workers or sys.platform == "win32":
            return self.workers or 1
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1


def serve(path: str | os.PathLike[str], options: ServerOptions) -> None:
    """Serve a saved model until the process is stopped.

    The file is mapped and prepared once, before workers are forked, so that they share its memory.

    Parameters
    ----------
    path : str or path
        Of a model that was saved with its training data, or with ``train="seen"``.
    options : ServerOptions

    Raises
    ------
    ImportError
        If FastAPI, uvicorn or gunicorn is not installed: ``pip install "wrmf[serve]"``.
    FileNotFoundError, ValueError
        For a file that cannot be loaded, a model without training data, and an address that another
        program listens at or that this machine does not have.
    """
    try:
        import uvicorn

        from wrmf.service.app import create_app
    except ImportError as error:
        raise ImportError(MISSING.format("FastAPI and uvicorn")) from error
    model = load(Path(path), mmap=True)
    _check_address(options)
    app = create_app(model)
    if sys.platform == "win32":
        uvicorn.run(app, host=options.host, port=options.port)
    else:
        _run_gunicorn(app, options)


def _check_address(options: ServerOptions) -> None:
    """Raise an error, at once and in one line, where the server would try again for seconds."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ValueError(
            f"host must be an address of this machine, got {options.host!r} ({error.strerror}): "
            "127.0.0.1 answers this machine only, 0.0.0.0 all networks"
        ) from None
    with socket.socket(family, kind) as probe:
        if sys.platform != "win32":
            # As servers do: connections that have just been closed do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ValueError(
                f"cannot listen at {options.host}, port {options.port} ({error.strerror}): pass "
                "another port="
            ) from None


def end_by_sigterm(server: Any) -> None:
    """Let SIGINT and SIGQUIT end the service as SIGTERM does.

    gunicorn would send SIGQUIT to its workers, which those of uvicorn do not obey, and kill them
    after half a minute.
    """
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))


def _run_gunicorn(app: Any, options: ServerOptions) -> None:
    try:
        import uvicorn_worker  # noqa: F401 - gunicorn imports it by its name
        from gunicorn.app.base import BaseApplication
    except ImportError as error:
        raise ImportError(MISSING.format("gunicorn and uvicorn-worker")) from error

    class Application(BaseApplication):  # type: ignore[misc]
        """Gives gunicorn the prepared application and its settings."""

        def load_config(self) -> None:
            for name, value in {
                "bind": f"{options.host}:{options.port}",
                "workers": options.n_workers,
                "worker_class": "uvicorn_worker.UvicornWorker",
                "preload_app": True,
                "max_requests": MOST_REQUESTS,
                "max_requests_jitter": JITTER,
                "when_ready": end_by_sigterm,
                # Services of one user would share the socket in their home.
                "control_socket_disable": True,
            }.items():
                # Earlier versions of gunicorn have no such socket.
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            return app

    Application().run()
