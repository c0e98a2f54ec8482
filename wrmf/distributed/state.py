"""What is saved: the parameters of a run, and the item factors after each iteration."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wrmf.data.checks import as_generator
from wrmf.distributed.folder import FileRecord, Folder
from wrmf.distributed.steps import BlockRecord
from wrmf.model.parameters import dtype_name
from wrmf.numerics.isa import ISAS

__all__ = [
    "Latest",
    "Progress",
    "block_name",
    "generator_from",
    "generator_state",
    "isa_of_run",
    "known_method",
    "resume_run",
    "saved_params",
]

logger = logging.getLogger("wrmf.distributed")

RUN, LATEST = "run.json", "latest.json"
# They change no bit of an iteration.
FREE = ("iterations", "num_threads", "random_state")
# Item factors of this many iterations stay in the folder.
KEPT_ITERATIONS = 2


@dataclass(frozen=True)
class Progress:
    """What an iteration reached.

    Attributes
    ----------
    iteration : int, from 1; 0 is the start
    loss : float, the exact loss after it
    seconds : float, that it took, with the loss and saving
    bytes : int, that workers received from each other
    """

    iteration: int
    loss: float
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Latest:
    """The last complete iteration.

    Attributes
    ----------
    iteration : int
    blocks : sequence of BlockRecord, the item factors in order
    history : sequence of Progress
    """

    iteration: int
    blocks: Sequence[BlockRecord]
    history: Sequence[Progress] = ()

    def write(self, folder: Folder) -> None:
        """Make this the state that a rerun resumes from, and remove older item factors."""
        folder.write_json(LATEST, asdict(self))
        oldest = self.iteration - KEPT_ITERATIONS + 1
        for path in folder.path("items").glob("[0-9]*.tensors"):
            if int(path.name.partition("-")[0]) < oldest:
                path.unlink(missing_ok=True)

    @classmethod
    def read(cls, folder: Folder) -> Latest | None:
        """Return the state of a folder, or None if no iteration is complete."""
        latest: Latest | None = folder.read_json(LATEST, cls._of_json)
        return latest

    @classmethod
    def _of_json(cls, content: Any) -> Latest:
        blocks = [
            BlockRecord(**{**block, "file": FileRecord(**block["file"])})
            for block in content["blocks"]
        ]
        history = [Progress(**progress) for progress in content["history"]]
        return cls(content["iteration"], blocks, history)


def block_name(iteration: int, block: int) -> str:
    """Return the name of the file of a block of item factors."""
    return f"items/{iteration:05}-{block:05}.tensors"


def generator_state(random_state: Any) -> dict[str, Any]:
    """Return the state of the generator that a model's ``random_state`` stands for, as JSON.

    A generator of the caller is not advanced.
    """
    state: dict[str, Any] = _as_json(as_generator(random_state).bit_generator.state)
    return state


def generator_from(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator of a state that :func:`generator_state` returned."""
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = _from_json(state)
    return np.random.Generator(bits)


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_json(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.name}
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"array", "dtype"}:
            return np.array(value["array"], dtype=value["dtype"])
        return {name: _from_json(part) for name, part in value.items()}
    return value


def saved_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters on which the result of an iteration depends, as JSON."""
    return {
        name: dtype_name(value) if name == "dtype" else _as_list(value)
        for name, value in params.items()
        if name not in FREE
    }


def _as_list(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_as_list(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def resume_run(
    folder: Folder, params: Mapping[str, Any], random_state: Any, method: str, isa: str
) -> dict[str, Any]:
    """Return the content of ``run.json``, which is written if it does not exist.

    Raises
    ------
    ValueError
        If the folder has a run with other parameters, or another seed.
    """
    now: dict[str, Any] = {"params": saved_params(params), "method": method}
    run = _read_run(folder)
    if run is None:
        run = {**now, "random": generator_state(random_state), "isa": isa}
        folder.write_json(RUN, run)
        return run
    was, wanted = ({"method": part["method"], **part["params"]} for part in (run, now))
    for name in dict.fromkeys([*was, *wanted]):
        if was.get(name) != wanted.get(name):
            raise _other(folder, name, was.get(name), wanted.get(name))
    if random_state is not None and run["random"] != generator_state(random_state):
        raise ValueError(
            f"{folder.root} holds a fit with another random_state than {random_state!r}. Name "
            "another folder, or pass resume=False to begin again"
        )
    return dict(run)


def isa_of_run(run: Mapping[str, Any], isa: str) -> str:
    """Return the instruction set for a run that goes on, where workers have ``isa`` and below.

    It is that of the run, on which the last bits depend; a cluster that lacks it goes on with its
    own, which the log says.
    """
    began = str(run.get("isa", isa))
    if began in ISAS and ISAS.index(began) <= ISAS.index(isa):
        return began
    logger.warning(
        "the fit has begun with the instruction set %s, and the workers have %s at most: what "
        "follows is rounded otherwise in the last bits",
        began,
        isa,
    )
    return isa


def known_method(folder: Folder) -> str | None:
    """Return the method of the fit in a folder, or None if it has none."""
    run = _read_run(folder)
    return None if run is None else str(run["method"])


def _read_run(folder: Folder) -> dict[str, Any] | None:
    """Return the content of ``run.json``, or None if it does not exist."""
    names = ("params", "method", "random")
    run: dict[str, Any] | None = folder.read_json(
        RUN, lambda content: {**content, **{name: content[name] for name in names}}
    )
    return run


def _other(folder: Folder, name: str, was: Any, now: Any) -> ValueError:
    return ValueError(
        f"{folder.root} holds a fit with {name}={was!r}, now {now!r} is asked for. Name another "
        "folder, or pass resume=False to begin again"
    )
