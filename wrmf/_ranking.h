/* Ranked lists of one user each, kept while tiles of scores go by.
 *
 * A tile's scores come from GEMM and are off by at most `margin`; what decides is the exact score
 * of _ranking_kernel.h. docs/ranking.md has the mathematics.
 *
 * _ranking_kernel.h is included once for each precision and instruction set; the choice is made at
 * run time, by the path numbers of _lanes.h. Compilers without target attributes have path 0 only.
 */
#ifndef WRMF_RANKING_H
#define WRMF_RANKING_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const void *row;    /* (k) the user's factors */
    const void *items;  /* (n_items, k) everyone's */
    int k;
    int32_t n;          /* entries wanted */
    int32_t capacity;   /* at least 2 n + 64 */
    int32_t filled;     /* scores in the heap: the best n that were seen */
    int32_t count;      /* candidates */
    double margin;      /* a tile's score is off by at most this */
    double floor;       /* exact scores below do not matter to the caller */
    double threshold;   /* a tile's scores below do not matter */
    void *heap;         /* (n) lowest first */
    void *candidates;   /* (capacity) */
} ranked_list;

/* Scores in a tile come in runs of this many: a short loop that compilers turn into vectors. */
#define RANKING_RUN 64

/* Strict order of ranks: the higher score, and among equals the lower item. */
#define BETTER(a, b) ((a).score > (b).score || ((a).score == (b).score && (a).item < (b).item))

#define RANKING_JOIN_(a, b, c) a##_##b##_##c
#define RANKING_JOIN(a, b, c) RANKING_JOIN_(a, b, c)
#define NAME(what) RANKING_JOIN(what, REAL, PATH)

#if defined(__GNUC__)
typedef double wide_four __attribute__((vector_size(32)));
#endif

/* The precisions differ in nothing but the type: products of float32 are exact in float64. */
#define PATH baseline
#define REAL float
#include "_ranking_kernel.h"
#undef REAL
#define REAL double
#include "_ranking_kernel.h"
#undef REAL
#undef PATH

#if defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12))
#define RANKING_X86 1
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define PATH avx2
#define REAL float
#include "_ranking_kernel.h"
#undef REAL
#undef PATH
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")
#endif
#define PATH avx512
#define REAL float
#include "_ranking_kernel.h"
#undef REAL
#undef PATH
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

/* float64 stays on the baseline: where multiply-add is one instruction, it rounds otherwise. */
#if defined(RANKING_X86)
#define RANKING_CALL(function, arguments) \
    (is_double ? function##_double_baseline arguments \
     : path == 3 ? function##_float_avx512 arguments \
     : path == 2 ? function##_float_avx2 arguments \
     : function##_float_baseline arguments)
#else
#define RANKING_CALL(function, arguments) \
    (is_double ? function##_double_baseline arguments : function##_float_baseline arguments)
#endif

/* A score in float64, summed in a fixed order; rounded to the factors' precision it decides. */
static double exact_score(int path, int is_double, const void *x, const void *y, int k) {
    return RANKING_CALL(exact, (x, y, k));
}

/* Factors of an item that is scored soon come nearer. */
static inline void fetch_item(const void *items, size_t bytes, int32_t item) {
#if defined(__GNUC__)
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *) items + (size_t) item * bytes + at);
#else
    (void) items, (void) bytes, (void) item;
#endif
}

/* Offer the scores of width items, a multiple of RANKING_RUN; -inf never counts. */
static void list_scan(int path, int is_double, ranked_list *list, const void *scores, int width,
                      const int32_t *items) {
    RANKING_CALL(scan, (list, scores, width, items));
}

static double list_nth(int path, int is_double, ranked_list *list, const void *scores,
                       int64_t count) {
    return RANKING_CALL(nth, (list, scores, count));
}

/* Offer the items themselves. */
static void list_offer(int path, int is_double, ranked_list *list, const int32_t *items,
                       int64_t count) {
    RANKING_CALL(offer, (list, items, count));
}

/* Order the candidates by exact score; return how many of the n there are. */
static int32_t list_finish(int path, int is_double, ranked_list *list) {
    return RANKING_CALL(finish, (list));
}

/* Add to counts[0] the scores surely above, return how many are too near to tell. */
static int32_t count_above(int path, int is_double, const void *scores, int width, double score,
                           double margin, int32_t *above) {
    return RANKING_CALL(count, (scores, width, score, margin, above));
}

/* Compare those that were too near by their exact scores: above, equal, and equal before `item`. */
static void count_near(int path, int is_double, const void *scores, int width, const int32_t *items,
                       const ranked_list *list, double score, int32_t item, int32_t counts[3]) {
    RANKING_CALL(near, (scores, width, items, list, score, item, counts));
}

static double list_entry(int is_double, const ranked_list *list, int32_t place, int32_t *item) {
    if (is_double) {
        candidate_double_baseline *entry = (candidate_double_baseline *) list->candidates + place;
        *item = entry->item;
        return entry->score;
    } else {
        candidate_float_baseline *entry = (candidate_float_baseline *) list->candidates + place;
        *item = entry->item;
        return entry->score;
    }
}

static double list_lowest(int is_double, const ranked_list *list) {
    if (list->filled < list->n) return -INFINITY;
    return is_double ? *(const double *) list->heap : *(const float *) list->heap;
}

static size_t list_candidate_size(int is_double) {
    return is_double ? sizeof(candidate_double_baseline) : sizeof(candidate_float_baseline);
}

#endif
