# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled kernels of alternating least squares, on arrays and numbers.

The callers in ``wrmf.numerics`` check every index and shape and allocate the results. No exception
is raised inside a parallel loop; a row that fails is marked in ``failed``. Long loops are divided
into stretches, between which signals are handled: Ctrl-C then raises, and the results are
undefined.

Arguments that belong together are passed as one object, whose attributes are

side : the rows of one side, as ``wrmf.numerics.side.Side`` has them
    ``indptr`` int64, ``indices`` int32, ``weights`` and ``regularization`` float32 or float64,
    ``targets`` as ``weights``, or empty: the target of an entry is then its weight plus the float
    ``target_shift``. ``is_signed`` bool: whether weights may be negative.
system : data that the systems of all rows share, as ``wrmf.numerics.sweep.System`` has it
    ``fixed`` (n_columns, ld), ld a multiple of 16 and zeros from column k, ``k`` int,
    ``spectrum`` float64 (k,) or empty, ``cg_steps`` int.
batch : rows that are solved by the same method, as ``wrmf.numerics.plan.Batch`` has them
    ``isa`` int, ``method`` int, ``rows`` int32, ``parts``.
"""
from cpython.buffer cimport (
    PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
)
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport getenv
from libc.string cimport memcpy, memset

from wrmf._blas cimport gemm, potrf_upper, potrs_upper, syrk_transposed_upper, syrk_upper
from wrmf._lapack cimport limit_this_thread

from time import perf_counter

import numpy as np


# The instruction sets that this build and this CPU have, in increasing order of speed. The argument
# ``isa`` of functions is a position in this tuple. "blas" calls BLAS and LAPACK for one row at a
# time instead of the kernels in wrmf/kernels.
ISAS = tuple(isa_names[isa].decode() for isa in range(isa_best() + 1))
# The methods of solving a row, and their numbers. The ``method`` of a batch is such a number.
METHODS = {als_method_names[method].decode(): method for method in range(ALS_METHOD_COUNT)}
# The kernels solve several systems at a time, one in each lane of a vector, up to this order.
MOST_ORDER = ALS_MOST_ORDER

cdef enum:
    # The number of rows of factors that are gathered for one call of SYRK. With 128 float32 factors
    # they take 64 KiB.
    GATHER_ROWS = 128
    # The number of columns of a Gram matrix that the kernels compute at a time.
    GRAM_PANEL = 128
    # A panel of a Gram matrix is summed over so many rows at a time that it takes about this many
    # flops.
    GRAM_FLOPS = 1000000000
    # Scratch memory begins at a multiple of this many bytes, the size of a cache line.
    ALIGNMENT = 64
    # The entries of a sparse row that are summed in the precision of the factors.
    SPARSE_ENTRIES = 128


cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #else
    static int omp_get_max_threads(void) { return 0; }
    #endif
    """
    int omp_get_max_threads() noexcept nogil


# The precision of sums, independent of that of the factors.
ctypedef fused summed:
    float
    double


cdef const als_kernels *kernels_of(int isa, bint is_double) noexcept nogil:
    return als_kernels_of(isa, is_double)


def openmp_threads():
    """Return the number of threads that OpenMP would use, 0 if this build is without OpenMP."""
    return omp_get_max_threads()


# Libraries of OpenMP read their environment now, if they have not yet; see wrmf.numerics.waiting.
openmp_threads()


cdef int active_isa() except -1:
    """Return the number of the fastest instruction set, or of the one that ``WRMF_ISA`` names."""
    # os.environ takes ten times as long, and sets the variables that this reads.
    cdef const char *name = getenv("WRMF_ISA")
    if name == NULL or name[0] == 0:
        return len(ISAS) - 1
    chosen = name.decode(errors="replace").lower()
    if chosen not in ISAS:
        raise ValueError(
            f"WRMF_ISA is {chosen!r}; this CPU and build have {', '.join(ISAS)}")
    return ISAS.index(chosen)


def isa_number():
    """Return the number of the active instruction set, by which the kernels select it.

    Raises
    ------
    ValueError
        If ``WRMF_ISA`` names one that this CPU or this build does not have.
    """
    return active_isa()


def lanes(int isa, bint is_double):
    """Return how many rows an instruction set solves at once."""
    return als_kernels_of(isa, is_double).lanes if isa else 1


# Rooms of at least LEAST_ROOM bytes are made from the memory of earlier ones, of which at most
# MOST_ROOMS bytes are kept. The system clears new memory when it is first used. Where malloc gives
# memory back at once, as Dask configures it for workers, that takes some percent of a half-sweep.
cdef size_t LEAST_ROOM = 1 << 16, MOST_ROOMS = 1 << 27
# By size. The pop and the append of a list need no lock.
cdef dict unused_rooms = {}


cdef class Room:
    def __init__(self, size_t size):
        cdef size_t whole = size + ALIGNMENT, rounded = LEAST_ROOM
        if LEAST_ROOM <= whole <= MOST_ROOMS:
            while rounded < whole:
                rounded *= 2
            whole = rounded
        try:
            self.memory = unused_rooms[whole].pop()
        except (KeyError, IndexError):
            self.memory = np.empty(whole, dtype=np.uint8)
        cdef uint8_t[::1] memory = self.memory
        self.size = size
        self.start = <uint8_t *> ((<size_t> &memory[0] + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)

    def __dealloc__(self):
        if self.memory is None or unused_rooms is None:
            return
        cdef size_t whole = len(self.memory), kept = 0
        if LEAST_ROOM <= whole <= MOST_ROOMS:
            for size, rooms in list(unused_rooms.items()):
                kept += <size_t> size * <size_t> len(rooms)
            if kept + whole <= MOST_ROOMS:
                unused_rooms.setdefault(whole, []).append(self.memory)


cdef class Memory:
    """The memory of a contiguous array of any type, which is kept alive."""

    def __cinit__(self, array, size_t size, bint writable=False):
        PyObject_GetBuffer(array, &self.view, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        if <size_t> self.view.len < size:
            PyBuffer_Release(&self.view)
            raise ValueError(f"expected an array of {size} bytes, got {self.view.len}")
        self.start = self.view.buf if self.view.len else NULL

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


# The flops of the first stretch of a loop, for each thread, and the seconds that the others take.
cdef double FIRST_FLOPS = 1e9, STRETCH_SECONDS = 0.1


cdef class Stretches:
    """Divides a loop into stretches of a fraction of a second, and handles signals between them.

    A short loop is a single stretch. No result depends on the stretches, since all iterations of a
    loop are independent.

    Parameters
    ----------
    count : int, the number of iterations
    flops : float, about the flops of the longest iteration
    n_threads : int
    handle_signals : bool, default True; if not, the loop is a single stretch
    """

    def __init__(self, int64_t count, double flops, int n_threads, bint handle_signals=True):
        self.count, self.n_threads = count, n_threads
        self.first = self.last = 0
        self.size = n_threads * max(1.0, FIRST_FLOPS / max(flops, 1.0)) if handle_signals else count
        self.started = perf_counter()

    cdef bint next(self) except -1:
        """Set ``first`` and ``last`` to the next stretch; return False if there is none."""
        cdef double now, seconds
        if self.last == self.count:
            return False
        if self.last:
            PyErr_CheckSignals()
            now = perf_counter()
            seconds = max(now - self.started, 1e-3 * STRETCH_SECONDS)
            self.started = now
            # One stretch may have been slow because the machine was busy.
            self.size *= min(max(STRETCH_SECONDS / seconds, 0.25), 16.0)
            self.size = max(self.size, self.n_threads)
        self.first = self.last
        self.last = <int64_t> min(<double> self.count, self.first + self.size)
        return True


# ---- Solving one row at a time with BLAS and LAPACK: simpler than the kernels, and used if the
# compiler has no vector types.


cdef bint is_singular(int k, int order, const floating *factor, floating largest) noexcept nogil:
    """Whether a pivot is zero up to rounding errors; ``largest`` is the largest of the diagonal."""
    cdef int j
    cdef floating tolerance = k * <floating> (1.1920929e-7 if floating is float
                                              else 2.220446049250313e-16)
    for j in range(order):
        # Written so that NaN counts as singular.
        if not factor[<size_t> j * order + j] ** 2 > tolerance * largest:
            return True
    return False


cdef floating target_of(
    const als_problem *problem, int64_t entry, floating weight
) noexcept nogil:
    """Return the target b of an entry with the given weight."""
    if problem.targets != NULL:
        return (<const floating *> problem.targets)[entry]
    return weight + <floating> problem.target_shift


cdef void add_entries(
    const als_problem *problem, int64_t first, int64_t last, bint negative, const floating *scale,
    floating *gathered, floating *system
) noexcept nogil:
    """Add Σ |w| v vᵀ over the entries first … last − 1 with w ≥ 0, or w < 0 if ``negative``.

    v is y, scaled unless ``scale`` is NULL. ``gathered`` holds GATHER_ROWS·k elements.
    """
    cdef int k = problem.k, f, block = 0
    cdef int64_t e
    cdef const floating *weights = <const floating *> problem.weights
    cdef const floating *y
    cdef floating root

    for e in range(first, last):
        if (weights[e] < 0) != negative:
            continue
        y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * problem.ld
        root = sqrt(-weights[e] if negative else weights[e])
        for f in range(k):
            gathered[block * k + f] = root * y[f] if scale == NULL else root * scale[f] * y[f]
        block += 1
        if block == GATHER_ROWS:
            syrk_upper(k, block, gathered, k, system, k)
            block = 0
    if block:
        syrk_upper(k, block, gathered, k, system, k)


cdef bint solve_normal_equations(
    const als_problem *problem, int row, const floating *base, floating *scratch
) noexcept nogil:
    """Solve (base + λI + Σ w yyᵀ) x = Σ b y for one row, by Cholesky.

    ``problem.ld`` is k. Returns False if a pivot is within rounding error of zero; the row of
    ``out`` is then undefined. ``scratch`` holds k² + GATHER_ROWS·k elements.
    """
    cdef int k = problem.k, j
    cdef int64_t first = problem.indptr[row], last = problem.indptr[row + 1], e
    cdef const floating *weights = <const floating *> problem.weights
    cdef floating *normal = scratch
    cdef floating *gathered = scratch + <size_t> k * k
    cdef floating *x = (<floating *> problem.out) + <size_t> row * k
    cdef const floating *y
    cdef floating target, largest = 0

    memset(x, 0, <size_t> k * sizeof(floating))
    for e in range(first, last):
        y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * k
        target = target_of[floating](problem, e, weights[e])
        for j in range(k):
            x[j] += target * y[j]
    if problem.is_signed:
        memset(normal, 0, <size_t> k * k * sizeof(floating))
        add_entries[floating](problem, first, last, True, NULL, gathered, normal)
        for j in range(k * k):
            normal[j] = base[j] - normal[j]
    else:
        memcpy(normal, base, <size_t> k * k * sizeof(floating))
    add_entries[floating](problem, first, last, False, NULL, gathered, normal)
    for j in range(k):
        normal[j * k + j] += (<const floating *> problem.regularization)[row]
        if normal[j * k + j] > largest:
            largest = normal[j * k + j]

    if potrf_upper(k, normal, k) != 0 or is_singular(k, k, normal, largest):
        return False
    return potrs_upper(k, normal, k, x) == 0


cdef void load_scales(const als_problem *problem, int row, floating *scale) noexcept nogil:
    """Set ``scale`` to (spectrum + λ)^(-1/2), to 0 where both are 0, to 1 without a spectrum."""
    cdef int f
    cdef double d
    for f in range(problem.k):
        if problem.spectrum == NULL:
            scale[f] = 1
        else:
            d = problem.spectrum[f] + (<const floating *> problem.regularization)[row]
            scale[f] = <floating> (1 / sqrt(d)) if d > 0 else 0


cdef bint solve_whitened(
    const als_problem *problem, int method, int row, floating *scratch
) noexcept nogil:
    """Solve (I + SᵀS) t = Σ b v for one row; return False if it is singular to working precision.

    The primal method solves this system, whose order is the number of factors; weights may be
    negative. The dual method solves (I + SSᵀ) h = b/√w, whose order is the number of the row's
    entries, and sets t = Sᵀh.
    ``scratch`` holds k + max(k, GATHER_ROWS)·k + k² elements.
    """
    cdef int k = problem.k, order, e, f
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

    load_scales(problem, row, scale)
    order = d if method == ALS_dual else k
    memset(system, 0, <size_t> order * order * sizeof(floating))
    memset(out, 0, <size_t> problem.ld * sizeof(floating))
    if method == ALS_dual:
        solution = system + <size_t> d * d
        for e in range(d):
            y = fixed + <size_t> problem.indices[start + e] * problem.ld
            # If the weight is 0, the target may be positive: use a tiny weight, so that the
            # quotient is finite.
            root = sqrt(weights[e] if weights[e] > 1e-30 else <floating> 1e-30)
            entry = gathered + <size_t> e * k
            for f in range(k):
                entry[f] = root * scale[f] * y[f]
            solution[e] = target_of[floating](problem, start + e, weights[e]) / root
        syrk_transposed_upper(d, k, gathered, k, system, d)
    else:
        for e in range(d):
            y = fixed + <size_t> problem.indices[start + e] * problem.ld
            target = target_of[floating](problem, start + e, weights[e])
            for f in range(k):
                out[f] += target * scale[f] * y[f]
        if problem.is_signed:
            add_entries[floating](problem, start, start + d, True, scale, gathered, system)
            for f in range(k * k):
                system[f] = -system[f]
        add_entries[floating](problem, start, start + d, False, scale, gathered, system)
    for f in range(order):
        system[<size_t> f * order + f] += 1
    for f in range(order):
        if system[<size_t> f * order + f] > largest:
            largest = system[<size_t> f * order + f]
    if potrf_upper(order, system, order) != 0 or is_singular(k, order, system, largest):
        return False
    if potrs_upper(order, system, order, solution) != 0:
        return False
    if method == ALS_dual:
        for e in range(d):
            for f in range(k):
                out[f] += solution[e] * gathered[<size_t> e * k + f]
    return store_row(problem, out, scale)


cdef bint store_row(
    const als_problem *problem, floating *out, const floating *scale
) noexcept nogil:
    """Scale a solution in place; return False if it is not finite."""
    cdef int f
    for f in range(problem.k):
        out[f] *= scale[f]
        if not out[f] - out[f] == 0:
            return False
    return True


cdef bint solve_by_cg(const als_problem *problem, int row, floating *scratch) noexcept nogil:
    """Solve one row's whitened system by conjugate gradients; ``scratch`` holds 5 k elements."""
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

    load_scales(problem, row, scale)
    for f in range(k):
        t[f] = out[f] / scale[f] if scale[f] > 1e-30 else 0
        r[f] = -t[f]
    for e in range(problem.indptr[row], problem.indptr[row + 1]):
        y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * problem.ld
        score = 0
        for f in range(k):
            score += scale[f] * y[f] * t[f]
        score = target_of[floating](problem, e, weights[e]) - weights[e] * score
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
        # Stop if the residual is practically zero, before dividing by it.
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
    memcpy(out, t, <size_t> k * sizeof(floating))
    return store_row(problem, out, scale)


# ---- Half-sweeps.


cdef void limit_helper() noexcept nogil:
    """Limit BLAS to one thread in a helper; the caller's is limited by ``single_threaded_blas``."""
    if threadid():
        limit_this_thread()


cdef double row_flops(const als_problem *problem, const int32_t *rows, int64_t n):
    """Return about the flops of solving the longest of the rows."""
    cdef int64_t place, longest = 0
    cdef double k = problem.k
    for place in range(n):
        longest = max(longest, problem.indptr[rows[place] + 1] - problem.indptr[rows[place]])
    # Sums over the entries, and the solution of a system of the smaller order.
    return 2 * k * longest * min(k, <double> longest) + min(k, <double> longest) ** 3


def solve_exact(
    const int32_t[::1] rows,
    side,
    const floating[:, ::1] fixed,
    const floating[:, ::1] base,
    floating[:, ::1] out,
    uint8_t[::1] failed,
    int n_threads,
):
    """Set ``out[r]`` to the factors that minimise the loss of row r, for each r in ``rows``.

    With y_j = fixed[j], w the row's weights and b its targets, that is the solution of

        (base + regularization[r]·I + Σ_j w_j y_j y_jᵀ) x = Σ_j b_j y_j

    Parameters
    ----------
    rows : int32 (n,), the rows to solve
    side : the rows of one side, of the dtype of ``fixed``
    fixed : (n_columns, k), the other side's factors
    base : (k, k), symmetric: unobserved_weight · fixedᵀ fixed
    out : (n_rows, k); only the given rows are written; rows without entries become exact zeros
    failed : uint8 (n_rows,), set to 1 if the system was singular to working precision
    n_threads : int ≥ 1. Rows are independent, so the result does not depend on it.
    """
    cdef const int64_t[::1] indptr = side.indptr
    cdef const int32_t[::1] indices = side.indices
    cdef const floating[::1] weights = side.weights
    cdef const floating[::1] regularization = side.regularization
    cdef const floating[::1] targets = side.targets
    cdef int k = fixed.shape[1]
    cdef Py_ssize_t n = rows.shape[0], position
    cdef int32_t row
    cdef floating *own = NULL
    cdef als_problem problem
    cdef Stretches stretches
    dtype = np.float32 if floating is float else np.float64
    cdef floating[:, ::1] scratch = np.empty((n_threads, (k + GATHER_ROWS) * k), dtype=dtype)

    if n == 0:
        return
    problem.indptr, problem.indices = &indptr[0], &indices[0]
    problem.weights, problem.regularization = &weights[0], &regularization[0]
    problem.targets = &targets[0] if targets.shape[0] else NULL
    problem.target_shift, problem.is_signed = side.target_shift, side.is_signed
    problem.fixed, problem.k, problem.ld = &fixed[0, 0], k, k
    problem.out = &out[0, 0]
    stretches = Stretches(n, row_flops(&problem, &rows[0], n), n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            limit_helper()
            own = &scratch[threadid(), 0]
            for position in prange(stretches.first, stretches.last, schedule="dynamic",
                                   chunksize=8):
                row = rows[position]
                if indptr[row + 1] == indptr[row]:
                    memset(&out[row, 0], 0, <size_t> k * sizeof(floating))
                elif not solve_normal_equations[floating](&problem, row, &base[0, 0], own):
                    failed[row] = 1


def solve_rows(
    batch,
    side,
    system,
    floating[:, ::1] out,
    uint8_t[::1] failed,
    double[::1] gains,
    int n_threads,
):
    """Set ``out[r]`` to the solution t of (I + SᵀS) t = Σ b v for each row r of a batch.

    If ``spectrum`` is empty, ``fixed`` is whitened, and v = fixed[j] for each entry j. Otherwise
    ``fixed`` is rotated into the eigenbasis, v_l = fixed[j, l] (spectrum_l + λ_r)^(-1/2), and
    ``out`` is in this basis. The rows of V are the v, S = diag(√w) V, and b are the targets.
    "dual" takes no negative weights; for the other methods SᵀS stands for Σ w v vᵀ.

    Parameters
    ----------
    batch : rows with entries. With kernels, the systems of the exact methods must have an order of
        at most MOST_ORDER. ``parts`` is empty, or divides each row into parts that several threads
        sum: ``owner``, ``first`` and ``last`` are the row of each part, its first entry and the
        entry after its last; the g-th row has the parts start[g] … start[g + 1] − 1.
    side, system : described at the top of this module, of the dtype of ``out``
    out : (n_rows, ld); only the given rows are written; "cg" starts from the present values
    failed : uint8 (n_rows,), set to 1 if the system was singular to working precision
    gains : float64 (n_rows,), or None
        Set to t · Σ b v of each row, where the kernels solve it exactly and its targets are not too
        large to say so; otherwise to NaN, or left as it is.
    n_threads : int ≥ 1; the result does not depend on it
    """
    cdef int isa = batch.isa, method = batch.method
    cdef bint is_double = floating is double
    cdef const int32_t[::1] rows = batch.rows
    cdef const int64_t[::1] indptr = side.indptr
    cdef const int32_t[::1] indices = side.indices
    cdef const floating[::1] weights = side.weights
    cdef const floating[::1] regularization = side.regularization
    cdef const floating[::1] targets = side.targets
    cdef const floating[:, ::1] fixed = system.fixed
    cdef const double[::1] spectrum = system.spectrum
    cdef const als_kernels *kernels = als_kernels_of(isa, is_double)
    cdef als_problem problem

    if rows.shape[0] == 0:
        return
    problem.indptr, problem.indices = &indptr[0], &indices[0]
    problem.weights, problem.regularization = &weights[0], &regularization[0]
    problem.targets = &targets[0] if targets.shape[0] else NULL
    problem.target_shift, problem.is_signed = side.target_shift, side.is_signed
    problem.fixed, problem.k, problem.ld = &fixed[0, 0], system.k, fixed.shape[1]
    problem.spectrum = &spectrum[0] if spectrum.shape[0] else NULL
    problem.steps = system.cg_steps
    problem.out, problem.failed = &out[0, 0], &failed[0]
    problem.gains = NULL if gains is None else &gains[0]
    if kernels == NULL:
        solve_by_blas[floating](&problem, method, rows, out, n_threads)
        return
    problem.scratch_bytes = als_scratch_bytes(kernels, is_double, problem.ld)
    if len(batch.parts.owner):
        solve_in_parts(kernels, &problem, is_double, method, rows, batch.parts, n_threads)
    else:
        solve_in_lanes(kernels, &problem, is_double, method, rows, n_threads)


cdef solve_by_blas(
    const als_problem *problem, int method, const int32_t[::1] rows, floating[:, ::1] out,
    int n_threads
):
    """Solve the rows one by one with BLAS."""
    cdef size_t size = (<size_t> max(problem.k, <int> GATHER_ROWS) + problem.k + 6) * problem.k
    cdef size_t bytes = (size * sizeof(floating) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    cdef Room scratch = Room(n_threads * bytes)
    cdef Py_ssize_t g, n = rows.shape[0]
    cdef floating *own = NULL
    cdef uint64_t before = 0
    cdef Stretches stretches = Stretches(n, row_flops(problem, &rows[0], n), n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            limit_helper()
            before = isa_flush_subnormals()
            own = <floating *> (scratch.start + threadid() * bytes)
            for g in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=8):
                if method == ALS_cg:
                    if not solve_by_cg[floating](problem, rows[g], own):
                        problem.failed[rows[g]] = 1
                elif not solve_whitened[floating](problem, method, rows[g], own):
                    problem.failed[rows[g]] = 1
            isa_restore_subnormals(before)


cdef solve_in_lanes(
    const als_kernels *kernels, const als_problem *problem, bint is_double, int method,
    const int32_t[::1] rows, int n_threads
):
    """Solve the rows in groups, with one row of a group in each lane."""
    cdef size_t bytes = problem.scratch_bytes
    cdef Room scratch = Room(n_threads * bytes)
    cdef Py_ssize_t n = rows.shape[0], width = kernels.lanes, g, ahead
    cdef uint8_t *own = NULL
    cdef uint64_t before = 0
    cdef Stretches stretches = Stretches(
        (n + width - 1) // width, width * row_flops(problem, &rows[0], n), n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            before = isa_flush_subnormals()
            own = scratch.start + threadid() * bytes
            for g in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=1):
                # Threads take groups in turn, so this thread's next group is about n_threads ahead.
                ahead = (g + n_threads) * width
                if ahead < n:
                    als_prefetch(problem, is_double, &rows[ahead], <int> min(width, n - ahead))
                solve_group(kernels.solve[method], problem, &rows[g * width],
                            <int> min(width, n - g * width), own)
            isa_restore_subnormals(before)


cdef void solve_group(
    als_solve solve, const als_problem *problem, const int32_t *rows, int count, void *scratch
) noexcept nogil:
    cdef als_batch group
    group.rows, group.count, group.sums, group.part_start = rows, count, NULL, NULL
    solve(problem, &group, scratch)


cdef solve_in_parts(
    const als_kernels *kernels, const als_problem *problem, bint is_double, int method,
    const int32_t[::1] rows, parts, int n_threads
):
    """Compute partial sums over the parts of long rows, then solve the rows from these sums."""
    cdef const int32_t[::1] owner = parts.owner
    cdef const int64_t[::1] first = parts.first, last = parts.last, start = parts.start
    cdef size_t bytes = problem.scratch_bytes
    cdef size_t part_bytes = kernels.part_size(problem) * (8 if is_double else 4)
    cdef Room scratch = Room(n_threads * bytes), sums = Room(owner.shape[0] * part_bytes)
    cdef Py_ssize_t n = rows.shape[0], width = kernels.lanes, g
    cdef uint8_t *own = NULL
    cdef uint64_t before = 0
    cdef double k = problem.k
    cdef Stretches stretches = Stretches(
        owner.shape[0], 2 * k * k * (last[0] - first[0]), n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            before = isa_flush_subnormals()
            own = scratch.start + threadid() * bytes
            for g in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=1):
                sum_part(kernels, problem, owner[g], first[g], last[g],
                         sums.start + g * part_bytes, own)
            isa_restore_subnormals(before)
    stretches = Stretches((n + width - 1) // width, width * k * k * k, n_threads)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            before = isa_flush_subnormals()
            own = scratch.start + threadid() * bytes
            for g in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=1):
                solve_from_sums(kernels.solve[method], problem, &rows[g * width],
                                <int> min(width, n - g * width), sums.start, &start[g * width],
                                own)
            isa_restore_subnormals(before)


cdef void sum_part(
    const als_kernels *kernels, const als_problem *problem, int32_t row, int64_t first,
    int64_t last, void *sums, void *scratch
) noexcept nogil:
    cdef als_part part
    part.row, part.first, part.last = row, first, last
    kernels.sum_part(problem, &part, sums, scratch)


cdef void solve_from_sums(
    als_solve solve, const als_problem *problem, const int32_t *rows, int count,
    const void *sums, const int64_t *part_start, void *scratch
) noexcept nogil:
    cdef als_batch group
    group.rows, group.count, group.sums, group.part_start = rows, count, sums, part_start
    solve(problem, &group, scratch)


# ---- Products.


def multiply(
    int isa, const floating[:, :] a, const floating[:, ::1] b, floating[:, :] out, int n_threads,
    const int32_t[::1] chosen=None, bint handle_signals=True
):
    """Set ``out`` to ``a @ b``; if ``chosen`` rows are given, only in these rows.

    Each row of ``a`` and ``out`` must be contiguous. With ``chosen``, ``out`` may be ``a``. The
    kernels skip the zeros of a triangular ``b``. Without ``handle_signals``, nothing interrupts the
    product.
    """
    # The number of rows of one product. For the kernels, 256 rows stay in the level-2 cache while
    # all panels are multiplied. For BLAS with few factors, there are so few rows that it does not
    # pack its operands; with many factors, there are enough rows to make packing worthwhile.
    cdef int block_rows = 256 if isa else 128 if b.shape[0] <= 64 else 1024
    cdef Py_ssize_t n = a.shape[0] if chosen is None else chosen.shape[0], block
    cdef int k = b.shape[0], m = b.shape[1], row, count
    cdef const als_kernels *kernels = als_kernels_of(isa, floating is double)
    cdef als_product whole
    cdef int32_t[::1] range_ = np.empty(m + 64, dtype=np.int32)
    cdef Room panels = Room(<size_t> k * (m + 64) * sizeof(floating))
    # For each thread, a block of the chosen rows, and the products of these rows.
    cdef floating[:, :, ::1] left, right
    cdef uint64_t before = 0
    cdef Stretches stretches
    if n == 0:
        return
    dtype = np.float64 if floating is double else np.float32
    left = np.empty((n_threads, block_rows if chosen is not None else 1, k), dtype=dtype)
    right = np.empty((n_threads, left.shape[1], m), dtype=dtype)
    whole.k, whole.m = k, m
    whole.left_stride = a.strides[0] // a.itemsize
    whole.result_stride = out.strides[0] // out.itemsize
    if isa:
        kernels.pack(k, m, &b[0, 0], panels.start, &range_[0])
        whole.panels, whole.range = panels.start, &range_[0]
    else:
        whole.panels = &b[0, 0]
    if chosen is not None:
        whole.left_stride, whole.result_stride = k, m
    stretches = Stretches((n + block_rows - 1) // block_rows, 2.0 * block_rows * k * m, n_threads,
                          handle_signals)
    while stretches.next():
        with nogil, parallel(num_threads=n_threads):
            if kernels == NULL:
                limit_helper()
            before = isa_flush_subnormals()
            for block in prange(stretches.first, stretches.last, schedule="dynamic", chunksize=1):
                count = <int> min(<Py_ssize_t> block_rows, n - block * block_rows)
                if chosen is None:
                    multiply_rows[floating](kernels, &whole, count, &a[block * block_rows, 0],
                                            &out[block * block_rows, 0])
                    continue
                for row in range(count):
                    memcpy(&left[threadid(), row, 0], &a[chosen[block * block_rows + row], 0],
                           k * sizeof(floating))
                multiply_rows[floating](kernels, &whole, count, &left[threadid(), 0, 0],
                                        &right[threadid(), 0, 0])
                for row in range(count):
                    memcpy(&out[chosen[block * block_rows + row], 0], &right[threadid(), row, 0],
                           m * sizeof(floating))
            isa_restore_subnormals(before)


def multiply_sparse(
    int isa,
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const floating[::1] data,
    const floating[:, ::1] dense,
    summed[:, ::1] out,
    int n_threads,
):
    """Set ``out`` to the product of a CSR matrix and a dense one, (n_rows, k) with k columns.

    Up to SPARSE_ENTRIES entries of a row are summed in the precision of the matrices, and these
    sums in that of ``out``. Columns of ``out`` from k on are not written.
    """
    cdef Py_ssize_t n = out.shape[0], row
    cdef int k = <int> dense.shape[1]
    cdef double longest = 1
    cdef const als_kernels *kernels = als_kernels_of(isa, floating is double)
    cdef size_t bytes = (k * sizeof(floating) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    cdef Room scratch = Room(n_threads * bytes)
    cdef als_sparse product
    cdef Stretches stretches
    if indices.shape[0] == 0 or k == 0:
        for row in range(n):
            for f in range(k):
                out[row, f] = 0
        return
    product.columns, product.values = &indices[0], &data[0]
    product.count, product.dense, product.k = 0, &dense[0, 0], k
    for row in range(n):
        longest = max(longest, <double> (indptr[row + 1] - indptr[row]))
    stretches = Stretches(n, 2 * k * longest, n_threads)
    while stretches.next():
        for row in prange(stretches.first, stretches.last, nogil=True, schedule="dynamic",
                          chunksize=16, num_threads=n_threads):
            multiply_sparse_row[floating, summed](
                kernels, &product, indptr[row], indptr[row + 1],
                <floating *> (scratch.start + threadid() * bytes), &out[row, 0])


cdef void multiply_sparse_row(
    const als_kernels *kernels, const als_sparse *matrix, int64_t first, int64_t last,
    floating *scratch, summed *out
) noexcept nogil:
    """Set ``out`` to the product of entries ``first`` … ``last`` − 1, (k)."""
    cdef als_sparse part = matrix[0]
    cdef int k = matrix.k, f
    cdef int64_t e
    cdef const floating *dense = <const floating *> matrix.dense
    for f in range(k):
        out[f] = 0
    while first < last:
        part.columns = matrix.columns + first
        part.values = (<const floating *> matrix.values) + first
        part.count = min(last - first, <int64_t> SPARSE_ENTRIES)
        if kernels != NULL:
            kernels.sparse_row(&part, scratch)
        else:
            memset(scratch, 0, k * sizeof(floating))
            for e in range(part.count):
                for f in range(k):
                    scratch[f] += (<const floating *> part.values)[e] * dense[
                        <size_t> part.columns[e] * k + f]
        for f in range(k):
            out[f] += scratch[f]
        first += part.count


def shift_targets(
    int isa,
    const int32_t[::1] rows,
    side,
    const floating[:, ::1] expected,
    const floating[:, ::1] fixed,
    floating[::1] targets,
    int n_threads,
):
    """Set the targets of entries to b − w s·y, where s is the expected row of an entry's row.

    Parameters
    ----------
    isa : int
    rows : int32 (n,), whose targets are set
    side : described at the top of this module
    expected : (n, ld), s of these rows, ld a multiple of 16
    fixed : (n_columns, ld), y
    targets : (n_entries,)
    n_threads : int

    With kernels, ``expected`` and ``fixed`` begin on 64-byte boundaries.
    """
    cdef const int64_t[::1] indptr = side.indptr
    cdef const int32_t[::1] indices = side.indices
    cdef const floating[::1] weights = side.weights
    cdef const floating[::1] own_targets = side.targets
    cdef Py_ssize_t place
    cdef const als_kernels *kernels = als_kernels_of(isa, floating is double)
    cdef als_problem problem
    if indices.shape[0] == 0 or rows.shape[0] == 0:
        return
    problem.indptr, problem.indices, problem.weights = &indptr[0], &indices[0], &weights[0]
    problem.targets = &own_targets[0] if own_targets.shape[0] else NULL
    problem.target_shift = side.target_shift
    problem.fixed, problem.k, problem.ld = &fixed[0, 0], fixed.shape[1], fixed.shape[1]
    for place in prange(rows.shape[0], nogil=True, schedule="dynamic", chunksize=64,
                        num_threads=n_threads):
        if kernels != NULL:
            kernels.shift(&problem, rows[place], &expected[place, 0], &targets[0])
        else:
            shift_row[floating](&problem, rows[place], &expected[place, 0], &targets[0])


cdef void shift_row(
    const als_problem *problem, int32_t row, const floating *expected, floating *targets
) noexcept nogil:
    cdef const floating *weights = <const floating *> problem.weights
    cdef const floating *y
    cdef int64_t e
    cdef floating score
    cdef int f
    for e in range(problem.indptr[row], problem.indptr[row + 1]):
        y = (<const floating *> problem.fixed) + <size_t> problem.indices[e] * problem.ld
        score = 0
        for f in range(problem.ld):
            score += expected[f] * y[f]
        targets[e] = target_of[floating](problem, e, weights[e]) - weights[e] * score


cdef void multiply_rows(
    const als_kernels *kernels, const als_product *whole, int rows, const floating *left,
    floating *result
) noexcept nogil:
    """Multiply some rows by the packed matrix. Without kernels, ``panels`` is not packed."""
    cdef als_product product = whole[0]
    if kernels == NULL:
        # BLAS is column-major, so it multiplies the transposes, in reverse order.
        gemm(whole.m, rows, whole.k, <const floating *> whole.panels, whole.m, left,
             <int> whole.left_stride, result, <int> whole.result_stride)
        return
    product.rows, product.left, product.result = rows, left, result
    kernels.multiply(&product)


def sum_gram(
    int isa, bint in_double, const floating[:, ::1] factors, Py_ssize_t rows_of_part,
    double[:, :, ::1] parts, int n_threads
):
    """Set ``parts[0]`` to the Gram matrix of all factors.

    ``parts`` has one matrix for every ``rows_of_part`` rows, and must be zero at first. The kernels
    sum ALS_GRAM_ROWS rows at a time in the precision of the factors, or in float64 if
    ``in_double``, and add up these sums in float64. BLAS sums everything in float64. Each thread
    computes a panel of columns of a part at a time.
    """
    cdef Py_ssize_t n = factors.shape[0], part, row, last, work
    cdef const als_kernels *kernels = als_kernels_of(isa, in_double or floating is double)
    cdef int k = factors.shape[1], ld = (k + 15) // 16 * 16, first, i, j
    cdef int panel = GRAM_PANEL if isa else k
    cdef int panels = (k + panel - 1) // panel
    cdef size_t bytes = <size_t> ALS_GRAM_ROWS * (ld + 16) * sizeof(double)
    cdef Room scratch = Room(n_threads * bytes)
    cdef double *own = NULL
    cdef uint64_t before = 0
    cdef Stretches stretches
    # The rows of all parts that are summed at a time. Sums are rounded for every ALS_GRAM_ROWS rows
    # anyway, so the result does not depend on it.
    cdef double flops = 2.0 * k * panel
    cdef Py_ssize_t at_once = ALS_GRAM_ROWS * (1 + <Py_ssize_t> (
        GRAM_FLOPS / flops / ALS_GRAM_ROWS)), begin
    for begin in range(0, rows_of_part, at_once):
        stretches = Stretches(parts.shape[0] * panels,
                              flops * min(at_once, rows_of_part), n_threads)
        while stretches.next():
            with nogil, parallel(num_threads=n_threads):
                if not isa:
                    limit_helper()
                before = isa_flush_subnormals()
                own = <double *> (scratch.start + threadid() * bytes)
                for work in prange(stretches.first, stretches.last, schedule="dynamic",
                                   chunksize=1):
                    part = work // panels
                    first = <int> (work % panels) * panel
                    row = part * rows_of_part + begin
                    last = min(n, part * rows_of_part + min(begin + at_once, rows_of_part))
                    if row < last:
                        add_gram_panel[floating](
                            kernels, &factors[row, 0], last - row, k, first, &parts[part, 0, 0],
                            own)
                isa_restore_subnormals(before)
    for part in range(1, parts.shape[0]):
        for i in range(k):
            for j in range(i + 1):
                parts[0, i, j] += parts[part, i, j]
    for i in range(k):
        for j in range(i):
            parts[0, j, i] = parts[0, i, j]


cdef void add_gram_panel(
    const als_kernels *kernels, const floating *rows, int64_t count, int k, int first,
    double *sums, double *scratch
) noexcept nogil:
    cdef als_factors factors
    if kernels == NULL:
        add_gram_by_blas[floating](rows, count, k, sums, scratch)
        return
    factors.rows, factors.are_floats, factors.count = rows, floating is float, count
    factors.k, factors.ld = k, (k + 15) // 16 * 16
    kernels.gram(&factors, first, min(first + <int> GRAM_PANEL, k), sums, scratch)


cdef void add_gram_by_blas(
    const floating *factors, int64_t count, int k, double *sums, double *block
) noexcept nogil:
    cdef int64_t row = 0
    cdef int rows, i
    while row < count:
        rows = <int> min(<int64_t> ALS_GRAM_ROWS, count - row)
        for i in range(rows * k):
            block[i] = factors[row * k + i]
        syrk_upper[double](k, rows, block, k, sums, k)
        row = row + rows
