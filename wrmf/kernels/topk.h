/* Top-n lists, and counts of the scores above a given one, in one precision, RANK_REAL. The
 * innermost loops have a fixed length, so that compilers vectorise them. rank_isa.h includes this
 * file twice. */
#ifndef RANK_REAL
#error "include topk.h from rank_isa.h only"
#endif

/* Whether a is ranked before b: it has a higher score, or an equal one and a lower item index. */
#ifndef RANK_BETTER
#define RANK_BETTER(a, b) ((a).score > (b).score || ((a).score == (b).score && (a).item < (b).item))
#define RANK_CANDIDATE RANK_NAME(rank_candidate)
#endif

/* ---- The exact score: 16 interleaved float64 sums that are added pairwise. ---- */

#if defined(__GNUC__)
/* With vectors of four, compilers keep the sums in registers; arrays would be kept in memory. */
typedef RANK_REAL RANK_NAME(four) __attribute__((vector_size(4 * sizeof(RANK_REAL))));

static inline void RANK_NAME(load_four)(rank_four *wide, const RANK_REAL *x) {
    RANK_NAME(four) v;
    memcpy(&v, x, sizeof v);
    *wide = __builtin_convertvector(v, rank_four);
}

static inline void RANK_NAME(add_eight)(rank_four sums[2], const RANK_REAL *x, const RANK_REAL *y) {
    for (int half = 0; half < 2; half++) {
        rank_four a, b;
        RANK_NAME(load_four)(&a, x + 4 * half);
        RANK_NAME(load_four)(&b, y + 4 * half);
        sums[half] = RANK_MULTIPLY_ADD(sums[half], a, b);
    }
}

static inline void RANK_NAME(add_last)(rank_four sums[2], const RANK_REAL *x, const RANK_REAL *y,
                                       int count) {
    RANK_REAL a[8] = {0}, b[8] = {0};
    for (int q = 0; q < count; q++) a[q] = x[q], b[q] = y[q];
    RANK_NAME(add_eight)(sums, a, b);
}

/* Add the sums up, pairwise. */
static inline double RANK_NAME(total)(const rank_four even[2], const rank_four odd[2]) {
    rank_four sum = (even[0] + odd[0]) + (even[1] + odd[1]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static double RANK_NAME(exact_score)(const void *left, const void *right, int k) {
    const RANK_REAL *x = left, *y = right;
    rank_four even[2] = {{0}}, odd[2] = {{0}};
    int l = 0;
    for (; l + 16 <= k; l += 16) {
        RANK_NAME(add_eight)(even, x + l, y + l);
        RANK_NAME(add_eight)(odd, x + l + 8, y + l + 8);
    }
    if (k - l >= 8) {
        RANK_NAME(add_eight)(even, x + l, y + l);
        if (k % 8) RANK_NAME(add_last)(odd, x + l + 8, y + l + 8, k % 8);
    } else if (k % 8) RANK_NAME(add_last)(even, x + l, y + l, k % 8);
    return RANK_NAME(total)(even, odd);
}

/* Add the products of eight factors of a user in float64 and eight of an item. */
static inline void RANK_NAME(add_wide)(rank_four sums[2], const double *x, const RANK_REAL *y) {
    for (int half = 0; half < 2; half++) {
        rank_four a, b;
        memcpy(&a, x + 4 * half, sizeof a);
        RANK_NAME(load_four)(&b, y + 4 * half);
        sums[half] = RANK_MULTIPLY_ADD(sums[half], a, b);
    }
}

/* Compute the exact scores of RANK_GROUP items at a time, which hides the latency of their sums.
 * ``user`` has the user's factors in float64, and zeros up to a multiple of 16. */
static inline void RANK_NAME(group_scores)(const double *user, const RANK_REAL *const *items, int k,
                                           double *scores) {
    rank_four even[RANK_GROUP][2] = {{{0}}}, odd[RANK_GROUP][2] = {{{0}}};
    int l = 0;
    for (; l + 16 <= k; l += 16)
        for (int g = 0; g < RANK_GROUP; g++) {
            RANK_NAME(add_wide)(even[g], user + l, items[g] + l);
            RANK_NAME(add_wide)(odd[g], user + l + 8, items[g] + l + 8);
        }
    for (int g = 0; g < RANK_GROUP; g++) {
        if (l < k) {
            /* Sums are never -0, so that the products of zeros change nothing. */
            RANK_REAL last[16] = {0};
            memcpy(last, items[g] + l, (k - l) * sizeof(RANK_REAL));
            RANK_NAME(add_wide)(even[g], user + l, last);
            RANK_NAME(add_wide)(odd[g], user + l + 8, last + 8);
        }
        scores[g] = RANK_NAME(total)(even[g], odd[g]);
    }
}
#else
static inline void RANK_NAME(group_scores)(const double *user, const RANK_REAL *const *items, int k,
                                           double *scores) {
    for (int g = 0; g < RANK_GROUP; g++) {
        double sums[16] = {0};
        for (int l = 0; l < k; l++) sums[l % 16] += user[l] * (double)items[g][l];
        for (int half = 8; half; half /= 2)
            for (int q = 0; q < half; q++) sums[q] += sums[q + half];
        scores[g] = sums[0];
    }
}

static double RANK_NAME(exact_score)(const void *left, const void *right, int k) {
    const RANK_REAL *x = left, *y = right;
    double sums[16] = {0};
    for (int l = 0; l < k; l++) sums[l % 16] += (double)x[l] * (double)y[l];
    for (int half = 8; half; half /= 2)
        for (int q = 0; q < half; q++) sums[q] += sums[q + half];
    return sums[0];
}
#endif

static RANK_REAL RANK_NAME(score_item)(const rank_list *list, int32_t item) {
    const RANK_REAL *items = list->items;
    return (RANK_REAL)RANK_NAME(exact_score)(list->user, items + (size_t)item * list->k, list->k);
}

/* ---- The heap of the best n scores, the lowest first. ---- */

static void RANK_NAME(sift)(RANK_REAL *heap, int32_t n, RANK_REAL score) {
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

static void RANK_NAME(push_score)(rank_list *list, RANK_REAL score) {
    RANK_REAL *heap = list->heap;
    if (list->n_scores == list->n) {
        if (score <= heap[0]) return;
        RANK_NAME(sift)(heap, list->n, score);
    } else {
        int32_t at = list->n_scores++;
        while (at && heap[(at - 1) / 2] > score) {
            heap[at] = heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        heap[at] = score;
        if (list->n_scores < list->n) return;
    }
    /* The n-th best exact score is at least heap[0] - margin. An item with this exact score may
     * have a tile score that is lower by another margin. */
    if ((double)heap[0] - 2 * list->margin > list->threshold)
        list->threshold = (double)heap[0] - 2 * list->margin;
}

static double RANK_NAME(nth_best)(rank_list *list, const void *scores, int64_t count) {
    for (int64_t i = 0; i < count; i++) RANK_NAME(push_score)(list, ((const RANK_REAL *)scores)[i]);
    double lowest = list->n_scores < list->n ? -INFINITY : *(const RANK_REAL *)list->heap;
    list->n_scores = 0;
    list->threshold = -INFINITY;
    return lowest;
}

/* ---- Candidates. ---- */

/* Heapsort, the best first. */
static void RANK_NAME(sort_candidates)(RANK_CANDIDATE *c, int32_t count) {
    for (int32_t end = count, start = count / 2; end > 1;) {
        RANK_CANDIDATE moved;
        if (start > 0) moved = c[--start];
        else {
            moved = c[--end];
            c[end] = c[0];
        }
        int32_t at = start;
        for (;;) {
            int32_t child = 2 * at + 1;
            if (child >= end) break;
            if (child + 1 < end && RANK_BETTER(c[child], c[child + 1])) child++;
            if (!RANK_BETTER(moved, c[child])) break;
            c[at] = c[child];
            at = child;
        }
        c[at] = moved;
    }
}

/* Drop the candidates below the threshold, order the rest by exact score, and keep at most n. */
static int32_t RANK_NAME(finish)(rank_list *list) {
    RANK_CANDIDATE *c = list->candidates;
    int32_t kept = 0;
    for (int32_t i = 0; i < list->n_candidates; i++)
        if (c[i].score >= list->threshold) {
            c[kept].item = c[i].item;
            c[kept].score = RANK_NAME(score_item)(list, c[i].item);
            kept++;
        }
    RANK_NAME(sort_candidates)(c, kept);
    list->n_candidates = kept < list->n ? kept : list->n;
    return list->n_candidates;
}

static void RANK_NAME(make_room)(rank_list *list) {
    RANK_CANDIDATE *c = list->candidates;
    RANK_REAL *heap = list->heap;
    int32_t kept = 0;
    for (int32_t i = 0; i < list->n_candidates; i++)
        if (c[i].score >= list->threshold) c[kept++] = c[i];
    list->n_candidates = kept;
    if (kept < list->capacity - list->n / 2 - 16) return;
    /* Too many approximate scores are nearly equal: rank the candidates by exact scores. */
    RANK_NAME(finish)(list);
    for (int32_t i = 0; i < list->n_candidates; i++) heap[i] = c[list->n_candidates - 1 - i].score;
    list->n_scores = list->n_candidates;
}

static void RANK_NAME(add_candidate)(rank_list *list, RANK_REAL score, int32_t item) {
    if (list->n_candidates == list->capacity) RANK_NAME(make_room)(list);
    RANK_CANDIDATE *c = list->candidates;
    c[list->n_candidates].score = score;
    c[list->n_candidates++].item = item;
    RANK_NAME(push_score)(list, score);
}

/* Return a RANK_REAL that is at most ``value`` and close to it. */
static RANK_REAL RANK_NAME(round_down)(double value) {
    RANK_REAL rounded = (RANK_REAL)value;
    return (double)rounded <= value ? rounded : (RANK_REAL)(rounded - fabs(rounded) * RANK_ULPS);
}

static void RANK_NAME(scan)(rank_list *list, const rank_tile *tile) {
    const RANK_REAL *scores = tile->scores;
    RANK_REAL threshold = RANK_NAME(round_down)(list->threshold);
    for (int start = 0; start < tile->width; start += RANK_RUN) {
        const RANK_REAL *run = scores + start;
        int found = 0, places[RANK_RUN];
        for (int j = 0; j < RANK_RUN; j++) found |= run[j] >= threshold;
        if (!found) continue;
        /* To avoid branches, every place is written; the next one overwrites it unless its score
         * reaches the threshold. */
        found = 0;
        for (int j = 0; j < RANK_RUN; j++) places[found] = j, found += run[j] >= threshold;
        for (int at = 0; at < found; at++) {
            RANK_REAL score = run[places[at]];
            if (score >= list->threshold && score > -INFINITY)
                RANK_NAME(add_candidate)(list, score, tile->items[start + places[at]]);
        }
        threshold = RANK_NAME(round_down)(list->threshold);
    }
}

static void RANK_NAME(add_items)(rank_list *list, const int32_t *items, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        RANK_NAME(add_candidate)(list, RANK_NAME(score_item)(list, items[i]), items[i]);
}

/* ---- Counting the scores above a given one, for ranks without a cut-off. ---- */

static int32_t RANK_NAME(count_above)(const rank_list *list, const rank_tile *tile, double score,
                                      int32_t *above) {
    const RANK_REAL *scores = tile->scores;
    /* Round the bounds outwards, so that every score counted as above is certain to be above. */
    RANK_REAL low = RANK_NAME(round_down)(score - list->margin);
    RANK_REAL high = -RANK_NAME(round_down)(-(score + list->margin));
    int32_t over = 0, reached = 0;
    for (int j = 0; j < tile->width; j++) {
        over += scores[j] > high;
        reached += scores[j] >= low;
    }
    *above += over;
    return reached - over;
}

static void RANK_NAME(count_close)(const rank_list *list, const rank_tile *tile, double score,
                                   int32_t item, rank_counts *counts) {
    const RANK_REAL *scores = tile->scores;
    RANK_REAL low = RANK_NAME(round_down)(score - list->margin);
    RANK_REAL high = -RANK_NAME(round_down)(-(score + list->margin));
    for (int j = 0; j < tile->width; j++)
        if (scores[j] >= low && scores[j] <= high) {
            double exact = RANK_NAME(score_item)(list, tile->items[j]);
            counts->above += exact > score;
            counts->equal += exact == score;
            counts->equal_before += exact == score && tile->items[j] < item;
        }
}
