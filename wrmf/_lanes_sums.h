/* A part of _lanes_kernel.h, included there for each precision and instruction set. */

/* ---- Products and sums, the lanes along the factors. ---- */

/* sums[a n + b] += Σ over rows r of f[r][i + a] · f[r][j + b LANES ..], 4 columns with n vectors. */
INLINE void NAME(outer)(const int n, int rows, const REAL *f, ptrdiff_t ld, int i, int j, VEC *sums) {
    VEC acc[4][BLOCK_COLUMNS];
    _Pragma("GCC unroll 4")
    for (int a = 0; a < 4; a++)
        _Pragma("GCC unroll 4")
        for (int b = 0; b < n; b++) acc[a][b] = sums[a * n + b];
    for (int r = 0; r < rows; r++, f += ld) {
        VEC right[BLOCK_COLUMNS];
        _Pragma("GCC unroll 4")
        for (int b = 0; b < n; b++) right[b] = *(const VEC *) (f + j + b * LANES);
        _Pragma("GCC unroll 4")
        for (int a = 0; a < 4; a++) {
            REAL left = f[i + a];
            _Pragma("GCC unroll 4")
            for (int b = 0; b < n; b++) acc[a][b] += left * right[b];
        }
    }
    _Pragma("GCC unroll 4")
    for (int a = 0; a < 4; a++)
        _Pragma("GCC unroll 4")
        for (int b = 0; b < n; b++) sums[a * n + b] = acc[a][b];
}

/* As many vectors of columns from j as reach the diagonal of rows i .. i + 4, and no more than a
 * block's; ``call`` is made with that number as a constant. */
INLINE int NAME(block_width)(int i, int j) {
    int n = (i + 4 - j + LANES - 1) / LANES;
    return n < BLOCK_COLUMNS ? n : BLOCK_COLUMNS;
}
#if BLOCK_COLUMNS == 4
#define BY_WIDTH(n, call) \
    switch (n) { case 1: call(1); break; case 2: call(2); break; case 3: call(3); break; default: call(4); }
#else
#define BY_WIDTH(n, call) if ((n) == 1) { call(1); } else { call(2); }
#endif

/* Add the Gram of ``rows`` rows of k factors, floats or REAL, to ``sums`` (k, k), columns first ..
 * last, on and below the diagonal: in REAL over LANES_SUMMED rows, which ``scratch`` holds, and so to
 * float64. */
static void NAME(gram)(const void *factors, int are_floats, int64_t rows, int k, int ld, int first,
                       int last, double *sums, void *scratch) {
    REAL *f = scratch;
    /* One more line than the factors: else rows that are a power of two apart share cache sets. */
    ptrdiff_t stride = ld + 16;
    size_t size = are_floats ? sizeof(float) : sizeof(REAL);
    for (int64_t row = 0; row < rows; row += LANES_SUMMED) {
        int some = rows - row < LANES_SUMMED ? (int) (rows - row) : LANES_SUMMED;
        for (int r = 0; r < some; r++) {
            const char *from = (const char *) factors + (row + r) * k * size;
            if (are_floats)
                for (int l = first; l < k; l++) f[r * stride + l] = ((const float *) from)[l];
            else memcpy(f + r * stride + first, from + first * size, (k - first) * size);
            memset(f + r * stride + k, 0, (ld - k) * sizeof(REAL));
        }
        /* Meanwhile the next rows come nearer, an equal share with each block. */
        int64_t ahead = rows - row - some, fetched = 0;
        if (ahead > some) ahead = some;
        for (int j = first; j < last; j += BLOCK_COLUMNS * LANES)
            for (int i = j; i < k; i += 4) {
                int n = NAME(block_width)(i, j);
                for (; fetched * (k - first) < ahead * (i + 4 - first); fetched++)
                    for (size_t at = first * size; at < k * size; at += 64)
                        __builtin_prefetch((const char *) factors
                            + (row + some + fetched) * k * size + at);
                VEC total[4 * BLOCK_COLUMNS] = {{0}};
#define OUTER(n) NAME(outer)(n, some, f, stride, i, j, total)
                BY_WIDTH(n, OUTER)
#undef OUTER
                for (int a = 0; a < 4 && i + a < k; a++) {
                    int width = i + a + 1 - j < n * LANES ? i + a + 1 - j : n * LANES;
                    double *to = sums + (ptrdiff_t) (i + a) * k + j;
                    for (int b = 0; b < width; b++) to[b] += ((const REAL *) (total + a * n))[b];
                }
            }
    }
}

/* acc[r][q] += Σ over l from first to last of a[r][l] b[l][q], for vectors q of from .. to of n. */
INLINE void NAME(multiply_span)(const int rows, const int from, const int to, const int n, int first,
                                int last, const REAL *a, ptrdiff_t lda, const VEC *b,
                                VEC acc[4][BLOCK_COLUMNS]) {
    for (int l = first; l < last; l++)
        _Pragma("GCC unroll 4")
        for (int r = 0; r < rows; r++) {
            REAL left = a[r * lda + l];
            _Pragma("GCC unroll 4")
            for (int q = from; q < to; q++) acc[r][q] += left * b[l * n + q];
        }
}

/* out[r][..] = Σ over l of a[r][l] b[l][..] for ``rows`` rows and n vectors of columns, of which
 * ``width`` columns are stored. Vector q is not zero from l = range[2 q] to range[2 q + 1], neither of
 * which falls with q: one vector after the other comes in, and goes. */
INLINE void NAME(multiply_block)(const int rows, const int n, const int32_t *range, const REAL *a,
                                 ptrdiff_t lda, const VEC *b, REAL *out, ptrdiff_t ldc, int width) {
    VEC acc[4][BLOCK_COLUMNS];
    _Pragma("GCC unroll 4")
    for (int r = 0; r < rows; r++)
        _Pragma("GCC unroll 4")
        for (int q = 0; q < n; q++) acc[r][q] = (VEC) {0};
#define SPAN(from, to, first, last) \
    NAME(multiply_span)(rows, from, to, n, range[first], range[last], a, lda, b, acc)
    _Pragma("GCC unroll 4")
    for (int q = 1; q < n; q++) SPAN(0, q, 2 * q - 2, 2 * q);
    SPAN(0, n, 2 * n - 2, 1);
    _Pragma("GCC unroll 4")
    for (int q = 1; q < n; q++) SPAN(q, n, 2 * q - 1, 2 * q + 1);
#undef SPAN
    _Pragma("GCC unroll 4")
    for (int r = 0; r < rows; r++)
        if (width == n * LANES) memcpy(out + r * ldc, acc[r], n * sizeof(VEC));
        else memcpy(out + r * ldc, acc[r], width * sizeof(REAL));
}

/* Vectors of columns in the panel of which ``left`` columns and maybe more are left. */
INLINE int NAME(panel_width)(int left) {
    return left > (BLOCK_COLUMNS - 1) * LANES ? BLOCK_COLUMNS : (left + LANES - 1) / LANES;
}

/* b (k, m) in panels of n vectors of columns, which stand one after the other; for each vector the
 * rows that multiply_block takes: half of them where b is triangular. */
static void NAME(pack)(int k, int m, const void *right, void *panels, int32_t *range) {
    const REAL *b = right;
    REAL *to = panels;
    for (int j = 0, n; j < m; j += n * LANES, range += 2 * n) {
        n = NAME(panel_width)(m - j);
        int width = m - j < n * LANES ? m - j : n * LANES;
        for (int q = 0; q < n; q++) range[2 * q] = k, range[2 * q + 1] = 0;
        for (int l = 0; l < k; l++, to += n * LANES) {
            memset(to, 0, n * sizeof(VEC));
            for (int c = 0; c < width; c++) {
                to[c] = b[(ptrdiff_t) l * m + j + c];
                if (to[c] == 0) continue;
                int32_t *mine = range + c / LANES * 2;
                if (l < mine[0]) mine[0] = l;
                mine[1] = l + 1;
            }
        }
        for (int q = n - 2; q >= 0; q--)
            if (range[2 * q] > range[2 * q + 2]) range[2 * q] = range[2 * q + 2];
        if (range[1] < range[2 * n - 2]) range[1] = range[2 * n - 2];
        for (int q = 1; q < n; q++)
            if (range[2 * q + 1] < range[2 * q - 1]) range[2 * q + 1] = range[2 * q - 1];
    }
}

/* As ``pack`` of the transposed rows[order[0]] .. rows[order[m - 1]], k elements each. */
static void NAME(pack_rows)(int k, int m, const void *rows, const int32_t *order, void *panels) {
    VEC *to = panels;
    for (int j = 0, n; j < m; j += n * LANES, to += (ptrdiff_t) k * n) {
        n = NAME(panel_width)(m - j);
        for (int q = 0; q < n; q++)
            for (int l = 0; l < k; l += LANES) {
                int some = k - l < LANES ? k - l : LANES;
                VEC v[LANES];
                for (int lane = 0, c = j + q * LANES; lane < LANES; lane++, c++) {
                    v[lane] = (VEC) {0};
                    if (c >= m) continue;
                    const REAL *row = (const REAL *) rows + (size_t) order[c] * k + l;
                    if (some == LANES) memcpy(&v[lane], row, sizeof(VEC));
                    else memcpy(&v[lane], row, some * sizeof(REAL));
                }
                NAME(transpose)(v);
                for (int i = 0; i < some; i++) to[(l + i) * n + q] = v[i];
            }
    }
}

/* Four rows of ``width`` elements come nearer. */
INLINE void NAME(fetch)(const REAL *a, ptrdiff_t lda, int width, const int to_write) {
    for (int r = 0; r < 4; r++, a += lda)
        for (int l = 0; l < width; l += 64 / sizeof(REAL))
            /* clang wants a literal there. */
            if (to_write) __builtin_prefetch(a + l, 1);
            else __builtin_prefetch(a + l, 0);
}

/* out = a b for ``rows`` rows, b (k, m) packed, all of it where ``range`` is NULL. */
static void NAME(multiply)(int64_t rows, int k, int m, const void *left, ptrdiff_t lda,
                           const void *panels, const int32_t *range, void *result, ptrdiff_t ldc) {
    const VEC *panel = panels;
    const REAL *a = left;
    int32_t whole[2 * BLOCK_COLUMNS];
    for (int q = 0; q < BLOCK_COLUMNS; q++) whole[2 * q] = 0, whole[2 * q + 1] = k;
    for (int j = 0, n; j < m; j += n * LANES, panel += (ptrdiff_t) k * n) {
        n = NAME(panel_width)(m - j);
        const int32_t *mine = range ? range + 2 * (j / LANES) : whole;
        int width = m - j < n * LANES ? m - j : n * LANES;
        REAL *out = (REAL *) result + j;
        int64_t r = 0;
        for (; r + 4 <= rows; r += 4) {
            /* The CPU does not foresee all of the way, nor that the result is written over. */
            if (!j && r + 16 <= rows) NAME(fetch)(a + (r + 12) * lda, lda, k, 0);
            if (r + 8 <= rows) NAME(fetch)(out + (r + 4) * ldc, ldc, width, 1);
#define MULTIPLY(n) \
    NAME(multiply_block)(4, n, mine, a + r * lda, lda, panel, out + r * ldc, ldc, width)
            BY_WIDTH(n, MULTIPLY)
#undef MULTIPLY
        }
        for (; r < rows; r++) {
#define MULTIPLY(n) \
    NAME(multiply_block)(1, n, mine, a + r * lda, lda, panel, out + r * ldc, ldc, width)
            BY_WIDTH(n, MULTIPLY)
#undef MULTIPLY
        }
    }
}

/* Vectors of the sums S'S below: rows in blocks of 4, each up to the vector with the diagonal. */
static int NAME(sums_vectors)(int n) {
    int vectors = 0;
    for (int i = 0; i < n; i += 4) vectors += 4 * ((i + 4 + LANES - 1) / LANES);
    return vectors;
}

/* t[l] += Σ h_e y_e[l] over some entries of one row; h_e at h[e stride]. */
INLINE void NAME(combine_block)(const lanes_problem *problem, const int n, const int32_t *columns,
                                int length, const REAL *h, int stride, int l, VEC *t) {
    VEC acc[8];
    _Pragma("GCC unroll 8")
    for (int q = 0; q < n; q++) acc[q] = t[l + q];
    for (int e = 0; e < length; e++, h += stride) {
        const VEC *y = NAME(fixed_row)(problem, columns[e]) + l;
        _Pragma("GCC unroll 8")
        for (int q = 0; q < n; q++) acc[q] += *h * y[q];
    }
    _Pragma("GCC unroll 8")
    for (int q = 0; q < n; q++) t[l + q] = acc[q];
}

INLINE void NAME(combine)(const lanes_problem *problem, const int32_t *columns, int length,
                          const REAL *h, int stride, VEC *t) {
    int l = 0, vectors = problem->ld / LANES;
    for (; l + 8 <= vectors; l += 8)
        NAME(combine_block)(problem, 8, columns, length, h, stride, l, t);
    for (; l + 2 <= vectors; l += 2)
        NAME(combine_block)(problem, 2, columns, length, h, stride, l, t);
    for (; l < vectors; l++)
        NAME(combine_block)(problem, 1, columns, length, h, stride, l, t);
}

/* target[l] += Σ b_e y_e[l], and panel[e][l] = root_e y_e[l] scale[l], over some entries of one row. */
INLINE void NAME(open_block)(const lanes_problem *problem, const int n, const int32_t *columns,
                             int length, const REAL *b, const REAL *root, const VEC *scale, int l,
                             VEC *target, VEC *panel) {
    int vectors = problem->ld / LANES;
    VEC acc[4], by[4];
    for (int q = 0; q < n; q++) {
        acc[q] = target[l + q];
        by[q] = scale ? scale[l + q] : NAME(fill)(1);
    }
    panel += l;
    for (int e = 0; e < length; e++, panel += vectors) {
        const VEC *y = NAME(fixed_row)(problem, columns[e]) + l;
        _Pragma("GCC unroll 4")
        for (int q = 0; q < n; q++) {
            acc[q] += b[e] * y[q];
            panel[q] = root[e] * y[q] * by[q];
        }
    }
    for (int q = 0; q < n; q++) target[l + q] = acc[q];
}

/* sums += S'S and target += Σ b y over entries of one row, n factors; ``panel`` holds
 * LANES_ENTRIES of them. Of the ``next`` columns some are fetched. */
static void NAME(accumulate)(const lanes_problem *problem, const int32_t *columns,
                             const REAL *weights, int64_t length, int n, const VEC *scale,
                             VEC *panel, VEC *sums, VEC *target, const int32_t *next,
                             int64_t next_length) {
    int vectors = problem->ld / LANES;
    for (int64_t e = 0; e < length; e += LANES_ENTRIES) {
        int64_t left = length - e;
        int some = left < LANES_ENTRIES ? (int) left : LANES_ENTRIES, l = 0;
        REAL b[LANES_ENTRIES], root[LANES_ENTRIES];
        for (int m = 0; m < some; m += LANES) {
            VEC w = {0}, r;
            memcpy(&w, weights + e + m, (some - m < LANES ? some - m : LANES) * sizeof(REAL));
            r = NAME(root)(w);
            w += (REAL) problem->target_shift;
            memcpy(b + m, &w, sizeof w);
            memcpy(root + m, &r, sizeof r);
        }
#define OPEN(n) NAME(open_block)(problem, n, columns + e, some, b, root, scale, l, target, panel)
        for (; l + 4 <= vectors; l += 4) OPEN(4);
        for (; l + 2 <= vectors; l += 2) OPEN(2);
        for (; l < vectors; l++) OPEN(1);
#undef OPEN
        /* Meanwhile the next entries come nearer, an equal share with each row of blocks. */
        const int32_t *ahead = left > some ? columns + e + some : next;
        int64_t to_fetch = left > some ? left - some : next_length;
        if (to_fetch > LANES_ENTRIES) to_fetch = LANES_ENTRIES;
        VEC *to = sums;
        for (int i = 0, fetched = 0; i < n; i += 4) {
            for (; fetched * n < to_fetch * (i + 4); fetched++)
                for (l = 0; l < vectors; l++)
                    __builtin_prefetch(NAME(fixed_row)(problem, ahead[fetched]) + l);
            for (int j = 0; j < i + 4; j += BLOCK_COLUMNS * LANES) {
                int width = NAME(block_width)(i, j);
#define OUTER(n) NAME(outer)(n, some, (const REAL *) panel, problem->ld, i, j, to)
                BY_WIDTH(width, OUTER)
#undef OUTER
                to += 4 * width;
            }
        }
    }
}

/* The scaled y's of each lane's row, s[e ld + l]; past the end of a row its last. */
static void NAME(gather)(const lanes_problem *problem, const NAME(group) *group,
                         const VEC *scale, VEC *s) {
    int vectors = problem->ld / LANES;
    for (int e = 0; e < group->d; e++) {
        const VEC *y[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            /* A lane without a row has the first lane's. */
            int used = lane < group->count ? lane : 0, last = group->length[used] - 1;
            const int32_t *columns = group->columns[used];
            y[lane] = NAME(fixed_row)(problem, columns[e < last ? e : last]);
            const VEC *ahead = NAME(fixed_row)(problem, columns[e + 2 < last ? e + 2 : last]);
            for (int l = 0; l < vectors; l++) __builtin_prefetch(ahead + l);
        }
        for (int l = 0; l < vectors; l++, s += LANES) {
            VEC v[LANES];
            for (int lane = 0; lane < LANES; lane++) v[lane] = y[lane][l];
            NAME(transpose)(v);
            for (int q = 0; q < LANES; q++) s[q] = scale ? v[q] * scale[l * LANES + q] : v[q];
        }
    }
}

/* y_i · y_j of the entries of one row, i >= j, in blocks of 4 x BLOCK_COLUMNS; with ``scale``, the
 * scaled y's. n: the entries rounded up to a multiple of 4, or more; past its end a row has its last.
 * ``scratch``: 4 rows. Of the ``next`` columns as many are fetched as there are blocks. */
static void NAME(products)(const lanes_problem *problem, const int32_t *columns, int length, int n,
                           const VEC *scale, VEC *scratch, REAL *sums, const int32_t *next,
                           int next_length) {
    int vectors = problem->ld / LANES;
    const VEC *y[LANES_ORDER];
    for (int e = 0; e < n; e++)
        y[e] = NAME(fixed_row)(problem, columns[e < length ? e : length - 1]);
    for (int i = 0; i < n; i += 4) {
        const VEC *left[4] = {y[i], y[i + 1], y[i + 2], y[i + 3]};
        for (int a = 0; a < 4 && scale; a++) {
            VEC *scaled = scratch + a * vectors;
            for (int l = 0; l < vectors; l++) scaled[l] = left[a][l] * scale[l] * scale[l];
            left[a] = scaled;
        }
        for (int j = 0; j < i + 4; j += BLOCK_COLUMNS, sums += 4 * BLOCK_COLUMNS) {
            const VEC *ahead = NAME(fixed_row)(problem, *next);
            if (next_length > 1) next++, next_length--;
            const VEC *below[BLOCK_COLUMNS];
            memcpy(below, y + j, sizeof below);
            VEC acc[4 * BLOCK_COLUMNS];
            _Pragma("GCC unroll 16")
            for (int q = 0; q < 4 * BLOCK_COLUMNS; q++) acc[q] = (VEC) {0};
            for (int l = 0; l < vectors; l++) {
                VEC right[BLOCK_COLUMNS];
                __builtin_prefetch(ahead + l);
                _Pragma("GCC unroll 4")
                for (int b = 0; b < BLOCK_COLUMNS; b++) right[b] = below[b][l];
                _Pragma("GCC unroll 4")
                for (int a = 0; a < 4; a++) {
                    VEC one = left[a][l];
                    _Pragma("GCC unroll 4")
                    for (int b = 0; b < BLOCK_COLUMNS; b++)
                        acc[a * BLOCK_COLUMNS + b] += one * right[b];
                }
            }
            _Pragma("GCC unroll 4")
            for (int o = 0; o < 4 * BLOCK_COLUMNS; o += LANES) {
                VEC total = NAME(fold)(acc + o);
                memcpy(sums + o, &total, sizeof total);
            }
        }
    }
}
