# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled answers to requests of a few users: their best items.

``wrmf.numerics.codes`` checks every index and shape and allocates the results. Lists are ordered by
the exact scores of ``wrmf._ranking``, so they are bitwise those of many users at a time.
"""
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport NAN, fabs, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from wrmf._als cimport Memory, Room
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


ctypedef fused integer:
    int32_t
    int64_t

# Scores are scanned if their largest absolute value is within these limits, so that no float32 of
# the scan overflows or is subnormal.
cdef double LEAST_SCORE = 1e-25, MOST_SCORE = 1e37
# Coordinates of a user of length one that are below LEAST_COORDINATE do not matter.
cdef double LEAST_COORDINATE = 1e-30


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


cdef class Lists:
    """The lists of items of m users, from ``ItemLists``, or from None for no lists."""

    cdef bint exist
    cdef Memory of_indptr, of_indices
    cdef const int64_t *indptr
    cdef const int32_t *indices

    def __cinit__(self, lists, int64_t m):
        self.exist = lists is not None
        if self.exist:
            self.of_indptr = Memory(lists[0], (m + 1) * 8)
            self.indptr = <const int64_t *> self.of_indptr.start
            self.of_indices = Memory(lists[1], self.indptr[m] * 4)
            self.indices = <const int32_t *> self.of_indices.start

    cdef const int32_t *list_of(self, int64_t user, int64_t *count) noexcept nogil:
        """Return the list of a user, and set ``count`` to its length."""
        if not self.exist:
            count[0] = 0
            return NULL
        count[0] = self.indptr[user + 1] - self.indptr[user]
        return self.indices + self.indptr[user]


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

    def best(self, users, int n, blocked, allowed, listed):
        """Return the n best items of each user.

        Parameters
        ----------
        users : (m, k), of the items' dtype
        blocked : ItemLists of m users, the items that are left out, or None
        allowed : bool (n_items,), the items to choose from, or None for all
        listed : ItemLists of m users, the items to choose from, or None for all

        Returns
        -------
        rows : int64 (m, n), best first; −1 past the end of a list
        scores : (m, n) of the items' dtype; NaN past the end of a list
        counts : int64 (m,), −1 for a user whose scores are out of range
        """
        cdef int64_t m = users.shape[0], user
        rows, counts = np.empty((m, n), np.int64), np.empty(m, np.int64)
        scores = np.empty((m, n), users.dtype)
        cdef Memory of_rows = Memory(rows, m * n * 8, True)
        cdef Memory of_scores = Memory(scores, m * n * self.real, True)
        cdef Memory of_counts = Memory(counts, m * 8, True)
        cdef Memory of_users = Memory(users, m * self.codes.k * self.real)
        cdef Lists of_blocked = Lists(blocked, m), of_listed = Lists(listed, m)
        cdef Memory of_allowed = None if allowed is None else Memory(allowed, self.codes.n_items)
        cdef int64_t *lengths = <int64_t *> of_counts.start
        cdef size_t heap = n * rank_candidate_size(self.is_double), unit = 16 * self.codes.n_words
        cdef uint8_t *room = <uint8_t *> PyMem_Malloc(
            2 * unit + heap + self.codes.k * self.real + 64)
        if room == NULL:
            raise MemoryError()
        cdef rank_request request = self.request
        request.n, request.heap = n, room
        request.unit_user = <const float *> (room + (heap + 63) // 64 * 64)
        request.unit_item = <uint8_t *> request.unit_user + unit
        request.allowed = NULL if allowed is None else <const uint8_t *> of_allowed.start
        with nogil:
            for user in range(m):
                request.user = <const uint8_t *> of_users.start + user * self.codes.k * self.real
                request.masked = of_blocked.list_of(user, &request.n_masked)
                lengths[user] = self.fill_heap(&request, of_listed, user)
                if self.is_double:
                    store[int64_t, double](&request, lengths[user],
                                           (<int64_t *> of_rows.start) + user * n,
                                           (<double *> of_scores.start) + user * n)
                else:
                    store[int64_t, float](&request, lengths[user],
                                          (<int64_t *> of_rows.start) + user * n,
                                          (<float *> of_scores.start) + user * n)
        PyMem_Free(room)
        return rows, scores, counts

    cdef int64_t fill_heap(self, rank_request *request, Lists listed, int64_t user) noexcept nogil:
        """Find the best items of a user; return their number, −1 if scores are out of range."""
        cdef int64_t count
        cdef const int32_t *items
        if not self.set_unit_user(request):
            return -1
        if not listed.exist:
            return self.kernels.best_items(request, &self.codes)
        items = listed.list_of(user, &count)
        return self.kernels.best_of(request, &self.codes, items, count)

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
    const rank_request *request, int64_t count, integer *items, floating *scores
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
    store[int32_t, floating](&request, length, items, scores)
    return length
