# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled answers to requests of a few users: their best items, and the factors of new users.

``wrmf.numerics.codes`` and ``wrmf.numerics.fold_in`` check every index and shape and allocate the
results. Lists are ordered by the exact scores of ``wrmf._ranking``, and factors are computed by the
kernels of ``wrmf._als``, so both are bitwise the same as those of many users at a time.
"""
from cpython.buffer cimport (
    PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
)
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY, NAN, fabs, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from wrmf._als cimport (
    Room,
    als_batch,
    als_kernels,
    als_problem,
    als_product,
    als_scratch_bytes,
    isa_flush_subnormals,
    isa_restore_subnormals,
    kernels_of,
)
from wrmf._ranking cimport (
    rank_candidate_double,
    rank_candidate_float,
    rank_candidate_size,
    rank_code,
    rank_codes,
    rank_kernels,
    rank_request,
    ranking_kernels,
)

import numpy as np


# Scores are scanned if their largest absolute value is within these limits, so that no float32 of
# the scan overflows or is subnormal.
cdef double LEAST_SCORE = 1e-25, MOST_SCORE = 1e37
# Coordinates of a user of length one that are below LEAST_COORDINATE do not matter.
cdef double LEAST_COORDINATE = 1e-30


cdef class Memory:
    """The memory of a contiguous array of any type, which is kept alive."""

    cdef Py_buffer view
    cdef void *start

    def __cinit__(self, array, size_t size, bint writable=False):
        PyObject_GetBuffer(array, &self.view, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        if <size_t> self.view.len < size:
            PyBuffer_Release(&self.view)
            raise ValueError(f"expected an array of {size} bytes, got {self.view.len}")
        self.start = self.view.buf if self.view.len else NULL

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


def encode(
    int isa, const floating[:, ::1] items, const int32_t[::1] order, int32_t[:, :, ::1] words,
    double[:, ::1] codes, int n_threads
):
    """Round the factors of items to bytes.

    Parameters
    ----------
    items : (n_items, k)
    order : int32 (n_items,)
    words : int32 (n_groups, n_words, RUN), zeros at first
    codes : float64 (n_items, 3), set to the step, the error and the size of each item in ``order``
    """
    cdef const rank_kernels *kernels = ranking_kernels(isa, floating is double)
    cdef int k = <int> items.shape[1], run = <int> words.shape[2]
    cdef Py_ssize_t place
    for place in prange(order.shape[0], nogil=True, schedule="static", num_threads=n_threads):
        kernels.encode(&items[order[place], 0], k, &words[place // run, 0, place % run],
                       <rank_code *> &codes[place, 0])


def are_canonical_rows(data, indices, indptr, int64_t n_rows, int64_t n_columns):
    """Return whether arrays are those of a CSR matrix with sorted rows and positive, finite values.

    Parameters
    ----------
    data, indices, indptr : contiguous float32, int32 and int32
    """
    cdef int64_t n = len(data)
    if n_rows < 1 or len(indices) != n or len(indptr) != n_rows + 1:
        return False
    cdef Memory of_data = Memory(data, n * 4), of_indices = Memory(indices, n * 4)
    cdef Memory of_indptr = Memory(indptr, (n_rows + 1) * 4)
    cdef bint canonical
    with nogil:
        canonical = are_sorted_and_positive(
            <const float *> of_data.start, <const int32_t *> of_indices.start,
            <const int32_t *> of_indptr.start, n_rows, n_columns, n)
    return canonical


cdef bint are_sorted_and_positive(
    const float *values, const int32_t *columns, const int32_t *starts, int64_t n_rows,
    int64_t n_columns, int64_t n
) noexcept nogil:
    cdef int64_t row, entry
    cdef int32_t before
    if starts[0] != 0 or starts[n_rows] != n:
        return False
    for row in range(n_rows):
        # Every start is checked before entries are read, so that none is out of bounds.
        if starts[row + 1] < starts[row] or starts[row + 1] > n:
            return False
    for row in range(n_rows):
        before = -1
        for entry in range(starts[row], starts[row + 1]):
            # Written so that NaN is refused.
            if columns[entry] <= before or not 0 < values[entry] < INFINITY:
                return False
            before = columns[entry]
        if before >= n_columns:
            return False
    return True


cdef class Scanner:
    """Finds the best items of a few users by scanning the rounded factors of all items.

    Parameters
    ----------
    isa : int, the instruction set
    items : (n_items, k)
    order : int32 (n_items,)
    words : int32 (n_groups, n_words, RUN), from ``encode``
    scales, slack : float32 (n_groups · RUN,), float64 (n_groups,), see ``rank_request``
    norms : float64 (n_groups,), or None
    lengths : (n_items,) of the items' dtype, or None
    largest : float, by which ``scales``, ``slack`` and ``norms`` have been divided
    """

    cdef const rank_kernels *kernels
    cdef rank_codes codes
    cdef rank_request request
    cdef bint is_double
    cdef int real
    cdef double largest
    cdef tuple kept
    cdef readonly int64_t n_items

    def __init__(self, int isa, items, order, words, scales, slack, norms, lengths, largest):
        self.is_double = items.dtype.itemsize == 8
        self.real = 8 if self.is_double else 4
        self.kernels = ranking_kernels(isa, self.is_double)
        cdef int64_t n_items = items.shape[0], n_groups = words.shape[0]
        cdef Memory of_items = Memory(items, n_items * items.shape[1] * self.real)
        cdef Memory of_order = Memory(order, n_items * 4)
        cdef Memory of_words = Memory(words, words.size * 4)
        cdef Memory of_scales = Memory(scales, n_groups * words.shape[2] * 4)
        cdef Memory of_slack = Memory(slack, n_groups * 8)
        cdef Memory of_norms = None if norms is None else Memory(norms, n_groups * 8)
        cdef Memory of_lengths = None if lengths is None else Memory(lengths, n_items * self.real)
        self.kept = (of_items, of_order, of_words, of_scales, of_slack, of_norms, of_lengths)
        self.codes.items, self.codes.order = of_items.start, <const int32_t *> of_order.start
        self.codes.words, self.codes.n_items = <const int32_t *> of_words.start, n_items
        self.codes.k, self.codes.n_words = items.shape[1], words.shape[1]
        self.request.scales = <const float *> of_scales.start
        self.request.slack = <const double *> of_slack.start
        self.request.norms = NULL if norms is None else <const double *> of_norms.start
        self.request.lengths = NULL if lengths is None else of_lengths.start
        self.largest, self.n_items = largest, n_items

    def best(self, users, int n, blocked, allowed, listed, lists):
        """Fill ``lists`` with the n best items of each user.

        Parameters
        ----------
        users : (m, k), of the items' dtype
        blocked : ItemLists of m users, the items that are left out
        allowed : bool (n_items,), the items to choose from, or None for all
        listed : ItemLists of m users, the items to choose from, or None for all
        lists : Lists, (m, n); the count of a user is set to −1 if the scores are out of range
        """
        cdef int64_t m = users.shape[0], user
        cdef Memory of_users = Memory(users, m * self.codes.k * self.real)
        cdef Memory of_indptr = Memory(blocked[0], (m + 1) * 8)
        cdef const int64_t *indptr = <const int64_t *> of_indptr.start
        cdef Memory of_masked = Memory(blocked[1], indptr[m] * 4)
        cdef Memory of_starts = None if listed is None else Memory(listed[0], (m + 1) * 8)
        cdef const int64_t *starts = NULL if listed is None else <const int64_t *> of_starts.start
        cdef Memory of_listed = None if listed is None else Memory(listed[1], starts[m] * 4)
        cdef Memory of_allowed = None if allowed is None else Memory(allowed, self.codes.n_items)
        cdef Memory of_list = Memory(lists.items, m * n * 4, True)
        cdef Memory of_scores = Memory(lists.scores, m * n * self.real, True)
        cdef Memory of_counts = Memory(lists.counts, m * 8, True)
        cdef int64_t *counts = <int64_t *> of_counts.start
        cdef size_t heap = n * rank_candidate_size(self.is_double), unit = 16 * self.codes.n_words
        cdef Room room = Room(2 * unit + heap + self.codes.k * self.real + 64)
        cdef rank_request request = self.request
        request.n = n
        request.heap = room.start
        request.unit_user = <const float *> (room.start + (heap + 63) // 64 * 64)
        request.unit_item = <uint8_t *> request.unit_user + unit
        request.allowed = NULL if allowed is None else <const uint8_t *> of_allowed.start
        with nogil:
            for user in range(m):
                request.user = <const uint8_t *> of_users.start + user * self.codes.k * self.real
                request.masked = (<const int32_t *> of_masked.start) + indptr[user]
                request.n_masked = indptr[user + 1] - indptr[user]
                if not self.set_unit_user(&request):
                    counts[user] = -1
                    continue
                if starts == NULL:
                    counts[user] = self.kernels.best_items(&request, &self.codes)
                else:
                    counts[user] = self.kernels.best_of(
                        &request, &self.codes, (<const int32_t *> of_listed.start) + starts[user],
                        starts[user + 1] - starts[user])
                if self.is_double:
                    store[double](&request, counts[user],
                                  (<int32_t *> of_list.start) + user * n,
                                  (<double *> of_scores.start) + user * n)
                else:
                    store[float](&request, counts[user],
                                 (<int32_t *> of_list.start) + user * n,
                                 (<float *> of_scores.start) + user * n)

    cdef bint set_unit_user(self, rank_request *request) noexcept nogil:
        """Scale a user to length one; return False if the scores are out of range."""
        cdef float *unit = <float *> request.unit_user
        cdef double square = 0, x, length
        cdef int f
        memset(unit, 0, <size_t> self.codes.n_words * 16)
        for f in range(self.codes.k):
            x = self.coordinate(request, f)
            square += x * x
        length = sqrt(square)
        request.length = length * self.largest
        # Written so that NaN is out of range.
        if not (request.length >= LEAST_SCORE and request.length <= MOST_SCORE):
            return False
        for f in range(self.codes.k):
            x = self.coordinate(request, f) / length
            unit[f] = <float> x if fabs(x) >= LEAST_COORDINATE else 0
        return True

    cdef double coordinate(self, const rank_request *request, int f) noexcept nogil:
        if self.is_double:
            return (<const double *> request.user)[f]
        return (<const float *> request.user)[f]


cdef void store(
    const rank_request *request, int64_t count, int32_t *items, floating *scores
) noexcept nogil:
    """Copy a finished heap to a list; past the end, set items to −1 and scores to NaN."""
    cdef int64_t place
    for place in range(request.n):
        if place >= count:
            items[place], scores[place] = -1, <floating> NAN
        elif floating is double:
            items[place] = (<rank_candidate_double *> request.heap)[place].item
            scores[place] = (<rank_candidate_double *> request.heap)[place].score
        else:
            items[place] = (<rank_candidate_float *> request.heap)[place].item
            scores[place] = (<rank_candidate_float *> request.heap)[place].score


def rank_listed(
    int isa, const floating[:, ::1] users, const floating[:, ::1] items, int n,
    const int64_t[::1] indptr, const int32_t[::1] listed, lists, int n_threads
):
    """Fill ``lists`` with the n best of the items that are listed for each user.

    Parameters
    ----------
    users, items : (m, k), (n_items, k)
    indptr, listed : int64 (m + 1,), int32, distinct items
    lists : Lists, (m, n)
    n_threads : int ≥ 1; the result does not depend on it
    """
    cdef const rank_kernels *kernels = ranking_kernels(isa, floating is double)
    cdef int32_t[:, ::1] list_items = lists.items
    cdef floating[:, ::1] list_scores = lists.scores
    cdef int64_t[::1] counts = lists.counts
    cdef size_t bytes = (n * rank_candidate_size(floating is double) + 63) // 64 * 64
    cdef rank_codes codes
    cdef Room room = Room(n_threads * bytes)
    cdef int64_t user
    if users.shape[0] == 0 or listed.shape[0] == 0:
        return
    codes.items, codes.k = &items[0, 0], <int> items.shape[1]
    for user in prange(users.shape[0], nogil=True, schedule="dynamic", chunksize=16,
                       num_threads=n_threads):
        counts[user] = list_row[floating](
            kernels, &codes, &users[user, 0], n, &listed[0] + indptr[user],
            indptr[user + 1] - indptr[user], room.start + threadid() * bytes,
            &list_items[user, 0], &list_scores[user, 0])


cdef int64_t list_row(
    const rank_kernels *kernels, const rank_codes *codes, const floating *user, int n,
    const int32_t *listed, int64_t count, void *heap, int32_t *items, floating *scores
) noexcept nogil:
    cdef rank_request request
    cdef int64_t length
    memset(&request, 0, sizeof(rank_request))
    request.user, request.n, request.heap = user, n, heap
    length = kernels.best_of(&request, codes, listed, count)
    store[floating](&request, length, items, scores)
    return length


cdef size_t aligned(size_t size) noexcept nogil:
    return (size + 63) // 64 * 64


cdef bint set_weights(
    const void *values, bint are_weights, int d, double alpha, double regularization,
    floating *weights
) noexcept nogil:
    """Set the weights of d entries, and behind them λ; return whether all are finite."""
    cdef int e
    cdef bint finite = True
    for e in range(d):
        if are_weights:
            weights[e] = <floating> (<const double *> values)[e]
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
    target_shift : float, as in ``wrmf.numerics.objective.Objective``
    """

    cdef const als_kernels *kernels
    cdef Memory fixed, spectrum
    cdef Room forward, back
    cdef int32_t[::1] forward_range, back_range
    cdef bint is_double
    cdef int real, k, ld
    cdef bint has_spectrum
    cdef double target_shift
    # The scratch of the kernels takes megabytes, so it is kept. A call takes one from the list or
    # allocates another, so that several threads may call at the same time.
    cdef list scratch
    cdef size_t scratch_bytes
    cdef readonly size_t nbytes

    def __init__(self, int isa, fixed, forward, back, spectrum, double target_shift):
        cdef Memory matrix
        self.is_double = fixed.dtype.itemsize == 8
        self.real = 8 if self.is_double else 4
        self.kernels = kernels_of(isa, self.is_double)
        self.k, self.ld = fixed.shape[1], forward.shape[1]
        self.fixed = Memory(fixed, fixed.shape[0] * self.k * self.real)
        self.spectrum = Memory(spectrum, len(spectrum) * 8)
        self.has_spectrum, self.target_shift = len(spectrum) > 0, target_shift
        self.forward = Room(<size_t> self.k * (self.ld + 64) * self.real)
        self.back = Room(<size_t> self.k * (self.k + 64) * self.real)
        self.forward_range = np.empty(self.ld + 64, dtype=np.int32)
        self.back_range = np.empty(self.k + 64, dtype=np.int32)
        matrix = Memory(forward, self.k * self.ld * self.real)
        self.kernels.pack(self.k, self.ld, matrix.start, self.forward.start, &self.forward_range[0])
        matrix = Memory(back, self.k * self.k * self.real)
        self.kernels.pack(self.k, self.k, matrix.start, self.back.start, &self.back_range[0])
        self.scratch = []
        self.scratch_bytes = als_scratch_bytes(self.kernels, self.is_double, self.ld)
        self.nbytes = <size_t> self.k * (self.ld + self.k + 128) * self.real + self.scratch_bytes

    cdef Room take_scratch(self):
        try:
            return self.scratch.pop()
        except IndexError:
            return Room(self.scratch_bytes)

    def solve(self, int method, indices, values, double alpha, double regularization, out):
        """Set ``out`` to the factors of a row.

        Return False if its system is singular, or if a weight or λ is not finite in the precision
        of the factors.

        Parameters
        ----------
        method : int, ``dual`` or ``primal``
        indices : int32 (d,), the columns of the row's entries, d ≥ 1
        values : float64 (d,), from which weights are rounded; or float32, to multiply by ``alpha``
        regularization : float, λ of the row
        out : (k,) of the factors' dtype
        """
        cdef int d = <int> len(indices), e
        cdef Memory of_indices = Memory(indices, d * 4)
        cdef bint are_weights = values.dtype.itemsize == 8
        cdef Memory of_values = Memory(values, d * (8 if are_weights else 4))
        cdef Memory of_out = Memory(out, self.k * self.real, True)
        cdef const int32_t *columns = <const int32_t *> of_indices.start
        cdef size_t gathered = aligned(<size_t> d * self.k * self.real)
        cdef size_t whitened = aligned(<size_t> d * self.ld * self.real)
        cdef size_t solved = aligned(<size_t> self.ld * self.real)
        cdef size_t integers = aligned(<size_t> d * 4)
        cdef Room room = Room(gathered + whitened + solved + integers + (d + 1) * self.real)
        cdef Room scratch = self.take_scratch()
        cdef uint8_t *rows = room.start
        cdef uint8_t *weights = rows + gathered + whitened + solved + integers
        cdef uint8_t failed = 0
        cdef int32_t row = 0
        cdef int64_t indptr[2]
        cdef als_problem problem
        cdef als_batch batch
        cdef als_product product
        cdef uint64_t before
        cdef bint finite
        if self.is_double:
            finite = set_weights[double](of_values.start, are_weights, d, alpha, regularization,
                                         <double *> weights)
        else:
            finite = set_weights[float](of_values.start, are_weights, d, alpha, regularization,
                                        <float *> weights)
        if not finite:
            self.scratch.append(scratch)
            return False
        with nogil:
            before = isa_flush_subnormals()
            for e in range(d):
                memcpy(rows + <size_t> e * self.k * self.real,
                       (<const uint8_t *> self.fixed.start)
                       + <size_t> columns[e] * self.k * self.real,
                       <size_t> self.k * self.real)
            product.rows, product.k, product.m = d, self.k, self.ld
            product.left, product.left_stride = rows, self.k
            product.panels, product.range = self.forward.start, &self.forward_range[0]
            product.result, product.result_stride = rows + gathered, self.ld
            self.kernels.multiply(&product)

            indptr[0], indptr[1] = 0, d
            problem.indptr = indptr
            problem.indices = <const int32_t *> (rows + gathered + whitened + solved)
            for e in range(d):
                (<int32_t *> problem.indices)[e] = e
            problem.weights, problem.regularization = weights, weights + d * self.real
            problem.targets, problem.is_signed = NULL, 0
            problem.target_shift, problem.fixed = self.target_shift, rows + gathered
            problem.k, problem.ld, problem.steps = self.k, self.ld, 0
            problem.spectrum = (
                <const double *> self.spectrum.start if self.has_spectrum else NULL)
            problem.out, problem.failed = rows + gathered + whitened, &failed
            problem.scratch_bytes = self.scratch_bytes
            batch.rows, batch.count, batch.sums, batch.part_start = &row, 1, NULL, NULL
            self.kernels.solve[method](&problem, &batch, scratch.start)

            if not failed:
                product.rows, product.m = 1, self.k
                product.left, product.left_stride = problem.out, self.ld
                product.panels, product.range = self.back.start, &self.back_range[0]
                product.result, product.result_stride = of_out.start, self.k
                self.kernels.multiply(&product)
            isa_restore_subnormals(before)
        self.scratch.append(scratch)
        return not failed
