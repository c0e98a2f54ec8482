"""How a signal ends a command: as an error does, so that temporary files are removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Ended", "ended_by_signals"]

# The signals that ask a process to end, and how this is said; Ctrl-C is one of Python's exceptions.
ENDING = {"SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}


class Ended(BaseException):
    """Raised where a signal asks the process to end.

    Attributes
    ----------
    status : int
        128 and the number of the signal, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(ENDING[signal.Signals(number).name])
        self.status = 128 + number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise :class:`Ended` within the block for a signal that would end the process at once.

    A signal that is handled or ignored already, as by ``nohup``, is left alone. Only the main
    thread can handle signals; in others nothing changes.
    """
    replaced = []
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
        replaced = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in replaced:
            if signal.getsignal(number) in (_end, signal.SIG_IGN):
                signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    # A second one would interrupt the removal of temporary files.
    signal.signal(number, signal.SIG_IGN)
    raise Ended(number)
