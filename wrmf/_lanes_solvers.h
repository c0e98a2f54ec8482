/* A part of _lanes_kernel.h, included there for each precision and instruction set. */

/* ---- Exact solvers: sums row by row, then systems side by side. ---- */

/* C = I + S S' from gathered rows of d entries; root[e] = sqrt w. */
static void NAME(multiply_gathered)(int d, int k, ptrdiff_t ld, const VEC *s, const VEC *root,
                                    VEC *c) {
    for (int i = 0; i < d; i += 4)
        for (int j = 0; j < i + 4; j += BLOCK_COLUMNS) {
            VEC acc[4][BLOCK_COLUMNS] = {{{0}}};
#define BLOCK(rows, within) NAME(block)(rows, within, acc, s + i * ld, ld, s + j * ld, ld, k)
            BY_SHAPE(i, j, d, BLOCK)
#undef BLOCK
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) {
                    VEC value = acc[a][b] * root[i + a] * root[j + b];
                    c[NAME(start)(i + a) + j + b] = i + a == j + b ? value + 1 : value;
                }
        }
}

/* t = Σ h y of gathered rows, a row's factors side by side again. */
static void NAME(combine_gathered)(int n, ptrdiff_t ld, const VEC *s, const VEC *h, VEC *t) {
    for (int l = 0; l < ld; l += LANES) {
        VEC v[LANES];
        for (int q = 0; q < LANES; q++) v[q] = (VEC) {0};
        for (int e = 0; e < n; e++)
            _Pragma("GCC unroll 16")
            for (int q = 0; q < LANES; q++) v[q] += s[e * ld + l + q] * h[e];
        NAME(transpose)(v);
        for (int lane = 0; lane < LANES; lane++) t[(lane * ld + l) / LANES] = v[lane];
    }
}

/* C = I + S S' from the ``products`` of each lane's row; root[e] = sqrt w. */
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

/* c = b / √w and √w of each lane's entries; zeros past the end of a row. */
static void NAME(open_targets)(const lanes_problem *problem, const NAME(group) *group, int n, VEC *c,
                               VEC *root) {
    VEC length, weights[LANES];
    for (int lane = 0; lane < LANES; lane++) length[lane] = (REAL) group->length[lane];
    for (int e = 0; e < n; e++) {
        if (e % LANES == 0) NAME(open_weights)(group, e, weights);
        /* A weight of zero still has a target: S c = b y needs a root to divide by. */
        VEC w = weights[e % LANES], safe = NAME(root)(NAME(most)(w, NAME(fill)((REAL) 1e-30)));
        MASK used = length > NAME(fill)((REAL) e);
        c[e] = NAME(select)(used, (w + (REAL) problem->target_shift) / safe, (VEC) {0});
        root[e] = NAME(select)(used, safe, (VEC) {0});
    }
}

/* (I + S S') h = c, of the order of the entries; t = S'h. */
static void NAME(dual)(const lanes_problem *problem, const int32_t *rows, int count, void *scratch) {
    NAME(group) group;
    NAME(open_rows)(problem, rows, count, &group);
    int n = (group.d + 3) / 4 * 4, ld = problem->ld, vectors = ld / LANES, few = ld <= LANES_GATHERED;
    ptrdiff_t size = lanes_packed(n);
    VEC *c = scratch, *h = c + size, *root = h + n, *inverse = root + n;
    VEC *scales = inverse + n, *across = scales + ld, *t = across + ld, *gathered = t + ld;
    NAME(open_targets)(problem, &group, n, h, root);
    for (int lane = 0; lane < count; lane++) {
        NAME(scales)(problem, rows[lane], scales + lane * vectors);
        const REAL *out = (const REAL *) problem->out + (size_t) rows[lane] * ld;
        for (int l = 0; l < ld; l += 64 / sizeof(REAL)) __builtin_prefetch(out + l, 1);
    }
    if (few) {
        for (int l = 0; l < ld && problem->spectrum; l++)
            for (int lane = 0; lane < LANES; lane++)
                across[l][lane] = ((REAL *) (scales + (lane < count ? lane : 0) * vectors))[l];
        NAME(gather)(problem, &group, problem->spectrum ? across : NULL, gathered);
        NAME(multiply_gathered)(group.d, problem->k, ld, gathered, root, c);
    } else {
        VEC *four = gathered;
        REAL *sums = (REAL *) (four + 4 * vectors);
        memset(sums + count * size, 0, (LANES - count) * size * sizeof(REAL));
        for (int lane = 0; lane < count; lane++) {
            int next = lane + 1 < count ? lane + 1 : 0;
            NAME(products)(problem, group.columns[lane], group.length[lane], n,
                           problem->spectrum ? scales + lane * vectors : NULL, four,
                           sums + lane * size, group.columns[next], group.length[next]);
        }
        NAME(open_dual)(n, sums, root, c);
    }
    NAME(solve)(problem, rows, count, n, c, inverse, h);
    for (int e = 0; e < n; e++) h[e] *= root[e];
    if (few) NAME(combine_gathered)(group.d, ld, gathered, h, t);
    for (int lane = 0; lane < count; lane++) {
        VEC *mine = t + lane * vectors, *scale = problem->spectrum ? scales + lane * vectors : NULL;
        if (!few) {
            memset(mine, 0, vectors * sizeof(VEC));
            NAME(combine)(problem, group.columns[lane], group.length[lane],
                          (const REAL *) h + lane, LANES, mine);
            for (int l = 0; l < vectors && scale; l++) mine[l] *= scale[l];
        }
        NAME(store)(problem, rows[lane], scale, mine);
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
    VEC *c = scratch, *r = c + lanes_packed(n), *inverse = r + problem->ld, *scales = inverse + n;
    VEC *sums = scales + problem->ld, *panel = sums + LANES * size;
    memset(sums, 0, LANES * size * sizeof(VEC));
    for (int lane = 0; lane < count; lane++, sums += size) {
        int32_t following = rows[lane + 1 < count ? lane + 1 : 0];
        int64_t first = problem->indptr[rows[lane]], next = problem->indptr[following];
        const VEC *scale = NAME(scales)(problem, rows[lane], scales + lane * vectors);
        if (parts)
            for (int64_t p = part[lane]; p < part[lane + 1]; p++)
                for (int i = 0; i < size; i++) sums[i] += ((const VEC *) parts)[p * size + i];
        else
            NAME(accumulate)(problem, problem->indices + first,
                             (const REAL *) problem->weights + first,
                             problem->indptr[rows[lane] + 1] - first, n, scale, panel, sums,
                             sums + square, problem->indices + next,
                             problem->indptr[following + 1] - next);
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
        NAME(store)(problem, rows[lane], problem->spectrum ? scales + lane * vectors : NULL,
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
                     (VEC *) scratch + vectors, sums, (VEC *) sums + square, NULL, 0);
}

/* ---- Conjugate gradients: one row at a time, the lanes along its factors. ---- */

INLINE REAL NAME(dot)(int n, const VEC *a, const VEC *b) {
    VEC sum = {0};
    for (int l = 0; l < n; l++) sum += a[l] * b[l];
    return NAME(total)(sum);
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

/* Conjugate gradients on (I + S'S) t = S'c from what stands in the row's place. */
static void NAME(conjugate)(const lanes_problem *problem, const int32_t *rows, int count,
                            void *scratch) {
    int vectors = problem->ld / LANES;
    VEC *t = scratch, *r = t + vectors, *p = r + vectors, *ap = p + vectors;
    VEC *spare = ap + vectors, *scaled = spare + vectors;
    for (int i = 0; i < count; i++) {
        int row = rows[i];
        memcpy(t, (const REAL *) problem->out + (size_t) row * problem->ld, vectors * sizeof(VEC));
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
