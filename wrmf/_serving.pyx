# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled answers to requests of a few users: their best items.

``wrmf.numerics.codes`` checks every index and shape and allocates the results. Lists are ordered by
the exact scores of ``wrmf._ranking``, so they are bitwise those of many users at a time.
"""
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
