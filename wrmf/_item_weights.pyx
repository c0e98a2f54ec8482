# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled kernels of item weights: their ridge regressions, and the terms that they add to scores.

``wrmf.numerics.item_weights`` and ``wrmf.numerics.item_terms`` check every index and shape and
allocate every array. Each item, and each user, is computed by one thread from integers and in a
fixed order, so no result depends on the number of threads.

Rows and columns are lists of sorted positions in CSR form: ``indptr`` int64, ``indices`` int32.
"""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY, NAN, fabs, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from wrmf._als cimport Room
from wrmf._blas cimport potrf_upper, potrs_upper
from wrmf._ranking cimport rank_kernels, ranking_kernels

cdef double EPSILON = 2.220446049250313e-16
cdef enum:
    # Marks are read this many at a time.
    WORD = 8


# ---- Ridge regressions


# The matrix of the data by rows and by columns, and what the regressions have in common.
cdef struct Regression:
    const int64_t *user_start
    const int32_t *user_items
    const int64_t *item_start
    const int32_t *item_users
    int most                     # neighbours of an item
    double regularization


# Memory of one thread. Counts and marks are zero between two items.
cdef struct Workspace:
    int32_t *counts              # (n_items,) users that an item shares with the item in hand
    int32_t *shared              # (n_items,) items whose count is above 0
    uint8_t *marks               # (n_users,)
    double *system               # (most, most)
    double *target               # (most,)
    double *similarity           # (most,) of the neighbours, as a heap
    int32_t *chosen              # (most,) the neighbours, as a heap
    int32_t *by_size             # (most,) places of the neighbours, those with the most users first


cdef inline size_t take(size_t *at, size_t bytes) noexcept nogil:
    """Reserve memory that begins on a 64-byte boundary; return where it begins."""
    cdef size_t start = at[0]
    at[0] = start + (bytes + 63) // 64 * 64
    return start


cdef size_t lay_out(
    Workspace *s, uint8_t *start, int64_t n_users, int64_t n_items, int64_t most
) noexcept nogil:
    """Divide a thread's memory; return its size."""
    cdef size_t at = 0
    s.counts = <int32_t *> (start + take(&at, n_items * sizeof(int32_t)))
    s.shared = <int32_t *> (start + take(&at, n_items * sizeof(int32_t)))
    s.marks = start + take(&at, n_users)
    s.system = <double *> (start + take(&at, most * most * sizeof(double)))
    s.target = <double *> (start + take(&at, most * sizeof(double)))
    s.similarity = <double *> (start + take(&at, most * sizeof(double)))
    s.chosen = <int32_t *> (start + take(&at, most * sizeof(int32_t)))
    s.by_size = <int32_t *> (start + take(&at, most * sizeof(int32_t)))
    return at


cdef inline bint is_before(double score, int32_t item, double other, int32_t rival) noexcept nogil:
    """Whether an item ranks before another one: by score, and by position among equal scores."""
    return score > other or (score == other and item < rival)


cdef void sift(double *scores, int32_t *items, int size, double score, int32_t item) noexcept nogil:
    """Replace the root of a heap, the item that ranks last, by another item."""
    cdef int place = 0, child
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and is_before(scores[child], items[child],
                                          scores[child + 1], items[child + 1]):
            child += 1
        if not is_before(score, item, scores[child], items[child]):
            break
        scores[place], items[place] = scores[child], items[child]
        place = child
    scores[place], items[place] = score, item


cdef void rise(
    double *scores, int32_t *items, int place, double score, int32_t item
) noexcept nogil:
    """Put an item at the end of a heap, whose root is the item that ranks last."""
    cdef int parent
    while place:
        parent = (place - 1) // 2
        if not is_before(scores[parent], items[parent], score, item):
            break
        scores[place], items[place] = scores[parent], items[parent]
        place = parent
    scores[place], items[place] = score, item


cdef int64_t count_shared(const Regression *r, Workspace *s, int32_t item) noexcept nogil:
    """Count the users that each item shares with ``item``; return the number of such items."""
    cdef int64_t n_shared = 0, place, entry
    cdef int32_t user, other
    for place in range(r.item_start[item], r.item_start[item + 1]):
        user = r.item_users[place]
        for entry in range(r.user_start[user], r.user_start[user + 1]):
            other = r.user_items[entry]
            if s.counts[other] == 0:
                s.shared[n_shared] = other
                n_shared += 1
            s.counts[other] += 1
    return n_shared


cdef int choose(const Regression *r, Workspace *s, int64_t n_shared, int32_t item) noexcept nogil:
    """Set ``chosen`` to the nearest items, sorted by position; return their number."""
    cdef int64_t place
    cdef int size = 0, i
    cdef int32_t other
    cdef double similarity
    for place in range(n_shared):
        other = s.shared[place]
        if other == item:
            continue
        # Both operations are rounded correctly, so that this is the same on every CPU.
        similarity = s.counts[other] / sqrt(<double> (r.item_start[other + 1]
                                                      - r.item_start[other]))
        if size < r.most:
            rise(s.similarity, s.chosen, size, similarity, other)
            size += 1
        elif is_before(similarity, other, s.similarity[0], s.chosen[0]):
            sift(s.similarity, s.chosen, size, similarity, other)
    sort_by(s.chosen, size, NULL, NULL)
    for i in range(size):
        s.by_size[i] = i
    sort_by(s.by_size, size, r.item_start, s.chosen)
    return size


cdef void sort_by(
    int32_t *values, int size, const int64_t *start, const int32_t *items
) noexcept nogil:
    """Sort values in increasing order; with ``start``, places of items by decreasing length."""
    cdef int place, at
    cdef int32_t value
    cdef int64_t key
    for place in range(1, size):
        value, at = values[place], place
        key = key_of(value, start, items)
        while at and key_of(values[at - 1], start, items) > key:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value


cdef inline int64_t key_of(
    int32_t value, const int64_t *start, const int32_t *items
) noexcept nogil:
    if start == NULL:
        return value
    return start[items[value]] - start[items[value] + 1]


cdef void fill_system(const Regression *r, Workspace *s, int size) noexcept nogil:
    """Set the upper triangle of ``system`` to the users that the chosen items share, plus λI."""
    cdef int i, j, row, column
    cdef int32_t item
    cdef int64_t entry, count
    for i in range(size):
        row = s.by_size[i]
        item = s.chosen[row]
        s.target[row] = s.counts[item]
        s.system[row * size + row] = (
            r.item_start[item + 1] - r.item_start[item] + r.regularization)
        if i == size - 1:
            break
        for entry in range(r.item_start[item], r.item_start[item + 1]):
            s.marks[r.item_users[entry]] = 1
        # The users of the smaller of two items are looked up among those of the larger one.
        for j in range(i + 1, size):
            column = s.by_size[j]
            count = 0
            for entry in range(r.item_start[s.chosen[column]], r.item_start[s.chosen[column] + 1]):
                count += s.marks[r.item_users[entry]]
            s.system[max(row, column) * size + min(row, column)] = count
        for entry in range(r.item_start[item], r.item_start[item + 1]):
            s.marks[r.item_users[entry]] = 0


cdef int regress(
    const Regression *r, Workspace *s, int32_t item, int32_t *neighbours, float *weights
) noexcept nogil:
    """Set the neighbours of an item and their weights; return their number, −1 if it fails."""
    cdef int64_t place, n_shared = count_shared(r, s, item)
    cdef int size = choose(r, s, n_shared, item), i
    cdef bint failed = False
    cdef double largest = 0
    if size:
        fill_system(r, s, size)
        for i in range(size):
            largest = max(largest, s.system[i * size + i])
        failed = potrf_upper(size, s.system, size) != 0
        for i in range(size):
            # A pivot is zero up to rounding errors. NaN counts as such, too.
            if not s.system[i * size + i] ** 2 > size * EPSILON * largest:
                failed = True
        failed = failed or potrs_upper(size, s.system, size, s.target) != 0
        for i in range(size):
            neighbours[i], weights[i] = s.chosen[i], <float> s.target[i]
    for place in range(n_shared):
        s.counts[s.shared[place]] = 0
    return -1 if failed else size


cdef int regress_in(
    const Regression *r, uint8_t *start, int64_t n_users, int64_t n_items, int32_t item,
    int32_t *neighbours, float *weights
) noexcept nogil:
    cdef Workspace s
    lay_out(&s, start, n_users, n_items, r.most)
    return regress(r, &s, item, neighbours, weights)


def workspace_bytes(int64_t n_users, int64_t n_items, int64_t most):
    """Return the size of the memory that ``fit`` needs for each thread."""
    cdef Workspace s
    return lay_out(&s, NULL, n_users, n_items, most)


def fit(
    by_user, by_item, int64_t first, double regularization, int32_t[:, ::1] neighbours,
    float[:, ::1] weights, int32_t[::1] counts, uint8_t[:, ::1] memory
):
    """Compute the weights of the items ``first``, ``first`` + 1, …

    Parameters
    ----------
    by_user, by_item : ItemLists, the items of each user and the users of each item
    regularization : float > 0
    neighbours : int32 (n, most), set to the sorted neighbours of each item
    weights : float32 (n, most), set to their weights
    counts : int32 (n,), set to the number of neighbours, or to −1 if the regression failed
    memory : uint8 (n_threads, workspace_bytes), of zeros, as it is left
    """
    cdef const int64_t[::1] user_start = by_user[0], item_start = by_item[0]
    cdef const int32_t[::1] user_items = by_user[1], item_users = by_item[1]
    cdef int64_t n_users = user_start.shape[0] - 1, n_items = item_start.shape[0] - 1
    cdef int64_t place, n = counts.shape[0]
    cdef int n_threads = <int> memory.shape[0]
    cdef Regression r
    if user_items.shape[0] == 0 or n == 0:
        return
    r.user_start, r.user_items = &user_start[0], &user_items[0]
    r.item_start, r.item_users = &item_start[0], &item_users[0]
    r.most, r.regularization = <int> neighbours.shape[1], regularization
    for place in prange(n, nogil=True, schedule="dynamic", chunksize=16, num_threads=n_threads):
        counts[place] = regress_in(
            &r, &memory[threadid(), 0], n_users, n_items, <int32_t> (first + place),
            &neighbours[place, 0], &weights[place, 0])


# ---- Terms of all items that a user's items point to


cdef struct Rows:
    const int64_t *start         # of the user's items
    const int32_t *items
    const int64_t *weight_start  # of the rows of the weights
    const int32_t *weight_items
    const float *weights
    const int64_t *blocked_start
    const int32_t *blocked
    int64_t n_words              # of marks


cdef int64_t count_row(const Rows *r, int64_t user, int64_t *stamps) noexcept nogil:
    """Return the number of items with a term, and of blocked items.

    The stamp of an item is one more than the last user who was counted for it.
    """
    cdef int64_t entry, place, count = 0
    cdef int32_t item
    for place in range(r.start[user], r.start[user + 1]):
        for entry in range(r.weight_start[r.items[place]], r.weight_start[r.items[place] + 1]):
            item = r.weight_items[entry]
            count += stamps[item] != user + 1
            stamps[item] = user + 1
    for place in range(r.blocked_start[user], r.blocked_start[user + 1]):
        item = r.blocked[place]
        count += stamps[item] != user + 1
        stamps[item] = user + 1
    return count


cdef void sum_row(
    const Rows *r, int64_t user, uint8_t *marks, double *sums, int32_t *items, double *terms
) noexcept nogil:
    """Set the sorted items of a user and their terms, −∞ for blocked items; leave no mark."""
    cdef int64_t entry, place, word, filled = 0
    cdef int32_t item
    cdef int i
    cdef uint64_t bits
    for place in range(r.start[user], r.start[user + 1]):
        for entry in range(r.weight_start[r.items[place]], r.weight_start[r.items[place] + 1]):
            item = r.weight_items[entry]
            marks[item] = 1
            sums[item] += r.weights[entry]
    for place in range(r.blocked_start[user], r.blocked_start[user + 1]):
        marks[r.blocked[place]] = 1
        sums[r.blocked[place]] = -INFINITY
    for word in range(r.n_words):
        memcpy(&bits, marks + word * WORD, WORD)
        if bits == 0:
            continue
        for i in range(WORD):
            item = <int32_t> (word * WORD + i)
            if marks[item]:
                items[filled], terms[filled] = item, sums[item]
                filled += 1
                marks[item], sums[item] = 0, 0


cdef set_rows(Rows *r, rows, weights, blocked, int64_t n_marks):
    cdef const int64_t[::1] starts
    cdef const int32_t[::1] positions
    cdef const float[::1] values = weights[2]
    starts, positions = rows[0], rows[1]
    r.start, r.items = &starts[0], &positions[0] if positions.shape[0] else NULL
    starts, positions = weights[0], weights[1]
    r.weight_start, r.weight_items = &starts[0], &positions[0] if positions.shape[0] else NULL
    r.weights = &values[0] if values.shape[0] else NULL
    starts, positions = blocked[0], blocked[1]
    r.blocked_start, r.blocked = &starts[0], &positions[0] if positions.shape[0] else NULL
    r.n_words = n_marks // WORD


def count_terms(rows, weights, blocked, int64_t[:, ::1] stamps, int64_t[::1] counts):
    """Set ``counts`` to the number of items of each user with a term or blocked.

    Parameters
    ----------
    rows, blocked : ItemLists of m users, the items that they have and those that they may not get
    weights : CSR (n_items, n_items) as indptr int64, indices int32, values float32
    stamps : int64 (n_threads, n_items), of zeros
    counts : int64 (m,)
    """
    cdef Rows r
    cdef int64_t user
    if stamps.shape[1] == 0:
        return
    set_rows(&r, rows, weights, blocked, 0)
    for user in prange(counts.shape[0], nogil=True, schedule="dynamic", chunksize=16,
                       num_threads=stamps.shape[0]):
        counts[user] = count_row(&r, user, &stamps[threadid(), 0])


def sum_terms(
    rows, weights, blocked, uint8_t[:, ::1] marks, double[:, ::1] sums,
    const int64_t[::1] indptr, int32_t[::1] items, double[::1] terms
):
    """Set the items of each user with a term, sorted, and the terms; those of blocked items to −∞.

    Parameters
    ----------
    rows, weights, blocked : as in ``count_terms``
    marks : uint8 (n_threads, a multiple of 8 ≥ n_items), of zeros, as it is left
    sums : float64, of the shape of ``marks``, of zeros, as it is left
    indptr : int64 (m + 1,), from the counts
    items, terms : int32, float64
    """
    cdef Rows r
    cdef int64_t user
    if items.shape[0] == 0:
        return
    set_rows(&r, rows, weights, blocked, marks.shape[1])
    for user in prange(indptr.shape[0] - 1, nogil=True, schedule="dynamic", chunksize=16,
                       num_threads=marks.shape[0]):
        sum_row(&r, user, &marks[threadid(), 0], &sums[threadid(), 0],
                &items[0] + indptr[user], &terms[0] + indptr[user])


# ---- Terms of given pairs


cdef double term_of(
    const int32_t *own, int64_t n_own, const int32_t *neighbours, const float *weights,
    int64_t n_neighbours
) noexcept nogil:
    """Return the sum of the weights of the neighbours that are among a user's own items."""
    cdef int64_t place, low = 0, high, middle
    cdef double total = 0
    for place in range(n_neighbours):
        high = n_own
        while low < high:
            middle = (low + high) // 2
            if own[middle] < neighbours[place]:
                low = middle + 1
            else:
                high = middle
        if low == n_own:
            break
        if own[low] == neighbours[place]:
            # In the order of positions, as in sum_row.
            total += weights[place]
    return total


def pair_terms(rows, weights, pairs, double[::1] out, int n_threads):
    """Set ``out`` to the terms of given items of each user.

    Parameters
    ----------
    rows, pairs : ItemLists of m users, the items that they have and those to compute terms of
    weights : CSR (n_items, n_items) with the neighbours of each item in a row
    out : float64, one element for each pair
    """
    cdef const int64_t[::1] start = rows[0], weight_start = weights[0], pair_start = pairs[0]
    cdef const int32_t[::1] own = rows[1], neighbours = weights[1], items = pairs[1]
    cdef const float[::1] values = weights[2]
    cdef int64_t user, entry, first, m = pair_start.shape[0] - 1
    out[:] = 0
    if own.shape[0] == 0 or neighbours.shape[0] == 0 or items.shape[0] == 0:
        return
    for user in prange(m, nogil=True, schedule="dynamic", chunksize=64, num_threads=n_threads):
        for entry in range(pair_start[user], pair_start[user + 1]):
            first = weight_start[items[entry]]
            if first < weight_start[items[entry] + 1] and start[user] < start[user + 1]:
                out[entry] = term_of(&own[start[user]], start[user + 1] - start[user],
                                     &neighbours[first], &values[first],
                                     weight_start[items[entry] + 1] - first)


# ---- The best of the items with terms


cdef int64_t rank_row(
    const rank_kernels *kernels, const floating *user, const floating *items, int k, double length,
    const double *norms, const int32_t *listed, const double *terms, int64_t count,
    const uint8_t *allowed, int n, double *heap, double *bounds, int32_t *places,
    int32_t *best, floating *scores
) noexcept nogil:
    """Set a user's list to the n best of the listed items, best first; return its length.

    Items are scored in decreasing order of an upper bound of their score, until no other item can
    be among the n best. ``bounds`` and ``places`` are a heap, with the highest bound at the root.
    """
    cdef int64_t entry
    cdef int size = 0, place, n_bounds = 0
    cdef int32_t item
    cdef double score, bound
    for entry in range(count):
        item = listed[entry]
        if terms[entry] == -INFINITY or (allowed != NULL and not allowed[item]):
            continue
        # No dot product exceeds the product of the norms; the rest covers roundings.
        bound = length * norms[item]
        bound = bound + terms[entry] + 1e-6 * (bound + fabs(terms[entry]))
        rise(bounds, places, n_bounds, -bound, <int32_t> entry)
        n_bounds += 1
    while n_bounds and (size < n or -bounds[0] >= heap[0]):
        entry = places[0]
        n_bounds -= 1
        sift(bounds, places, n_bounds, bounds[n_bounds], places[n_bounds])
        item = listed[entry]
        # The sum is rounded once, to the precision of the factors.
        score = <floating> (kernels.exact_score(user, items + <size_t> item * k, k)
                            + terms[entry])
        if size < n:
            rise(heap, best, size, score, item)
            size += 1
        elif is_before(score, item, heap[0], best[0]):
            sift(heap, best, size, score, item)
    # Take the last of the rest from the root, again and again.
    for place in range(size - 1, -1, -1):
        score, item = heap[0], best[0]
        sift(heap, best, place, heap[place], best[place])
        heap[place], best[place] = score, item
    for place in range(n):
        if place < size:
            scores[place] = <floating> heap[place]
        else:
            best[place], scores[place] = -1, <floating> NAN
    return size


def rank_terms(
    int isa, const floating[:, ::1] users, const floating[:, ::1] items,
    const double[::1] user_norms, const double[::1] item_norms,
    listed, const double[::1] terms, allowed, lists, int n_threads
):
    """Fill ``lists`` with the best of the items listed for each user, by score plus term.

    Parameters
    ----------
    users, items : (m, k), (n_items, k)
    user_norms, item_norms : float64 (m,), (n_items,), upper bounds
    listed : ItemLists of m users
    terms : float64, what is added to the score of each listed item; −∞ for items to leave out
    allowed : uint8 (n_items,), the only items to list, or None
    lists : Lists, (m, n)
    n_threads : int ≥ 1; the result does not depend on it
    """
    cdef const rank_kernels *kernels = ranking_kernels(isa, floating is double)
    cdef const int64_t[::1] start = listed[0]
    cdef const int32_t[::1] positions = listed[1]
    cdef int32_t[:, ::1] best = lists.items
    cdef floating[:, ::1] scores = lists.scores
    cdef int64_t[::1] counts = lists.counts
    cdef int n = <int> best.shape[1], k = <int> users.shape[1]
    cdef const uint8_t[::1] mask
    cdef const uint8_t *is_allowed = NULL
    cdef int64_t user, m = users.shape[0]
    cdef int64_t longest = 0
    cdef size_t bytes, of_heap = n * sizeof(double)
    cdef uint8_t *own
    cdef Room room
    if m == 0 or n == 0 or positions.shape[0] == 0:
        return
    if allowed is not None:
        mask = allowed
        is_allowed = &mask[0]
    for user in range(m):
        longest = max(longest, start[user + 1] - start[user])
    bytes = (of_heap + longest * (sizeof(double) + sizeof(int32_t)) + 63) // 64 * 64
    room = Room(n_threads * bytes)
    for user in prange(m, nogil=True, schedule="dynamic", chunksize=16, num_threads=n_threads):
        own = room.start + threadid() * bytes
        counts[user] = rank_row[floating](
            kernels, &users[user, 0], &items[0, 0], k, user_norms[user], &item_norms[0],
            &positions[0] + start[user], &terms[0] + start[user], start[user + 1] - start[user],
            is_allowed, n, <double *> own, <double *> (own + of_heap),
            <int32_t *> (own + of_heap + longest * sizeof(double)), &best[user, 0],
            &scores[user, 0])
