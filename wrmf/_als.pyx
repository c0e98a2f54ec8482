# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled kernels of alternating least squares. Arrays and numbers only.

The callers in ``sweep.py`` have checked every index and shape; the kernels fill what they are
handed. Nothing here is raised inside a parallel loop: a row that fails is marked.
"""
from cython cimport floating
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from wrmf._blas cimport gemm, potrf_upper, potrs_upper, syrk_transposed_upper, syrk_upper

import numpy as np


cdef extern from "_lanes.h" nogil:
    ctypedef struct lanes_problem:
        const int64_t *indptr
        const int32_t *indices
        const void *weights
        double target_shift
        const void *fixed
        int k
        int ld
        const double *spectrum
        const void *regularization
        int steps
        void *out
        uint8_t *failed

    const int LANES_ORDER
    int lanes_best_path()
    int lanes_width(int path, int is_double)
    size_t lanes_scratch(int path, int ld)
    void lanes_solve(int path, int is_double, int method, const lanes_problem *problem,
                     const int32_t *rows, int count, const int32_t *next, int next_count,
                     void *scratch)
    void lanes_part(int path, int is_double, const lanes_problem *problem, int32_t row,
                    int64_t first, int64_t last, void *sums, void *scratch)
    void lanes_join(int path, int is_double, const lanes_problem *problem, const int32_t *rows,
                    int count, const void *sums, const int64_t *parts, void *scratch)
    void lanes_gram(int path, int is_double, const void *factors, int are_floats, int64_t rows,
                    int k, int ld, int first, int last, double *sums, void *scratch)
    void lanes_pack(int path, int is_double, int k, int m, const void *matrix, void *panels,
                    int32_t *range)
    void lanes_pack_rows(int path, int is_double, int k, int m, const void *rows,
                         const int32_t *order, void *panels)
    void lanes_multiply(int path, int is_double, int64_t rows, int k, int m, const void *left,
                        ptrdiff_t lda, const void *panels, const int32_t *range, void *result,
                        ptrdiff_t ldc)
    uint64_t lanes_flush_subnormals()
    void lanes_restore_subnormals(uint64_t before)
    ptrdiff_t lanes_part_size(int path, int is_double, int k, int ld)
    int LANES_SUMMED

# How a row is solved; the numbers of _lanes.h.
DUAL, PRIMAL, CG = range(3)
ORDER_IN_LANES = LANES_ORDER

# Rows gathered before one SYRK: 128 rows of 128 float32 factors are 64 KiB.
cdef enum:
    GATHER_ROWS = 128
    GRAM_PANEL = 128


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


cdef void row_scales(const lanes_problem *problem, int row, floating *scale) noexcept nogil:
    """(spectrum + λ of the row)^(-1/2), 0 in directions without either; ones where whitened."""
    cdef int f
    cdef double d
    for f in range(problem.k):
        if problem.spectrum == NULL:
            scale[f] = 1
        else:
            d = problem.spectrum[f] + (<const floating *> problem.regularization)[row]
            scale[f] = <floating> (1 / sqrt(d)) if d > 0 else 0


cdef bint solve_whitened_row(
    const lanes_problem *problem, int method, int row, floating tolerance, floating *scratch
) noexcept nogil:
    """Solve (I + SᵀS) t = Σ b v of one row by BLAS: what _lanes.h does for many rows at once.

    Primal in the order of the factors; dual, (I + SSᵀ) h = b/√w and t = Sᵀh, in the order of the
    row's entries. ``scratch`` holds k + max(k, GATHER_ROWS)·k + k² elements.
    """
    cdef int k = problem.k, order, e, f, block = 0
    cdef int64_t start = problem.indptr[row]
    cdef int d = <int> (problem.indptr[row + 1] - start)
    cdef const floating *fixed = <const floating *> problem.fixed
    cdef const floating *weights = (<const floating *> problem.weights) + start
    cdef floating *out = (<floating *> problem.out) + <size_t> row * problem.ld
    cdef const floating *y
    cdef floating *scale = scratch
    cdef floating *gathered = scratch + k
    cdef floating *system = gathered + <size_t> (k if k > GATHER_ROWS else GATHER_ROWS) * k
    cdef floating *solution = out
    cdef floating *entry
    cdef floating root, target, largest = 0

    row_scales(problem, row, scale)
    order = d if method == 0 else k
    memset(system, 0, <size_t> order * order * sizeof(floating))
    for f in range(order):
        system[<size_t> f * order + f] = 1
    memset(out, 0, <size_t> problem.ld * sizeof(floating))
    for e in range(d):
        y = fixed + <size_t> problem.indices[start + e] * problem.ld
        # A weight of zero still has a target: S c = b v needs a root to divide by.
        root = sqrt(weights[e] if weights[e] > 1e-30 else <floating> 1e-30)
        entry = gathered + <size_t> block * k
        for f in range(k):
            entry[f] = root * scale[f] * y[f]
        target = (weights[e] + <floating> problem.target_shift) / root
        block += 1
        if method == 0:
            continue
        for f in range(k):
            out[f] += target * entry[f]
        if block == GATHER_ROWS or e == d - 1:
            syrk_upper(k, block, gathered, k, system, k)
            block = 0
    if method == 0:
        syrk_transposed_upper(d, k, gathered, k, system, d)
        solution = system + <size_t> d * d
        for e in range(d):
            root = sqrt(weights[e] if weights[e] > 1e-30 else <floating> 1e-30)
            solution[e] = (weights[e] + <floating> problem.target_shift) / root
    for f in range(order):
        if system[<size_t> f * order + f] > largest:
            largest = system[<size_t> f * order + f]
    if potrf_upper(order, system, order) != 0:
        return False
    for f in range(order):
        # Written so that NaN fails, too.
        if not system[<size_t> f * order + f] ** 2 > tolerance * largest:
            return False
    if potrs_upper(order, system, order, solution) != 0:
        return False
    if method == 0:
        for e in range(d):
            for f in range(k):
                out[f] += solution[e] * gathered[<size_t> e * k + f]
    for f in range(k):
        out[f] *= scale[f]
        if not out[f] - out[f] == 0:
            return False
    return True


cdef bint conjugate_row(
    const lanes_problem *problem, int row, floating *scratch
) noexcept nogil:
    """Conjugate gradients on the whitened system of one row; ``scratch`` holds 5 k elements."""
    cdef int k = problem.k, f, _step
    cdef int64_t e
    cdef const floating *weights = <const floating *> problem.weights
    cdef const floating *y
    cdef floating *out = (<floating *> problem.out) + <size_t> row * problem.ld
    cdef floating *scale = scratch
    cdef floating *t = scale + k
    cdef floating *r = t + k
    cdef floating *p = r + k
    cdef floating *ap = p + k
    cdef floating score, rr, before, curvature, along

    row_scales(problem, row, scale)
    for f in range(k):
        t[f] = out[f] / scale[f] if scale[f] > 1e-30 else 0
        r[f] = -t[f]
    for e in range(problem.indptr[row], problem.indptr[row + 1]):
        y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * problem.ld
        score = 0
        for f in range(k):
            score += scale[f] * y[f] * t[f]
        score = weights[e] + <floating> problem.target_shift - weights[e] * score
        for f in range(k):
            r[f] += score * scale[f] * y[f]
    rr = 0
    for f in range(k):
        p[f] = r[f]
        rr += r[f] * r[f]
    for _step in range(problem.steps):
        for f in range(k):
            ap[f] = p[f]
        for e in range(problem.indptr[row], problem.indptr[row + 1]):
            y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * problem.ld
            score = 0
            for f in range(k):
                score += scale[f] * y[f] * p[f]
            for f in range(k):
                ap[f] += weights[e] * score * scale[f] * y[f]
        curvature = 0
        for f in range(k):
            curvature += p[f] * ap[f]
        # A residual that has vanished ends it: 0/0 is no step.
        if not curvature > 1e-30:
            break
        along = rr / curvature
        before = rr
        rr = 0
        for f in range(k):
            t[f] += along * p[f]
            r[f] -= along * ap[f]
            rr += r[f] * r[f]
        if not before > 1e-30:
            break
        for f in range(k):
            p[f] = r[f] + rr / before * p[f]
    memset(out, 0, <size_t> problem.ld * sizeof(floating))
    for f in range(k):
        out[f] = t[f] * scale[f]
        if not out[f] - out[f] == 0:
            return False
    return True


def best_path():
    """Return the best path of _lanes.h on this CPU: 0 none, 1 baseline, 2 AVX2, 3 AVX-512."""
    return lanes_best_path()


def lanes(int path, bint is_double):
    """Return how many rows a path solves at once."""
    return lanes_width(path, is_double) if path else 1


def solve_rows(
    int path,
    int method,
    const int32_t[::1] rows,
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const floating[::1] weights,
    double target_shift,
    const floating[:, ::1] fixed,
    int k,
    const double[::1] spectrum,
    const floating[::1] regularization,
    int steps,
    const int32_t[::1] owner,
    const int64_t[::1] first,
    const int64_t[::1] last,
    const int64_t[::1] part_start,
    floating[:, ::1] out,
    uint8_t[::1] failed,
    int n_threads,
):
    """Set ``out[r]`` to the solution t of (I + SᵀS) t = Σ b v for each r in ``rows``.

    v = fixed[j] where ``fixed`` is whitened already and ``spectrum`` is empty; otherwise ``fixed``
    is rotated into the eigenbasis, v_l = fixed[j, l] (spectrum_l + λ_r)^(-1/2), and ``out`` is in
    that basis. S = diag(√w) V, b = w + target_shift.

    Parameters
    ----------
    path : int, 0 for BLAS row by row, or a path of _lanes.h that the CPU has.
    method : DUAL, PRIMAL or CG.
    rows : int32 (n,), rows with entries; for DUAL and PRIMAL in lanes of order ≤ ORDER_IN_LANES.
    indptr, indices, weights : CSR of all rows.
    fixed : (n_columns, ld), ld a multiple of 16, zeros from column k.
    owner, first, last : (n_parts,), the parts that PRIMAL splits long rows in, so that none holds
        up the others: the row, the first entry and the one after the last; or empty.
    part_start : int64 (n + 1,), the parts of the g-th of ``rows`` are part_start[g] … [g + 1] − 1.
    out : (n_rows, ld), written in the given rows only; CG begins with what is there.
    failed : uint8 (n_rows,), set to 1 where the system was singular to working precision.
    n_threads : int ≥ 1, never changes a result.
    """
    cdef bint is_double = floating is double
    cdef int ld = fixed.shape[1], width = lanes(path, is_double), count, next_count
    cdef Py_ssize_t next_
    cdef Py_ssize_t n = rows.shape[0], g, n_groups = (n + width - 1) // width, size
    cdef Py_ssize_t n_parts = owner.shape[0]
    cdef lanes_problem problem
    dtype = np.float64 if is_double else np.float32
    cdef floating tolerance = np.finfo(dtype).eps * k
    cdef uint8_t[::1] room, part_room
    cdef uint8_t *sums
    cdef uint8_t *scratch
    cdef uint8_t *mine
    cdef size_t bytes
    cdef uint64_t before

    if n == 0:
        return
    problem.indptr = &indptr[0]
    problem.indices = &indices[0]
    problem.weights = &weights[0]
    problem.target_shift = target_shift
    problem.fixed = &fixed[0, 0]
    problem.k = k
    problem.ld = ld
    problem.spectrum = &spectrum[0] if spectrum.shape[0] else NULL
    problem.regularization = &regularization[0]
    problem.steps = steps
    problem.out = &out[0, 0]
    problem.failed = &failed[0]
    if path:
        bytes = lanes_scratch(path, ld)
    else:
        bytes = ((<size_t> max(k, GATHER_ROWS) + k + 6) * k * fixed.itemsize + 63) // 64 * 64
    room = np.empty(n_threads * bytes + 64, dtype=np.uint8)
    scratch = <uint8_t *> ((<size_t> &room[0] + 63) // 64 * 64)

    if path and n_parts:
        size = lanes_part_size(path, is_double, k, ld) * fixed.itemsize
        part_room = np.empty(n_parts * size + 64, dtype=np.uint8)
        sums = <uint8_t *> ((<size_t> &part_room[0] + 63) // 64 * 64)
        with nogil, parallel(num_threads=n_threads):
            before = lanes_flush_subnormals()
            mine = scratch + threadid() * bytes
            for g in prange(n_parts, schedule="dynamic", chunksize=1):
                lanes_part(path, is_double, &problem, owner[g], first[g], last[g],
                           sums + g * size, mine)
            lanes_restore_subnormals(before)
        with nogil, parallel(num_threads=n_threads):
            before = lanes_flush_subnormals()
            mine = scratch + threadid() * bytes
            for g in prange(n_groups, schedule="dynamic", chunksize=1):
                count = <int> (width if n - g * width > width else n - g * width)
                lanes_join(path, is_double, &problem, &rows[g * width], count, sums,
                           &part_start[g * width], mine)
            lanes_restore_subnormals(before)
    elif path:
        with nogil, parallel(num_threads=n_threads):
            before = lanes_flush_subnormals()
            mine = scratch + threadid() * bytes
            for g in prange(n_groups, schedule="dynamic", chunksize=1):
                count = <int> (width if n - g * width > width else n - g * width)
                # Threads take groups in turn.
                next_ = (g + n_threads) * width
                next_count = <int> max(0, min(<Py_ssize_t> width, n - next_))
                lanes_solve(path, is_double, method, &problem, &rows[g * width], count,
                            &rows[next_ if next_count else 0], next_count, mine)
            lanes_restore_subnormals(before)
    else:
        with nogil, parallel(num_threads=n_threads):
            before = lanes_flush_subnormals()
            mine = scratch + threadid() * bytes
            for g in prange(n, schedule="dynamic", chunksize=8):
                if method >= 2:
                    if not conjugate_row[floating](&problem, rows[g], <floating *> mine):
                        failed[rows[g]] = 1
                elif not solve_whitened_row[floating](
                    &problem, method, rows[g], tolerance, <floating *> mine
                ):
                    failed[rows[g]] = 1
            lanes_restore_subnormals(before)


def multiply(
    int path, const floating[:, :] a, const floating[:, ::1] b, floating[:, :] out, int n_threads,
    const int32_t[::1] chosen=None
):
    """Set ``out = a @ b``, of the ``chosen`` rows alone where they are given.

    By a path of _lanes.h, which skips the zeros of a triangular b, or with path 0 by BLAS; over
    blocks of rows, which are contiguous within.
    """
    # 256 rows stay in level 2 from panel to panel. BLAS wants with few factors so few that it packs
    # nothing, with many so many that packing is soon paid.
    cdef int rows_of_block = 256 if path else 128 if b.shape[0] <= 64 else 1024
    cdef Py_ssize_t n = a.shape[0] if chosen is None else chosen.shape[0], block
    cdef int m = b.shape[1], k = b.shape[0], rows, row
    cdef uint64_t before
    cdef int lda = a.strides[0] // a.itemsize, ldc = out.strides[0] // out.itemsize
    cdef const int32_t *row_of = NULL
    cdef int32_t[::1] range_ = np.empty(m + 64, dtype=np.int32)
    cdef uint8_t[::1] room = np.empty(<size_t> k * (m + 64) * a.itemsize + 64, dtype=np.uint8)
    cdef uint8_t *panels = <uint8_t *> ((<size_t> &room[0] + 63) // 64 * 64)
    # A block of the chosen rows, and what becomes of them.
    cdef floating[:, :, ::1] left, right
    cdef const floating *from_
    cdef floating *to
    if n == 0:
        return
    dtype = np.float64 if floating is double else np.float32
    left = np.empty((n_threads, rows_of_block if chosen is not None else 1, k), dtype=dtype)
    right = np.empty((n_threads, left.shape[1], m), dtype=dtype)
    if chosen is not None:
        row_of = &chosen[0]
        lda, ldc = k, m
    if path:
        lanes_pack(path, floating is double, k, m, &b[0, 0], panels, &range_[0])
    with nogil, parallel(num_threads=n_threads):
        before = lanes_flush_subnormals()
        for block in prange((n + rows_of_block - 1) // rows_of_block, schedule="dynamic",
                            chunksize=1):
            rows = <int> min(<Py_ssize_t> rows_of_block, n - block * rows_of_block)
            if row_of != NULL:
                from_, to = &left[threadid(), 0, 0], &right[threadid(), 0, 0]
                for row in range(rows):
                    memcpy(&left[threadid(), row, 0], &a[row_of[block * rows_of_block + row], 0],
                           k * sizeof(floating))
            else:
                from_, to = &a[block * rows_of_block, 0], &out[block * rows_of_block, 0]
            if path:
                lanes_multiply(path, floating is double, rows, k, m, from_, lda, panels,
                               &range_[0], to, ldc)
            else:
                # Row-major, so the transposes are multiplied.
                gemm(m, rows, k, &b[0, 0], m, from_, lda, to, ldc)
            if row_of != NULL:
                for row in range(rows):
                    memcpy(&out[row_of[block * rows_of_block + row], 0],
                           &right[threadid(), row, 0], m * sizeof(floating))
        lanes_restore_subnormals(before)


cdef void pack_rows(
    int path, bint is_double, int k, int m, const void *rows, const int32_t *order, void *panels
) noexcept nogil:
    lanes_pack_rows(path, is_double, k, m, rows, order, panels)


cdef void multiply_packed(
    int path, bint is_double, int64_t rows, int k, int m, const void *left, const void *panels,
    void *result, ptrdiff_t ldc
) noexcept nogil:
    lanes_multiply(path, is_double, rows, k, m, left, k, panels, NULL, result, ldc)


def sum_gram(
    int path, bint in_double, const floating[:, ::1] factors, Py_ssize_t rows_of_part,
    double[:, :, ::1] parts, int n_threads
):
    """Set ``parts[0]`` to the Gram of all factors; ``parts``: zeros, one for ``rows_of_part`` each.

    By a path of _lanes.h, in the factors' precision over LANES_SUMMED rows unless ``in_double``,
    and in float64 beyond; with path 0 by BLAS in float64. Parts times panels of columns are what
    threads share.
    """
    cdef Py_ssize_t n = factors.shape[0], part, row, last
    cdef bint is_double = in_double or floating is double
    cdef int k = factors.shape[1], ld = (k + 15) // 16 * 16, first, work, rows, i, j
    cdef int panel = GRAM_PANEL if path else k
    cdef int panels = (k + panel - 1) // panel
    cdef size_t bytes = <size_t> LANES_SUMMED * (ld + 16) * sizeof(double)
    cdef uint8_t[::1] room = np.empty(n_threads * bytes + 64, dtype=np.uint8)
    cdef uint8_t *scratch = <uint8_t *> ((<size_t> &room[0] + 63) // 64 * 64)
    cdef double *block
    cdef uint64_t before
    with nogil, parallel(num_threads=n_threads):
        before = lanes_flush_subnormals()
        block = <double *> (scratch + threadid() * bytes)
        for work in prange(<int> parts.shape[0] * panels, schedule="dynamic", chunksize=1):
            part = work // panels
            first = work % panels * panel
            row = part * rows_of_part
            last = min(n, row + rows_of_part)
            if path:
                lanes_gram(path, is_double, &factors[row, 0], floating is float, last - row, k, ld,
                           first, min(first + panel, k), &parts[part, 0, 0], block)
                continue
            while row < last:
                rows = <int> min(<Py_ssize_t> LANES_SUMMED, last - row)
                for i in range(rows):
                    for j in range(k):
                        block[i * k + j] = factors[row + i, j]
                syrk_upper[double](k, rows, block, k, &parts[part, 0, 0], k)
                row = row + rows
        lanes_restore_subnormals(before)
    for part in range(1, parts.shape[0]):
        for i in range(k):
            for j in range(i + 1):
                parts[0, i, j] += parts[part, i, j]
    for i in range(k):
        for j in range(i):
            parts[0, j, i] = parts[0, i, j]
