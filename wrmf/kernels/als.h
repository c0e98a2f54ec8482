/* The kernels of alternating least squares: the structs of their arguments, and their table.
 *
 * A row's whitened system is (I + S'S) t = S'c with S = diag(sqrt w) V and c = b / sqrt w
 * (docs/solver.md). README.md in this directory lists the contents of each header.
 */
#ifndef WRMF_KERNELS_ALS_H
#define WRMF_KERNELS_ALS_H

#include "isa.h"
#include "methods.h"

/* The rows of one side. ``void`` pointers point to numbers of the precision of the kernels. */
typedef struct {
    const int64_t *indptr;
    const int32_t *indices;
    const void *weights;
    const void *targets;        /* b of each entry, or NULL if b = w + target_shift */
    double target_shift;        /* used only without targets */
    int is_signed;              /* whether weights may be negative */
    const void *fixed;          /* (n_columns, ld) whitened, or rotated if spectrum is given */
    int k, ld;                  /* ld: k rounded up to a multiple of 16; zeros from k on */
    const double *spectrum;     /* (k) eigenvalues, or NULL if fixed is whitened */
    const void *regularization; /* (n_rows) lambda; used only if spectrum is given */
    int steps;                  /* number of conjugate-gradient steps */
    void *out;                  /* (n_rows, ld) solutions; "cg" starts from the present ones */
    uint8_t *failed;            /* (n_rows) set to 1 if the system was singular to rounding */
    double *gains;              /* (n_rows) set to t'S'c by "dual" and "primal", or NULL */
    size_t scratch_bytes;       /* size of each thread's scratch */
} als_problem;

/* Rows that are solved together, one in each lane of a vector. */
typedef struct {
    const int32_t *rows;
    int count;                 /* at most als_kernels.lanes */
    const void *sums;          /* partial sums over the rows' entries, or NULL */
    const int64_t *part_start; /* row i has the sums part_start[i] .. part_start[i + 1] - 1 */
} als_batch;

/* Entries first .. last - 1 of the problem, which are a part of the entries of one row. */
typedef struct {
    int32_t row;
    int64_t first, last;
} als_part;

/* The (count, k) factors whose Gram matrix is computed. They may be float or double, independently
 * of the precision of the kernels. */
typedef struct {
    const void *rows;
    int are_floats;
    int64_t count;
    int k, ld;
} als_factors;

/* The product result = left * matrix: left is (rows, k), and the packed matrix is (k, m). */
typedef struct {
    int64_t rows;
    int k, m;
    const void *left;
    ptrdiff_t left_stride;
    const void *panels;   /* the packed matrix, from ``pack`` or ``pack_rows`` */
    const int32_t *range; /* the ranges from ``pack``, or NULL to multiply all rows of the matrix */
    void *result;
    ptrdiff_t result_stride;
} als_product;

/* A row of a sparse matrix, which is multiplied by a dense one of k columns. */
typedef struct {
    const int32_t *columns;
    const void *values;
    int64_t count;
    const void *dense;
    int k;
} als_sparse;

#define ALS_MEMBER(name) ALS_##name,
enum { ALS_METHODS(ALS_MEMBER) ALS_METHOD_COUNT };
#undef ALS_MEMBER

#define ALS_METHOD_NAME(name) #name,
static const char *const als_method_names[ALS_METHOD_COUNT] = {ALS_METHODS(ALS_METHOD_NAME)};
#undef ALS_METHOD_NAME

/* Solves a batch of rows. */
typedef void (*als_solve)(const als_problem *, const als_batch *, void *scratch);
/* Solves the only row of a problem. ``fixed`` are the problem's fixed factors, (d, ld) in the order
 * of the row's d entries; they may be overwritten. */
typedef void (*als_solve_row)(const als_problem *, void *fixed, void *scratch);

/* The kernels of one precision and one instruction set. */
typedef struct {
    int lanes;
    als_solve solve[ALS_METHOD_COUNT]; /* indexed by method */
    /* Return the number of elements that the partial sums over a row's entries take. */
    ptrdiff_t (*part_size)(const als_problem *);
    /* Compute the partial sums over one part of a row's entries. ``sums`` must be aligned to
     * vectors. */
    void (*sum_part)(const als_problem *, const als_part *, void *sums, void *scratch);
    /* Write such sums as a (k, k) matrix, the lower triangle only, and the k targets after it. */
    void (*unpack_part)(const als_problem *, const void *sums, void *matrix);
    /* Set ``to`` to the sum over one part of a row's entries of y (b - w y'p) if ``is_residual``,
     * otherwise of w y (y'p). ``p`` and ``to`` have ld elements and must be aligned to vectors. No
     * scales are used. */
    void (*apply_part)(const als_problem *, const als_part *, int is_residual, const void *p,
                       void *to);
    /* Add columns first .. last - 1 of the lower triangle of the Gram matrix to ``sums``, a (k, k)
     * matrix. ``first`` is a multiple of 64, and so is ``last`` unless it is k. */
    void (*gram)(const als_factors *, int first, int last, double *sums, void *scratch);
    /* Pack a (k, m) matrix. ``panels`` must hold k (m + 64) elements, ``range`` m + 64 numbers. */
    void (*pack)(int k, int m, const void *matrix, void *panels, int32_t *range);
    /* Pack the (k, m) matrix whose columns are rows[order[0]] .. rows[order[m - 1]]. */
    void (*pack_rows)(int k, int m, const void *rows, const int32_t *order, void *panels);
    void (*multiply)(const als_product *);
    /* The methods ``dual`` and ``primal`` for a single row, bitwise as for many. */
    als_solve_row solve_row[2];
    void (*sparse_row)(const als_sparse *, void *out);
    /* Set the targets of a row's entries to b - w y s, with the (ld) expected factors s. */
    void (*shift)(const als_problem *, int32_t row, const void *expected, void *targets);
} als_kernels;

/* The number of entries of a row that the primal solver loads at a time. Their scaled factors take
 * 32 KB with 128 float32 factors, so they stay in the level-1 cache while their outer products are
 * summed. */
#define ALS_ENTRIES 64
/* The number of rows over which a Gram matrix is summed in the kernels' precision, before the sum
 * is added to a float64 total. With so few rows, the error in float32 is about 1e-8 of the norm,
 * and a panel of 64 factors stays in the level-1 cache. */
#define ALS_GRAM_ROWS 128
/* The largest ``ld`` for which the dual solver gathers and transposes the factors of a batch. With
 * more factors, it sums products row by row. */
#define ALS_MOST_GATHERED 80
/* The largest target b, as a multiple of its weight, for which the dual solver computes gains. */
#define ALS_MOST_TARGET 64
/* The largest order of a system that is solved in a lane. For larger systems LAPACK is as fast. */
#define ALS_MOST_ORDER 256

/* Return the number of elements of a packed lower triangle of order n, a multiple of 4. Its rows
 * are stored in blocks of 4; all rows of a block are as long as the last row of the block. */
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

/* Return the bytes of scratch that one thread needs: for two packed triangles, for vectors over
 * entries and over factors, and for ALS_ENTRIES + 8 rows of factors. */
static inline size_t als_scratch_bytes(const als_kernels *kernels, int is_double, int ld) {
    size_t vector = (size_t)kernels->lanes * (is_double ? sizeof(double) : sizeof(float));
    return vector * (2 * als_triangle(ALS_MOST_ORDER) + 20 * ALS_MOST_ORDER + 2 * (size_t)ld) +
           (ALS_ENTRIES + 8) * (size_t)ld * sizeof(double);
}

/* Return the bytes of scratch that ``solve_row`` needs for a row of at most d entries. */
static inline size_t als_row_scratch_bytes(int is_double, int ld, int d) {
    size_t real = is_double ? sizeof(double) : sizeof(float);
    size_t order = (size_t)(ld > d ? ld : d) + 8, stride = order + 32;
    /* The system, and what is larger: the sums and a panel of "primal", or the transposed factors
     * or the products of pairs of "dual". */
    size_t system = (order + 12) * stride;
    size_t of_primal = order * stride + ALS_ENTRIES * (size_t)ld;
    size_t of_dual = ((size_t)d + 32) * ld + order * stride;
    return real * (system + (of_primal > of_dual ? of_primal : of_dual) + 8 * stride);
}

/* Prefetch the indices and weights of about the first ALS_ENTRIES entries of rows that are solved
 * soon. Rows are solved in the order of their lengths, so the CPU cannot predict the addresses. */
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
