/* Products of factors and a packed matrix, vectorised along the columns of the packed matrix. */
#ifndef ALS_REAL
#error "include product.h from als_real.h only"
#endif

/* The operands of one register block: rows of the left matrix, and a panel of the packed matrix. */
#define ALS_OPERANDS ALS_NAME(operands)
typedef struct {
    const ALS_REAL *left;
    ptrdiff_t left_stride;
    const ALS_VEC *panel;
    const int32_t *range; /* outside rows range[2q] .. range[2q + 1] - 1, vector q is 0 */
} ALS_OPERANDS;

#define ALS_BLOCK_RESULT ALS_NAME(block_result)
typedef struct {
    ALS_REAL *out;
    ptrdiff_t stride;
    int width; /* number of columns to store */
} ALS_BLOCK_RESULT;

/* Add to sums[r][q] the sum over l = first .. last - 1 of left[r][l] panel[l][q], for the vectors
 * q = from .. to - 1 of the n vectors of a panel. */
ALS_INLINE void ALS_NAME(add_span)(const int rows, const int n, const int from, const int to,
                                   int first, int last, const ALS_OPERANDS *operands,
                                   ALS_VEC sums[4][ALS_BLOCK_COLUMNS]) {
    for (int l = first; l < last; l++)
        ALS_UNROLL(4, int r = 0; r < rows; r++) {
            ALS_REAL left = operands->left[r * operands->left_stride + l];
            ALS_UNROLL(4, int q = from; q < to; q++)
                sums[r][q] += left * operands->panel[l * n + q];
        }
}

/* Multiply ``rows`` rows by a panel of n vectors of columns. From one vector to the next, neither
 * bound of the range decreases. Rows of the panel are therefore visited in three steps: those in
 * the ranges of only the leading vectors, of all vectors, and of only the trailing vectors. */
ALS_INLINE void ALS_NAME(multiply_block)(const int rows, const int n, const ALS_OPERANDS *operands,
                                         const ALS_BLOCK_RESULT *result) {
    const int32_t *range = operands->range;
    ALS_VEC sums[4][ALS_BLOCK_COLUMNS];
    ALS_UNROLL(4, int r = 0; r < rows; r++)
        ALS_UNROLL(4, int q = 0; q < n; q++) sums[r][q] = (ALS_VEC){0};
#define ALS_SPAN(from, to, first, last)                                                            \
    ALS_NAME(add_span)(rows, n, from, to, range[first], range[last], operands, sums)
    ALS_UNROLL(4, int q = 1; q < n; q++) ALS_SPAN(0, q, 2 * q - 2, 2 * q);
    ALS_SPAN(0, n, 2 * n - 2, 1);
    ALS_UNROLL(4, int q = 1; q < n; q++) ALS_SPAN(q, n, 2 * q - 1, 2 * q + 1);
#undef ALS_SPAN
    ALS_UNROLL(4, int r = 0; r < rows; r++)
        if (result->width == n * ALS_LANES)
            memcpy(result->out + r * result->stride, sums[r], n * sizeof(ALS_VEC));
        else memcpy(result->out + r * result->stride, sums[r], result->width * sizeof(ALS_REAL));
}

/* Return how many vectors of columns the next panel has, if ``left`` columns are not packed yet. */
ALS_INLINE int ALS_NAME(panel_width)(int left) {
    return left > (ALS_BLOCK_COLUMNS - 1) * ALS_LANES ? ALS_BLOCK_COLUMNS
                                                      : (left + ALS_LANES - 1) / ALS_LANES;
}

/* Pack a (k, m) matrix into panels of n vectors of columns, one panel after the other. For each
 * vector, ``range`` is set to the first row that is not zero and the row after the last one. In a
 * triangular matrix, such a range contains half of the rows on average. Ranges are extended so that
 * within a panel neither bound decreases from one vector to the next. */
static void ALS_NAME(pack)(int k, int m, const void *matrix, void *panels, int32_t *range) {
    const ALS_REAL *from = matrix;
    ALS_REAL *to = panels;
    for (int j = 0, n; j < m; j += n * ALS_LANES, range += 2 * n) {
        n = ALS_NAME(panel_width)(m - j);
        int width = m - j < n * ALS_LANES ? m - j : n * ALS_LANES;
        for (int q = 0; q < n; q++) range[2 * q] = k, range[2 * q + 1] = 0;
        for (int l = 0; l < k; l++, to += n * ALS_LANES) {
            memset(to, 0, n * sizeof(ALS_VEC));
            for (int c = 0; c < width; c++) {
                to[c] = from[(ptrdiff_t)l * m + j + c];
                if (to[c] == 0) continue;
                int32_t *bounds = range + c / ALS_LANES * 2;
                if (l < bounds[0]) bounds[0] = l;
                bounds[1] = l + 1;
            }
        }
        for (int q = n - 2; q >= 0; q--)
            if (range[2 * q] > range[2 * q + 2]) range[2 * q] = range[2 * q + 2];
        if (range[1] < range[2 * n - 2]) range[1] = range[2 * n - 2];
        for (int q = 1; q < n; q++)
            if (range[2 * q + 1] < range[2 * q - 1]) range[2 * q + 1] = range[2 * q - 1];
    }
}

/* Pack the matrix whose columns are rows[order[0]] .. rows[order[m - 1]], of k elements each, in
 * the layout of ``pack``. */
static void ALS_NAME(pack_rows)(int k, int m, const void *rows, const int32_t *order,
                                void *panels) {
    ALS_VEC *to = panels;
    for (int j = 0, n; j < m; j += n * ALS_LANES, to += (ptrdiff_t)k * n) {
        n = ALS_NAME(panel_width)(m - j);
        for (int q = 0; q < n; q++)
            for (int l = 0; l < k; l += ALS_LANES) {
                int length = k - l < ALS_LANES ? k - l : ALS_LANES;
                ALS_VEC v[ALS_LANES];
                for (int lane = 0, c = j + q * ALS_LANES; lane < ALS_LANES; lane++, c++) {
                    v[lane] = (ALS_VEC){0};
                    if (c >= m) continue;
                    const ALS_REAL *row = (const ALS_REAL *)rows + (size_t)order[c] * k + l;
                    if (length == ALS_LANES) memcpy(&v[lane], row, sizeof(ALS_VEC));
                    else memcpy(&v[lane], row, length * sizeof(ALS_REAL));
                }
                ALS_NAME(transpose)(v);
                for (int i = 0; i < length; i++) to[(l + i) * n + q] = v[i];
            }
    }
}

/* Prefetch four rows of ``width`` elements, for writing if ``to_write``, otherwise for reading. */
ALS_INLINE void ALS_NAME(prefetch_rows)(const ALS_REAL *a, ptrdiff_t stride, int width,
                                        const int to_write) {
    for (int r = 0; r < 4; r++, a += stride)
        for (int l = 0; l < width; l += 64 / sizeof(ALS_REAL))
            /* clang accepts only a literal as the second argument. */
            if (to_write) __builtin_prefetch(a + l, 1);
            else __builtin_prefetch(a + l, 0);
}

/* Multiply the left matrix by a packed matrix, one panel and four rows at a time. */
static void ALS_NAME(multiply)(const als_product *product) {
    int k = product->k, m = product->m;
    int64_t rows = product->rows;
    const ALS_REAL *left = product->left;
    ptrdiff_t stride = product->left_stride;
    int32_t whole[2 * ALS_BLOCK_COLUMNS];
    for (int q = 0; q < ALS_BLOCK_COLUMNS; q++) whole[2 * q] = 0, whole[2 * q + 1] = k;
    ALS_OPERANDS operands = {left, stride, product->panels, whole};
    for (int j = 0, n; j < m; j += n * ALS_LANES, operands.panel += (ptrdiff_t)k * n) {
        n = ALS_NAME(panel_width)(m - j);
        if (product->range) operands.range = product->range + 2 * (j / ALS_LANES);
        int width = m - j < n * ALS_LANES ? m - j : n * ALS_LANES;
        ALS_REAL *out = (ALS_REAL *)product->result + j;
        ALS_BLOCK_RESULT result = {out, product->result_stride, width};
        int64_t r = 0;
        for (; r + 4 <= rows; r += 4) {
            /* The CPU does not prefetch all rows that are read, nor those that are overwritten. */
            if (!j && r + 16 <= rows)
                ALS_NAME(prefetch_rows)(left + (r + 12) * stride, stride, k, 0);
            if (r + 8 <= rows)
                ALS_NAME(prefetch_rows)(out + (r + 4) * result.stride, result.stride, width, 1);
            operands.left = left + r * stride;
            result.out = out + r * result.stride;
#define ALS_MULTIPLY(n) ALS_NAME(multiply_block)(4, n, &operands, &result)
            ALS_BY_WIDTH(n, ALS_MULTIPLY)
#undef ALS_MULTIPLY
        }
        for (; r < rows; r++) {
            operands.left = left + r * stride;
            result.out = out + r * result.stride;
#define ALS_MULTIPLY(n) ALS_NAME(multiply_block)(1, n, &operands, &result)
            ALS_BY_WIDTH(n, ALS_MULTIPLY)
#undef ALS_MULTIPLY
        }
    }
}
