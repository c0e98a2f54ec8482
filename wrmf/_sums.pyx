# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled sums over a part of the entries of rows, which are added up to solve the rows.

Where the entries of a row lie in several places, each place sums its own. The normal equations
of a row are summed in a packed form, so that they can be solved from the sum of all places, or the
products of a conjugate-gradient step. The callers in ``wrmf.numerics`` check every index and shape.

``side`` and ``system`` are as in ``wrmf._als``, ``cut`` is as ``wrmf.numerics.split_solver.Cut``:
``rows`` int32 (n,), and their entries, which are cut into parts that several threads sum. Part g
belongs to row rows[place[g]] and has the entries first[g] … last[g] − 1; the parts of the i-th row
are start[i] … start[i + 1] − 1, at least one. They are added in order, so no result depends on the
number of threads.
"""
from cython cimport floating
from cython.parallel cimport parallel, prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from wrmf._als cimport (
    ALS_MOST_ORDER,
    ALS_primal,
    Room,
    Stretches,
    add_entries,
    als_batch,
    als_kernels,
    als_part,
    als_problem,
    als_scratch_bytes,
    is_singular,
    isa_flush_subnormals,
    isa_restore_subnormals,
    kernels_of,
    limit_helper,
    load_scales,
    store_row,
    target_of,
)
from wrmf._blas cimport potrf_upper, potrs_upper

import numpy as np


cdef enum:
    # The number of rows of factors that ``add_entries`` gathers.
    GATHER_ROWS = 128
    # Threads take so many parts, or rows, at a time.
    CHUNK = 4


def part_size(int isa, bint is_double, int k):
    """Return how many numbers the sums of one row's normal equations take."""
    cdef const als_kernels *kernels = kernels_of(isa, is_double)
    cdef als_problem problem
    if kernels == NULL:
        return k * k + k
    problem.k, problem.ld = k, (k + 15) // 16 * 16
    return kernels.part_size(&problem)


cdef als_problem problem_of(
    side, system, const floating[::1] weights, const floating[::1] regularization,
    const floating[::1] targets, const floating[:, ::1] fixed
):
    """Return the rows of a side as the kernels read them; the caller keeps the arrays."""
    cdef const int64_t[::1] indptr = side.indptr
    cdef const int32_t[::1] indices = side.indices
    cdef const double[::1] spectrum = system.spectrum
    cdef als_problem problem
    memset(&problem, 0, sizeof(problem))
    # A part of the data may have no entry, and even no column.
    problem.indptr = &indptr[0]
    problem.indices = &indices[0] if indices.shape[0] else NULL
    problem.weights = &weights[0] if weights.shape[0] else NULL
    problem.targets = &targets[0] if targets.shape[0] else NULL
    problem.regularization = &regularization[0]
    problem.target_shift, problem.is_signed = side.target_shift, side.is_signed
    problem.fixed = &fixed[0, 0] if fixed.shape[0] else NULL
    problem.k, problem.ld = system.k, fixed.shape[1]
    problem.spectrum = &spectrum[0] if spectrum.shape[0] else NULL
    return problem


def sum_rows(int isa, side, system, cut, floating[:, ::1] sums, int n_threads):
    """Set each row of ``sums`` to the packed SᵀS and Σ b v of a row's entries.

    Parameters
    ----------
    isa : int
    side : rows of a side, of the dtype of ``sums``
    system : the fixed factors, whitened or rotated into the eigenbasis
    cut : the rows to sum and their parts
    sums : (n, part_size), 64-byte aligned, one row for each row of ``cut``
    n_threads : int ≥ 1; the result does not depend on it
    """
    cdef bint is_double = floating is double
    cdef const als_kernels *kernels = kernels_of(isa, is_double)
    cdef als_problem problem = problem_of[floating](
        side, system, side.weights, side.regularization, side.targets, system.fixed)
    cdef const int32_t[::1] rows = cut.rows
    cdef const int32_t[::1] place = cut.place
    cdef const int64_t[::1] first = cut.first, last = cut.last, start = cut.start
    cdef Py_ssize_t n = rows.shape[0], size = sums.shape[1], g
    cdef int64_t parts = place.shape[0]
    cdef size_t k = problem.k, bytes = (GATHER_ROWS + 1) * k * sizeof(floating)
    cdef Room others = Room((parts - n) * size * sizeof(floating)), scratch
    cdef floating *extra = <floating *> others.start
    cdef floating *own = NULL
    cdef uint64_t before = 0
    cdef Stretches stretches
    if n == 0:
        return
    if kernels != NULL:
        bytes = problem.scratch_bytes = als_scratch_bytes(kernels, is_double, problem.ld)
    bytes = (bytes + 63) // 64 * 64
    scratch = Room(n_threads * bytes)
    stretches = Stretches(parts, 2.0 * k * k * longest(first, last), n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            limit_helper()
            before = isa_flush_subnormals()
            own = <floating *> (scratch.start + threadid() * bytes)
            for g in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=CHUNK):
                # The first part of a row goes to its sums, the others beside them.
                sum_part[floating](
                    kernels, &problem, rows[place[g]], first[g], last[g],
                    &sums[place[g], 0] if g == start[place[g]] else
                    extra + (g - place[g] - 1) * size, own)
            isa_restore_subnormals(before)
    add_parts[floating](start, extra, size, &sums[0, 0], size, n_threads)


cdef double longest(const int64_t[::1] first, const int64_t[::1] last):
    cdef int64_t most = 1, g
    for g in range(first.shape[0]):
        most = max(most, last[g] - first[g])
    return most


cdef void sum_part(
    const als_kernels *kernels, const als_problem *problem, int32_t row, int64_t first,
    int64_t last, floating *sums, floating *scratch
) noexcept nogil:
    """Sum SᵀS and the target over a part of a row."""
    cdef size_t k = problem.k, f
    cdef int64_t e
    cdef als_part part
    cdef floating *target = sums + k * k
    cdef floating *scale = scratch
    cdef floating *gathered = scratch + k
    cdef const floating *y
    cdef floating b
    if kernels != NULL:
        part.row, part.first, part.last = row, first, last
        kernels.sum_part(problem, &part, sums, scratch)
        return
    load_scales[floating](problem, row, scale)
    memset(sums, 0, (k * k + k) * sizeof(floating))
    for e in range(first, last):
        y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * problem.ld
        b = target_of[floating](problem, e, (<const floating *> problem.weights)[e])
        # The target is scaled when the row is solved, as that of the kernels.
        for f in range(k):
            target[f] += b * y[f]
    if problem.is_signed:
        add_entries[floating](problem, first, last, True, scale, gathered, sums)
        for f in range(k * k):
            sums[f] = -sums[f]
    add_entries[floating](problem, first, last, False, scale, gathered, sums)


cdef void add_parts(
    const int64_t[::1] start, const floating *extra, Py_ssize_t size, floating *out,
    Py_ssize_t stride, int n_threads
):
    """Add the parts of each row but the first to the row's, in order."""
    cdef Py_ssize_t n = start.shape[0] - 1, i
    if start[n] == n:
        return
    for i in prange(n, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=CHUNK):
        add_in_order[floating](start[i + 1] - start[i] - 1, extra + (start[i] - i) * size, size,
                               out + i * stride)


cdef void add_in_order(
    int64_t count, const floating *parts, Py_ssize_t size, floating *out
) noexcept nogil:
    cdef int64_t g
    cdef Py_ssize_t f
    for g in range(count):
        for f in range(size):
            out[f] += parts[g * size + f]


def unpack(int isa, int k, const floating[::1] sums):
    """Return SᵀS (k, k) and the target (k,) of one row from its packed sums, as float64."""
    cdef const als_kernels *kernels = kernels_of(isa, floating is double)
    cdef als_problem problem
    dtype = np.float64 if floating is double else np.float32
    cdef floating[::1] matrix = np.zeros(k * k + k, dtype=dtype)
    memset(&problem, 0, sizeof(problem))
    problem.k, problem.ld = k, (k + 15) // 16 * 16
    unpack_part[floating](kernels, &problem, &sums[0], &matrix[0])
    whole = np.asarray(matrix, dtype=np.float64)
    lower = np.tril(whole[: k * k].reshape(k, k))
    return lower + np.tril(lower, -1).T, whole[k * k :]


cdef void unpack_part(
    const als_kernels *kernels, const als_problem *problem, const floating *sums, floating *matrix
) noexcept nogil:
    cdef size_t k = problem.k
    if kernels != NULL:
        kernels.unpack_part(problem, sums, matrix)
    else:
        memcpy(matrix, sums, (k * k + k) * sizeof(floating))


def solve_sums(
    int isa, const int32_t[::1] rows, const floating[::1] regularization, system,
    const floating[:, ::1] sums, floating[:, ::1] out, uint8_t[::1] failed, int n_threads
):
    """Set ``out[r]`` to the solution t of (I + SᵀS) t = Σ b v for each row r, from its sums.

    Parameters
    ----------
    isa : int
    rows : int32 (n,)
    regularization : λ of all rows, used only with a spectrum
    system : ``k`` and ``spectrum``
    sums : (n, part_size), 64-byte aligned: of rows[i] in sums[i]
    out : (n_rows, ld), 64-byte aligned; only the given rows are written
    failed : uint8 (n_rows,), set to 1 if the system was singular to working precision
    n_threads : int ≥ 1; the result does not depend on it
    """
    cdef bint is_double = floating is double
    cdef const als_kernels *kernels = kernels_of(isa, is_double)
    cdef const double[::1] spectrum = system.spectrum
    cdef als_problem problem
    cdef Py_ssize_t n = rows.shape[0], g
    cdef int width = 1
    cdef size_t k = system.k, bytes = (k * k + 2 * k) * sizeof(floating)
    cdef int64_t[::1] start = np.arange(n + 1)
    cdef Room scratch
    cdef uint8_t *own = NULL
    cdef uint64_t before = 0
    cdef Stretches stretches
    if n == 0:
        return
    memset(&problem, 0, sizeof(problem))
    problem.k, problem.ld = system.k, out.shape[1]
    problem.spectrum = &spectrum[0] if spectrum.shape[0] else NULL
    problem.regularization = &regularization[0]
    problem.out, problem.failed = &out[0, 0], &failed[0]
    if kernels != NULL and k <= ALS_MOST_ORDER:
        width = kernels.lanes
        bytes = problem.scratch_bytes = als_scratch_bytes(kernels, is_double, problem.ld)
    bytes = (bytes + 63) // 64 * 64
    scratch = Room(n_threads * bytes)
    stretches = Stretches((n + width - 1) // width, 1.0 * width * k * k * k, n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            limit_helper()
            before = isa_flush_subnormals()
            own = scratch.start + threadid() * bytes
            for g in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=1):
                if kernels != NULL and k <= ALS_MOST_ORDER:
                    solve_lanes(kernels, &problem, &rows[g * width],
                                <int> min(<Py_ssize_t> width, n - g * width), &sums[0, 0],
                                &start[g * width], own)
                elif not solve_one[floating](kernels, &problem, rows[g], &sums[g, 0],
                                             <floating *> own):
                    problem.failed[rows[g]] = 1
            isa_restore_subnormals(before)


cdef void solve_lanes(
    const als_kernels *kernels, const als_problem *problem, const int32_t *rows, int count,
    const void *sums, const int64_t *start, void *scratch
) noexcept nogil:
    cdef als_batch batch
    batch.rows, batch.count, batch.sums, batch.part_start = rows, count, sums, start
    kernels.solve[ALS_primal](problem, &batch, scratch)


cdef bint solve_one(
    const als_kernels *kernels, const als_problem *problem, int32_t row, const floating *sums,
    floating *scratch
) noexcept nogil:
    """Solve one row by LAPACK; return False if it is singular to working precision."""
    cdef int k = problem.k, f
    cdef floating *system = scratch
    cdef floating *target = scratch + <size_t> k * k
    cdef floating *scale = target + k
    cdef floating *out = (<floating *> problem.out) + <size_t> row * problem.ld
    cdef floating largest = 0
    unpack_part[floating](kernels, problem, sums, system)
    load_scales[floating](problem, row, scale)
    memset(out, 0, problem.ld * sizeof(floating))
    for f in range(k):
        out[f] = scale[f] * target[f]
        system[<size_t> f * k + f] += 1
        largest = max(largest, system[<size_t> f * k + f])
    if potrf_upper(k, system, k) != 0 or is_singular(k, k, system, largest):
        return False
    if potrs_upper(k, system, k, out) != 0:
        return False
    return store_row(problem, out, scale)


def apply_rows(
    int isa, bint is_residual, side, system, cut, const floating[:, ::1] p, floating[:, ::1] out,
    int n_threads
):
    """Set each row of ``out`` to Σ v (b − w v·p) if ``is_residual``, otherwise to Σ w v (v·p).

    Parameters
    ----------
    isa : int
    is_residual : bool
    side : rows of a side, of the dtype of ``p``
    system : the fixed factors v, whitened or rotated; rows are not scaled by λ
    cut : the rows to sum over, and their parts
    p, out : (n, ld), 64-byte aligned, one row for each row of ``cut``
    n_threads : int ≥ 1; the result does not depend on it
    """
    cdef bint is_double = floating is double
    cdef const als_kernels *kernels = kernels_of(isa, is_double)
    cdef als_problem problem = problem_of[floating](
        side, system, side.weights, side.regularization, side.targets, system.fixed)
    cdef const int32_t[::1] rows = cut.rows
    cdef const int32_t[::1] place = cut.place
    cdef const int64_t[::1] first = cut.first, last = cut.last, start = cut.start
    cdef Py_ssize_t n = rows.shape[0], ld = out.shape[1], g
    cdef int64_t parts = place.shape[0]
    cdef Room others = Room((parts - n) * ld * sizeof(floating))
    cdef floating *extra = <floating *> others.start
    cdef uint64_t before = 0
    cdef Stretches stretches
    if n == 0:
        return
    stretches = Stretches(parts, 4.0 * ld * longest(first, last), n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            before = isa_flush_subnormals()
            for g in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=CHUNK):
                apply_part[floating](
                    kernels, &problem, is_residual, first[g], last[g], &p[place[g], 0],
                    &out[place[g], 0] if g == start[place[g]] else
                    extra + (g - place[g] - 1) * ld)
            isa_restore_subnormals(before)
    add_parts[floating](start, extra, ld, &out[0, 0], ld, n_threads)


cdef void apply_part(
    const als_kernels *kernels, const als_problem *problem, bint is_residual, int64_t first,
    int64_t last, const floating *p, floating *out
) noexcept nogil:
    """Sum over a part of the entries of a row."""
    cdef int k = problem.k, f
    cdef int64_t e
    cdef als_part part
    cdef const floating *weights = <const floating *> problem.weights
    cdef const floating *y
    cdef floating score
    if kernels != NULL:
        part.row, part.first, part.last = 0, first, last
        kernels.apply_part(problem, &part, is_residual, p, out)
        return
    memset(out, 0, problem.ld * sizeof(floating))
    for e in range(first, last):
        y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * problem.ld
        score = 0
        for f in range(k):
            score += y[f] * p[f]
        score = weights[e] * score
        if is_residual:
            score = target_of[floating](problem, e, weights[e]) - score
        for f in range(k):
            out[f] += score * y[f]
