/* One precision and one instruction set of _lanes.h: REAL, LANES, VECTOR_BYTES, PATH.
 *
 * BLOCK_COLUMNS: columns of the 4-row register block, 2 where there are 16 registers, 4 with 32.
 * Every function works on all lanes alike; a lane without a row, or past the end of its row, holds
 * zeros, which make an identity of its system.
 */
#define VEC NAME(vec)
#define MASK NAME(mask)
#define INLINE static inline __attribute__((always_inline))

typedef REAL VEC __attribute__((vector_size(VECTOR_BYTES)));
typedef __typeof__((VEC) {0} > (VEC) {0}) MASK;  /* what a comparison gives: all bits or none */

typedef struct {
    int count, d, shortest;  /* lanes in use, entries of the longest and the shortest */
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

/* Sums over the lanes of n vectors, n a multiple of LANES. */
static void NAME(lane_sums)(ptrdiff_t n, const VEC *values, REAL *sums) {
    for (ptrdiff_t o = 0; o < n; o += LANES) {
        VEC v[LANES], total;
        for (int q = 0; q < LANES; q++) v[q] = values[o + q];
        NAME(transpose)(v);
        total = v[0];
        for (int q = 1; q < LANES; q++) total += v[q];
        memcpy(sums + o, &total, sizeof total);
    }
}

/* ---- Rows in, rows out. ---- */

static void NAME(open_rows)(const lanes_problem *problem, const int32_t *rows, int count,
                            NAME(group) *group) {
    group->count = count;
    group->d = 0;
    group->shortest = INT32_MAX;
    for (int lane = 0; lane < LANES; lane++) {
        int64_t first = lane < count ? problem->indptr[rows[lane]] : 0;
        group->length[lane] = lane < count ? (int) (problem->indptr[rows[lane] + 1] - first) : 0;
        group->columns[lane] = problem->indices + first;
        group->weights[lane] = (const REAL *) problem->weights + first;
        if (group->length[lane] > group->d) group->d = group->length[lane];
        if (group->length[lane] < group->shortest) group->shortest = group->length[lane];
    }
}

/* Entries first .. last of one row, an equal share for each lane. */
static void NAME(open_parts)(const lanes_problem *problem, int64_t first, int64_t last,
                             NAME(group) *group) {
    int share = (int) ((last - first + LANES - 1) / LANES);
    group->count = LANES;
    group->d = share;
    group->shortest = share;
    for (int lane = 0; lane < LANES; lane++) {
        int64_t start = first + (int64_t) lane * share;
        int64_t stop = start + share < last ? start + share : last;
        group->length[lane] = stop > start ? (int) (stop - start) : 0;
        if (group->length[lane] < group->shortest) group->shortest = group->length[lane];
        group->columns[lane] = problem->indices + (stop > start ? start : first);
        group->weights[lane] = (const REAL *) problem->weights + (stop > start ? start : first);
    }
}

/* (spectrum[l] + lambda of the row)^(-1/2); 0 in directions without either, and in the padding. */
INLINE REAL NAME(scale_of)(const lanes_problem *problem, int row, int l) {
    double d = l < problem->k
        ? problem->spectrum[l] + ((const REAL *) problem->regularization)[row] : 0;
    return d > 0 ? (REAL) (1 / sqrt(d)) : 0;
}

/* scale[l] of each lane's row. */
static void NAME(scales)(const lanes_problem *problem, const int32_t *rows, int count, VEC *scale) {
    for (int l = 0; l < problem->ld; l++)
        for (int lane = 0; lane < LANES; lane++) {
            int row = rows[lane < count ? lane : 0];
            scale[l][lane] = NAME(scale_of)(problem, row, l);
        }
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

/* The fixed rows of entry e; past the end of a row its last, which meets a weight of zero. */
INLINE void NAME(open_entries)(const lanes_problem *problem, const NAME(group) *group, int e,
                               const REAL *y[LANES]) {
    if (e < group->shortest) {
        for (int lane = 0; lane < LANES; lane++)
            y[lane] = (const REAL *) problem->fixed
                + (size_t) (uint32_t) group->columns[lane][e] * (uint32_t) problem->ld;
        return;
    }
    for (int lane = 0; lane < LANES; lane++) {
        int last = group->length[lane] - 1;
        int32_t column = last < 0 ? 0 : group->columns[lane][e < last ? e : last];
        y[lane] = (const REAL *) problem->fixed + (size_t) column * problem->ld;
    }
}

/* S of entries e0 .. e1 and factors l0 .. l1, at s[(e - e0) row + (l - l0) step], and c[e - e0]. */
static void NAME(gather)(const lanes_problem *problem, const NAME(group) *group, const VEC *scale,
                         int e0, int e1, int l0, int l1, VEC *s, ptrdiff_t row, ptrdiff_t step,
                         VEC *c) {
    /* A weight of zero still has a target: S c = b v needs a root to divide by. */
    const VEC least = NAME(fill)((REAL) 1e-30), shift = NAME(fill)((REAL) problem->target_shift);
    const REAL *next[LANES];
    VEC length, weights[LANES];
    for (int lane = 0; lane < LANES; lane++) length[lane] = (REAL) group->length[lane];
    NAME(open_entries)(problem, group, e0, next);
    for (int e = e0; e < e1; e++, s += row) {
        const REAL *y[LANES];
        memcpy(y, next, sizeof y);
        NAME(open_entries)(problem, group, e + 1, next);
        if ((e - e0) % LANES == 0) NAME(open_weights)(group, e, weights);
        VEC w = weights[(e - e0) % LANES], root = NAME(root)(NAME(most)(w, least));
        MASK used = length > NAME(fill)((REAL) e);
        if (c) c[e - e0] = NAME(select)(used, (w + shift) / root, (VEC) {0});
        root = NAME(select)(used, root, (VEC) {0});
        for (int l = l0; l < l1; l += LANES) {
            VEC v[LANES];
            for (int lane = 0; lane < LANES; lane++) {
                v[lane] = *(const VEC *) (y[lane] + l);
                __builtin_prefetch(next[lane] + l);
            }
            NAME(transpose)(v);
            for (int q = 0; q < LANES; q++) {
                v[q] *= root;
                if (scale) v[q] *= scale[l + q];
                s[(l - l0 + q) * step] = v[q];
            }
        }
    }
}

/* Store t[l0 .. l0 + LANES) of each lane's row, and mark rows that are not finite. */
INLINE void NAME(store)(const lanes_problem *problem, const int32_t *rows, int count,
                        const VEC *scale, int l0, VEC v[LANES], VEC *finite) {
    for (int q = 0; q < LANES; q++) {
        if (scale) v[q] *= scale[l0 + q];
        *finite += v[q] * 0;
    }
    NAME(transpose)(v);
    for (int lane = 0; lane < count; lane++)
        memcpy((REAL *) problem->out + (size_t) rows[lane] * problem->ld + l0, &v[lane], sizeof v[0]);
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

/* C += S S', row i of S, of p elements, at s + i row. */
static void NAME(syrk)(int n, int p, const VEC *s, ptrdiff_t row, VEC *c) {
    for (int i = 0; i < n; i += 4) {
        ptrdiff_t length = i + 4;
        VEC *ci = c + NAME(start)(i);
        for (int j = 0; j < i + 4; j += BLOCK_COLUMNS) {
            VEC acc[4][BLOCK_COLUMNS];
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) acc[a][b] = ci[a * length + j + b];
            NAME(block)(acc, s + i * row, row, s + j * row, row, p);
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) ci[a * length + j + b] = acc[a][b];
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

static void NAME(identity)(int n, VEC *c) {
    memset(c, 0, lanes_packed(n) * sizeof(VEC));
    for (int i = 0; i < n; i++) c[NAME(start)(i) + i] = NAME(fill)(1);
}

/* Factorise and solve; ``limit`` is the rounding error that a pivot must exceed. */
static void NAME(factorise)(int n, VEC *c, VEC *inverse, VEC *x, VEC *limit, VEC *worst) {
    VEC largest = {0};
    for (int i = 0; i < n; i++) largest = NAME(most)(c[NAME(start)(i) + i], largest);
    *limit = largest * (REAL) (n * (sizeof(REAL) == 4 ? 1.1920929e-7 : 2.220446049250313e-16));
    *worst = NAME(cholesky)(n, c, inverse);
    NAME(substitute)(n, c, inverse, x);
}

static void NAME(mark)(const lanes_problem *problem, const int32_t *rows, int count, VEC limit,
                       VEC worst, VEC finite) {
    for (int lane = 0; lane < count; lane++)
        if (!(worst[lane] > limit[lane]) || !(finite[lane] == 0)) problem->failed[rows[lane]] = 1;
}

/* t += a0 s0 + a1 s1 + a2 s2 + a3 s3, rows of S at a distance of ``stride``. */
INLINE void NAME(add_four)(int n, const VEC *s, ptrdiff_t stride, VEC a0, VEC a1, VEC a2, VEC a3,
                           VEC *t) {
    for (int l = 0; l < n; l++)
        t[l] += s[l] * a0 + s[stride + l] * a1 + (s[2 * stride + l] * a2 + s[3 * stride + l] * a3);
}

/* ---- The Gram matrix of all fixed rows. ---- */

/* sums[i][j] += Σ over rows of f[i] f[j], for 4 columns i and ``n`` vectors of columns j; summed in
 * REAL over these rows, and so added to double sums. */
INLINE void NAME(gram_block)(const int n, int rows, const REAL *f, ptrdiff_t ld, int i, int j,
                             int k, double *sums) {
    VEC acc[4][BLOCK_COLUMNS];
    _Pragma("GCC unroll 4")
    for (int a = 0; a < 4; a++)
        _Pragma("GCC unroll 4")
        for (int b = 0; b < n; b++) acc[a][b] = (VEC) {0};
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
    for (int a = 0; a < 4 && i + a < k; a++) {
        int width = k - j < n * LANES ? k - j : n * LANES;
        const REAL *values = (const REAL *) acc[a];
        double *row = sums + (ptrdiff_t) (i + a) * k + j;
        for (int b = 0; b < width; b++) row[b] += values[b];
    }
}

/* Add the Gram of ``rows`` rows of k factors to ``sums`` (k, k), columns first .. last, on and
 * below the diagonal. ``scratch`` holds LANES_SUMMED rows, padded. */
static void NAME(gram)(const void *factors, int64_t rows, int k, int ld, int first, int last,
                       double *sums, void *scratch) {
    REAL *f = scratch;
    for (int64_t row = 0; row < rows; row += LANES_SUMMED) {
        int some = rows - row < LANES_SUMMED ? (int) (rows - row) : LANES_SUMMED;
        for (int r = 0; r < some; r++) {
            memcpy(f + (ptrdiff_t) r * ld + first, (const REAL *) factors + (row + r) * k + first,
                   (k - first) * sizeof(REAL));
            memset(f + (ptrdiff_t) r * ld + k, 0, (ld - k) * sizeof(REAL));
        }
        for (int j = first; j < last;) {
            int n = j + BLOCK_COLUMNS * LANES <= ld ? BLOCK_COLUMNS : 1;
            for (int i = j / 4 * 4; i < k; i += 4)
                if (n > 1) NAME(gram_block)(BLOCK_COLUMNS, some, f, ld, i, j, k, sums);
                else NAME(gram_block)(1, some, f, ld, i, j, k, sums);
            j += n * LANES;
        }
    }
}

/* ---- The three solvers. ---- */

/* (I + S S') h = c, of the order of the entries; t = S'h. */
static void NAME(dual)(const lanes_problem *problem, const int32_t *rows, int count, void *scratch) {
    NAME(group) group;
    NAME(open_rows)(problem, rows, count, &group);
    int n = (group.d + 3) / 4 * 4, ld = problem->ld;
    int width = (LANES_GATHERED / n - 1) / 16 * 16;
    if (width > ld) width = ld;
    VEC *c = scratch, *s = c + lanes_packed(n), *h = s + n * (ptrdiff_t) (width + 1);
    VEC *inverse = h + n, *t = inverse + n, *scale = NULL, limit, worst, finite = {0};
    if (problem->spectrum) NAME(scales)(problem, rows, count, scale = t + ld);

    NAME(identity)(n, c);
    for (int l = 0; l < ld; l += width) {
        int end = l + width < ld ? l + width : ld;
        NAME(gather)(problem, &group, scale, 0, n, l, end, s, width + 1, 1, h);
        NAME(syrk)(n, end - l, s, width + 1, c);
    }
    NAME(factorise)(n, c, inverse, h, &limit, &worst);
    for (int l = 0; l < ld; l += width) {
        int end = l + width < ld ? l + width : ld;
        if (width < ld) NAME(gather)(problem, &group, scale, 0, n, l, end, s, width + 1, 1, NULL);
        memset(t, 0, (end - l) * sizeof(VEC));
        for (int e = 0; e < n; e += 4)
            NAME(add_four)(end - l, s + e * (ptrdiff_t) (width + 1), width + 1, h[e], h[e + 1],
                           h[e + 2], h[e + 3], t);
        for (int o = l; o < end; o += LANES)
            NAME(store)(problem, rows, count, scale, o, t + o - l, &finite);
    }
    NAME(mark)(problem, rows, count, limit, worst, finite);
}

/* C += S'S and r += S'c over all entries of a group, some at a time. */
static void NAME(accumulate)(const lanes_problem *problem, const NAME(group) *group,
                             const VEC *scale, int n, VEC *c, VEC *r, VEC *s, VEC *targets) {
    /* The transpose of S, so that one factor's entries stand together as syrk wants them. */
    int ld = problem->ld, block = LANES_GATHERED / 2 / ld > 4 ? LANES_GATHERED / 2 / ld : 4;
    ptrdiff_t stride = block + 1;
    for (int e = 0; e < group->d; e += block) {
        int end = e + block < group->d ? e + block : group->d;
        NAME(gather)(problem, group, scale, e, end, 0, ld, s, 1, stride, targets);
        NAME(syrk)(n, end - e, s, stride, c);
        for (int l = 0; l < n; l++)
            for (int m = 0; m < end - e; m++) r[l] += s[l * stride + m] * targets[m];
    }
}

/* (I + S'S) t = S'c, of the order of the factors; from the sums of parts where they are given. */
static void NAME(primal)(const lanes_problem *problem, const int32_t *rows, int count,
                         const void *sums, const int64_t *parts, void *scratch) {
    NAME(group) group;
    int n = (problem->k + 3) / 4 * 4, ld = problem->ld;
    ptrdiff_t packed = lanes_packed(n);
    VEC *c = scratch, *r = c + packed, *inverse = r + ld, *scale = inverse + ld, *s = scale + ld;
    VEC limit, worst, finite = {0};
    if (problem->spectrum) NAME(scales)(problem, rows, count, scale); else scale = NULL;

    NAME(identity)(n, c);
    memset(r, 0, ld * sizeof(VEC));
    if (sums) {
        ptrdiff_t size = (packed + ld + 15) / 16 * 16;
        for (int lane = 0; lane < count; lane++)
            for (int64_t p = parts[lane]; p < parts[lane + 1]; p++) {
                const REAL *sum = (const REAL *) sums + p * size;
                for (ptrdiff_t i = 0; i < packed; i++) c[i][lane] += sum[i];
                for (int l = 0; l < n; l++) r[l][lane] += sum[packed + l];
            }
    } else {
        NAME(open_rows)(problem, rows, count, &group);
        NAME(accumulate)(problem, &group, scale, n, c, r, s, s + LANES_GATHERED);
    }
    NAME(factorise)(n, c, inverse, r, &limit, &worst);
    for (int l = 0; l < ld; l += LANES) NAME(store)(problem, rows, count, scale, l, r + l, &finite);
    NAME(mark)(problem, rows, count, limit, worst, finite);
}

static void NAME(part)(const lanes_problem *problem, int32_t row, int64_t first, int64_t last,
                       void *sums, void *scratch) {
    NAME(group) group;
    int n = (problem->k + 3) / 4 * 4, ld = problem->ld;
    ptrdiff_t packed = lanes_packed(n), size = (packed + ld + 15) / 16 * 16;
    VEC *c = scratch, *scale = c + size, *s = scale + ld;
    const int32_t rows[LANES] = {row};
    if (problem->spectrum) NAME(scales)(problem, rows, 1, scale); else scale = NULL;
    NAME(open_parts)(problem, first, last, &group);
    memset(c, 0, size * sizeof(VEC));
    NAME(accumulate)(problem, &group, scale, n, c, c + packed, s, s + LANES_GATHERED);
    NAME(lane_sums)(size, c, sums);
}

/* ---- Conjugate gradients: one row at a time, the lanes along its factors. ---- */

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
    VEC *scale = ap + vectors, *scaled = scale + vectors;
    for (int i = 0; i < count; i++) {
        int row = rows[i];
        memcpy(t, (const REAL *) problem->start + (size_t) row * problem->ld, vectors * sizeof(VEC));
        if (problem->spectrum)
            for (int l = 0; l < problem->ld; l++) {
                REAL root = ((REAL *) scale)[l] = NAME(scale_of)(problem, row, l);
                ((REAL *) t)[l] = NAME(quotient)(((REAL *) t)[l], root);
            }
        REAL rr = 0;
        for (int step = 0; step <= problem->steps; step++) {
            VEC *from = step ? p : t, *to = step ? ap : r;
            memset(to, 0, vectors * sizeof(VEC));
            if (problem->spectrum)
                for (int l = 0; l < vectors; l++) scaled[l] = scale[l] * from[l];
            NAME(all_entries)(problem, step, row, problem->spectrum ? scaled : from, to);
            if (problem->spectrum)
                for (int l = 0; l < vectors; l++) to[l] *= scale[l];
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
        VEC finite = {0};
        for (int l = 0; l < vectors; l++) {
            if (problem->spectrum) t[l] *= scale[l];
            finite += t[l] * 0;
        }
        memcpy((REAL *) problem->out + (size_t) row * problem->ld, t, vectors * sizeof(VEC));
        for (int lane = 0; lane < LANES; lane++)
            if (!(finite[lane] == 0)) problem->failed[row] = 1;
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
