/* One precision and one instruction set of _lanes.h: REAL, LANES, VECTOR_BYTES, PATH.
 *
 * Sums over entries have the lanes along the factors, which lie side by side in memory. Systems have
 * a row in each lane and are worked on by the textbook's scalar algorithms; a lane without a row, or
 * past the end of its row, holds zeros, which make an identity of its system.
 * BLOCK_COLUMNS: columns of the 4-row register block, 2 where there are 16 registers, 4 with 32.
 */
#define VEC NAME(vec)
#define MASK NAME(mask)
#define INLINE static inline __attribute__((always_inline))

typedef REAL VEC __attribute__((vector_size(VECTOR_BYTES)));
typedef __typeof__((VEC) {0} > (VEC) {0}) MASK;  /* what a comparison gives: all bits or none */

typedef struct {
    int count, d;  /* lanes in use, entries of the longest */
    int length[LANES];
    const int32_t *columns[LANES];
    const REAL *weights[LANES];
} NAME(group);

INLINE VEC NAME(fill)(REAL value) { return value - (VEC) {0}; }

INLINE VEC NAME(select)(MASK mask, VEC yes, VEC no) {
    return (VEC) (((MASK) yes & mask) | ((MASK) no & ~mask));
}

INLINE VEC NAME(least)(VEC a, VEC b) { return NAME(select)(a < b, a, b); }
INLINE VEC NAME(most)(VEC a, VEC b) { return NAME(select)(a > b, a, b); }

INLINE VEC NAME(root)(VEC a) {
    for (int lane = 0; lane < LANES; lane++) a[lane] = SQRT(a[lane]);
    return a;
}

/* ---- Transposition: lane p of vector q to lane q of vector p, by butterflies. ---- */

/* Lane p of the even pieces of a and those of b: pieces of one number among PIECE of them as long as
 * h is below that, then of PIECE among all lanes, for either of which CPUs have an instruction. */
#define PIECE (16 / (int) sizeof(REAL))
#define PICK(p, part, all, odd) \
    ((p) / (all) * (all) + (p) % ((all) / 2) / (part) * 2 * (part) + (p) % (part) + (odd) * (part) \
     + ((p) % (all) < (all) / 2 ? 0 : LANES))
#define EVEN(p, h) ((h) < PIECE ? PICK(p, 1, PIECE, 0) : PICK(p, PIECE, LANES, 0))
#define ODD(p, h) ((h) < PIECE ? PICK(p, 1, PIECE, 1) : PICK(p, PIECE, LANES, 1))
#define LIST2(f, h, o) f(o, h), f(o + 1, h)
#define LIST4(f, h, o) LIST2(f, h, o), LIST2(f, h, o + 2)
#define LIST8(f, h, o) LIST4(f, h, o), LIST4(f, h, o + 4)
#define LIST16(f, h, o) LIST8(f, h, o), LIST8(f, h, o + 8)
#define LIST_(n) LIST##n
#define LIST(n) LIST_(n)
#define STAGE(h) \
    _Pragma("GCC unroll 16") \
    for (int i = 0; i < LANES; i++) \
        if (!(i & h)) { \
            VEC a = v[i], b = v[i + h]; \
            v[i] = __builtin_shufflevector(a, b, LIST(LANES)(EVEN, h, 0)); \
            v[i + h] = __builtin_shufflevector(a, b, LIST(LANES)(ODD, h, 0)); \
        }

INLINE void NAME(transpose)(VEC v[LANES]) {
    STAGE(1)
#if LANES >= 4
    STAGE(2)
#endif
#if LANES >= 8
    STAGE(4)
#endif
#if LANES >= 16
    STAGE(8)
#endif
}

/* Lane q of the result: the sum over the lanes of v[q]. */
#define FOLD(h) \
    _Pragma("GCC unroll 16") \
    for (int i = 0; i < LANES; i += 2 * (h)) \
        v[i] = __builtin_shufflevector(v[i], v[i + h], LIST(LANES)(EVEN, h, 0)) \
             + __builtin_shufflevector(v[i], v[i + h], LIST(LANES)(ODD, h, 0));

INLINE VEC NAME(fold)(VEC v[LANES]) {
    FOLD(1)
#if LANES >= 4
    FOLD(2)
#endif
#if LANES >= 8
    FOLD(4)
#endif
#if LANES >= 16
    FOLD(8)
#endif
    return v[0];
}

/* The sum over the lanes. */
#define ACROSS(p, h) ((p) ^ (h))
#define HALVE(h) v += __builtin_shufflevector(v, v, LIST(LANES)(ACROSS, h, 0));

INLINE REAL NAME(total)(VEC v) {
#if LANES >= 16
    HALVE(8)
#endif
#if LANES >= 8
    HALVE(4)
#endif
#if LANES >= 4
    HALVE(2)
#endif
    HALVE(1)
    return v[0];
}

/* ---- Rows in, rows out. ---- */

static void NAME(open_rows)(const lanes_problem *problem, const int32_t *rows, int count,
                            NAME(group) *group) {
    group->count = count;
    group->d = 0;
    for (int lane = 0; lane < LANES; lane++) {
        int64_t first = lane < count ? problem->indptr[rows[lane]] : 0;
        group->length[lane] = lane < count ? (int) (problem->indptr[rows[lane] + 1] - first) : 0;
        group->columns[lane] = problem->indices + first;
        group->weights[lane] = (const REAL *) problem->weights + first;
        if (group->length[lane] > group->d) group->d = group->length[lane];
    }
}

/* (spectrum[l] + lambda of the row)^(-1/2); 0 in directions without either, and in the padding. */
INLINE REAL NAME(scale_of)(const lanes_problem *problem, int row, int l) {
    double d = l < problem->k
        ? problem->spectrum[l] + ((const REAL *) problem->regularization)[row] : 0;
    return d > 0 ? (REAL) (1 / sqrt(d)) : 0;
}

/* The scales of a row's factors, or NULL where all rows' are 1 as ``fixed`` is whitened already. */
INLINE const VEC *NAME(scales)(const lanes_problem *problem, int row, VEC *scale) {
    if (!problem->spectrum) return NULL;
    for (int l = 0; l < problem->ld; l++) ((REAL *) scale)[l] = NAME(scale_of)(problem, row, l);
    return scale;
}

/* Weights of entries e .. e + LANES, one entry a vector; zeros past the end of a row. */
INLINE void NAME(open_weights)(const NAME(group) *group, int e, VEC w[LANES]) {
    for (int lane = 0; lane < LANES; lane++) {
        int left = group->length[lane] - e;
        w[lane] = (VEC) {0};
        if (left >= LANES) memcpy(&w[lane], group->weights[lane] + e, sizeof(VEC));
        else if (left > 0) memcpy(&w[lane], group->weights[lane] + e, left * sizeof(REAL));
    }
    NAME(transpose)(w);
}

INLINE const VEC *NAME(fixed_row)(const lanes_problem *problem, int32_t column) {
    return (const VEC *) ((const REAL *) problem->fixed
        + (size_t) (uint32_t) column * (uint32_t) problem->ld);
}

/* Store t as the row's result, scaled; mark the row where that is not finite. */
static void NAME(store)(const lanes_problem *problem, int row, const VEC *scale, VEC *t) {
    int vectors = problem->ld / LANES;
    VEC finite = {0};
    for (int l = 0; l < vectors; l++) {
        if (scale) t[l] *= scale[l];
        finite += t[l] * 0;
    }
    memcpy((REAL *) problem->out + (size_t) row * problem->ld, t, vectors * sizeof(VEC));
    if (!(NAME(total)(finite) == 0)) problem->failed[row] = 1;
}

#include "_lanes_systems.h"
#include "_lanes_sums.h"
#include "_lanes_solvers.h"

#undef FOLD
#undef ACROSS
#undef HALVE
#undef VEC
#undef MASK
#undef INLINE
#undef PIECE
#undef PICK
#undef EVEN
#undef ODD
#undef LIST2
#undef LIST4
#undef LIST8
#undef LIST16
#undef LIST_
#undef LIST
#undef STAGE
#undef BY_WIDTH
#undef BY_SHAPE
#undef BY_PLACE
#undef BELOW
