"""The targets "models" and "journals": files of this package that are damaged or forged."""

from __future__ import annotations

import functools
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from fuzz.damage import damaged
from fuzz.outcomes import outcome_of, require

import wrmf
from wrmf.model import tensors
from wrmf.search.journal import read_journal
from wrmf.search.journal_lines import write_line

__all__ = ["run_journal_case", "run_model_case"]

LENGTH = 8
# What a forger may put in place of a value of JSON.
JSON_VALUES = [
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63, 10**30, 1.5, 1e308, float("nan")),
    *("", "x", "F32", "I64", "float64", "mse", [], {}, [1], [1, 2], [[]], {"a": 1}, ["a", "b"]),
]


def _mutate(value: Any, generator: np.random.Generator) -> Any:
    """Return JSON with one value, at any depth, replaced, removed or repeated."""
    if isinstance(value, (dict, list)) and value and generator.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = keys[generator.integers(len(keys))]
        copy = value.copy()
        match generator.integers(12):
            case 0:
                del copy[key]
            case 1 if isinstance(copy, list):
                copy.append(copy[key])
            case _:
                copy[key] = _mutate(value[key], generator)
        return copy
    if isinstance(value, str) and value[:1] in ("{", "[") and generator.random() < 0.9:
        try:
            return json.dumps(_mutate(json.loads(value), generator))
        except ValueError:
            return value[1:]
    return JSON_VALUES[generator.integers(len(JSON_VALUES))]


@functools.cache
def model_files(folder: Path) -> list[bytes]:
    """Return the content of sound model files: with ids of several types, with and without data."""
    counts = np.tri(6, 4) * 2
    contents = []
    path = folder / "sound"
    for users, train, dtype in [
        (list("abcdef"), True, None),
        (None, "seen", None),
        ([(1, "x"), b"b", "é", 2, "", -7], False, "float16"),
    ]:
        data = wrmf.Interactions.from_matrix(counts, users, item_names=["i", "j", "k", "l"])
        model = wrmf.WRMF(factors=2, iterations=1, random_state=1, num_threads=1).fit(data)
        model.save(path, train=train, dtype=dtype)
        contents.append(path.read_bytes())
    return contents


def _forged(content: bytes, generator: np.random.Generator) -> bytes:
    """Return a model file with another header, whose checksums are right."""
    end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    header = json.loads(content[LENGTH:end])
    arrays = content[end:]
    if generator.random() < 0.5:
        # Other bytes of the arrays, with their checksums.
        changed = bytearray(arrays)
        for _ in range(generator.integers(1, 4)):
            place = int(generator.integers(len(changed)))
            changed[place] = int(generator.choice([0, 1, 7, 127, 128, 255]))
        arrays = bytes(changed)
        sums = {
            name: f"{zlib.crc32(arrays[slice(*entry['data_offsets'])]):08x}"
            for name, entry in header.items()
            if name != "__metadata__"
        }
        header["__metadata__"]["checksums"] = json.dumps(sums)
    else:
        header = _mutate(header, generator)
    texts = header.get("__metadata__") if isinstance(header, dict) else None
    if isinstance(texts, dict):
        header["__metadata__"] = {**texts, "checksum": "0" * 8}
    text = json.dumps(header, separators=(",", ":")).encode()
    if generator.random() < 0.9:
        # Arrays begin at multiples of 64 bytes in files that this package writes.
        text += b" " * (-(LENGTH + len(text)) % 64)
    rest = text[len(tensors.PREFIX) + 8 :]
    text = text[: len(tensors.PREFIX)] + f"{zlib.crc32(rest):08x}".encode() + rest
    return len(text).to_bytes(LENGTH, "little") + text + arrays


def _use(model: wrmf.WRMF) -> None:
    # A mapped file that is not verified may be refused only when its texts are read.
    ids = outcome_of(lambda: (model.users.tolist(), model.items.tolist())).answer
    if ids is None:
        return
    users, items = ids
    for call in (
        lambda: model.recommend(n=3),
        lambda: model.recommend(users[:1], n=9, exclude_seen=False, items=items[:2]),
        lambda: model.similar_items(items[:1], n=2),
        lambda: model.recommend_new(np.eye(2, len(items))),
        lambda: model.predict(users[:1], items),
        lambda: model.explain(users[-1], items[-1]),
        lambda: model.get_params(),
    ):
        outcome_of(call)


def run_model_case(generator: np.random.Generator, folder: Path) -> str:
    """Load a damaged or forged model file, mapped or not; a model that is loaded answers."""
    contents = model_files(folder)
    content = contents[generator.integers(len(contents))]
    change = damaged if generator.random() < 0.3 else _forged
    content = change(content, generator)
    path = folder / "model"
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    options: dict[str, Any] = {}
    if generator.integers(2):
        options = {"mmap": True, "verify": bool(generator.integers(2))}
    outcome = outcome_of(wrmf.load, path, **options)
    require(path.read_bytes() == content, "the file has changed")
    if outcome.error is not None:
        require(str(path) in str(outcome.error), f"no name of the file: {outcome.error}")
        return f"{change.__name__}: {outcome.name}"
    _use(outcome.answer)
    if not options:
        outcome_of(outcome.answer.save, folder / "again")
        outcome.answer.set_params(num_threads=1)
        outcome_of(outcome.answer.partial_fit, np.tri(6, 4), iterations=1, progress=False)
    return f"{change.__name__}: {outcome.name}"


@functools.cache
def search_arguments() -> tuple[Any, ...]:
    data = wrmf.datasets.synthetic_likes(40, 30, 300)
    split = wrmf.leave_k_out(data, k=2, random_state=0)
    return wrmf.WRMF(factors=2, num_threads=1, random_state=0), split, {"alpha": [1.0, 20.0]}, [1]


@functools.cache
def journal(folder: Path) -> bytes:
    """Return the content of the journal of a finished search."""
    path = folder / "sound.jsonl"
    wrmf.grid_search(*search_arguments(), journal=path, validation=0.2, progress=False)
    return path.read_bytes()


def run_journal_case(generator: np.random.Generator, folder: Path) -> str:
    """Read and resume a damaged or forged journal."""
    sound = journal(folder)
    path = folder / "journal"
    if generator.random() < 0.5:
        content, change = damaged(sound, generator), "damaged"
    else:
        lines = [json.loads(line) for line in sound.splitlines()]
        place = int(generator.integers(len(lines)))
        lines[place].pop("crc32")
        lines[place] = _mutate(lines[place], generator)
        is_object = isinstance(lines[place], dict)
        encoded = [json.dumps(line).encode() + b"\n" for line in lines]
        if is_object:
            encoded[place] = write_line(lines[place])
        content, change = b"".join(encoded), "forged"
    path.write_bytes(content)
    outcome = outcome_of(read_journal, path)
    if outcome.error is not None:
        require(str(path) in str(outcome.error), f"no name of the file: {outcome.error}")
    else:
        result = outcome.answer
        for use in (result.to_frame, lambda: result.best_score, lambda: result.best_params):
            outcome_of(use)
    require(path.read_bytes() == content, "the file has changed")
    if generator.random() < 0.1:
        call = functools.partial(wrmf.grid_search, validation=0.2, progress=False)
        resumed = outcome_of(call, *search_arguments(), journal=path)
        if resumed.error is not None:
            require(path.read_bytes() == content, "a journal that was refused has changed")
    return f"{change}: {outcome.name}"
