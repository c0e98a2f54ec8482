# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled fold-in of the rows of one request: checks a CSR matrix, and solves its rows one by one.

A request finds the caches of the CPU filled by other work, so that its time is that of the memory
it touches: the rows are checked and solved by one call, with one array for the result.
"""
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
)
from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from wrmf._als cimport (
    Memory,
    Room,
    active_isa,
    als_kernels,
    als_problem,
    als_product,
    als_row_scratch_bytes,
    ALS_dual,
    ALS_MOST_ORDER,
    ALS_primal,
    isa_flush_subnormals,
    isa_restore_subnormals,
    kernels_of,
)

import numpy as np
from scipy import sparse


cdef tuple MATRICES = (sparse.csr_matrix, sparse.csr_array)


cdef class Rows:
    """The arrays of a CSR matrix of float32 or float64 values and int32 positions, kept alive.

    The constructor raises a BufferError or a ValueError for arrays of another kind.
    """

    cdef Py_buffer of_values, of_columns, of_starts
    cdef int n_views
    cdef const void *values
    cdef bint are_double
    cdef const int32_t *columns
    cdef const int32_t *starts
    cdef int64_t count, n_entries

    def __cinit__(self, data, indices, indptr):
        take(data, &self.of_values, b"f", b"d")
        self.n_views = 1
        # On Windows, int32 may be a long.
        take(indices, &self.of_columns, b"i", b"l")
        self.n_views = 2
        take(indptr, &self.of_starts, b"i", b"l")
        self.n_views = 3
        if self.of_columns.itemsize != 4 or self.of_starts.itemsize != 4:
            raise ValueError("expected positions of 4 bytes")
        self.values, self.are_double = self.of_values.buf, self.of_values.itemsize == 8
        self.columns = <const int32_t *> self.of_columns.buf
        self.starts = <const int32_t *> self.of_starts.buf
        self.count, self.n_entries = self.of_starts.len // 4 - 1, self.of_columns.len // 4
        if self.of_values.len // self.of_values.itemsize != self.n_entries:
            raise ValueError("values and positions differ in length")

    def __dealloc__(self):
        if self.n_views > 0:
            PyBuffer_Release(&self.of_values)
        if self.n_views > 1:
            PyBuffer_Release(&self.of_columns)
        if self.n_views > 2:
            PyBuffer_Release(&self.of_starts)


cdef int take(array, Py_buffer *view, const char *kind, const char *other) except -1:
    """Get the memory of a contiguous 1-d array of numbers of one of two kinds."""
    PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    if (view.ndim != 1 or view.format[0] not in (kind[0], other[0]) or view.format[1] != 0
            or <size_t> view.buf % view.itemsize):
        PyBuffer_Release(view)
        raise ValueError("expected a contiguous array of numbers")
    return 0


cdef Rows rows_of(matrix):
    """Return the arrays of a CSR matrix, or None for anything else."""
    if type(matrix) not in MATRICES:
        return None
    try:
        return Rows(matrix.data, matrix.indices, matrix.indptr)
    except (BufferError, ValueError):
        return None


def is_canonical(matrix):
    """Return whether a matrix is CSR with sorted rows of int32 positions and positive float32.

    Every entry is checked.
    """
    cdef Rows rows = rows_of(matrix)
    if rows is None or matrix.ndim != 2:
        return False
    cdef int64_t n_rows = matrix.shape[0], n_columns = matrix.shape[1]
    cdef bint canonical
    with nogil:
        canonical = rows.count == n_rows and are_sorted_and_positive(rows, n_columns)
    return canonical


cdef bint are_sorted_and_positive(Rows rows, int64_t n_columns) noexcept nogil:
    cdef const int32_t *starts = rows.starts
    cdef int64_t row, entry, n = rows.n_entries
    cdef int32_t before
    cdef const float *values = <const float *> rows.values
    if rows.are_double or rows.count < 1 or n_columns >= <int64_t> 1 << 31:
        return False
    if starts[0] != 0 or starts[rows.count] != n:
        return False
    for row in range(rows.count):
        # Every start is checked before entries are read, so that none is out of bounds.
        if starts[row + 1] < starts[row] or starts[row + 1] > n:
            return False
    for row in range(rows.count):
        before = -1
        for entry in range(starts[row], starts[row + 1]):
            # Written so that NaN is refused.
            if rows.columns[entry] <= before or not 0 < values[entry] < INFINITY:
                return False
            before = rows.columns[entry]
        if before >= n_columns:
            return False
    return True


cdef size_t aligned(size_t size) noexcept nogil:
    return (size + 63) // 64 * 64


cdef bint set_weights(
    const void *values, bint are_double, int d, double alpha, double regularization,
    floating *weights
) noexcept nogil:
    """Set the weights of d entries, ``alpha`` times their values, and behind them λ.

    Return whether all are finite.
    """
    cdef int e
    cdef bint finite = True
    for e in range(d):
        if are_double:
            weights[e] = <floating> (alpha * (<const double *> values)[e])
        else:
            weights[e] = <floating> (alpha * (<const float *> values)[e])
        finite = finite and weights[e] < INFINITY
    weights[d] = <floating> regularization
    return finite and weights[d] < INFINITY


cdef class RowSolver:
    """Solves single rows exactly, with the factors of the other side fixed.

    Parameters
    ----------
    isa : int, the instruction set; it must have kernels
    fixed : (n_columns, k), the factors of the other side, of one dtype with ``forward``
    forward : (k, ld), the change of basis, padded with zeros to a multiple of 16 columns
    back : (k, k), the change back
    spectrum : float64 (k,) or (0,), as in ``wrmf.numerics.whitening.Frame``
    rule : RowRule
    """

    cdef const als_kernels *kernels
    cdef Memory fixed, spectrum
    cdef Room forward, back
    cdef int32_t[::1] forward_range, back_range
    cdef Memory strengths, weights
    cdef bint is_double, has_spectrum, is_plain
    cdef int isa, real, k, ld
    cdef int64_t n_columns, n_weights, primal_from, parts_from
    cdef double alpha, target_shift
    cdef object dtype
    # The scratch is kept. A call takes one from the list or allocates another, so that several
    # threads may call at the same time.
    cdef list scratch
    cdef size_t scratch_bytes
    cdef readonly size_t nbytes

    def __init__(self, int isa, fixed, forward, back, spectrum, rule):
        cdef Memory matrix
        self.isa, self.dtype = isa, fixed.dtype
        self.is_double = fixed.dtype.itemsize == 8
        self.real = 8 if self.is_double else 4
        self.kernels = kernels_of(isa, self.is_double)
        self.n_columns, self.k, self.ld = fixed.shape[0], fixed.shape[1], forward.shape[1]
        self.fixed = Memory(fixed, fixed.shape[0] * self.k * self.real)
        self.spectrum = Memory(spectrum, len(spectrum) * 8)
        self.has_spectrum = len(spectrum) > 0
        self.alpha, self.target_shift, self.is_plain = rule.alpha, rule.target_shift, rule.is_plain
        self.primal_from, self.parts_from = rule.primal_from, len(rule.strengths)
        self.strengths = Memory(rule.strengths, self.parts_from * 8)
        self.n_weights = len(rule.weights)
        self.weights = Memory(rule.weights, self.n_weights * 8)
        self.forward = Room(<size_t> self.k * (self.ld + 64) * self.real)
        self.back = Room(<size_t> self.k * (self.k + 64) * self.real)
        self.forward_range = np.empty(self.ld + 64, dtype=np.int32)
        self.back_range = np.empty(self.k + 64, dtype=np.int32)
        matrix = Memory(forward, self.k * self.ld * self.real)
        self.kernels.pack(self.k, self.ld, matrix.start, self.forward.start, &self.forward_range[0])
        matrix = Memory(back, self.k * self.k * self.real)
        self.kernels.pack(self.k, self.k, matrix.start, self.back.start, &self.back_range[0])
        self.scratch = []
        self.scratch_bytes = als_row_scratch_bytes(self.is_double, self.ld, ALS_MOST_ORDER)
        self.nbytes = <size_t> self.k * (self.ld + self.k + 128) * self.real + self.scratch_bytes

    def solve_matrix(self, matrix, int64_t most_rows):
        """Return the factors of the rows of a matrix, (n, k), or None if they are solved otherwise.

        Nothing about the matrix is assumed. None is also returned for a matrix that is not
        canonical, of the shape of other data, or of more than ``most_rows`` rows.
        """
        cdef Rows rows
        if not self.is_plain or self.isa != active_isa():
            return None
        rows = rows_of(matrix)
        if rows is None or rows.count > most_rows or matrix.shape != (rows.count, self.n_columns):
            return None
        if not are_sorted_and_positive(rows, self.n_columns):
            return None
        if self.n_weights == 0:
            return self.solve_all(rows, self.alpha)
        weights = self.weights_of(rows)
        return None if weights is None else self.solve_all(weights, 1.0)

    cdef Rows weights_of(self, Rows rows):
        """Return rows of weights instead of values, or None if a value is not in the table."""
        cdef Rows weighted = Rows(
            np.empty(rows.n_entries), rows.of_columns.obj, rows.of_starts.obj)
        cdef double *weights = <double *> weighted.values
        cdef const double *table = <const double *> self.weights.start
        cdef const float *values = <const float *> rows.values
        cdef int64_t entry
        for entry in range(rows.n_entries):
            # Written so that nothing is converted that does not fit.
            if not values[entry] < self.n_weights or values[entry] != <int> values[entry]:
                return None
            weights[entry] = table[<int> values[entry]]
        return weighted

    def solve_rows(self, values, matrix, double alpha):
        """Return the factors of the rows of a canonical matrix, or None if it is solved otherwise.

        Parameters
        ----------
        values : float32 or float64 (n_entries,)
            Weights are ``alpha`` times the values.
        matrix : CSR (n, n_columns)
        """
        return self.solve_all(Rows(values, matrix.indices, matrix.indptr), alpha)

    cdef solve_all(self, Rows rows, double alpha):
        cdef const double *strengths = <const double *> self.strengths.start
        cdef size_t of_value = 8 if rows.are_double else 4
        factors = np.zeros((rows.count, self.k), dtype=self.dtype)
        cdef Memory of_out = Memory(factors, rows.count * self.k * self.real, True)
        cdef int64_t row, longest = 0, d
        cdef Room room
        cdef bint solved = True
        for row in range(rows.count):
            d = rows.starts[row + 1] - rows.starts[row]
            if d >= self.parts_from or (d if d < self.primal_from else self.k) > ALS_MOST_ORDER:
                return None
            longest = max(longest, d)
        room = self.take_room(<int> longest)
        with nogil:
            for row in range(rows.count):
                d = rows.starts[row + 1] - rows.starts[row]
                if d and solved:
                    solved = self.set_row(
                        room.start, <const uint8_t *> rows.values + rows.starts[row] * of_value,
                        rows.are_double, <int> d, alpha, strengths[d]
                    ) and self.solve_row(
                        room.start, rows.columns + rows.starts[row], <int> d,
                        <uint8_t *> of_out.start + row * self.k * self.real)
        self.scratch.append(room)
        return factors if solved else None

    cdef size_t bytes_of(self, int d) noexcept nogil:
        """Return the bytes of the numbers of a row of d entries: numbers, factors, solution."""
        return (aligned((d + 1) * self.real) + aligned(<size_t> d * 4)
                + aligned(<size_t> d * self.k * self.real) + <size_t> (d + 1) * self.ld * self.real)

    cdef Room take_room(self, int d):
        cdef size_t size = self.bytes_of(d) + self.scratch_bytes
        cdef Room room
        try:
            room = self.scratch.pop()
        except IndexError:
            room = None
        return Room(max(size, self.bytes_of(64) + self.scratch_bytes)) if (
            room is None or room.size < size) else room

    cdef bint set_row(
        self, uint8_t *room, const void *values, bint are_double, int d, double alpha,
        double regularization
    ) noexcept nogil:
        """Set the weights of a row; return whether they are finite."""
        if self.is_double:
            return set_weights[double](
                values, are_double, d, alpha, regularization, <double *> room)
        return set_weights[float](values, are_double, d, alpha, regularization, <float *> room)

    cdef bint solve_row(
        self, uint8_t *room, const int32_t *columns, int d, uint8_t *out
    ) noexcept nogil:
        """Set ``out`` to the factors of a row; return False if its system is singular.

        ``room`` begins with the weights.
        """
        cdef uint8_t *weights = room
        cdef int32_t *places = <int32_t *> (weights + aligned((d + 1) * self.real))
        cdef uint8_t *factors = <uint8_t *> places + aligned(<size_t> d * 4)
        cdef size_t width = <size_t> self.k * self.real
        cdef uint8_t *whitened = factors + aligned(d * width)
        cdef uint8_t *solution = whitened + <size_t> d * self.ld * self.real
        cdef uint8_t *scratch = solution + <size_t> self.ld * self.real
        cdef uint8_t failed = 0
        cdef int64_t indptr[2]
        cdef als_problem problem
        cdef als_product product
        cdef uint64_t before
        cdef int e
        before = isa_flush_subnormals()
        for e in range(d):
            places[e] = e
            memcpy(factors + e * width, <const uint8_t *> self.fixed.start + columns[e] * width,
                   width)
        product.rows, product.k, product.m = d, self.k, self.ld
        product.left, product.left_stride = factors, self.k
        product.panels, product.range = self.forward.start, &self.forward_range[0]
        product.result, product.result_stride = whitened, self.ld
        self.kernels.multiply(&product)

        memset(&problem, 0, sizeof(als_problem))
        indptr[0], indptr[1] = 0, d
        problem.indptr, problem.indices = indptr, places
        problem.weights, problem.regularization = weights, weights + d * self.real
        problem.target_shift, problem.fixed = self.target_shift, whitened
        problem.k, problem.ld = self.k, self.ld
        problem.spectrum = <const double *> self.spectrum.start if self.has_spectrum else NULL
        problem.out, problem.failed = solution, &failed
        problem.scratch_bytes = self.scratch_bytes
        self.kernels.solve_row[ALS_primal if d >= self.primal_from else ALS_dual](
            &problem, whitened, scratch)

        if not failed:
            product.rows, product.m = 1, self.k
            product.left, product.left_stride = solution, self.ld
            product.panels, product.range = self.back.start, &self.back_range[0]
            product.result, product.result_stride = out, self.k
            self.kernels.multiply(&product)
        isa_restore_subnormals(before)
        return not failed
