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

#define EVEN(p, h) (((p) & (h)) ? LANES + (p) - (h) : (p))
#define ODD(p, h) (((p) & (h)) ? LANES + (p) : (p) + (h))
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
        for (int e = 0; e < group->length[lane]; e += 16) {
            __builtin_prefetch(group->columns[lane] + e);
            __builtin_prefetch(group->weights[lane] + e);
        }
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
    for (int lane = 0; lane < LANES; lane++)
        if (!(finite[lane] == 0)) problem->failed[row] = 1;
}

/* ---- The algebra, on a packed lower triangle: row i begins at start(i). ---- */

INLINE ptrdiff_t NAME(start)(int i) {
    ptrdiff_t q = i / 4;
    return 8 * q * (q + 1) + (i % 4) * 4 * (q + 1);
}

/* acc[i][j] += sum over l of a_i[l] b_j[l]. */
INLINE void NAME(block)(VEC acc[4][BLOCK_COLUMNS], const VEC *a, ptrdiff_t a_row, const VEC *b,
                        ptrdiff_t b_row, int n) {
    for (int l = 0; l < n; l++, a++, b++) {
        VEC right[BLOCK_COLUMNS];
        _Pragma("GCC unroll 4")
        for (int j = 0; j < BLOCK_COLUMNS; j++) right[j] = b[j * b_row];
        _Pragma("GCC unroll 4")
        for (int i = 0; i < 4; i++) {
            VEC left = a[i * a_row];
            _Pragma("GCC unroll 4")
            for (int j = 0; j < BLOCK_COLUMNS; j++) acc[i][j] += left * right[j];
        }
    }
}

/* C = L L' in place, row block by row block; inverse[i] = 1 / L[i][i]. Returns the least pivot of
 * each lane; every exact pivot is at least 1, since C is I plus a Gram matrix. */
static VEC NAME(cholesky)(int n, VEC *c, VEC *inverse) {
    VEC worst = NAME(fill)((REAL) 1e30);
    for (int i = 0; i < n; i += 4) {
        ptrdiff_t length = i + 4;
        VEC *ci = c + NAME(start)(i);
        for (int j = 0; j < i; j += BLOCK_COLUMNS) {
            ptrdiff_t other = 4 * (j / 4 + 1);
            const VEC *cj = c + NAME(start)(j);
            VEC acc[4][BLOCK_COLUMNS];
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) acc[a][b] = -ci[a * length + j + b];
            NAME(block)(acc, ci, length, cj, other, j);
            for (int b = 0; b < BLOCK_COLUMNS; b++)
                for (int a = 0; a < 4; a++) {
                    VEC value = -acc[a][b];
                    for (int m = 0; m < b; m++)
                        value -= ci[a * length + j + m] * cj[b * other + j + m];
                    ci[a * length + j + b] = value * inverse[j + b];
                }
        }
        for (int j = i; j < i + 4; j += BLOCK_COLUMNS) {
            VEC acc[4][BLOCK_COLUMNS];
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) acc[a][b] = -ci[a * length + j + b];
            NAME(block)(acc, ci, length, ci + (j - i) * length, length, i);
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) ci[a * length + j + b] = -acc[a][b];
        }
        for (int j = 0; j < 4; j++) {
            for (int a = j; a < 4; a++)
                for (int m = i; m < i + j; m++)
                    ci[a * length + i + j] -= ci[a * length + m] * ci[j * length + m];
            VEC pivot = ci[j * length + i + j];
            worst = NAME(least)(pivot, worst);
            inverse[i + j] = NAME(fill)(1) / NAME(root)(pivot);
            for (int a = j; a < 4; a++) ci[a * length + i + j] *= inverse[i + j];
        }
    }
    return worst;
}

/* Solve L L' x = x in place. */
static void NAME(substitute)(int n, const VEC *c, const VEC *inverse, VEC *x) {
    for (int i = 0; i < n; i += 4) {
        ptrdiff_t length = i + 4;
        const VEC *ci = c + NAME(start)(i);
        VEC acc[4] = {x[i], x[i + 1], x[i + 2], x[i + 3]};
        for (int l = 0; l < i; l++)
            for (int a = 0; a < 4; a++) acc[a] -= ci[a * length + l] * x[l];
        for (int a = 0; a < 4; a++) {
            for (int m = 0; m < a; m++) acc[a] -= ci[a * length + i + m] * x[i + m];
            x[i + a] = acc[a] * inverse[i + a];
        }
    }
    for (int i = n - 4; i >= 0; i -= 4) {
        ptrdiff_t length = i + 4;
        const VEC *ci = c + NAME(start)(i);
        for (int a = 3; a >= 0; a--) {
            for (int m = a + 1; m < 4; m++) x[i + a] -= ci[m * length + i + a] * x[i + m];
            x[i + a] *= inverse[i + a];
        }
        for (int l = 0; l < i; l++) {
            VEC value = x[l];
            for (int a = 0; a < 4; a++) value -= ci[a * length + l] * x[i + a];
            x[l] = value;
        }
    }
}

/* Factorise and solve, x becomes the solution; mark rows with a pivot within rounding error. */
static void NAME(solve)(const lanes_problem *problem, const int32_t *rows, int count, int n, VEC *c,
                        VEC *inverse, VEC *x) {
    VEC largest = {0};
    for (int i = 0; i < n; i++) largest = NAME(most)(c[NAME(start)(i) + i], largest);
    VEC limit = largest * (REAL) (n * (sizeof(REAL) == 4 ? 1.1920929e-7 : 2.220446049250313e-16));
    VEC worst = NAME(cholesky)(n, c, inverse);
    NAME(substitute)(n, c, inverse, x);
    for (int lane = 0; lane < count; lane++)
        if (!(worst[lane] > limit[lane])) problem->failed[rows[lane]] = 1;
}

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

/* Add the Gram of ``rows`` rows of k factors to ``sums`` (k, k), columns first .. last, on and
 * below the diagonal: in REAL over LANES_SUMMED rows, which ``scratch`` holds, and so to float64. */
static void NAME(gram)(const void *factors, int64_t rows, int k, int ld, int first, int last,
                       double *sums, void *scratch) {
    REAL *f = scratch;
    /* One more line than the factors: else rows that are a power of two apart share cache sets. */
    ptrdiff_t stride = ld + 16;
    for (int64_t row = 0; row < rows; row += LANES_SUMMED) {
        int some = rows - row < LANES_SUMMED ? (int) (rows - row) : LANES_SUMMED;
        for (int r = 0; r < some; r++) {
            memcpy(f + r * stride + first, (const REAL *) factors + (row + r) * k + first,
                   (k - first) * sizeof(REAL));
            memset(f + r * stride + k, 0, (ld - k) * sizeof(REAL));
        }
        for (int j = first; j < last; j += BLOCK_COLUMNS * LANES)
            for (int i = j; i < k; i += 4) {
                int n = NAME(block_width)(i, j);
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

/* out[r][..] = Σ over l of a[r][l] b[l][..] for ``rows`` rows and n vectors of columns, of which
 * ``width`` columns are stored. */
INLINE void NAME(multiply_block)(const int rows, const int n, int k, const REAL *a, ptrdiff_t lda,
                                 const VEC *b, REAL *out, ptrdiff_t ldc, int width) {
    VEC acc[4][BLOCK_COLUMNS];
    _Pragma("GCC unroll 4")
    for (int r = 0; r < rows; r++)
        _Pragma("GCC unroll 4")
        for (int q = 0; q < n; q++) acc[r][q] = (VEC) {0};
    for (int l = 0; l < k; l++, b += n)
        _Pragma("GCC unroll 4")
        for (int r = 0; r < rows; r++) {
            REAL left = a[r * lda + l];
            _Pragma("GCC unroll 4")
            for (int q = 0; q < n; q++) acc[r][q] += left * b[q];
        }
    _Pragma("GCC unroll 4")
    for (int r = 0; r < rows; r++)
        if (width == n * LANES) memcpy(out + r * ldc, acc[r], n * sizeof(VEC));
        else memcpy(out + r * ldc, acc[r], width * sizeof(REAL));
}

INLINE int NAME(panel_width)(int left) {
    return left > (BLOCK_COLUMNS - 1) * LANES ? BLOCK_COLUMNS : 1;
}

/* b (k, m) in panels of columns, which stand one after the other; rows range[0] .. range[1] of each
 * panel are not zero: half of them where b is triangular. */
static void NAME(pack)(int k, int m, const void *right, void *panels, int32_t *range) {
    const REAL *b = right;
    REAL *to = panels;
    for (int j = 0, n; j < m; j += n * LANES, range += 2) {
        n = NAME(panel_width)(m - j);
        int width = m - j < n * LANES ? m - j : n * LANES;
        range[0] = k;
        range[1] = 0;
        for (int l = 0; l < k; l++, to += n * LANES) {
            int filled = 0;
            memset(to, 0, n * sizeof(VEC));
            for (int q = 0; q < width; q++) {
                to[q] = b[(ptrdiff_t) l * m + j + q];
                filled |= to[q] != 0;
            }
            if (filled && l < range[0]) range[0] = l;
            if (filled) range[1] = l + 1;
        }
    }
}

/* out = a b for ``rows`` rows, b (k, m) packed. */
static void NAME(multiply)(int64_t rows, int k, int m, const void *left, ptrdiff_t lda,
                           const void *panels, const int32_t *range, void *result, ptrdiff_t ldc) {
    const VEC *panel = panels;
    for (int j = 0, n; j < m; j += n * LANES, panel += (ptrdiff_t) k * n, range += 2) {
        n = NAME(panel_width)(m - j);
        int width = m - j < n * LANES ? m - j : n * LANES, first = range[0];
        const REAL *a = (const REAL *) left + first;
        REAL *out = (REAL *) result + j;
        int64_t r = 0;
#define MULTIPLY(rows, n) \
    NAME(multiply_block)(rows, n, range[1] - first, a + r * lda, lda, panel + (ptrdiff_t) first * n, \
                         out + r * ldc, ldc, width)
        for (; r + 4 <= rows; r += 4)
            if (n > 1) MULTIPLY(4, BLOCK_COLUMNS); else MULTIPLY(4, 1);
        for (; r < rows; r++)
            if (n > 1) MULTIPLY(1, BLOCK_COLUMNS); else MULTIPLY(1, 1);
#undef MULTIPLY
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

/* sums += S'S and target += Σ b y over entries of one row, n factors; ``panel`` holds
 * LANES_ENTRIES of them. */
static void NAME(accumulate)(const lanes_problem *problem, const int32_t *columns,
                             const REAL *weights, int64_t length, int n, const VEC *scale,
                             VEC *panel, VEC *sums, VEC *target) {
    int vectors = problem->ld / LANES;
    for (int64_t e = 0; e < length; e += LANES_ENTRIES) {
        int some = length - e < LANES_ENTRIES ? (int) (length - e) : LANES_ENTRIES;
        REAL b[LANES_ENTRIES];
        for (int m = 0; m < some; m++) {
            const VEC *y = NAME(fixed_row)(problem, columns[e + m]);
            REAL root = SQRT(weights[e + m]);
            b[m] = weights[e + m] + (REAL) problem->target_shift;
            for (int l = 0; l < vectors; l++)
                panel[m * vectors + l] = scale ? y[l] * root * scale[l] : y[l] * root;
        }
        NAME(combine)(problem, columns + e, some, b, 1, target);
        VEC *to = sums;
        int64_t ahead = e + some;
        for (int i = 0; i < n; i += 4) {
            /* Meanwhile the next entries come nearer, an equal share with each row of blocks. */
            for (int64_t stop = e + some + (int64_t) LANES_ENTRIES * (i + 4) / n;
                 ahead < stop && ahead < length; ahead++)
                for (int l = 0; l < vectors; l++)
                    __builtin_prefetch(NAME(fixed_row)(problem, columns[ahead]) + l);
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

/* ---- The three solvers. ---- */

/* C += I + S S' from the ``products`` of each lane's row; root[e] = sqrt w. */
static void NAME(open_dual)(int n, const REAL *sums, const VEC *root, VEC *c) {
    ptrdiff_t size = lanes_packed(n);
    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < i + 4; j += BLOCK_COLUMNS)
            for (int o = 0; o < 4 * BLOCK_COLUMNS; o += LANES, sums += LANES) {
                VEC v[LANES];
                for (int lane = 0; lane < LANES; lane++)
                    memcpy(&v[lane], sums + lane * size, sizeof(VEC));
                NAME(transpose)(v);
                for (int q = 0; q < LANES; q++) {
                    int row = i + (o + q) / BLOCK_COLUMNS, column = j + (o + q) % BLOCK_COLUMNS;
                    VEC value = v[q] * root[row] * root[column];
                    c[NAME(start)(row) + column] = row == column ? value + 1 : value;
                }
            }
}

/* (I + S S') h = c, of the order of the entries; t = S'h. */
static void NAME(dual)(const lanes_problem *problem, const int32_t *rows, int count, void *scratch) {
    NAME(group) group;
    NAME(open_rows)(problem, rows, count, &group);
    int n = (group.d + 3) / 4 * 4, vectors = problem->ld / LANES;
    ptrdiff_t size = lanes_packed(n);
    VEC *c = scratch, *h = c + size, *root = h + n, *inverse = root + n, *spare = inverse + n;
    VEC *t = spare + vectors, *four = t + vectors, length, weights[LANES];
    REAL *sums = (REAL *) (four + 4 * vectors);
    for (int lane = 0; lane < LANES; lane++) {
        int next = lane + 1 < count ? lane + 1 : 0;
        length[lane] = (REAL) group.length[lane];
        if (lane < count)
            NAME(products)(problem, group.columns[lane], group.length[lane], n,
                           NAME(scales)(problem, rows[lane], spare), four, sums + lane * size,
                           group.columns[next], group.length[next]);
        else memset(sums + lane * size, 0, size * sizeof(REAL));
    }
    for (int e = 0; e < n; e++) {
        if (e % LANES == 0) NAME(open_weights)(&group, e, weights);
        /* A weight of zero still has a target: S c = b y needs a root to divide by. */
        VEC w = weights[e % LANES], safe = NAME(root)(NAME(most)(w, NAME(fill)((REAL) 1e-30)));
        MASK used = length > NAME(fill)((REAL) e);
        h[e] = NAME(select)(used, (w + (REAL) problem->target_shift) / safe, (VEC) {0});
        root[e] = NAME(select)(used, safe, (VEC) {0});
    }
    NAME(open_dual)(n, sums, root, c);
    NAME(solve)(problem, rows, count, n, c, inverse, h);
    for (int e = 0; e < n; e++) h[e] *= root[e];
    for (int lane = 0; lane < count; lane++) {
        const VEC *scale = NAME(scales)(problem, rows[lane], spare);
        memset(t, 0, vectors * sizeof(VEC));
        NAME(combine)(problem, group.columns[lane], group.length[lane], (const REAL *) h + lane,
                      LANES, t);
        for (int l = 0; l < vectors && scale; l++) t[l] *= scale[l];
        NAME(store)(problem, rows[lane], scale, t);
    }
}

/* C += I + S'S and r from the sums of each lane's row. */
static void NAME(open_primal)(int n, int vectors, const VEC *sums, ptrdiff_t size, VEC *c, VEC *r) {
    VEC v[LANES];
    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < i + 4; j += BLOCK_COLUMNS * LANES) {
            int width = NAME(block_width)(i, j);
            for (int p = 0; p < 4 * width; p++, sums++) {
                int row = i + p / width, first = j + p % width * LANES;
                for (int lane = 0; lane < LANES; lane++) v[lane] = sums[lane * size];
                NAME(transpose)(v);
                for (int q = 0; q < LANES && first + q < i + 4; q++)
                    c[NAME(start)(row) + first + q] = first + q == row ? v[q] + 1 : v[q];
            }
        }
    for (int l = 0; l < vectors; l++, sums++) {
        for (int lane = 0; lane < LANES; lane++) v[lane] = sums[lane * size];
        NAME(transpose)(v);
        memcpy(r + l * LANES, v, sizeof v);
    }
}

/* (I + S'S) t = S'c, of the order of the factors; from the sums of parts where they are given. */
static void NAME(primal)(const lanes_problem *problem, const int32_t *rows, int count,
                         const void *parts, const int64_t *part, void *scratch) {
    int n = (problem->k + 3) / 4 * 4, vectors = problem->ld / LANES;
    ptrdiff_t square = NAME(sums_vectors)(n), size = square + vectors;
    VEC *c = scratch, *r = c + lanes_packed(n), *inverse = r + problem->ld, *spare = inverse + n;
    VEC *sums = spare + vectors, *panel = sums + LANES * size;
    memset(sums, 0, LANES * size * sizeof(VEC));
    for (int lane = 0; lane < count; lane++, sums += size) {
        int64_t first = problem->indptr[rows[lane]];
        const VEC *scale = NAME(scales)(problem, rows[lane], spare);
        if (parts)
            for (int64_t p = part[lane]; p < part[lane + 1]; p++)
                for (int i = 0; i < size; i++) sums[i] += ((const VEC *) parts)[p * size + i];
        else
            NAME(accumulate)(problem, problem->indices + first,
                             (const REAL *) problem->weights + first,
                             problem->indptr[rows[lane] + 1] - first, n, scale, panel, sums,
                             sums + square);
        for (int l = 0; l < vectors && scale; l++) sums[square + l] *= scale[l];
    }
    sums -= count * size;
    NAME(open_primal)(n, vectors, sums, size, c, r);
    NAME(solve)(problem, rows, count, n, c, inverse, r);
    for (int l = n; l < problem->ld; l++) r[l] = (VEC) {0};
    for (int l = 0; l < vectors; l++) {
        NAME(transpose)(r + l * LANES);
        for (int lane = 0; lane < count; lane++) sums[lane * vectors + l] = r[l * LANES + lane];
    }
    for (int lane = 0; lane < count; lane++)
        NAME(store)(problem, rows[lane], NAME(scales)(problem, rows[lane], spare),
                    sums + lane * vectors);
}

static void NAME(part_size)(int k, int ld, ptrdiff_t *size) {
    *size = NAME(sums_vectors)((k + 3) / 4 * 4) * LANES + ld;
}

/* Some entries of one row: their share of S'S and of the target. */
static void NAME(part)(const lanes_problem *problem, int32_t row, int64_t first, int64_t last,
                       void *sums, void *scratch) {
    int n = (problem->k + 3) / 4 * 4, vectors = problem->ld / LANES;
    ptrdiff_t square = NAME(sums_vectors)(n);
    memset(sums, 0, (square + vectors) * sizeof(VEC));
    NAME(accumulate)(problem, problem->indices + first, (const REAL *) problem->weights + first,
                     last - first, n, NAME(scales)(problem, row, scratch),
                     (VEC *) scratch + vectors, sums, (VEC *) sums + square);
}

/* ---- Conjugate gradients: one row at a time, the lanes along its factors. ---- */

INLINE REAL NAME(dot)(int n, const VEC *a, const VEC *b) {
    VEC total = {0};
    REAL sum = 0;
    for (int l = 0; l < n; l++) total += a[l] * b[l];
    for (int lane = 0; lane < LANES; lane++) sum += total[lane];
    return sum;
}

/* to += Σ y_e (b_e − w_e y_e·p) over n entries, or with ``first`` 0 Σ y_e w_e y_e·p; the lanes of
 * w and b are entries. Eight at a time, as many as there are registers for their addresses. */
INLINE void NAME(few_entries)(const int n, const int first, int vectors, const VEC *const y[LANES],
                              VEC w, VEC b, const VEC *p, VEC *to) {
    VEC v[LANES];
    _Pragma("GCC unroll 16")
    for (int q = 0; q < LANES; q++) v[q] = (VEC) {0};
    _Pragma("GCC unroll 2")
    for (int g = 0; g < n; g += 8)
        for (int l = 0; l < vectors; l++)
            _Pragma("GCC unroll 8")
            for (int q = g; q < (g + 8 < n ? g + 8 : n); q++) v[q] += y[q][l] * p[l];
    VEC score = w * NAME(fold)(v);
    if (first) score = b - score;
    _Pragma("GCC unroll 2")
    for (int g = 0; g < n; g += 8)
        for (int l = 0; l < vectors; l++) {
            VEC even = to[l], odd = {0};
            _Pragma("GCC unroll 4")
            for (int q = g; q < (g + 8 < n ? g + 8 : n); q += 2) {
                even += y[q][l] * score[q];
                odd += y[q + 1][l] * score[q + 1];
            }
            to[l] = even + odd;
        }
}

/* As few_entries, over all entries of a row; ``step`` 0 is the first. */
INLINE void NAME(all_entries)(const lanes_problem *problem, int step, int row, const VEC *p,
                              VEC *to) {
    int vectors = problem->ld / LANES;
    const REAL *fixed = problem->fixed, *weights = problem->weights;
    const VEC shift = NAME(fill)((REAL) problem->target_shift);
    int64_t stop = problem->indptr[row + 1];
    for (int64_t e = problem->indptr[row]; e < stop; e += LANES) {
        int left = stop - e < LANES ? (int) (stop - e) : LANES;
        const int32_t *columns = problem->indices + e;
        int32_t last[LANES];
        const VEC *y[LANES];
        VEC w, b;
        if (left == LANES) {
            memcpy(&w, weights + e, sizeof w);
            b = w + shift;
        } else {
            /* Past the end: the last entry again, of no weight and without a target. */
            REAL some[2][LANES] = {{0}};
            for (int q = 0; q < LANES; q++) last[q] = columns[q < left ? q : left - 1];
            for (int q = 0; q < left; q++) some[0][q] = weights[e + q];
            for (int q = 0; q < left; q++) some[1][q] = some[0][q] + shift[0];
            memcpy(&w, some[0], sizeof w);
            memcpy(&b, some[1], sizeof b);
            columns = last;
        }
        for (int q = 0; q < LANES; q++)
            y[q] = (const VEC *) (fixed + (size_t) (uint32_t) columns[q] * (uint32_t) problem->ld);
#define FEW(n) \
    if (step) NAME(few_entries)(n, 0, vectors, y, w, b, p, to); \
    else NAME(few_entries)(n, 1, vectors, y, w, b, p, to)
        switch ((left + 3) / 4) {
#if LANES >= 16
            case 4: FEW(16); break;
            case 3: FEW(12); break;
#endif
#if LANES >= 8
            case 2: FEW(8); break;
#endif
            default: FEW(LANES < 4 ? LANES : 4);
        }
#undef FEW
    }
}

/* a / b, and 0 where b has vanished: 0/0 is no step. */
INLINE REAL NAME(quotient)(REAL a, REAL b) { return b > (REAL) 1e-30 ? a / b : 0; }

/* Conjugate gradients on (I + S'S) t = S'c from problem->start. */
static void NAME(conjugate)(const lanes_problem *problem, const int32_t *rows, int count,
                            void *scratch) {
    int vectors = problem->ld / LANES;
    VEC *t = scratch, *r = t + vectors, *p = r + vectors, *ap = p + vectors;
    VEC *spare = ap + vectors, *scaled = spare + vectors;
    for (int i = 0; i < count; i++) {
        int row = rows[i];
        memcpy(t, (const REAL *) problem->start + (size_t) row * problem->ld, vectors * sizeof(VEC));
        const VEC *scale = NAME(scales)(problem, row, spare);
        for (int l = 0; l < problem->ld && scale; l++)
            ((REAL *) t)[l] = NAME(quotient)(((REAL *) t)[l], ((const REAL *) scale)[l]);
        REAL rr = 0;
        for (int step = 0; step <= problem->steps; step++) {
            VEC *from = step ? p : t, *to = step ? ap : r;
            memset(to, 0, vectors * sizeof(VEC));
            for (int l = 0; l < vectors && scale; l++) scaled[l] = scale[l] * from[l];
            NAME(all_entries)(problem, step, row, scale ? scaled : from, to);
            for (int l = 0; l < vectors && scale; l++) to[l] *= scale[l];
            if (!step) {
                for (int l = 0; l < vectors; l++) p[l] = r[l] -= t[l];
                rr = NAME(dot)(vectors, r, r);
                continue;
            }
            for (int l = 0; l < vectors; l++) ap[l] += p[l];
            REAL before = rr, along = NAME(quotient)(rr, NAME(dot)(vectors, p, ap));
            for (int l = 0; l < vectors; l++) {
                t[l] += along * p[l];
                r[l] -= along * ap[l];
            }
            rr = NAME(dot)(vectors, r, r);
            REAL turn = NAME(quotient)(rr, before);
            for (int l = 0; l < vectors; l++) p[l] = r[l] + turn * p[l];
        }
        NAME(store)(problem, row, scale, t);
    }
}

#undef FOLD
#undef VEC
#undef MASK
#undef INLINE
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
