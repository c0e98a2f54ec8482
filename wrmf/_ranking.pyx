# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Compiled ranking: scores tiles of items by matrix products, and updates lists or counts by them.

``wrmf.numerics.ranking`` checks every index and shape and allocates every array. One thread
scores all tiles of items for a block of users, so no result depends on the number of threads.

Arguments that belong together are passed as one object: ``Tiles`` of ``wrmf.numerics.tiles``, and
``Masks``, ``HeldOut`` and ``Lists`` of ``wrmf.numerics.ranking``. These classes describe the
arrays.
"""
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from wrmf._als cimport Room, als_kernels, als_product, kernels_of, limit_helper
from wrmf._blas cimport gemm_transposed


cdef const rank_kernels *ranking_kernels(int isa, bint is_double) noexcept nogil:
    return rank_kernels_of(isa, is_double)


# The width of a tile must be a multiple of RUN.
RUN = RANK_RUN
cdef enum:
    # When the score of entry e is computed, the factors of entry e + AHEAD are prefetched.
    AHEAD = 8
# NEVER stands for the rank of an item that is masked or beyond the cut-off.
NEVER = 2**31 - 1


# The arguments of one call: the arrays of Tiles, Masks, HeldOut and Lists.
cdef struct Work:
    const rank_kernels *kernels
    const als_kernels *products  # NULL if products are computed by BLAS
    bint is_double
    size_t real                  # size of a floating-point number in bytes
    int k
    int n                        # the cut-off, 0 to count without one
    int block                    # largest number of users of a block
    int64_t most_masked          # largest number of masked items of a block
    # Tiles
    const void *users
    const void *items
    const int32_t *order
    const int32_t *position
    const void *packed
    const double *user_norms
    const double *tile_norms
    double relative_error
    double absolute_error
    int64_t n_users
    int64_t n_order
    int64_t n_packed
    int n_tiles
    int width
    int group
    # Masks
    const int64_t *masked_indptr
    const int32_t *masked
    const uint8_t *side_masked
    int n_sides
    # HeldOut
    const int64_t *held_indptr
    const int32_t *held
    void *held_scores
    int32_t *ranks
    int32_t *above
    int32_t *equal
    # Lists
    int32_t *list_items
    void *list_scores
    int64_t *list_counts
    const double *least_scores   # NULL if items of any score may be listed


# One thread's scratch for a block of users.
cdef struct Scratch:
    uint8_t *scores      # scores of a group of users and a tile of items
    uint8_t *rows        # factors of the users who are still active
    uint8_t *columns     # factors of a tile of items, unless they are packed
    uint8_t *heaps
    uint8_t *candidates
    rank_list *lists     # one for each user and side
    uint8_t *live        # whether a list can still change
    int32_t *active      # the users who have a live list, by their position in the block
    int32_t *masked      # positions of masked items in tiles not scored yet
    int64_t *masked_start
    int64_t *masked_count


# One user on one side. ``slot`` is the user's position in the block, and ``row`` is the row of the
# user's held-out items in HeldOut.
cdef struct Query:
    int64_t user
    int slot
    int side
    int64_t row


cdef size_t take(size_t *at, size_t size) noexcept nogil:
    """Return the offset of the next ``size`` bytes of the scratch, on a 64-byte boundary."""
    cdef size_t start = at[0]
    at[0] += (size + 63) // 64 * 64
    return start


cdef size_t lay_out(const Work *w, uint8_t *start, Scratch *s) noexcept nogil:
    """Set the pointers of the scratch, which begins at ``start``; return its size in bytes."""
    cdef size_t lists = <size_t> w.block * w.n_sides, at = 0
    cdef size_t candidates = (2 * <size_t> w.n + 64) * rank_candidate_size(w.is_double)
    s.scores = start + take(&at, <size_t> w.group * w.width * w.real)
    s.rows = start + take(&at, <size_t> w.block * w.k * w.real)
    s.columns = start + take(&at, <size_t> w.width * w.k * w.real)
    s.heaps = start + take(&at, lists * w.n * w.real)
    s.candidates = start + take(&at, lists * candidates if w.n else 0)
    s.lists = <rank_list *> (start + take(&at, lists * sizeof(rank_list)))
    s.live = start + take(&at, lists)
    s.active = <int32_t *> (start + take(&at, w.block * sizeof(int32_t)))
    s.masked = <int32_t *> (start + take(&at, w.most_masked * sizeof(int32_t)))
    s.masked_start = <int64_t *> (start + take(&at, w.block * sizeof(int64_t)))
    s.masked_count = <int64_t *> (start + take(&at, w.block * sizeof(int64_t)))
    return at


cdef Query query_of(const Work *w, int64_t first_user, int slot, int side) noexcept nogil:
    cdef Query q
    q.user, q.slot, q.side = first_user + slot, slot, side
    q.row = side * w.n_users + q.user
    return q


cdef rank_list *list_of(const Work *w, Scratch *s, const Query *q) noexcept nogil:
    return s.lists + (<size_t> q.slot * w.n_sides + q.side)


cdef void start_list(const Work *w, Scratch *s, const Query *q) noexcept nogil:
    cdef size_t at = <size_t> q.slot * w.n_sides + q.side
    cdef rank_list *entry = s.lists + at
    entry.user = <const uint8_t *> w.users + <size_t> q.user * w.k * w.real
    entry.items = w.items
    entry.k = w.k
    entry.n = w.n
    entry.capacity = 2 * w.n + 64
    entry.n_scores = 0
    entry.n_candidates = 0
    entry.margin = w.relative_error * w.user_norms[q.user] * w.tile_norms[0] + w.absolute_error
    entry.floor = -INFINITY
    entry.threshold = -INFINITY
    if w.least_scores != NULL:
        # An item with this exact score may have a tile score that is lower by a margin.
        entry.threshold = w.least_scores[q.user] - entry.margin
    entry.heap = s.heaps + at * w.n * w.real
    entry.candidates = s.candidates + at * entry.capacity * rank_candidate_size(w.is_double)


cdef void mask_held_out(const Work *w, const Query *q, floating *scores) noexcept nogil:
    """Set the scores of a user's held-out items to −∞ if they are masked or not ranked at all."""
    cdef int64_t entry
    cdef int64_t masked = w.masked_indptr[q.user], masked_end = w.masked_indptr[q.user + 1]
    cdef int32_t item
    if not w.side_masked[q.side]:
        masked = masked_end
    for entry in range(w.held_indptr[q.row], w.held_indptr[q.row + 1]):
        item = w.held[entry]
        while masked < masked_end and w.masked[masked] < item:
            masked += 1
        if w.position[item] < 0 or (masked < masked_end and w.masked[masked] == item):
            scores[entry] = -INFINITY


cdef double largest_score(const Work *w, int64_t user, int tile) noexcept nogil:
    """Return an upper bound of the scores in this and all later tiles, by Cauchy–Schwarz."""
    return (w.user_norms[user] * w.tile_norms[tile] * (1 + w.relative_error)
            + w.absolute_error)


cdef bint is_live(
    const Work *w, Scratch *s, const Query *q, double largest, const floating *scores
) noexcept nogil:
    """Return whether scores of at most ``largest`` can still change the list or ranks of a query.

    A held-out item is no longer tracked once n items are certain to have higher scores. The lowest
    score of the tracked items is the floor of the list.
    """
    cdef rank_list *entry = list_of(w, s, q)
    cdef int64_t held, first, last
    cdef double bar, low = INFINITY
    if w.held_indptr == NULL:
        return largest >= entry.threshold
    first, last = w.held_indptr[q.row], w.held_indptr[q.row + 1]
    if w.n == 0:
        # Without a cut-off, the rank of a held-out item is final once its score is above all scores
        # to come.
        entry.floor = INFINITY
        for held in range(first, last):
            if scores[held] > -INFINITY and scores[held] <= largest:
                return True
        return False
    bar = rank_lowest(entry, w.is_double) - entry.margin
    if entry.floor == -INFINITY:
        # Before the first tile, only the scores of the user's held-out items are known.
        bar = w.kernels.nth_best(entry, scores + first, last - first)
    if entry.floor == -INFINITY or bar > entry.floor:
        for held in range(first, last):
            if scores[held] > -INFINITY and scores[held] >= bar and scores[held] < low:
                low = scores[held]
        entry.floor = low
        if low == INFINITY:
            return False
        if low - entry.margin > entry.threshold:
            entry.threshold = low - entry.margin
    elif entry.floor == INFINITY:
        return False
    return largest >= entry.threshold


cdef void count_tile(
    const Work *w, Scratch *s, const Query *q, double largest, const rank_tile *tile,
    const floating *scores
) noexcept nogil:
    """For each held-out item, count the items of a tile with a higher and with an equal score."""
    cdef rank_list *entry = list_of(w, s, q)
    cdef int64_t held
    cdef rank_counts counts
    for held in range(w.held_indptr[q.row], w.held_indptr[q.row + 1]):
        if scores[held] == -INFINITY or scores[held] > largest:
            continue
        counts.above = counts.equal = counts.equal_before = 0
        if w.kernels.count_above(entry, tile, scores[held], &counts.above):
            w.kernels.count_close(entry, tile, scores[held], w.held[held], &counts)
        w.above[held] += counts.above
        w.equal[held] += counts.equal
        w.ranks[held] += counts.above + counts.equal_before


cdef void mask_tile(
    Scratch *s, int slot, int64_t first, int64_t last, floating *scores
) noexcept nogil:
    """Set the scores of a user's masked items in this tile to −∞, and drop these items."""
    cdef int32_t *masked = s.masked + s.masked_start[slot]
    cdef int64_t i = 0, count = s.masked_count[slot]
    while i < count:
        if masked[i] < last:
            if masked[i] >= first:
                scores[masked[i] - first] = -INFINITY
            count -= 1
            masked[i] = masked[count]
        else:
            i += 1
    s.masked_count[slot] = count


cdef void store_list(
    const Work *w, Scratch *s, const Query *q, floating *list_scores
) noexcept nogil:
    """Store a finished list, or the ranks of the held-out items that it contains."""
    cdef rank_list *entry = list_of(w, s, q)
    cdef int32_t item, place, count
    cdef int64_t low, high, middle, end
    cdef double score
    if entry.floor == INFINITY:
        # No held-out item is tracked any more.
        return
    count = w.kernels.finish(entry)
    if w.held_indptr == NULL:
        w.list_counts[q.user] = count
        for place in range(count):
            score = rank_entry(entry, w.is_double, place, &item)
            w.list_items[q.user * w.n + place] = item
            list_scores[q.user * w.n + place] = <floating> score
        return
    end = w.held_indptr[q.row + 1]
    for place in range(count):
        rank_entry(entry, w.is_double, place, &item)
        low, high = w.held_indptr[q.row], end
        while low < high:
            middle = (low + high) // 2
            if w.held[middle] < item:
                low = middle + 1
            else:
                high = middle
        if low < end and w.held[low] == item:
            w.ranks[low] = place


cdef void pack_tile(
    const als_kernels *kernels, const floating *items, const int32_t *order, int width, int k,
    floating *to
) noexcept nogil:
    """Copy the factors of a tile's items to the layout that the matrix product reads."""
    cdef int j
    if kernels != NULL:
        kernels.pack_rows(k, width, items, order, to)
        return
    for j in range(width):
        memcpy(to + <size_t> j * k, items + <size_t> order[j] * k, k * sizeof(floating))


cdef void score_tile(
    const Work *w, const floating *rows, int count, const floating *columns, int width,
    floating *scores
) noexcept nogil:
    """Compute the scores of some users and a tile's items, as a matrix product."""
    cdef als_product product
    if w.products == NULL:
        gemm_transposed(width, count, w.k, columns, w.k, rows, w.k, scores, w.width)
        return
    product.rows, product.k, product.m = count, w.k, width
    product.left, product.left_stride = rows, w.k
    product.panels, product.range = columns, NULL
    product.result, product.result_stride = scores, w.width
    w.products.multiply(&product)


cdef int start_block(
    const Work *w, Scratch *s, int64_t first_user, int count, floating *held_scores
) noexcept nogil:
    """Initialise the lists of a block's users; return the number of active users, which is all."""
    cdef int slot, side
    cdef int64_t entry, masked = 0
    cdef Query q
    for slot in range(count):
        s.masked_start[slot] = masked
        if w.masked_indptr != NULL:
            for entry in range(w.masked_indptr[first_user + slot],
                               w.masked_indptr[first_user + slot + 1]):
                if w.position[w.masked[entry]] >= 0:
                    s.masked[masked] = w.position[w.masked[entry]]
                    masked += 1
        s.masked_count[slot] = masked - s.masked_start[slot]
        for side in range(w.n_sides):
            q = query_of(w, first_user, slot, side)
            start_list(w, s, &q)
            if w.held_indptr != NULL:
                mask_held_out[floating](w, &q, held_scores)
        s.active[slot] = slot
    memcpy(s.rows, <const uint8_t *> w.users + <size_t> first_user * w.k * w.real,
           <size_t> count * w.k * w.real)
    return count


cdef int keep_active(
    const Work *w, Scratch *s, int64_t first_user, int n_active, int tile,
    const floating *held_scores
) noexcept nogil:
    """Drop users whose results cannot change from this tile on; return how many are left."""
    cdef int i, slot, side, kept = 0
    cdef double largest
    cdef bint live
    cdef Query q
    for i in range(n_active):
        slot = s.active[i]
        largest = largest_score(w, first_user + slot, tile)
        live = False
        for side in range(w.n_sides):
            q = query_of(w, first_user, slot, side)
            s.live[slot * w.n_sides + side] = is_live[floating](w, s, &q, largest, held_scores)
            live = live or s.live[slot * w.n_sides + side]
        if live:
            if kept < i:
                s.active[kept] = slot
                memcpy(s.rows + <size_t> kept * w.k * w.real, s.rows + <size_t> i * w.k * w.real,
                       w.k * w.real)
            kept += 1
    return kept


cdef void rank_block(
    const Work *w, Scratch *s, int64_t first_user, int64_t last_user, floating *held_scores
) noexcept nogil:
    """Scan the tiles of items for a block of users, dropping users whose results are final."""
    cdef int slot, side, i, j, t, width, padded, count, start
    cdef int n_active = start_block[floating](
        w, s, first_user, <int> (last_user - first_user), held_scores)
    cdef int64_t first
    cdef const floating *columns
    cdef floating *scores
    cdef rank_tile tile
    cdef Query q

    for t in range(w.n_tiles):
        n_active = keep_active[floating](w, s, first_user, n_active, t, held_scores)
        if n_active == 0:
            break
        first = <int64_t> t * w.width
        width = <int> min(<int64_t> w.width, w.n_order - first)
        padded = (width + RANK_RUN - 1) // RANK_RUN * RANK_RUN
        tile.width, tile.items = padded, w.order + first
        if first + width <= w.n_packed:
            columns = <const floating *> w.packed + first * w.k
        else:
            columns = <const floating *> s.columns
            pack_tile[floating](w.products, <const floating *> w.items, w.order + first, width,
                                w.k, <floating *> s.columns)
        start = 0
        while start < n_active:
            count = min(w.group, n_active - start)
            score_tile[floating](w, <const floating *> s.rows + <size_t> start * w.k, count,
                                 columns, width, <floating *> s.scores)
            for i in range(count):
                slot = s.active[start + i]
                scores = <floating *> s.scores + <size_t> i * w.width
                tile.scores = scores
                for j in range(width, padded):
                    scores[j] = -INFINITY
                for side in range(w.n_sides):
                    if not s.live[slot * w.n_sides + side]:
                        continue
                    if w.side_masked[side]:
                        mask_tile[floating](s, slot, first, first + width, scores)
                    q = query_of(w, first_user, slot, side)
                    if w.n:
                        w.kernels.scan(list_of(w, s, &q), &tile)
                    else:
                        count_tile[floating](w, s, &q, largest_score(w, q.user, t), &tile,
                                             held_scores)
            start += count

    if w.n:
        for slot in range(<int> (last_user - first_user)):
            for side in range(w.n_sides):
                q = query_of(w, first_user, slot, side)
                store_list[floating](w, s, &q, <floating *> w.list_scores)


def pack(int isa, const floating[:, ::1] items, const int32_t[::1] order, int width,
         floating[::1] packed, int n_threads):
    """Fill ``packed``, which begins on a 64-byte boundary, with the first whole tiles of items."""
    cdef const als_kernels *kernels = kernels_of(isa, floating is double)
    cdef int k = items.shape[1]
    cdef int64_t t, size = <int64_t> width * k
    for t in prange(packed.shape[0] // size, nogil=True, num_threads=n_threads):
        pack_tile[floating](kernels, &items[0, 0], &order[t * width],
                            <int> min(<int64_t> width, order.shape[0] - t * width), k,
                            &packed[t * size])


# These functions return the address of an array, or NULL if it is empty. The caller keeps the
# arrays alive.


cdef const floating *reals(const floating[::1] array) noexcept:
    return &array[0] if array.shape[0] else NULL


cdef const floating *matrix(const floating[:, ::1] array) noexcept:
    return &array[0, 0] if array.shape[0] else NULL


cdef const int32_t *int32s(const int32_t[::1] array) noexcept:
    return &array[0] if array.shape[0] else NULL


cdef const int64_t *int64s(const int64_t[::1] array) noexcept:
    return &array[0] if array.shape[0] else NULL


cdef const uint8_t *bytes_(const uint8_t[::1] array) noexcept:
    return &array[0] if array.shape[0] else NULL


cdef set_tiles(Work *w, const floating[:, ::1] users, tiles):
    cdef int isa = tiles.isa
    w.kernels = rank_kernels_of(isa, floating is double)
    w.products = kernels_of(isa, floating is double)
    w.is_double, w.real, w.k = floating is double, sizeof(floating), <int> users.shape[1]
    w.users, w.items = matrix[floating](users), matrix[floating](tiles.items)
    w.order, w.position = int32s(tiles.order), int32s(tiles.position)
    w.packed, w.n_packed = reals[floating](tiles.packed), len(tiles.packed) // w.k
    w.user_norms = reals[double](tiles.user_norms)
    w.tile_norms = reals[double](tiles.tile_norms)
    w.relative_error, w.absolute_error = tiles.relative_error, tiles.absolute_error
    w.n_users, w.n_order = users.shape[0], len(tiles.order)
    w.n_tiles, w.width, w.group = len(tiles.tile_norms), tiles.width, tiles.group


cdef set_held_out(Work *w, const floating[:, ::1] users, masks, held_out):
    w.masked_indptr, w.masked = int64s(masks.indptr), int32s(masks.indices)
    w.side_masked, w.n_sides = bytes_(masks.sides), len(masks.sides)
    w.held_indptr, w.held = int64s(held_out.indptr), int32s(held_out.indices)
    w.held_scores = <void *> reals[floating](held_out.scores)
    w.ranks = <int32_t *> int32s(held_out.ranks)
    w.above, w.equal = <int32_t *> int32s(held_out.above), <int32_t *> int32s(held_out.equal)


cdef set_lists(Work *w, const floating[:, ::1] users, lists):
    cdef const int32_t[:, ::1] items = lists.items
    w.list_items = <int32_t *> &items[0, 0] if items.shape[0] else NULL
    w.list_scores = <void *> matrix[floating](lists.scores)
    w.list_counts = <int64_t *> int64s(lists.counts)
    w.least_scores = reals[double](lists.least_scores)


def rank(
    const floating[:, ::1] users,
    int n,
    tiles,
    masks,
    held_out,
    lists,
    const int64_t[::1] blocks,
    int n_threads,
):
    """Fill lists of the n best items, or ranks of held-out items, for blocks of users.

    Parameters
    ----------
    users : (m, k), the users' factors; all factors and scores have their dtype
    n : int, the cut-off; 0 means none, and ``ranks``, ``above`` and ``equal`` are counted
    tiles, masks : Tiles, Masks
    held_out : HeldOut, empty to fill ``lists``
    lists : Lists, empty to rank held-out items
    blocks : int64; block b consists of the users blocks[b] … blocks[b + 1] − 1
    n_threads : int ≥ 1; the result does not depend on it
    """
    cdef Work w
    cdef Scratch s
    cdef Room scratch
    cdef size_t bytes
    cdef int64_t b, n_blocks = blocks.shape[0] - 1

    if n_blocks < 1 or len(tiles.order) == 0:
        return
    w.n, w.block, w.most_masked = n, 0, 0
    set_tiles[floating](&w, users, tiles)
    set_held_out[floating](&w, users, masks, held_out)
    set_lists[floating](&w, users, lists)
    for b in range(n_blocks):
        w.block = max(w.block, <int> (blocks[b + 1] - blocks[b]))
        if w.masked_indptr != NULL:
            w.most_masked = max(
                w.most_masked, w.masked_indptr[blocks[b + 1]] - w.masked_indptr[blocks[b]])
    n_threads = <int> min(<int64_t> n_threads, n_blocks)
    bytes = lay_out(&w, NULL, &s)
    scratch = Room(n_threads * bytes)
    for b in prange(n_blocks, nogil=True, schedule="dynamic", chunksize=1, num_threads=n_threads):
        run_block[floating](&w, scratch.start + threadid() * bytes, blocks[b], blocks[b + 1],
                            <floating *> w.held_scores)


cdef void run_block(
    const Work *w, uint8_t *scratch, int64_t first, int64_t last, floating *held_scores
) noexcept nogil:
    cdef Scratch s
    if w.products == NULL:
        limit_helper()
    lay_out(w, scratch, &s)
    rank_block[floating](w, &s, first, last, held_scores)


def exact_scores(int isa, const floating[:, ::1] users, const floating[:, ::1] items,
                 floating[:, ::1] out):
    """Set ``out`` to the exact scores of all users and items; for tests and small data."""
    cdef const rank_kernels *kernels = rank_kernels_of(isa, floating is double)
    cdef int k = <int> users.shape[1]
    cdef Py_ssize_t u, i
    for u in range(users.shape[0]):
        for i in range(items.shape[0]):
            out[u, i] = <floating> kernels.exact_score(&users[u, 0], &items[i, 0], k)


def entry_scores(
    int isa,
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const floating[:, ::1] row_factors,
    const floating[:, ::1] column_factors,
    double[::1] out,
    int n_threads,
):
    """Set ``out[e] = row_factors[r]·column_factors[indices[e]]`` for each CSR entry e of row r.

    The terms of each dot product are summed in float64, in the order in which all exact scores of
    this module are summed. The result is not rounded to the precision of the factors. ``out`` has
    one element for each entry.
    """
    cdef const rank_kernels *kernels = rank_kernels_of(isa, floating is double)
    cdef Py_ssize_t row, n_rows = row_factors.shape[0]
    cdef int k = <int> row_factors.shape[1]
    cdef int64_t entry
    if indices.shape[0] == 0:
        return
    for row in prange(n_rows, nogil=True, schedule="dynamic", chunksize=64,
                      num_threads=n_threads):
        for entry in range(indptr[row], indptr[row + 1]):
            if entry + AHEAD < indices.shape[0]:
                rank_prefetch(&column_factors[0, 0], k * sizeof(floating), indices[entry + AHEAD])
            out[entry] = kernels.exact_score(&row_factors[row, 0],
                                             &column_factors[indices[entry], 0], k)
