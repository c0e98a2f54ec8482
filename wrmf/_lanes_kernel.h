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

/* scale[l] = (spectrum[l] + lambda)^(-1/2) of each lane's row; 0 in directions without either. */
static void NAME(scales)(const lanes_problem *problem, const int32_t *rows, int count, VEC *scale) {
    for (int l = 0; l < problem->ld; l++)
        for (int lane = 0; lane < LANES; lane++) {
            int row = rows[lane < count ? lane : 0];
            double d = l < problem->k
                ? problem->spectrum[l] + ((const REAL *) problem->regularization)[row] : 0;
            scale[l][lane] = d > 0 ? (REAL) (1 / sqrt(d)) : 0;
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

/* out = Σ over entries of S_e (c_e − S_e·p), or with c = NULL Σ S_e (S_e·p). Four at a time. */
static void NAME(normal_product)(int entries, int ld, const VEC *s, const VEC *c, const VEC *p,
                                 VEC *out) {
    for (int e = 0; e < entries; e += 4) {
        const VEC *s0 = s + e * (ptrdiff_t) ld, *s1 = s0 + ld, *s2 = s1 + ld, *s3 = s2 + ld;
        VEC a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
        for (int l = 0; l < ld; l++) {
            a0 += s0[l] * p[l];
            a1 += s1[l] * p[l];
            a2 += s2[l] * p[l];
            a3 += s3[l] * p[l];
        }
        if (c) {
            a0 = c[e] - a0;
            a1 = c[e + 1] - a1;
            a2 = c[e + 2] - a2;
            a3 = c[e + 3] - a3;
        }
        NAME(add_four)(ld, s0, ld, a0, a1, a2, a3, out);
    }
}

/* a / b, and 0 where b has vanished. */
INLINE VEC NAME(quotient)(VEC a, VEC b) {
    MASK there = b > NAME(fill)((REAL) 1e-30);
    return NAME(select)(there, a / NAME(select)(there, b, NAME(fill)(1)), (VEC) {0});
}

/* Conjugate gradients on (I + S'S) t = S'c from problem->start. With ``joined``, the lanes hold
 * parts of one row, and each product is summed over them. */
static void NAME(conjugate)(const lanes_problem *problem, const int32_t *rows, int count,
                            int joined, void *scratch) {
    NAME(group) group;
    int ld = problem->ld;
    VEC *t = scratch, *r = t + ld, *p = r + ld, *ap = p + ld, *scale = ap + ld, *s = scale + ld;
    int room = LANES_STREAMED / ld / 4 * 4 > 4 ? LANES_STREAMED / ld / 4 * 4 : 4;
    VEC *c = s + (ptrdiff_t) room * ld, finite = {0}, rr = {0};
    if (problem->spectrum) NAME(scales)(problem, rows, count, scale); else scale = NULL;
    if (joined)
        NAME(open_parts)(problem, problem->indptr[rows[0]], problem->indptr[rows[0] + 1], &group);
    else
        NAME(open_rows)(problem, rows, count, &group);
    int entries = (group.d + 3) / 4 * 4, kept = entries <= room;

    for (int l = 0; l < ld; l += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            int row = rows[lane < count ? lane : 0];
            memcpy(&t[l + lane], (const REAL *) problem->start + (size_t) row * ld + l, sizeof(VEC));
        }
        NAME(transpose)(t + l);
        if (scale)
            for (int q = 0; q < LANES; q++) t[l + q] = NAME(quotient)(t[l + q], scale[l + q]);
    }
    for (int step = 0; step <= problem->steps; step++) {
        VEC *from = step ? p : t, *to = step ? ap : r;
        memset(to, 0, ld * sizeof(VEC));
        for (int e = 0; e < entries; e += room) {
            int end = e + room < entries ? e + room : entries;
            if (!kept || !step)
                NAME(gather)(problem, &group, scale, e, end, 0, ld, s, ld, 1, c);
            NAME(normal_product)(end - e, ld, s, step ? NULL : c, from, to);
        }
        if (joined)
            for (int l = 0; l < ld; l += LANES) {
                REAL sums[LANES];
                NAME(lane_sums)(LANES, to + l, sums);
                for (int q = 0; q < LANES; q++) to[l + q] = NAME(fill)(sums[q]);
            }
        if (!step) {
            for (int l = 0; l < ld; l++) {
                p[l] = r[l] -= t[l];
                rr += r[l] * r[l];
            }
            continue;
        }
        VEC curvature = {0}, before = rr;
        for (int l = 0; l < ld; l++) {
            ap[l] += p[l];
            curvature += p[l] * ap[l];
        }
        VEC along = NAME(quotient)(rr, curvature);
        rr = (VEC) {0};
        for (int l = 0; l < ld; l++) {
            t[l] += along * p[l];
            r[l] -= along * ap[l];
            rr += r[l] * r[l];
        }
        VEC turn = NAME(quotient)(rr, before);
        for (int l = 0; l < ld; l++) p[l] = r[l] + turn * p[l];
    }
    for (int l = 0; l < ld; l += LANES)
        NAME(store)(problem, rows, joined ? 1 : count, scale, l, t + l, &finite);
    NAME(mark)(problem, rows, joined ? 1 : count, (VEC) {0}, NAME(fill)(1), finite);
}

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
