/* The best items for one request, in one precision, RANK_REAL: a scan of rounded factors finds the
 * items whose exact scores are needed. rank_isa.h includes this file twice. */
#ifndef RANK_REAL
#error "include request.h from rank_isa.h only"
#endif

/* Round an item's factors to bytes. ``words`` are those of its group, from the item's place on. */
static void RANK_NAME(encode)(const void *factors, int k, int32_t *words, rank_code *code) {
    const RANK_REAL *y = factors;
    double largest = 0, error = 0, size = 0;
    for (int f = 0; f < k; f++)
        if (fabs((double)y[f]) > largest) largest = fabs((double)y[f]);
    code->step = largest / 127;
    double inverse = code->step > 0 ? 1 / code->step : 0;
    if (!(inverse < 1e300)) inverse = 0;
    for (int f = 0; f < k; f += 4) {
        uint32_t word = 0;
        for (int byte = 0; byte < 4; byte++) {
            double exact = f + byte < k ? (double)y[f + byte] * inverse : 0;
            /* The bytes so far, shifted below the next one, are a fraction of it. */
            double fraction = word * (1.0 / ((uint64_t)1 << 8 * byte));
            double rounded = floor(exact - fraction + 0.5);
            if (rounded < -128) rounded = -128;
            if (rounded > 127) rounded = 127;
            word |= (uint32_t)((int32_t)rounded & 255) << 8 * byte;
            double value = rounded + fraction;
            error += (exact - value) * (exact - value);
            size += value * value;
        }
        memcpy(words + (size_t)(f / 4) * RANK_RUN, &word, sizeof word);
    }
    code->error = sqrt(error) * code->step;
    code->size = sqrt(size) * code->step;
    if (inverse == 0) {
        /* The factors are so small that their step cannot be inverted: all bytes are zero. */
        code->error = largest * sqrt((double)k);
        code->step = code->size = 0;
    }
}

/* Return the score of an item: with ``lengths``, that of its factors scaled to length one. */
static RANK_REAL RANK_NAME(request_score)(const rank_request *r, const rank_codes *codes,
                                          int32_t item) {
    const RANK_REAL *y = (const RANK_REAL *)codes->items + (size_t)item * codes->k;
    if (r->lengths) {
        RANK_REAL length = ((const RANK_REAL *)r->lengths)[item], *unit = r->unit_item;
        for (int f = 0; f < codes->k; f++) unit[f] = y[f] / length;
        y = unit;
    }
    return (RANK_REAL)RANK_NAME(exact_score)(r->user, y, codes->k);
}

static int RANK_NAME(is_left_out)(const rank_request *r, int32_t item) {
    if (r->allowed && !r->allowed[item]) return 1;
    if (r->lengths && !(((const RANK_REAL *)r->lengths)[item] > 0)) return 1;
    int64_t low = 0, high = r->n_masked;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (r->masked[middle] < item) low = middle + 1;
        else high = middle;
    }
    return low < r->n_masked && r->masked[low] == item;
}

/* Put an entry into a heap of ``count`` of the best entries, the worst of them first. If there are
 * n already, the worst one is replaced. */
static void RANK_NAME(put)(RANK_CANDIDATE *heap, int32_t count, int32_t n, RANK_CANDIDATE entry) {
    int32_t at;
    if (count < n) {
        for (at = count; at && RANK_BETTER(heap[(at - 1) / 2], entry); at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
    } else {
        for (at = 0;;) {
            int32_t child = 2 * at + 1;
            if (child >= n) break;
            if (child + 1 < n && RANK_BETTER(heap[child], heap[child + 1])) child++;
            if (!RANK_BETTER(entry, heap[child])) break;
            heap[at] = heap[child];
            at = child;
        }
    }
    heap[at] = entry;
}

/* Return a bar below the n-th best exact score, in units of ``length``: an item whose scaled
 * score is below it cannot be among the n best, whatever the rounding of the exact score. */
static double RANK_NAME(bar)(const rank_request *r, double worst) {
    return worst / r->length - 4 * RANK_ULPS * fabs(worst / r->length);
}

/* Add an item and its score to the heap, if it is among the n best. Return the new count. */
static inline int32_t RANK_NAME(add_entry)(const rank_request *r, int32_t count, int32_t item,
                                           RANK_REAL score) {
    RANK_CANDIDATE *heap = r->heap, entry;
    entry.item = item;
    entry.score = score;
    if (count == r->n && !RANK_BETTER(entry, heap[0])) return count;
    RANK_NAME(put)(heap, count, r->n, entry);
    return count < r->n ? count + 1 : count;
}

static int32_t RANK_NAME(best_items)(rank_request *r, const rank_codes *codes) {
    RANK_CANDIDATE *heap = r->heap;
    int32_t count = 0;
    double bar = -INFINITY;
    float scores[RANK_RUN];
    for (int64_t start = 0; start < codes->n_items; start += RANK_RUN) {
        int64_t group = start / RANK_RUN;
        if (r->norms && r->norms[group] < bar) break;
        float limit = (float)(bar - r->slack[group]);
        if ((double)limit > bar - r->slack[group]) limit -= fabsf(limit) * 1e-6f;
        const float *scales = r->scales + start;
        rank_group_scores(codes->words + group * codes->n_words * RANK_RUN, r->unit_user,
                          codes->n_words, scores);
        int reached = 0, places[RANK_RUN];
        for (int j = 0; j < RANK_RUN; j++) {
            scores[j] *= scales[j];
            reached |= scores[j] >= limit;
        }
        if (!reached) continue;
        reached = 0;
        for (int j = 0; j < RANK_RUN; j++) places[reached] = j, reached += scores[j] >= limit;
        for (int at = 0; at < reached; at++) {
            if (scores[places[at]] < bar - r->slack[group]) continue;
            if (start + places[at] >= codes->n_items) break;
            int32_t item = codes->order[start + places[at]];
            if (RANK_NAME(is_left_out)(r, item)) continue;
            count = RANK_NAME(add_entry)(r, count, item, RANK_NAME(request_score)(r, codes, item));
            if (count == r->n) bar = RANK_NAME(bar)(r, heap[0].score);
        }
    }
    RANK_NAME(sort_candidates)(heap, count);
    return count;
}

/* The n best of some items, by their exact scores. */
static int32_t RANK_NAME(best_of)(rank_request *r, const rank_codes *codes, const int32_t *items,
                                  int64_t n_items) {
    int32_t count = 0, group[RANK_GROUP];
    int filled = 0, k = codes->k;
    double user[RANK_WIDE], scores[RANK_GROUP];
    const RANK_REAL *rows[RANK_GROUP];
    int in_groups = !r->lengths && k <= RANK_WIDE;
    for (int f = 0; f < k && in_groups; f++) user[f] = (double)((const RANK_REAL *)r->user)[f];
    for (int f = k; f < RANK_WIDE && f % 16; f++) user[f] = 0;
    for (int64_t i = 0; i < RANK_AHEAD && i < n_items; i++)
        rank_prefetch(codes->items, k * sizeof(RANK_REAL), items[i]);
    for (int64_t i = 0; i < n_items; i++) {
        if (i + RANK_AHEAD < n_items)
            rank_prefetch(codes->items, k * sizeof(RANK_REAL), items[i + RANK_AHEAD]);
        if (RANK_NAME(is_left_out)(r, items[i])) continue;
        if (!in_groups) {
            RANK_REAL score = RANK_NAME(request_score)(r, codes, items[i]);
            count = RANK_NAME(add_entry)(r, count, items[i], score);
            continue;
        }
        group[filled] = items[i];
        rows[filled++] = (const RANK_REAL *)codes->items + (size_t)items[i] * k;
        if (filled < RANK_GROUP) continue;
        RANK_NAME(group_scores)(user, rows, k, scores);
        for (int g = 0; g < RANK_GROUP; g++)
            count = RANK_NAME(add_entry)(r, count, group[g], (RANK_REAL)scores[g]);
        filled = 0;
    }
    for (int g = 0; g < filled; g++)
        count =
            RANK_NAME(add_entry)(r, count, group[g], RANK_NAME(request_score)(r, codes, group[g]));
    RANK_NAME(sort_candidates)(r->heap, count);
    return count;
}
