"""How the number of threads of the BLAS libraries in this process is read and set."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController

from wrmf import _lapack

__all__ = ["BlasControls", "Control"]


@dataclass(frozen=True)
class Control:
    """Reads and sets the number of threads of one library."""

    get: Callable[[], int]
    set: Callable[[int], Any]


@dataclass(frozen=True)
class BlasControls:
    """The libraries by what a number of threads holds for.

    Attributes
    ----------
    of_process : for the whole process, such as OpenBLAS with threads of its own
    of_thread : for the thread that sets it, such as OpenBLAS with OpenMP, and MKL
    """

    of_process: list[Control]
    of_thread: list[Control]

    @classmethod
    @cache
    def loaded(cls) -> BlasControls:
        """Return the controls of the libraries that NumPy and SciPy have loaded.

        They are also handed to the compiled modules.
        """
        of_process, of_thread = [], []
        hidden: list[tuple[int, int]] = []
        setters: list[int] = []
        libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        of_scipy = [library for library in libraries if _is_of_scipy(library)] or libraries
        for library in libraries:
            layer = getattr(library, "threading_layer", None)
            if library.internal_api == "openblas" and layer == "openmp":
                get, put = library.dynlib.omp_get_max_threads, library.dynlib.omp_set_num_threads
            elif library.internal_api == "mkl":
                get, put = _mkl_functions(library.dynlib)
            elif library.internal_api == "openblas" and (raw := _openblas_functions(library)):
                of_process.append(Control(*raw))
                if library in of_scipy:
                    hidden.append((_address(raw[0]), _address(raw[1])))
                continue
            else:
                of_process.append(Control(library.get_num_threads, library.set_num_threads))
                continue
            of_thread.append(Control(get, put))
            setters.append(_address(put))
        _lapack.set_controls(hidden, setters)
        return cls(of_process, of_thread)


def _is_of_scipy(library: Any) -> bool:
    return any(part in ("scipy", "scipy.libs") for part in Path(library.filepath).parts)


def _openblas_functions(library: Any) -> tuple[Any, Any] | None:
    """Return the functions that get and set the number of threads, whatever their names' affixes.

    The methods of threadpoolctl would do nothing outside of the thread that was the first to set a
    number.
    """
    for prefix in ("", "scipy_"):
        for suffix in ("", "64_", "_64"):
            names = (f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set"))
            get, put = (getattr(library.dynlib, name, None) for name in names)
            if get is not None and put is not None:
                return get, put
    return None


def _mkl_functions(library: Any) -> tuple[Any, Any]:
    return library.MKL_Get_Max_Threads, library.MKL_Set_Num_Threads_Local


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
