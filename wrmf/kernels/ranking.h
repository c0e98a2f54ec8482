/* The kernels of ranking: the list of one user, and the table of functions that update it.
 *
 * The scores of a tile come from a matrix product and differ from the exact scores by at most
 * ``margin``. Items are ranked by the exact score of topk.h. docs/ranking.md has the mathematics.
 */
#ifndef WRMF_KERNELS_RANKING_H
#define WRMF_KERNELS_RANKING_H

#include "isa.h"

/* The best n items of one user, kept up to date while tiles of scores are scanned. */
typedef struct {
    const void *user;  /* (k) the user's factors */
    const void *items; /* (n_items, k) the factors of all items */
    int k;
    int32_t n;        /* number of items to find */
    int32_t capacity; /* largest number of candidates, at least 2 n + 64 */
    int32_t n_scores; /* number of scores in the heap, at most n */
    int32_t n_candidates;
    double margin;    /* largest error of a tile's score */
    double floor;     /* the caller does not need items with exact scores below it */
    double threshold; /* tile scores below it cannot change the result */
    void *heap;       /* (n) the best scores so far, as a heap with the lowest first */
    void *candidates; /* (capacity) of type rank_candidate_float or rank_candidate_double */
} rank_list;

typedef struct {
    float score;
    int32_t item;
} rank_candidate_float;

typedef struct {
    double score;
    int32_t item;
} rank_candidate_double;

/* One user's scores in a tile, and the indices of the items. ``width``, the number of scores, is a
 * multiple of RANK_RUN. */
typedef struct {
    const void *scores;
    const int32_t *items;
    int width;
} rank_tile;

/* The number of items of a tile whose scores are above that of a held-out item, equal to it, and
 * equal with a lower item index, which ranks the item of the tile first. */
typedef struct {
    int32_t above, equal, equal_before;
} rank_counts;

/* An item whose factors are rounded to bytes: the value of a byte, the norm of the rounding error,
 * and the norm of the rounded factors. */
typedef struct {
    double step, error, size;
} rank_code;

/* Items in decreasing order of norm, in groups of RANK_RUN, and their rounded factors (codes.h). */
typedef struct {
    const void *items;    /* (n_items, k) the exact factors */
    const int32_t *order; /* (n_items) the items */
    const int32_t *words; /* (n_groups, n_words, RANK_RUN) */
    int64_t n_items;
    int k, n_words;
} rank_codes;

/* A request for the best items of one user, or for the items nearest to one item.
 *
 * Scaled scores are the products of ``unit_user`` and the rounded factors, times ``scales``. They
 * differ by at most ``slack`` from the exact scores divided by ``length``. */
typedef struct {
    const void *user;       /* (k) exact factors */
    const float *unit_user; /* (4 n_words) the factors scaled to length one, padded with zeros */
    double length;
    const float *scales;    /* (n_groups RANK_RUN) 0 past the last item */
    const double *slack;    /* (n_groups) */
    const double *norms;    /* (n_groups) bounds of the scaled scores of this and all later groups,
                             * or NULL if there are none */
    const void *lengths;    /* (n_items) divides the factors of items, or NULL */
    void *unit_item;        /* (k) scratch for an item's divided factors */
    const uint8_t *allowed; /* (n_items) the items that may be returned, or NULL for all */
    const int32_t *masked;  /* (n_masked) other items that are left out, sorted */
    int64_t n_masked;
    int32_t n;
    void *heap; /* (n) of type rank_candidate_float or rank_candidate_double */
} rank_request;

/* The number of scores that are scanned in one loop. Compilers vectorise such a short loop. */
#define RANK_RUN 64
/* Listed items are prefetched so many items before they are scored. */
#define RANK_AHEAD 12
/* Up to so many factors, listed items are scored several at a time. */
#define RANK_WIDE 1024

/* The kernels of one precision and one instruction set. */
typedef struct {
    /* Return the dot product of x and y, summed in float64 in a fixed order, so that it is the same
     * with every instruction set. Items are ranked by it, rounded to the factors' precision. */
    double (*exact_score)(const void *x, const void *y, int k);
    /* Add the items of a tile to a list; items with score -inf are never added. */
    void (*scan)(rank_list *, const rank_tile *);
    /* Add items to a list by their exact scores. */
    void (*add_items)(rank_list *, const int32_t *items, int64_t count);
    /* Order the candidates by exact score, and return the length of the list, at most n. */
    int32_t (*finish)(rank_list *);
    /* Return the n-th best of ``count`` scores, or -inf if there are fewer than n. The list must be
     * empty, and is empty again afterwards. */
    double (*nth_best)(rank_list *, const void *scores, int64_t count);
    /* Add to ``above`` the number of scores of a tile that are certain to be above ``score``.
     * Return the number of scores that differ from it by no more than the margin. */
    int32_t (*count_above)(const rank_list *, const rank_tile *, double score, int32_t *above);
    /* Compute the exact scores of the items that differ from ``score`` by no more than the margin,
     * and count them in ``rank_counts``. */
    void (*count_close)(const rank_list *, const rank_tile *, double score, int32_t item,
                        rank_counts *);
    /* Round the k factors of an item to bytes, in the words of its group from its place on. */
    void (*encode)(const void *factors, int k, int32_t *words, rank_code *);
    /* Fill the heap with the best items, the best first, and return how many there are. */
    int32_t (*best_items)(rank_request *, const rank_codes *);
    /* Do the same for some items only, without rounded factors. */
    int32_t (*best_of)(rank_request *, const rank_codes *, const int32_t *items, int64_t count);
} rank_kernels;

/* The table of each instruction set, indexed by whether the precision is double. The table
 * of the baseline exists with every compiler. */
extern ISA_HIDDEN const rank_kernels rank_kernels_baseline[2];
#define RANK_EXTERN(name, has) extern ISA_HIDDEN const rank_kernels rank_kernels_##name[2];
ISA_TABLE(RANK_EXTERN)
#undef RANK_EXTERN

/* Return the kernels of an instruction set; for ``blas``, those of the baseline. */
static inline const rank_kernels *rank_kernels_of(int isa, int is_double) {
#define RANK_TABLE_OF(name, has) rank_kernels_##name,
    static const rank_kernels *const tables[] = {rank_kernels_baseline, ISA_TABLE(RANK_TABLE_OF)};
#undef RANK_TABLE_OF
    return tables[isa] + is_double;
}

/* Prefetch the factors of an item that is scored soon. */
static inline void rank_prefetch(const void *items, size_t row_bytes, int32_t item) {
#if defined(__GNUC__)
    for (size_t at = 0; at < row_bytes; at += 64)
        __builtin_prefetch((const char *)items + (size_t)item * row_bytes + at);
#else
    (void)items, (void)row_bytes, (void)item;
#endif
}

static inline size_t rank_candidate_size(int is_double) {
    return is_double ? sizeof(rank_candidate_double) : sizeof(rank_candidate_float);
}

/* Return the score at a place of a finished list, and set ``item`` to the item at this place. */
static inline double rank_entry(const rank_list *list, int is_double, int32_t place,
                                int32_t *item) {
    if (is_double) {
        const rank_candidate_double *entry = (rank_candidate_double *)list->candidates + place;
        *item = entry->item;
        return entry->score;
    } else {
        const rank_candidate_float *entry = (rank_candidate_float *)list->candidates + place;
        *item = entry->item;
        return entry->score;
    }
}

/* Return the n-th best score so far, -inf if there are fewer than n. */
static inline double rank_lowest(const rank_list *list, int is_double) {
    if (list->n_scores < list->n) return -INFINITY;
    return is_double ? *(const double *)list->heap : *(const float *)list->heap;
}

#endif
