/* Many small systems at once, one in each SIMD lane.
 *
 * A row's whitened system is (I + S'S) t = S'c with S = diag(sqrt w) V, c = b / sqrt w
 * (docs/solver.md). Its products are summed row by row, the lanes along the factors; then rows of
 * about the same number of entries stand side by side in the lanes of vectors, so Cholesky and
 * substitution are the textbook's scalar algorithms on a vector type, and a row's result does not
 * depend on its neighbours.
 *
 * _lanes_kernel.h is included once for each precision and instruction set; the choice is made at
 * run time. Without vector types (MSVC) there is no path, and the callers use BLAS row by row.
 */
#ifndef WRMF_LANES_H
#define WRMF_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Arithmetic on subnormal numbers is a hundred times slower on some CPUs, and a model that is
 * regularised away to nothing is full of them. Between these two calls, on the calling thread, they
 * are zero. */
#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
static inline uint64_t lanes_flush_subnormals(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
}
static inline void lanes_restore_subnormals(uint64_t before) { _mm_setcsr((unsigned) before); }
#elif defined(__aarch64__) && defined(__GNUC__)
static inline uint64_t lanes_flush_subnormals(void) {
    uint64_t before;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
    return before;
}
static inline void lanes_restore_subnormals(uint64_t before) {
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before));
}
#else
static inline uint64_t lanes_flush_subnormals(void) { return 0; }
static inline void lanes_restore_subnormals(uint64_t before) { (void) before; }
#endif

/* One side's rows. float or double behind the void pointers, as the call says. */
typedef struct {
    const int64_t *indptr;
    const int32_t *indices;
    const void *weights;
    double target_shift;
    const void *fixed;          /* (n_columns, ld): whitened, or rotated where spectrum is given */
    int k, ld;                  /* ld: k rounded up to a multiple of 16, zeros behind k */
    const double *spectrum;     /* (k) eigenvalues, or NULL where fixed is whitened already */
    const void *regularization; /* (n_rows), read with spectrum only */
    int steps;
    void *out;                  /* (n_rows, ld); conjugate gradients begin with what is there */
    uint8_t *failed;            /* (n_rows) */
} lanes_problem;

enum { LANES_DUAL, LANES_PRIMAL, LANES_CG };
enum { LANES_BASELINE = 1, LANES_AVX2 = 2, LANES_AVX512 = 3 };

/* Entries whose rows are scaled and kept while their products are summed: with 128 float32 factors
 * 32 KB, for level 1. */
#define LANES_ENTRIES 64
/* Rows of a Gram summed in one precision before they are added in float64: few enough to keep some
 * 1e-8 of its norm in float32, and for a panel of 64 of their factors to stay in level 1. */
#define LANES_SUMMED 128
/* Most factors with which a dual system's rows are gathered and transposed; from more the products
 * are summed row by row. */
#define LANES_GATHERED 80
/* Order of the largest system solved in lanes; beyond it LAPACK is as fast. */
#define LANES_ORDER 256

/* Length of a packed lower triangle of order n, n a multiple of 4: rows in blocks of 4, each as
 * long as its last. */
static inline ptrdiff_t lanes_packed(int n) { return 2 * (ptrdiff_t) (n / 4) * (n / 4 + 1) * 4; }

#if (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)) && !defined(WRMF_NO_VECTORS)
#define LANES_AVAILABLE 1
#define LANES_JOIN_(a, b, c) a##_##b##_##c
#define LANES_JOIN(a, b, c) LANES_JOIN_(a, b, c)
#define NAME(what) LANES_JOIN(what, REAL, PATH)

/* The baseline of the architecture: SSE2 or NEON. */
#define PATH baseline
#define VECTOR_BYTES 16
#define BLOCK_COLUMNS 2
#define REAL float
#define SQRT sqrtf
#define LANES 4
#include "_lanes_kernel.h"
#undef REAL
#undef SQRT
#undef LANES
#define REAL double
#define SQRT sqrt
#define LANES 2
#include "_lanes_kernel.h"
#undef REAL
#undef SQRT
#undef LANES
#undef PATH
#undef VECTOR_BYTES
#undef BLOCK_COLUMNS

#if defined(__x86_64__)
#define LANES_X86 1
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define PATH avx2
#define VECTOR_BYTES 32
#define BLOCK_COLUMNS 2
#define REAL float
#define SQRT sqrtf
#define LANES 8
#include "_lanes_kernel.h"
#undef REAL
#undef SQRT
#undef LANES
#define REAL double
#define SQRT sqrt
#define LANES 4
#include "_lanes_kernel.h"
#undef REAL
#undef SQRT
#undef LANES
#undef PATH
#undef VECTOR_BYTES
#undef BLOCK_COLUMNS
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")
#endif
/* 32 registers hold a block of 4 x 4. */
#define PATH avx512
#define VECTOR_BYTES 64
#define BLOCK_COLUMNS 4
#define REAL float
#define SQRT sqrtf
#define LANES 16
#include "_lanes_kernel.h"
#undef REAL
#undef SQRT
#undef LANES
#define REAL double
#define SQRT sqrt
#define LANES 8
#include "_lanes_kernel.h"
#undef REAL
#undef SQRT
#undef LANES
#undef PATH
#undef VECTOR_BYTES
#undef BLOCK_COLUMNS
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#if defined(LANES_X86)
#define LANES_CALL(function, arguments) \
    switch (2 * path + is_double) { \
        case 2: function##_float_baseline arguments; break; \
        case 3: function##_double_baseline arguments; break; \
        case 4: function##_float_avx2 arguments; break; \
        case 5: function##_double_avx2 arguments; break; \
        case 6: function##_float_avx512 arguments; break; \
        default: function##_double_avx512 arguments; \
    }
#else
#define LANES_CALL(function, arguments) \
    if (is_double) function##_double_baseline arguments; else function##_float_baseline arguments;
#endif
#else
#define LANES_AVAILABLE 0
#define LANES_CALL(function, arguments)
#endif

/* The best path that the CPU has; 0 where there is none. */
static int lanes_best_path(void) {
#if defined(LANES_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return LANES_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return LANES_AVX2;
#endif
    return LANES_AVAILABLE;
}

static inline int lanes_width(int path, int is_double) {
    return (8 << path) / (is_double ? 8 : 4);
}

/* Bytes of scratch of one thread: two triangles, vectors over entries and factors, some rows. */
static inline size_t lanes_scratch(int path, int ld) {
    return (size_t) (8 << path) * (2 * lanes_packed(LANES_ORDER) + 20 * LANES_ORDER + 2 * (size_t) ld)
        + (LANES_ENTRIES + 8) * (size_t) ld * sizeof(double);
}

/* Columns and weights of rows come nearer, as far as one pass over them reads at first: rows are
 * visited by length, so their places in memory cannot be foreseen. */
static void lanes_fetch(int is_double, const lanes_problem *problem, const int32_t *rows, int count) {
#if LANES_AVAILABLE
    size_t size = is_double ? 8 : 4;
    for (int i = 0; i < count; i++) {
        int64_t first = problem->indptr[rows[i]], last = problem->indptr[rows[i] + 1] - 1;
        if (last > first + LANES_ENTRIES) last = first + LANES_ENTRIES;
        for (int64_t e = first; e < last + 16; e += 16) {
            int64_t at = e < last ? e : last;
            __builtin_prefetch(problem->indices + at);
            __builtin_prefetch((const char *) problem->weights + at * size);
        }
    }
#endif
}

/* Solve up to lanes_width rows, meanwhile fetching those that the thread will probably solve next. */
static void lanes_solve(int path, int is_double, int method, const lanes_problem *problem,
                        const int32_t *rows, int count, const int32_t *next, int next_count,
                        void *scratch) {
    lanes_fetch(is_double, problem, next, next_count);
    switch (method) {
        case LANES_DUAL: LANES_CALL(dual, (problem, rows, count, scratch)) break;
        case LANES_PRIMAL: LANES_CALL(primal, (problem, rows, count, NULL, NULL, scratch)) break;
        default: LANES_CALL(conjugate, (problem, rows, count, scratch))
    }
}

/* Add columns first .. last, multiples of 64, of the lower triangle of the Gram of rows, summed in
 * the precision of is_double; the factors' own may be float32. */
static void lanes_gram(int path, int is_double, const void *factors, int are_floats, int64_t rows,
                       int k, int ld, int first, int last, double *sums, void *scratch) {
    LANES_CALL(gram, (factors, are_floats, rows, k, ld, first, last, sums, scratch))
}

/* A matrix (k, m) as lanes_multiply wants it: room for k (m + 64) elements, and for two numbers for
 * every 2 columns. */
static void lanes_pack(int path, int is_double, int k, int m, const void *matrix, void *panels,
                       int32_t *range) {
    LANES_CALL(pack, (k, m, matrix, panels, range))
}

/* The same of the transpose of a matrix (m, k) whose rows are ``order``'s of those given. */
static void lanes_pack_rows(int path, int is_double, int k, int m, const void *rows,
                            const int32_t *order, void *panels) {
    LANES_CALL(pack_rows, (k, m, rows, order, panels))
}

/* result = left · the packed matrix, of which ``range`` is NULL where all is wanted. */
static void lanes_multiply(int path, int is_double, int64_t rows, int k, int m, const void *left,
                           ptrdiff_t lda, const void *panels, const int32_t *range, void *result,
                           ptrdiff_t ldc) {
    LANES_CALL(multiply, (rows, k, m, left, lda, panels, range, result, ldc))
}

/* Elements of the sums of a part of a row. */
static ptrdiff_t lanes_part_size(int path, int is_double, int k, int ld) {
    ptrdiff_t size = 0;
    LANES_CALL(part_size, (k, ld, &size))
    return size;
}

/* Entries first .. last of one row: their share of S'S and of the target, into sums, which is
 * aligned as vectors are. */
static void lanes_part(int path, int is_double, const lanes_problem *problem, int32_t row,
                       int64_t first, int64_t last, void *sums, void *scratch) {
    LANES_CALL(part, (problem, row, first, last, sums, scratch))
}

/* Solve rows from the sums of their parts; row i's are parts[i] .. parts[i + 1]. */
static void lanes_join(int path, int is_double, const lanes_problem *problem, const int32_t *rows,
                       int count, const void *sums, const int64_t *parts, void *scratch) {
    LANES_CALL(primal, (problem, rows, count, sums, parts, scratch))
}

#endif
