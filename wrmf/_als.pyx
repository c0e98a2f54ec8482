# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled kernels of alternating least squares. Arrays and numbers only.

The callers in ``sweep.py`` have checked every index and shape; the kernels fill what they are
handed. Nothing here is raised inside a parallel loop: a row that fails is marked.
"""
from cython cimport floating
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from wrmf._blas cimport potrf_upper, potrs_upper, syrk_upper

import numpy as np

# Rows gathered before one SYRK: 128 rows of 128 float32 factors are 64 KiB.
cdef enum:
    GATHER_ROWS = 128


cdef bint solve_row(
    int d,
    const int32_t *columns,
    const floating *weights,
    floating target_shift,
    const floating *fixed,
    int k,
    const floating *base,
    floating regularization,
    floating tolerance,
    floating *gathered,
    floating *normal,
    floating *x,
) noexcept nogil:
    """Minimise one row: (base + λI + Σ w yyᵀ) x = Σ (w + shift) y, by Cholesky.

    False where a pivot is not safely above rounding; x is then undefined.
    """
    cdef int entry, j, block = 0
    cdef const floating *y
    cdef floating root, target, largest = 0, pivot

    memcpy(normal, base, <size_t> k * k * sizeof(floating))
    memset(x, 0, <size_t> k * sizeof(floating))
    for entry in range(d):
        y = fixed + <size_t> columns[entry] * k
        root = sqrt(weights[entry])
        target = weights[entry] + target_shift
        for j in range(k):
            gathered[block * k + j] = root * y[j]
            x[j] += target * y[j]
        block += 1
        if block == GATHER_ROWS or entry == d - 1:
            syrk_upper(k, block, gathered, k, normal, k)
            block = 0
    for j in range(k):
        normal[j * k + j] += regularization
        if normal[j * k + j] > largest:
            largest = normal[j * k + j]

    if potrf_upper(k, normal, k) != 0:
        return False
    for j in range(k):
        pivot = normal[j * k + j]
        # Written so that NaN fails, too.
        if not pivot * pivot > tolerance * largest:
            return False
    return potrs_upper(k, normal, k, x) == 0


def solve_exact(
    const int32_t[::1] rows,
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const floating[::1] weights,
    double target_shift,
    const floating[:, ::1] fixed,
    const floating[:, ::1] base,
    const floating[::1] regularization,
    floating[:, ::1] out,
    uint8_t[::1] failed,
    int n_threads,
):
    """Set ``out[r]`` to the minimum of the loss over row r, for each r in ``rows``.

    With y_j = fixed[j], w the row's weights and b = w + target_shift, that is the solution of

        (base + regularization[r]·I + Σ_j w_j y_j y_jᵀ) x = Σ_j b_j y_j

    Parameters
    ----------
    rows : int32 (n,), the rows to solve, in the order in which threads take them.
    indptr, indices, weights : CSR of all rows; weights ≥ 0.
    target_shift : what a target b exceeds its weight w by.
    fixed : (n_columns, k), the other side's factors.
    base : (k, k), symmetric: unobserved_weight · fixedᵀ fixed.
    regularization : (n_rows,), each ≥ 0.
    out : (n_rows, k), written in the given rows only; an empty row becomes exact zeros.
    failed : uint8 (n_rows,), set to 1 where the system was singular to working precision.
    n_threads : int ≥ 1. Rows are independent, so it never changes a result.
    """
    cdef int k = fixed.shape[1]
    cdef Py_ssize_t n = rows.shape[0]
    cdef Py_ssize_t position, room = (<Py_ssize_t> k + GATHER_ROWS) * k
    cdef int32_t row
    cdef int64_t start
    cdef int d
    cdef floating *mine
    dtype = np.float32 if floating is float else np.float64
    cdef floating tolerance = k * np.finfo(dtype).eps
    cdef floating[:, ::1] scratch = np.empty((n_threads, room), dtype=dtype)
    cdef floating shift = target_shift

    if n == 0:
        return
    with nogil, parallel(num_threads=n_threads):
        mine = &scratch[threadid(), 0]
        for position in prange(n, schedule="dynamic", chunksize=8):
            row = rows[position]
            start = indptr[row]
            d = <int> (indptr[row + 1] - start)
            if d == 0:
                memset(&out[row, 0], 0, <size_t> k * sizeof(floating))
            elif not solve_row(
                d, &indices[start], &weights[start], shift, &fixed[0, 0], k, &base[0, 0],
                regularization[row], tolerance, mine + <size_t> k * k, mine, &out[row, 0],
            ):
                failed[row] = 1


def entry_scores(
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const floating[:, ::1] row_factors,
    const floating[:, ::1] column_factors,
    double[::1] out,
    int n_threads,
):
    """Set ``out[e] = row_factors[r]·column_factors[indices[e]]`` for each CSR entry e of row r.

    Accumulated in float64. ``out`` is (n_entries,).
    """
    cdef int k = row_factors.shape[1]
    cdef Py_ssize_t row, n_rows = row_factors.shape[0]
    cdef int64_t entry
    cdef int j
    cdef double total
    cdef const floating *x
    cdef const floating *y

    if indices.shape[0] == 0:
        return
    for row in prange(n_rows, nogil=True, schedule="dynamic", chunksize=64,
                      num_threads=n_threads):
        x = &row_factors[row, 0]
        for entry in range(indptr[row], indptr[row + 1]):
            y = &column_factors[indices[entry], 0]
            total = 0
            for j in range(k):
                total = total + <double> x[j] * <double> y[j]
            out[entry] = total
