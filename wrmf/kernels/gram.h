/* The Gram matrix as a sum of outer products, vectorised along the factors. */
#ifndef ALS_REAL
#error "include gram.h from als_real.h only"
#endif

/* Add to sums[a n + b] the sum over rows r of f[r][i + a] times the vector of factors of row r from
 * j + b ALS_LANES on. ``sums`` has 4 rows (a) of n vectors (b). */
ALS_INLINE void ALS_NAME(add_outer_products)(const int n, int rows, const ALS_REAL *f,
                                             ptrdiff_t stride, int i, int j, ALS_VEC *sums) {
    ALS_VEC block[4][ALS_BLOCK_COLUMNS];
    ALS_UNROLL(4, int a = 0; a < 4; a++)
        ALS_UNROLL(4, int b = 0; b < n; b++) block[a][b] = sums[a * n + b];
    for (int r = 0; r < rows; r++, f += stride) {
        ALS_VEC right[ALS_BLOCK_COLUMNS];
        ALS_UNROLL(4, int b = 0; b < n; b++) right[b] = *(const ALS_VEC *)(f + j + b * ALS_LANES);
        ALS_UNROLL(4, int a = 0; a < 4; a++) {
            ALS_REAL left = f[i + a];
            ALS_UNROLL(4, int b = 0; b < n; b++) block[a][b] += left * right[b];
        }
    }
    ALS_UNROLL(4, int a = 0; a < 4; a++)
        ALS_UNROLL(4, int b = 0; b < n; b++) sums[a * n + b] = block[a][b];
}

/* Return how many vectors of columns, from column j on, rows i .. i + 3 have up to the diagonal,
 * but at most ALS_BLOCK_COLUMNS. */
ALS_INLINE int ALS_NAME(block_width)(int i, int j) {
    int n = (i + 4 - j + ALS_LANES - 1) / ALS_LANES;
    return n < ALS_BLOCK_COLUMNS ? n : ALS_BLOCK_COLUMNS;
}

/* Call ``call`` with the width of a block, in vectors, as a compile-time constant. */
#ifndef ALS_BY_WIDTH
#if ALS_BLOCK_COLUMNS == 4
#define ALS_BY_WIDTH(n, call)                                                                      \
    switch (n) {                                                                                   \
    case 1: call(1); break;                                                                        \
    case 2: call(2); break;                                                                        \
    case 3: call(3); break;                                                                        \
    default: call(4);                                                                              \
    }
#else
#define ALS_BY_WIDTH(n, call)                                                                      \
    if ((n) == 1) {                                                                                \
        call(1);                                                                                   \
    } else {                                                                                       \
        call(2);                                                                                   \
    }
#endif
#endif

/* Copy the columns from ``first`` on of ``count`` rows of factors, and set those from k on to 0. */
ALS_INLINE void ALS_NAME(copy_factors)(const als_factors *factors, int64_t row, int count,
                                       int first, ALS_REAL *to, ptrdiff_t stride) {
    size_t size = factors->are_floats ? sizeof(float) : sizeof(ALS_REAL);
    int k = factors->k;
    for (int r = 0; r < count; r++) {
        const char *from = (const char *)factors->rows + (row + r) * k * size;
        if (factors->are_floats)
            for (int l = first; l < k; l++) to[r * stride + l] = ((const float *)from)[l];
        else memcpy(to + r * stride + first, from + first * size, (k - first) * size);
        memset(to + r * stride + k, 0, (factors->ld - k) * sizeof(ALS_REAL));
    }
}

/* Add columns first .. last - 1 of the lower triangle of the Gram matrix to ``sums``, a (k, k)
 * matrix. ALS_GRAM_ROWS rows at a time are copied to ``scratch`` and summed in ALS_REAL; these sums
 * are added up in float64. */
static void ALS_NAME(gram)(const als_factors *factors, int first, int last, double *sums,
                           void *scratch) {
    ALS_REAL *f = scratch;
    int k = factors->k;
    /* Padding by 16 elements keeps the rows in different cache sets: rows whose addresses differ by
     * a power of two would share the same sets. */
    ptrdiff_t stride = factors->ld + 16;
    size_t size = factors->are_floats ? sizeof(float) : sizeof(ALS_REAL);
    for (int64_t row = 0; row < factors->count; row += ALS_GRAM_ROWS) {
        int64_t left = factors->count - row;
        int rows = left < ALS_GRAM_ROWS ? (int)left : ALS_GRAM_ROWS;
        ALS_NAME(copy_factors)(factors, row, rows, first, f, stride);
        /* While these rows are summed, prefetch the next ones, an equal share with each block. */
        int64_t ahead = left - rows, fetched = 0;
        if (ahead > rows) ahead = rows;
        for (int j = first; j < last; j += ALS_BLOCK_COLUMNS * ALS_LANES)
            for (int i = j; i < k; i += 4) {
                int n = ALS_NAME(block_width)(i, j);
                for (; fetched * (k - first) < ahead * (i + 4 - first); fetched++)
                    for (size_t at = first * size; at < k * size; at += 64)
                        __builtin_prefetch((const char *)factors->rows +
                                           (row + rows + fetched) * k * size + at);
                ALS_VEC block[4 * ALS_BLOCK_COLUMNS] = {{0}};
#define ALS_ADD(n) ALS_NAME(add_outer_products)(n, rows, f, stride, i, j, block)
                ALS_BY_WIDTH(n, ALS_ADD)
#undef ALS_ADD
                for (int a = 0; a < 4 && i + a < k; a++) {
                    int width = i + a + 1 - j < n * ALS_LANES ? i + a + 1 - j : n * ALS_LANES;
                    double *to = sums + (ptrdiff_t)(i + a) * k + j;
                    for (int b = 0; b < width; b++) to[b] += ((const ALS_REAL *)(block + a * n))[b];
                }
            }
    }
}
