/* One precision and one instruction set of _ranking.h: REAL, PATH. Plain loops of fixed length,
 * which the compiler turns into the path's vectors. */

typedef struct {
    REAL score;
    int32_t item;
} NAME(candidate);

/* x.y, in 16 interleaved float64 sums that are added pairwise: the same on every path. */
#if defined(__GNUC__)
/* As vectors of four: as an array, the sums went through memory. */
typedef REAL NAME(four) __attribute__((vector_size(4 * sizeof(REAL))));

static inline void NAME(add_eight)(wide_four *low, wide_four *high, const REAL *x, const REAL *y) {
    NAME(four) a, b;
    memcpy(&a, x, sizeof a), memcpy(&b, y, sizeof b);
    *low += __builtin_convertvector(a, wide_four) * __builtin_convertvector(b, wide_four);
    memcpy(&a, x + 4, sizeof a), memcpy(&b, y + 4, sizeof b);
    *high += __builtin_convertvector(a, wide_four) * __builtin_convertvector(b, wide_four);
}

static inline void NAME(add_some)(wide_four *low, wide_four *high, const REAL *x, const REAL *y,
                                  int count) {
    REAL a[8] = {0}, b[8] = {0};
    for (int q = 0; q < count; q++) a[q] = x[q], b[q] = y[q];
    NAME(add_eight)(low, high, a, b);
}

static double NAME(exact)(const void *left, const void *right, int k) {
    const REAL *x = left, *y = right;
    wide_four first = {0}, second = {0}, third = {0}, fourth = {0};
    int l = 0;
    for (; l + 16 <= k; l += 16) {
        NAME(add_eight)(&first, &second, x + l, y + l);
        NAME(add_eight)(&third, &fourth, x + l + 8, y + l + 8);
    }
    if (k - l >= 8) {
        NAME(add_eight)(&first, &second, x + l, y + l);
        if (k % 8) NAME(add_some)(&third, &fourth, x + l + 8, y + l + 8, k % 8);
    } else if (k % 8)
        NAME(add_some)(&first, &second, x + l, y + l, k % 8);
    first += third, second += fourth, first += second;
    return (first[0] + first[2]) + (first[1] + first[3]);
}
#else
static double NAME(exact)(const void *left, const void *right, int k) {
    const REAL *x = left, *y = right;
    double sums[16] = {0};
    for (int l = 0; l < k; l++) sums[l % 16] += (double) x[l] * (double) y[l];
    for (int half = 8; half; half /= 2)
        for (int q = 0; q < half; q++) sums[q] += sums[q + half];
    return sums[0];
}
#endif

static REAL NAME(score_of)(const ranked_list *list, int32_t item) {
    const REAL *items = list->items;
    return (REAL) NAME(exact)(list->row, items + (size_t) item * list->k, list->k);
}

/* ---- The heap of the best n scores, the lowest first. ---- */

static void NAME(sift)(REAL *heap, int32_t n, REAL score) {
    int32_t at = 0;
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= n) break;
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= score) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = score;
}

static void NAME(remember)(ranked_list *list, REAL score) {
    REAL *heap = list->heap;
    if (list->filled == list->n) {
        if (score <= heap[0]) return;
        NAME(sift)(heap, list->n, score);
    } else {
        int32_t at = list->filled++;
        while (at && heap[(at - 1) / 2] > score) {
            heap[at] = heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        heap[at] = score;
        if (list->filled < list->n) return;
    }
    /* The n-th exact score is at least heap[0] - margin, and is off by as much in its tile. */
    if ((double) heap[0] - 2 * list->margin > list->threshold)
        list->threshold = (double) heap[0] - 2 * list->margin;
}

/* The n-th best of some scores, -INFINITY where they are fewer; the list is empty before and after. */
static double NAME(nth)(ranked_list *list, const void *scores, int64_t count) {
    for (int64_t i = 0; i < count; i++) NAME(remember)(list, ((const REAL *) scores)[i]);
    double lowest = list->filled < list->n ? -INFINITY : *(const REAL *) list->heap;
    list->filled = 0;
    list->threshold = -INFINITY;
    return lowest;
}

/* ---- Candidates. ---- */

/* Heapsort, the best first. */
static void NAME(order)(NAME(candidate) *c, int32_t count) {
    for (int32_t end = count, start = count / 2; end > 1;) {
        NAME(candidate) moved;
        if (start > 0) moved = c[--start];
        else {
            moved = c[--end];
            c[end] = c[0];
        }
        int32_t at = start;
        for (;;) {
            int32_t child = 2 * at + 1;
            if (child >= end) break;
            if (child + 1 < end && BETTER(c[child], c[child + 1])) child++;
            if (!BETTER(moved, c[child])) break;
            c[at] = c[child];
            at = child;
        }
        c[at] = moved;
    }
}

/* Drop what fell below the threshold, then order the rest by exact score; at most n stay. */
static int32_t NAME(finish)(ranked_list *list) {
    NAME(candidate) *c = list->candidates;
    int32_t kept = 0;
    for (int32_t i = 0; i < list->count; i++)
        if (c[i].score >= list->threshold) {
            c[kept].item = c[i].item;
            c[kept].score = NAME(score_of)(list, c[i].item);
            kept++;
        }
    NAME(order)(c, kept);
    list->count = kept < list->n ? kept : list->n;
    return list->count;
}

static void NAME(make_room)(ranked_list *list) {
    NAME(candidate) *c = list->candidates;
    REAL *heap = list->heap;
    int32_t kept = 0;
    for (int32_t i = 0; i < list->count; i++)
        if (c[i].score >= list->threshold) c[kept++] = c[i];
    list->count = kept;
    if (kept < list->capacity - list->n / 2 - 16) return;
    /* Many nearly equal scores: the exact ones decide now. */
    NAME(finish)(list);
    for (int32_t i = 0; i < list->count; i++) heap[i] = c[list->count - 1 - i].score;
    list->filled = list->count;
}

static void NAME(add)(ranked_list *list, REAL score, int32_t item) {
    if (list->count == list->capacity) NAME(make_room)(list);
    NAME(candidate) *c = list->candidates;
    c[list->count].score = score;
    c[list->count++].item = item;
    NAME(remember)(list, score);
}

/* The largest REAL that is not above. */
static REAL NAME(at_most)(double value) {
    REAL near = (REAL) value;
    return (double) near <= value ? near : (REAL) (near - fabs(near) * (sizeof(REAL) == 4 ? 1e-6 : 1e-15));
}

static void NAME(scan)(ranked_list *list, const void *tile, int width, const int32_t *items) {
    const REAL *scores = tile;
    REAL threshold = NAME(at_most)(list->threshold);
    for (int start = 0; start < width; start += RANKING_RUN) {
        const REAL *run = scores + start;
        int found = 0, places[RANKING_RUN];
        for (int j = 0; j < RANKING_RUN; j++) found |= run[j] >= threshold;
        if (!found) continue;
        found = 0;
        for (int j = 0; j < RANKING_RUN; j++) places[found] = j, found += run[j] >= threshold;
        for (int at = 0; at < found; at++) {
            REAL score = run[places[at]];
            if (score >= list->threshold && score > -INFINITY)
                NAME(add)(list, score, items[start + places[at]]);
        }
        threshold = NAME(at_most)(list->threshold);
    }
}

static void NAME(offer)(ranked_list *list, const int32_t *items, int64_t count) {
    for (int64_t i = 0; i < count; i++) NAME(add)(list, NAME(score_of)(list, items[i]), items[i]);
}

/* ---- Counting, without a cut-off. ---- */

static int32_t NAME(count)(const void *tile, int width, double score, double margin,
                           int32_t *above) {
    const REAL *scores = tile;
    /* Rounded outwards, so that what is counted as above is above. */
    REAL low = NAME(at_most)(score - margin), high = -NAME(at_most)(-(score + margin));
    int32_t over = 0, reached = 0;
    for (int j = 0; j < width; j++) {
        over += scores[j] > high;
        reached += scores[j] >= low;
    }
    *above += over;
    return reached - over;
}

static void NAME(near)(const void *tile, int width, const int32_t *items, const ranked_list *list,
                       double score, int32_t item, int32_t counts[3]) {
    const REAL *scores = tile;
    REAL low = NAME(at_most)(score - list->margin);
    REAL high = -NAME(at_most)(-(score + list->margin));
    for (int j = 0; j < width; j++)
        if (scores[j] >= low && scores[j] <= high) {
            double exact = NAME(score_of)(list, items[j]);
            counts[0] += exact > score;
            counts[1] += exact == score;
            counts[2] += exact == score && items[j] < item;
        }
}
