# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled ranking: tiles of scores by GEMM, lists and counts while they go by. Arrays only.

``ranking.py`` has checked every index and shape and sized every array. A block of users runs on
one thread, from its first tile of items to its last, so no result depends on their number.
"""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from wrmf._als cimport multiply_packed, pack_rows
from wrmf._blas cimport gemm_transposed

import numpy as np


cdef extern from "_ranking.h" nogil:
    ctypedef struct ranked_list:
        const void *row
        const void *items
        int k
        int32_t n
        int32_t capacity
        int32_t filled
        int32_t count
        double margin
        double floor
        double threshold
        void *heap
        void *candidates

    const int RANKING_RUN
    double exact_score(int path, int is_double, const void *x, const void *y, int k)
    void fetch_item(const void *items, size_t bytes, int32_t item)
    void list_scan(int path, int is_double, ranked_list *list, const void *scores, int width,
                   const int32_t *items)
    double list_nth(int path, int is_double, ranked_list *list, const void *scores, int64_t count)
    void list_offer(int path, int is_double, ranked_list *list, const int32_t *items,
                    int64_t count)
    int32_t list_finish(int path, int is_double, ranked_list *list)
    int32_t count_above(int path, int is_double, const void *scores, int width, double score,
                        double margin, int32_t *above)
    void count_near(int path, int is_double, const void *scores, int width, const int32_t *items,
                    const ranked_list *list, double score, int32_t item, int32_t *counts)
    double list_entry(int is_double, const ranked_list *list, int32_t place, int32_t *item)
    double list_lowest(int is_double, const ranked_list *list)
    size_t list_candidate_size(int is_double)

# Widths of tiles are multiples of this.
RUN = RANKING_RUN
# Entries from one whose factors are fetched to one that is scored.
cdef enum:
    AHEAD = 8
# The rank of an item that is masked, or lies beyond the cut-off.
NEVER = 2**31 - 1

# What one call works on; the arrays are described in `rank`.
cdef struct Work:
    int path
    int is_double
    int k
    int n
    int tile
    int group
    int block
    int n_sides
    int n_tiles
    int64_t n_users
    int64_t n_order
    int64_t n_packed
    double relative_error
    double smallest
    const void *users
    const void *items
    const void *packed
    const int32_t *order
    const int32_t *position
    const double *user_norms
    const double *tile_norms
    const int64_t *masked_indptr
    const int32_t *masked
    const uint8_t *side_masked
    const int64_t *held_indptr
    const int32_t *held
    void *held_scores
    int32_t *ranks
    int32_t *above
    int32_t *equal
    int32_t *list_items
    void *list_scores
    int64_t *list_counts


# One thread's scratch: a tile of scores and its items' factors; of a block of users the factors
# of those still active, the lists, which of them are live, and the positions of masked items.
cdef struct Scratch:
    uint8_t *scores
    uint8_t *rows
    uint8_t *columns
    uint8_t *heaps
    uint8_t *candidates
    ranked_list *lists
    uint8_t *live
    int32_t *active
    int32_t *left
    int64_t *left_start
    int64_t *left_count


cdef size_t aligned(size_t size) noexcept nogil:
    return (size + 63) // 64 * 64


cdef size_t lay_out(const Work *w, int64_t most_masked, uint8_t *start, Scratch *s) noexcept nogil:
    """Place the scratch at ``start``; return its bytes."""
    cdef size_t real = 8 if w.is_double else 4, lists = <size_t> w.block * w.n_sides
    cdef size_t at = 0
    s.scores = start
    at += aligned(<size_t> w.group * w.tile * real)
    s.rows = start + at
    at += aligned(<size_t> w.block * w.k * real)
    s.columns = start + at
    at += aligned(<size_t> w.tile * w.k * real)
    s.heaps = start + at
    at += aligned(lists * w.n * real)
    s.candidates = start + at
    at += aligned(lists * (2 * <size_t> w.n + 64) * list_candidate_size(w.is_double) if w.n else 0)
    s.lists = <ranked_list *> (start + at)
    at += aligned(lists * sizeof(ranked_list))
    s.live = start + at
    at += aligned(lists)
    s.active = <int32_t *> (start + at)
    at += aligned(w.block * sizeof(int32_t))
    s.left = <int32_t *> (start + at)
    at += aligned(most_masked * sizeof(int32_t))
    s.left_start = <int64_t *> (start + at)
    at += aligned(w.block * sizeof(int64_t))
    s.left_count = <int64_t *> (start + at)
    at += aligned(w.block * sizeof(int64_t))
    return at


cdef void open_list(const Work *w, Scratch *s, int64_t user, int slot, int side) noexcept nogil:
    cdef size_t real = 8 if w.is_double else 4, at = <size_t> slot * w.n_sides + side
    cdef ranked_list *one = s.lists + at
    one.row = <const uint8_t *> w.users + <size_t> user * w.k * real
    one.items = w.items
    one.k = w.k
    one.n = w.n
    one.capacity = 2 * w.n + 64
    one.filled = 0
    one.count = 0
    one.margin = w.relative_error * w.user_norms[user] * w.tile_norms[0] + w.smallest
    one.floor = -INFINITY
    one.threshold = -INFINITY
    one.heap = s.heaps + at * w.n * real
    one.candidates = s.candidates + at * one.capacity * list_candidate_size(w.is_double)


cdef void mask_held(
    const Work *w, int64_t user, int side, floating *scores
) noexcept nogil:
    """Score with −∞ a user's held-out items that are masked or not ranked at all."""
    cdef int64_t entry, row = side * w.n_users + user
    cdef int64_t masked = w.masked_indptr[user], masked_end = w.masked_indptr[user + 1]
    cdef int32_t item
    if not w.side_masked[side]:
        masked = masked_end
    for entry in range(w.held_indptr[row], w.held_indptr[row + 1]):
        item = w.held[entry]
        while masked < masked_end and w.masked[masked] < item:
            masked += 1
        if w.position[item] < 0 or (masked < masked_end and w.masked[masked] == item):
            scores[entry] = -INFINITY


cdef bint is_live(
    const Work *w, Scratch *s, int64_t user, int slot, int side, double reach,
    const floating *scores
) noexcept nogil:
    """Whether an item of norm ``reach / ‖x‖`` can still change a list, or the ranks wanted of it.

    A held-out item that n others surely beat is given up; the lowest that is left is the floor.
    """
    cdef ranked_list *one = s.lists + (<size_t> slot * w.n_sides + side)
    cdef int64_t entry, row = side * w.n_users + user
    cdef double bar, low = INFINITY
    if w.held_indptr != NULL:
        if w.n == 0:
            # Counting: whoever stands above all that is to come has been counted.
            bar = -reach
            one.floor = INFINITY
            for entry in range(w.held_indptr[row], w.held_indptr[row + 1]):
                if scores[entry] > -INFINITY and scores[entry] <= reach:
                    return True
            return False
        bar = list_lowest(w.is_double, one) - one.margin
        if one.floor == -INFINITY:
            # At the beginning only the held-out items themselves can beat each other.
            entry = w.held_indptr[row]
            bar = list_nth(w.path, w.is_double, one, scores + entry,
                           w.held_indptr[row + 1] - entry)
        if one.floor == -INFINITY or bar > one.floor:
            for entry in range(w.held_indptr[row], w.held_indptr[row + 1]):
                if scores[entry] > -INFINITY and scores[entry] >= bar and scores[entry] < low:
                    low = scores[entry]
            one.floor = low
            if low == INFINITY:
                return False
            if low - one.margin > one.threshold:
                one.threshold = low - one.margin
        elif one.floor == INFINITY:
            return False
    return reach >= one.threshold


cdef void count_tile(
    const Work *w, Scratch *s, int64_t user, int slot, int side, double reach,
    const floating *tile, int width, const int32_t *items, const floating *scores
) noexcept nogil:
    """Add a tile's items to the counts of those above, equal, and equal but earlier."""
    cdef ranked_list *one = s.lists + (<size_t> slot * w.n_sides + side)
    cdef int64_t entry, row = side * w.n_users + user
    cdef int32_t counts[3]
    for entry in range(w.held_indptr[row], w.held_indptr[row + 1]):
        if scores[entry] == -INFINITY or scores[entry] > reach:
            continue
        counts[0] = counts[1] = counts[2] = 0
        if count_above(w.path, w.is_double, tile, width, scores[entry], one.margin, &counts[0]):
            count_near(w.path, w.is_double, tile, width, items, one, scores[entry],
                       w.held[entry], counts)
        w.above[entry] += counts[0]
        w.equal[entry] += counts[1]
        w.ranks[entry] += counts[0] + counts[2]


cdef void mask_tile(
    Scratch *s, int slot, int64_t first, int64_t stop, floating *tile
) noexcept nogil:
    """Set a user's masked items in this tile to −∞, and forget them."""
    cdef int32_t *left = s.left + s.left_start[slot]
    cdef int64_t i = 0, count = s.left_count[slot]
    while i < count:
        if left[i] < stop:
            if left[i] >= first:
                tile[left[i] - first] = -INFINITY
            count -= 1
            left[i] = left[count]
        else:
            i += 1
    s.left_count[slot] = count


cdef void close_list(
    const Work *w, Scratch *s, int64_t user, int slot, int side, floating *list_scores
) noexcept nogil:
    """Write out a list, or the ranks of the held-out items that stand in it."""
    cdef ranked_list *one = s.lists + (<size_t> slot * w.n_sides + side)
    cdef int32_t item, place, count
    cdef int64_t row = side * w.n_users + user, low, high, middle, end
    cdef double score
    if one.floor == INFINITY:
        # All held-out items were given up.
        return
    count = list_finish(w.path, w.is_double, one)
    if w.held_indptr == NULL:
        w.list_counts[user] = count
        for place in range(count):
            score = list_entry(w.is_double, one, place, &item)
            w.list_items[user * w.n + place] = item
            list_scores[user * w.n + place] = <floating> score
        return
    end = w.held_indptr[row + 1]
    for place in range(count):
        list_entry(w.is_double, one, place, &item)
        low, high = w.held_indptr[row], end
        while low < high:
            middle = (low + high) // 2
            if w.held[middle] < item:
                low = middle + 1
            else:
                high = middle
        if low < end and w.held[low] == item:
            w.ranks[low] = place


cdef void pack_tile(
    int path, const floating *items, const int32_t *order, int width, int k, floating *to
) noexcept nogil:
    """The factors of a tile's items as its product wants them."""
    cdef int j
    if path:
        pack_rows(path, floating is double, k, width, items, order, to)
        return
    for j in range(width):
        memcpy(to + <size_t> j * k, items + <size_t> order[j] * k, k * sizeof(floating))


cdef void rank_block(
    const Work *w, Scratch *s, int64_t first_user, int64_t last_user, floating *held_scores
) noexcept nogil:
    """All tiles of items for one block of users, who leave when nothing can change for them."""
    cdef int slot, side, i, j, t, width, padded, n_active = 0, kept, count, start
    cdef int64_t user, entry, masked = 0, first
    cdef double reach
    cdef bint live
    cdef const floating *users = <const floating *> w.users
    cdef const floating *items = <const floating *> w.items
    cdef const floating *columns
    cdef floating *scores = <floating *> s.scores
    cdef floating *rows = <floating *> s.rows
    cdef floating *part
    cdef floating *tile

    for slot in range(<int> (last_user - first_user)):
        user = first_user + slot
        s.left_start[slot] = masked
        if w.masked_indptr != NULL:
            for entry in range(w.masked_indptr[user], w.masked_indptr[user + 1]):
                if w.position[w.masked[entry]] >= 0:
                    s.left[masked] = w.position[w.masked[entry]]
                    masked += 1
        s.left_count[slot] = masked - s.left_start[slot]
        for side in range(w.n_sides):
            open_list(w, s, user, slot, side)
            if w.held_indptr != NULL:
                mask_held[floating](w, user, side, held_scores)
        s.active[slot] = slot
        n_active += 1
    memcpy(rows, users + <size_t> first_user * w.k, <size_t> n_active * w.k * sizeof(floating))

    for t in range(w.n_tiles):
        first = <int64_t> t * w.tile
        width = <int> min(<int64_t> w.tile, w.n_order - first)
        padded = (width + RANKING_RUN - 1) // RANKING_RUN * RANKING_RUN
        kept = 0
        for i in range(n_active):
            user = first_user + s.active[i]
            reach = w.user_norms[user] * w.tile_norms[t] * (1 + w.relative_error) + w.smallest
            slot, live = s.active[i], False
            for side in range(w.n_sides):
                s.live[slot * w.n_sides + side] = is_live[floating](
                    w, s, user, slot, side, reach, held_scores)
                live = live or s.live[slot * w.n_sides + side]
            if live:
                if kept < i:
                    s.active[kept] = slot
                    memcpy(rows + <size_t> kept * w.k, rows + <size_t> i * w.k,
                           w.k * sizeof(floating))
                kept += 1
        n_active = kept
        if n_active == 0:
            break
        if first + width <= w.n_packed:
            columns = <const floating *> w.packed + first * w.k
        else:
            columns = <const floating *> s.columns
            pack_tile[floating](w.path, items, w.order + first, width, w.k, <floating *> s.columns)
        start = 0
        while start < n_active:
            count = min(w.group, n_active - start)
            part = rows + <size_t> start * w.k
            if w.path:
                multiply_packed(w.path, w.is_double, count, w.k, width, part, columns, scores,
                                w.tile)
            else:
                gemm_transposed(width, count, w.k, columns, w.k, part, w.k, scores, w.tile)
            for i in range(count):
                slot = s.active[start + i]
                user = first_user + slot
                tile = scores + <size_t> i * w.tile
                for j in range(width, padded):
                    tile[j] = -INFINITY
                for side in range(w.n_sides):
                    if not s.live[slot * w.n_sides + side]:
                        continue
                    if w.side_masked[side]:
                        mask_tile[floating](s, slot, first, first + width, tile)
                    if w.n:
                        list_scan(w.path, w.is_double, s.lists + (slot * w.n_sides + side), tile,
                                  padded, w.order + first)
                    else:
                        reach = (w.user_norms[user] * w.tile_norms[t] * (1 + w.relative_error)
                                 + w.smallest)
                        count_tile[floating](w, s, user, slot, side, reach, tile, padded,
                                             w.order + first, held_scores)
            start += count

    if w.n:
        for slot in range(<int> (last_user - first_user)):
            for side in range(w.n_sides):
                close_list[floating](w, s, first_user + slot, slot, side,
                                     <floating *> w.list_scores)


def pack(int path, const floating[:, ::1] items, const int32_t[::1] order, int tile,
         floating[::1] packed, int n_threads):
    """Fill ``packed``, which begins on a 64-byte boundary, with the first whole tiles of items."""
    cdef int k = items.shape[1], width
    cdef int64_t t, size = <int64_t> tile * k
    for t in prange(packed.shape[0] // size, nogil=True, num_threads=n_threads):
        width = <int> min(<int64_t> tile, order.shape[0] - t * tile)
        pack_tile[floating](path, &items[0, 0], &order[t * tile], width, k, &packed[t * size])


def rank(
    int path,
    const floating[:, ::1] users,
    const floating[:, ::1] items,
    const int32_t[::1] order,
    const int32_t[::1] position,
    const floating[::1] packed,
    const double[::1] user_norms,
    const double[::1] tile_norms,
    double relative_error,
    double smallest,
    int tile,
    int group,
    const int64_t[::1] blocks,
    int64_t most_masked,
    int n,
    const int64_t[::1] masked_indptr,
    const int32_t[::1] masked,
    const uint8_t[::1] side_masked,
    const int64_t[::1] held_indptr,
    const int32_t[::1] held,
    floating[::1] held_scores,
    int32_t[::1] ranks,
    int32_t[::1] above,
    int32_t[::1] equal,
    int32_t[:, ::1] list_items,
    floating[:, ::1] list_scores,
    int64_t[::1] list_counts,
    int n_threads,
):
    """Fill lists of the n best items, or ranks of held-out items, for blocks of users.

    Parameters
    ----------
    path : int, 0 or a path of _lanes.h that the CPU has.
    users, items : (m, k), (n_items, k).
    order : int32, the items to rank, norms falling; ``position`` its inverse, −1 elsewhere.
    packed : the first tiles of items, as ``pack`` fills it.
    user_norms, tile_norms : float64, not below the users' norms and the largest of each tile.
    relative_error, smallest : a tile's score is off by ≤ relative_error ‖x‖ ‖y‖ + smallest.
    tile, group : items and users of one product; ``tile`` a multiple of RUN.
    blocks : int64, block b is users blocks[b] … blocks[b + 1] − 1.
    most_masked : int, the most masked entries of any block.
    n : int, the cut-off, or 0 to count ``ranks``, ``above`` and ``equal`` without one.
    masked_indptr, masked : CSR, sorted rows; empty for none.
    side_masked : uint8 (n_sides,), whether masked items are left out; those that are come last.
    held_indptr, held : CSR of n_sides · m rows, one side after the other; empty for lists.
    held_scores : (n_entries,), exact scores; set to −∞ where masked or not in ``order``.
    ranks : set where a held-out item stands among the first n; with n = 0 counts are added.
    list_items, list_scores, list_counts : (m, n), (m, n), (m,), set for the lists.
    n_threads : int ≥ 1, never changes a result.
    """
    cdef Work w
    cdef Scratch s
    cdef int64_t b, n_blocks = blocks.shape[0] - 1, largest = 0
    cdef size_t bytes
    cdef uint8_t[::1] room
    cdef uint8_t *scratch
    cdef floating *scores

    if n_blocks < 1 or order.shape[0] == 0:
        return
    for b in range(n_blocks):
        largest = max(largest, blocks[b + 1] - blocks[b])
    w.path, w.is_double = path, floating is double
    w.k, w.n, w.tile, w.group, w.block = users.shape[1], n, tile, group, largest
    w.n_sides, w.n_tiles = side_masked.shape[0], tile_norms.shape[0]
    w.n_users, w.n_order = users.shape[0], order.shape[0]
    w.n_packed = packed.shape[0] // w.k
    w.relative_error, w.smallest = relative_error, smallest
    w.users, w.items = &users[0, 0], &items[0, 0]
    w.packed = &packed[0] if packed.shape[0] else NULL
    w.order, w.position = &order[0], &position[0]
    w.user_norms, w.tile_norms = &user_norms[0], &tile_norms[0]
    w.masked_indptr = &masked_indptr[0] if masked_indptr.shape[0] else NULL
    w.masked = &masked[0] if masked.shape[0] else NULL
    w.side_masked = &side_masked[0]
    w.held_indptr = &held_indptr[0] if held_indptr.shape[0] else NULL
    w.held = &held[0] if held.shape[0] else NULL
    scores = &held_scores[0] if held_scores.shape[0] else NULL
    w.held_scores = scores
    w.ranks = &ranks[0] if ranks.shape[0] else NULL
    w.above = &above[0] if above.shape[0] else NULL
    w.equal = &equal[0] if equal.shape[0] else NULL
    w.list_items = &list_items[0, 0] if list_items.shape[0] else NULL
    w.list_scores = &list_scores[0, 0] if list_scores.shape[0] else NULL
    w.list_counts = &list_counts[0] if list_counts.shape[0] else NULL

    n_threads = <int> min(<int64_t> n_threads, n_blocks)
    bytes = lay_out(&w, most_masked, NULL, &s)
    room = np.empty(n_threads * bytes + 64, dtype=np.uint8)
    scratch = <uint8_t *> aligned(<size_t> &room[0])
    for b in prange(n_blocks, nogil=True, schedule="dynamic", chunksize=1, num_threads=n_threads):
        run_block[floating](&w, most_masked, scratch + threadid() * bytes, blocks[b],
                            blocks[b + 1], scores)


cdef void run_block(
    const Work *w, int64_t most_masked, uint8_t *scratch, int64_t first, int64_t last,
    floating *held_scores
) noexcept nogil:
    cdef Scratch s
    lay_out(w, most_masked, scratch, &s)
    rank_block[floating](w, &s, first, last, held_scores)


def rank_listed(
    int path,
    const floating[:, ::1] users,
    const floating[:, ::1] items,
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    int n,
    int32_t[:, ::1] list_items,
    floating[:, ::1] list_scores,
    int64_t[::1] list_counts,
    int n_threads,
):
    """Fill lists of the n best of the items that each user's row of a CSR matrix names."""
    cdef Work w
    cdef Scratch s
    cdef int64_t user
    cdef size_t bytes
    cdef uint8_t[::1] room
    cdef uint8_t *scratch
    cdef double[::1] zeros = np.zeros(max(users.shape[0], 1))
    if users.shape[0] == 0 or indices.shape[0] == 0:
        return
    w.path, w.is_double = path, floating is double
    w.k, w.n, w.tile, w.group, w.block, w.n_sides = users.shape[1], n, 0, 0, 1, 1
    w.relative_error = w.smallest = 0
    w.users, w.items = &users[0, 0], &items[0, 0]
    w.user_norms = w.tile_norms = &zeros[0]
    w.held_indptr, w.list_counts = NULL, &list_counts[0]
    w.list_items, w.list_scores = &list_items[0, 0], &list_scores[0, 0]
    bytes = lay_out(&w, 0, NULL, &s)
    room = np.empty(n_threads * bytes + 64, dtype=np.uint8)
    scratch = <uint8_t *> aligned(<size_t> &room[0])
    for user in prange(users.shape[0], nogil=True, schedule="dynamic", chunksize=16,
                       num_threads=n_threads):
        if indptr[user + 1] > indptr[user]:
            list_row[floating](&w, scratch + threadid() * bytes, user, &indices[indptr[user]],
                               indptr[user + 1] - indptr[user], &list_scores[0, 0])


cdef void list_row(
    const Work *w, uint8_t *scratch, int64_t user, const int32_t *items, int64_t count,
    floating *list_scores
) noexcept nogil:
    cdef Scratch s
    lay_out(w, 0, scratch, &s)
    open_list(w, &s, user, 0, 0)
    list_offer(w.path, w.is_double, s.lists, items, count)
    close_list[floating](w, &s, user, 0, 0, list_scores)


def exact_scores(int path, const floating[:, ::1] users, const floating[:, ::1] items,
                 floating[:, ::1] out):
    """Set ``out`` (m, n_items) to the scores that decide every rank: for tests and small data."""
    cdef Py_ssize_t u, i
    for u in range(users.shape[0]):
        for i in range(items.shape[0]):
            out[u, i] = <floating> exact_score(path, floating is double, &users[u, 0],
                                               &items[i, 0], users.shape[1])


def entry_scores(
    int path,
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const floating[:, ::1] row_factors,
    const floating[:, ::1] column_factors,
    double[::1] out,
    int n_threads,
):
    """Set ``out[e] = row_factors[r]·column_factors[indices[e]]`` for each CSR entry e of row r.

    Summed in float64 as every score is, and not rounded. ``out`` is (n_entries,).
    """
    cdef Py_ssize_t row, n_rows = row_factors.shape[0]
    cdef int64_t entry
    if indices.shape[0] == 0:
        return
    for row in prange(n_rows, nogil=True, schedule="dynamic", chunksize=64,
                      num_threads=n_threads):
        for entry in range(indptr[row], indptr[row + 1]):
            if entry + AHEAD < indices.shape[0]:
                fetch_item(&column_factors[0, 0], row_factors.shape[1] * sizeof(floating),
                           indices[entry + AHEAD])
            out[entry] = exact_score(path, floating is double, &row_factors[row, 0],
                                     &column_factors[indices[entry], 0], row_factors.shape[1])
