"""The process of one measurement, which ``runner.py`` starts.

Its argument is a task as JSON, and it prints the record of the task as JSON. The output of the
libraries goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.machine import gemm_rate
from benchmarks.speed.measurement import measure
from benchmarks.speed.proof import prove

TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "measure": measure,
    "gemm": lambda task: {"gflops": gemm_rate(task["threads"])},
    "prove": lambda task: prove(task["peer"], task["threads"]),
}


def main() -> None:
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    task = json.loads(sys.argv[1])
    reply.write(json.dumps(TASKS[task["task"]](task)))
    reply.close()


if __name__ == "__main__":
    main()
