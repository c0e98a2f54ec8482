/* The kernels of ranking: the list of one user, and the table of functions on it.
 *
 * A tile's scores are a matrix product and are off by at most ``margin``; what decides is the exact
 * score of topk.h. docs/ranking.md has the mathematics.
 */
#ifndef WRMF_KERNELS_RANKING_H
#define WRMF_KERNELS_RANKING_H

#include "isa.h"

/* The best n items of one user, kept up to date while tiles of scores are scanned. */
typedef struct {
    const void *user;  /* (k) the user's factors */
    const void *items; /* (n_items, k) the factors of all items */
    int k;
    int32_t n;        /* items wanted */
    int32_t capacity; /* of candidates, at least 2 n + 64 */
    int32_t n_scores; /* in the heap: the best n so far */
    int32_t n_candidates;
    double margin;    /* a tile's score is off by at most this */
    double floor;     /* exact scores below it do not matter to the caller */
    double threshold; /* scores of a tile below it do not matter */
    void *heap;       /* (n) scores, the lowest first */
    void *candidates; /* (capacity) rank_candidate_float or _double */
} rank_list;

typedef struct {
    float score;
    int32_t item;
} rank_candidate_float;

typedef struct {
    double score;
    int32_t item;
} rank_candidate_double;

/* A tile: scores of one user, ``width`` of them, a multiple of RANK_RUN, and the items' numbers. */
typedef struct {
    const void *scores;
    const int32_t *items;
    int width;
} rank_tile;

/* How many items of a tile come before a held-out item. */
typedef struct {
    int32_t above, equal, equal_before;
} rank_counts;

/* Scores are scanned in runs of this many: a short loop that compilers turn into vectors. */
#define RANK_RUN 64

/* The kernels of one precision and one instruction set. */
typedef struct {
    /* Return x y, summed in float64 in a fixed order: the same on every instruction set. Rounded to
     * the factors' precision it decides. */
    double (*exact_score)(const void *x, const void *y, int k);
    /* Add a tile's scores to a list; -inf never counts. */
    void (*scan)(rank_list *, const rank_tile *);
    /* Add items to a list by their exact scores. */
    void (*add_items)(rank_list *, const int32_t *items, int64_t count);
    /* Order the candidates by exact score; return how many of the n there are. */
    int32_t (*finish)(rank_list *);
    /* Return the n-th best of ``count`` scores, -inf if they are fewer; the list is empty before
     * and after. */
    double (*nth_best)(rank_list *, const void *scores, int64_t count);
    /* Add to ``above`` how many scores of a tile are surely above; return how many are too close
     * to tell. */
    int32_t (*count_above)(const rank_list *, const rank_tile *, double score, int32_t *above);
    /* Compare the scores that were too close by their exact scores. */
    void (*count_close)(const rank_list *, const rank_tile *, double score, int32_t item,
                        rank_counts *);
} rank_kernels;

/* The table of each instruction set, indexed by whether the precision is double. The baseline's is
 * there for every compiler. */
extern ISA_HIDDEN const rank_kernels rank_kernels_baseline[2];
#define RANK_EXTERN(name, has) extern ISA_HIDDEN const rank_kernels rank_kernels_##name[2];
ISA_TABLE(RANK_EXTERN)
#undef RANK_EXTERN

/* Return the kernels of an instruction set; ``blas`` has those of the baseline. */
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

/* Return the score at a place of a finished list, and its item. */
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
