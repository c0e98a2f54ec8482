/* The kernels of alternating least squares: what they work on, and the table that finds them.
 *
 * A row's whitened system is (I + S'S) t = S'c with S = diag(sqrt w) V and c = b / sqrt w
 * (docs/solver.md). README.md, beside this file, says which header holds which part.
 */
#ifndef WRMF_KERNELS_ALS_H
#define WRMF_KERNELS_ALS_H

#include "isa.h"
#include "methods.h"

/* The rows of one side. ``void`` pointers are float or double, as the kernels called. */
typedef struct {
    const int64_t *indptr;
    const int32_t *indices;
    const void *weights;
    double target_shift;        /* b = w + target_shift */
    const void *fixed;          /* (n_columns, ld): whitened, or rotated if spectrum is given */
    int k, ld;                  /* ld: k rounded up to a multiple of 16, zeros behind k */
    const double *spectrum;     /* (k) eigenvalues, or NULL if fixed is whitened */
    const void *regularization; /* (n_rows) lambda; read with spectrum only */
    int steps;                  /* of conjugate gradients */
    void *out;                  /* (n_rows, ld) solutions; conjugate gradients start from them */
    uint8_t *failed;            /* (n_rows) set to 1 if the system was singular to rounding */
    size_t scratch_bytes;       /* of each thread's scratch */
} als_problem;

/* Rows that are solved together, one in each lane of a vector. */
typedef struct {
    const int32_t *rows;
    int count;                 /* at most als_kernels.lanes */
    const void *sums;          /* sums over parts of the rows' entries, or NULL */
    const int64_t *part_start; /* row i has the parts part_start[i] .. part_start[i + 1] - 1 */
} als_batch;

/* A slice of the entries of one row, whose sums are a part of the row's. */
typedef struct {
    int32_t row;
    int64_t first, last;
} als_part;

/* Factors to sum a Gram matrix over: (rows, k), float or double whatever the kernels' precision. */
typedef struct {
    const void *rows;
    int are_floats;
    int64_t count;
    int k, ld;
} als_factors;

/* result (rows, m) = left (rows, k) times a packed matrix (k, m). */
typedef struct {
    int64_t rows;
    int k, m;
    const void *left;
    ptrdiff_t left_stride;
    const void *panels;   /* as ``pack`` or ``pack_rows`` leave them */
    const int32_t *range; /* as ``pack`` leaves it, or NULL to multiply zeros, too */
    void *result;
    ptrdiff_t result_stride;
} als_product;

#define ALS_MEMBER(name) ALS_##name,
enum { ALS_METHODS(ALS_MEMBER) ALS_METHOD_COUNT };
#undef ALS_MEMBER

#define ALS_METHOD_NAME(name) #name,
static const char *const als_method_names[ALS_METHOD_COUNT] = {ALS_METHODS(ALS_METHOD_NAME)};
#undef ALS_METHOD_NAME

/* Solves a batch of rows. */
typedef void (*als_solve)(const als_problem *, const als_batch *, void *scratch);

/* The kernels of one precision and one instruction set. */
typedef struct {
    int lanes;
    als_solve solve[ALS_METHOD_COUNT]; /* indexed by method */
    /* Return the number of elements of the sums over one part of a row's entries. */
    ptrdiff_t (*part_size)(const als_problem *);
    /* Sum over one part of a row's entries; ``sums`` is aligned as vectors are. */
    void (*sum_part)(const als_problem *, const als_part *, void *sums, void *scratch);
    /* Add columns first .. last, multiples of 64, of the Gram's lower triangle to sums (k, k). */
    void (*gram)(const als_factors *, int first, int last, double *sums, void *scratch);
    /* Pack a matrix (k, m): room for k (m + 64) elements, and two numbers for every 2 columns. */
    void (*pack)(int k, int m, const void *matrix, void *panels, int32_t *range);
    /* Pack the transpose of rows[order[0]] .. rows[order[m - 1]], k elements each. */
    void (*pack_rows)(int k, int m, const void *rows, const int32_t *order, void *panels);
    void (*multiply)(const als_product *);
} als_kernels;

/* Entries whose scaled rows are kept while their products are summed: 32 KB with 128 float32
 * factors, to stay in the level-1 cache. */
#define ALS_ENTRIES 64
/* Rows of a Gram summed in one precision before they are added up in float64: few enough to keep
 * 1e-8 of its norm in float32, and for a panel of 64 factors to stay in the level-1 cache. */
#define ALS_GRAM_ROWS 128
/* Most factors for which the dual solver gathers and transposes rows; above, products are summed
 * row by row. */
#define ALS_MOST_GATHERED 80
/* Order of the largest system solved in lanes; above, LAPACK is as fast. */
#define ALS_MOST_ORDER 256

/* Length of a packed lower triangle of order n, a multiple of 4: rows in blocks of 4, each as long
 * as the last of its block. */
static inline ptrdiff_t als_triangle(int n) { return 2 * (ptrdiff_t)(n / 4) * (n / 4 + 1) * 4; }

/* The table of each instruction set, indexed by whether the precision is double. */
#define ALS_EXTERN(name, has) extern ISA_HIDDEN const als_kernels als_kernels_##name[2];
ISA_TABLE(ALS_EXTERN)
#undef ALS_EXTERN

/* Return the kernels of an instruction set, NULL for ``blas``. */
static inline const als_kernels *als_kernels_of(int isa, int is_double) {
#define ALS_TABLE_OF(name, has) als_kernels_##name,
    static const als_kernels *const tables[] = {NULL, ISA_TABLE(ALS_TABLE_OF)};
#undef ALS_TABLE_OF
    return tables[isa] ? tables[isa] + is_double : NULL;
}

/* Bytes of scratch that one thread needs: two triangles, vectors over entries and factors, rows. */
static inline size_t als_scratch_bytes(const als_kernels *kernels, int is_double, int ld) {
    size_t vector = (size_t)kernels->lanes * (is_double ? sizeof(double) : sizeof(float));
    return vector * (2 * als_triangle(ALS_MOST_ORDER) + 20 * ALS_MOST_ORDER + 2 * (size_t)ld) +
           (ALS_ENTRIES + 8) * (size_t)ld * sizeof(double);
}

/* Prefetch the indices and weights of rows that are solved soon, as many as one pass reads at
 * first. Rows are visited by length, so the CPU cannot foresee where they lie. */
static inline void als_prefetch(const als_problem *problem, int is_double, const int32_t *rows,
                                int count) {
#if ISA_VECTORS
    size_t size = is_double ? sizeof(double) : sizeof(float);
    for (int i = 0; i < count; i++) {
        int64_t first = problem->indptr[rows[i]], last = problem->indptr[rows[i] + 1] - 1;
        if (last > first + ALS_ENTRIES) last = first + ALS_ENTRIES;
        for (int64_t e = first; e < last + 16; e += 16) {
            int64_t at = e < last ? e : last;
            __builtin_prefetch(problem->indices + at);
            __builtin_prefetch((const char *)problem->weights + at * size);
        }
    }
#else
    (void)problem, (void)is_double, (void)rows, (void)count;
#endif
}

#endif
