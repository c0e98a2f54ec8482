/* The dual solver: solves (I + S S') h = c, whose order is the number of the row's entries, and
 * sets t = S'h.
 *
 * With few factors, the factors of all entries of a batch are gathered and transposed first, and
 * products are computed with a row in each lane. With many factors, products are summed row by row,
 * vectorised along the factors. The systems of a batch are solved together, one in each lane.
 *
 * S takes the square root of the weights, so rows with a negative weight need another solver.
 */
#ifndef ALS_REAL
#error "include dual.h from als_real.h only"
#endif

/* Gather the scaled fixed factors of the entries of each lane's row: lane i of s[e ld + l] is
 * factor l of entry e. Past the end of a row, its last entry is repeated. */
static void ALS_NAME(gather)(const als_problem *problem, const ALS_ROWS *rows,
                             const ALS_VEC *scales, ALS_VEC *s) {
    int vectors = problem->ld / ALS_LANES;
    for (int e = 0; e < rows->longest; e++) {
        const ALS_VEC *y[ALS_LANES];
        for (int lane = 0; lane < ALS_LANES; lane++) {
            /* A lane without a row uses the entries of the first lane. */
            const ALS_ROW *entries = rows->lane + (lane < rows->count ? lane : 0);
            int last = (int)entries->length - 1;
            const int32_t *columns = entries->columns;
            y[lane] = ALS_NAME(fixed_row)(problem, columns[e < last ? e : last]);
            const ALS_VEC *ahead =
                ALS_NAME(fixed_row)(problem, columns[e + 2 < last ? e + 2 : last]);
            for (int l = 0; l < vectors; l++) __builtin_prefetch(ahead + l);
        }
        for (int l = 0; l < vectors; l++, s += ALS_LANES) {
            ALS_VEC v[ALS_LANES];
            for (int lane = 0; lane < ALS_LANES; lane++) v[lane] = y[lane][l];
            ALS_NAME(transpose)(v);
            for (int q = 0; q < ALS_LANES; q++)
                s[q] = scales ? v[q] * scales[l * ALS_LANES + q] : v[q];
        }
    }
}

/* Assemble C = I + S S' from the gathered factors of d entries; root[e] is sqrt w. */
static void ALS_NAME(multiply_gathered)(int d, int k, ptrdiff_t ld, const ALS_VEC *s,
                                        const ALS_VEC *root, ALS_VEC *c) {
    for (int i = 0; i < d; i += 4)
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS) {
            ALS_VEC sums[4][ALS_BLOCK_COLUMNS] = {{{0}}};
#define ALS_ADD(rows, place)                                                                       \
    ALS_NAME(add_products)(rows, place, sums, s + i * ld, ld, s + j * ld, ld, k)
            ALS_BY_SHAPE(i, j, d, ALS_ADD)
#undef ALS_ADD
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < ALS_BLOCK_COLUMNS; b++) {
                    ALS_VEC value = sums[a][b] * root[i + a] * root[j + b];
                    c[ALS_NAME(row_start)(i + a) + j + b] = i + a == j + b ? value + 1 : value;
                }
        }
}

/* Compute t = sum of h_e y_e over n gathered entries. In t, the factors of a row are contiguous. */
static void ALS_NAME(combine_gathered)(int n, ptrdiff_t ld, const ALS_VEC *s, const ALS_VEC *h,
                                       ALS_VEC *t) {
    for (int l = 0; l < ld; l += ALS_LANES) {
        ALS_VEC v[ALS_LANES];
        for (int q = 0; q < ALS_LANES; q++) v[q] = (ALS_VEC){0};
        for (int e = 0; e < n; e++)
            ALS_UNROLL(16, int q = 0; q < ALS_LANES; q++) v[q] += s[e * ld + l + q] * h[e];
        ALS_NAME(transpose)(v);
        for (int lane = 0; lane < ALS_LANES; lane++) t[(lane * ld + l) / ALS_LANES] = v[lane];
    }
}

/* Compute the dot products y_i y_j for the entries i >= j of one row, in blocks of 4 by
 * ALS_BLOCK_COLUMNS. If ``scales`` is given, y is scaled. n is a multiple of 4 and at least the
 * number of entries; past the end of the row, its last entry is repeated. ``scratch`` holds 4 rows
 * of factors. With each block, the factors of one entry of the ``next`` row are prefetched. */
static void ALS_NAME(multiply_pairs)(const als_problem *problem, const ALS_ROW *entries,
                                     const ALS_ROW *next, int n, const ALS_VEC *scales,
                                     ALS_VEC *scratch, ALS_REAL *sums) {
    int vectors = problem->ld / ALS_LANES, last = (int)entries->length - 1;
    const int32_t *to_fetch = next->columns, *last_to_fetch = to_fetch + next->length - 1;
    const ALS_VEC *y[ALS_MOST_ORDER];
    for (int e = 0; e < n; e++)
        y[e] = ALS_NAME(fixed_row)(problem, entries->columns[e < last ? e : last]);
    for (int i = 0; i < n; i += 4) {
        const ALS_VEC *left[4] = {y[i], y[i + 1], y[i + 2], y[i + 3]};
        for (int a = 0; a < 4 && scales; a++) {
            ALS_VEC *scaled = scratch + a * vectors;
            for (int l = 0; l < vectors; l++) scaled[l] = left[a][l] * scales[l] * scales[l];
            left[a] = scaled;
        }
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS, sums += 4 * ALS_BLOCK_COLUMNS) {
            const ALS_VEC *ahead = ALS_NAME(fixed_row)(problem, *to_fetch);
            if (to_fetch < last_to_fetch) to_fetch++;
            const ALS_VEC *below[ALS_BLOCK_COLUMNS];
            memcpy(below, y + j, sizeof below);
            ALS_VEC block[4 * ALS_BLOCK_COLUMNS];
            ALS_UNROLL(16, int q = 0; q < 4 * ALS_BLOCK_COLUMNS; q++) block[q] = (ALS_VEC){0};
            for (int l = 0; l < vectors; l++) {
                ALS_VEC right[ALS_BLOCK_COLUMNS];
                __builtin_prefetch(ahead + l);
                ALS_UNROLL(4, int b = 0; b < ALS_BLOCK_COLUMNS; b++) right[b] = below[b][l];
                ALS_UNROLL(4, int a = 0; a < 4; a++) {
                    ALS_VEC factor = left[a][l];
                    ALS_UNROLL(4, int b = 0; b < ALS_BLOCK_COLUMNS; b++)
                        block[a * ALS_BLOCK_COLUMNS + b] += factor * right[b];
                }
            }
            ALS_UNROLL(4, int o = 0; o < 4 * ALS_BLOCK_COLUMNS; o += ALS_LANES) {
                ALS_VEC total = ALS_NAME(fold)(block + o);
                memcpy(sums + o, &total, sizeof total);
            }
        }
    }
}

/* For each lane, assemble C = I + S S' from the products that ``multiply_pairs`` computed for the
 * lane's row; root[e] is sqrt w. */
static void ALS_NAME(assemble_dual)(int n, const ALS_REAL *sums, const ALS_VEC *root, ALS_VEC *c) {
    ptrdiff_t size = als_triangle(n);
    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS)
            for (int o = 0; o < 4 * ALS_BLOCK_COLUMNS; o += ALS_LANES, sums += ALS_LANES) {
                ALS_VEC v[ALS_LANES];
                for (int lane = 0; lane < ALS_LANES; lane++)
                    memcpy(&v[lane], sums + lane * size, sizeof(ALS_VEC));
                ALS_NAME(transpose)(v);
                for (int q = 0; q < ALS_LANES; q++) {
                    int row = i + (o + q) / ALS_BLOCK_COLUMNS;
                    int column = j + (o + q) % ALS_BLOCK_COLUMNS;
                    ALS_VEC value = v[q] * root[row] * root[column];
                    c[ALS_NAME(row_start)(row) + column] = row == column ? value + 1 : value;
                }
            }
}

/* Add to t[l] the sum of h_e y_e[l] over the entries of one row, for n vectors of factors from
 * vector l on. h_e is h[e * step]. */
ALS_INLINE void ALS_NAME(combine_block)(const als_problem *problem, const int n,
                                        const ALS_ROW *entries, const ALS_REAL *h, const int step,
                                        int l, ALS_VEC *t) {
    ALS_VEC sums[8];
    int length = (int)entries->length;
    ALS_UNROLL(8, int q = 0; q < n; q++) sums[q] = t[l + q];
    for (int e = 0; e < length; e++, h += step) {
        const ALS_VEC *y = ALS_NAME(fixed_row)(problem, entries->columns[e]) + l;
        ALS_UNROLL(8, int q = 0; q < n; q++) sums[q] += *h * y[q];
    }
    ALS_UNROLL(8, int q = 0; q < n; q++) t[l + q] = sums[q];
}

ALS_INLINE void ALS_NAME(combine)(const als_problem *problem, const ALS_ROW *entries,
                                  const ALS_REAL *h, const int step, ALS_VEC *t) {
    int l = 0, vectors = problem->ld / ALS_LANES;
    for (; l + 8 <= vectors; l += 8) ALS_NAME(combine_block)(problem, 8, entries, h, step, l, t);
    for (; l + 2 <= vectors; l += 2) ALS_NAME(combine_block)(problem, 2, entries, h, step, l, t);
    for (; l < vectors; l++) ALS_NAME(combine_block)(problem, 1, entries, h, step, l, t);
}

/* Return the number of entries of each lane's row. */
ALS_INLINE ALS_VEC ALS_NAME(lengths)(const ALS_ROWS *rows) {
    ALS_VEC length;
    for (int lane = 0; lane < ALS_LANES; lane++)
        length[lane] = (ALS_REAL)(int)rows->lane[lane].length;
    return length;
}

/* Load c = b / sqrt w and root = sqrt w for the entries of each lane's row, and zeros past the end
 * of a row. */
static void ALS_NAME(load_targets)(const als_problem *problem, const ALS_ROWS *rows, int n,
                                   ALS_VEC *c, ALS_VEC *root) {
    ALS_VEC length = ALS_NAME(lengths)(rows), weights[ALS_LANES], targets[ALS_LANES];
    for (int e = 0; e < n; e++) {
        if (e % ALS_LANES == 0) {
            ALS_NAME(load_entries)(rows, 0, e, weights);
            if (problem->targets) ALS_NAME(load_entries)(rows, 1, e, targets);
        }
        /* If w is 0, b may be positive: use a tiny w, so that c is finite and S'c is still b y. */
        ALS_VEC w = weights[e % ALS_LANES];
        ALS_VEC safe = ALS_NAME(square_root)(ALS_NAME(max)(w, ALS_NAME(fill)((ALS_REAL)1e-30)));
        ALS_MASK used = length > ALS_NAME(fill)((ALS_REAL)e);
        ALS_VEC b = problem->targets ? targets[e % ALS_LANES] : w + (ALS_REAL)problem->target_shift;
        c[e] = ALS_NAME(select)(used, b / safe, (ALS_VEC){0});
        root[e] = ALS_NAME(select)(used, safe, (ALS_VEC){0});
    }
}

/* Return c'c, from which a row's gain t'S'c = c'S S'h = c'(c - h) is the difference to c'h. Where a
 * target is so much larger than its weight that the difference would be mostly rounding errors,
 * return NaN. */
static ALS_VEC ALS_NAME(gains_of_targets)(int n, const ALS_VEC *c, const ALS_VEC *root) {
    ALS_VEC squares = {0}, excess = {0};
    for (int e = 0; e < n; e++) {
        squares += c[e] * c[e];
        ALS_VEC size = ALS_NAME(max)(c[e], -c[e]);
        excess = ALS_NAME(max)(size - ALS_MOST_TARGET * root[e], excess);
    }
    return ALS_NAME(select)(excess > (ALS_VEC){0}, ALS_NAME(fill)((ALS_REAL)NAN), squares);
}

/* The scratch of the dual solver. ``gathered`` holds either the gathered factors, or 4 rows of
 * factors and the products of pairs. */
#define ALS_DUAL_SCRATCH ALS_NAME(dual_scratch)
typedef struct {
    ALS_VEC *system, *solution, *root, *inverse, *scales, *scales_by_factor, *combined, *gathered;
} ALS_DUAL_SCRATCH;

static ALS_DUAL_SCRATCH ALS_NAME(lay_out_dual)(const als_problem *problem, int n, int longest,
                                               void *scratch) {
    ALS_VEC *next = scratch;
    ALS_DUAL_SCRATCH s;
    int ld = problem->ld;
    s.system = ALS_NAME(take)(&next, als_triangle(n));
    s.solution = ALS_NAME(take)(&next, n);
    s.root = ALS_NAME(take)(&next, n);
    s.inverse = ALS_NAME(take)(&next, n);
    s.scales = ALS_NAME(take)(&next, ld);
    s.scales_by_factor = ALS_NAME(take)(&next, ld);
    s.combined = ALS_NAME(take)(&next, ld);
    ptrdiff_t gathered = (ptrdiff_t)longest * ld, pairs = 4 * (ld / ALS_LANES) + als_triangle(n);
    s.gathered = ALS_NAME(take)(&next, ld <= ALS_MOST_GATHERED ? gathered : pairs);
    ALS_CHECK_SCRATCH(problem, scratch, next)
    return s;
}

/* Compute the products of pairs of entries, one row after the other, then assemble the systems. */
static void ALS_NAME(sum_dual)(const als_problem *problem, const ALS_ROWS *rows, int n,
                               const ALS_DUAL_SCRATCH *s) {
    int vectors = problem->ld / ALS_LANES;
    ptrdiff_t size = als_triangle(n);
    ALS_REAL *sums = (ALS_REAL *)(s->gathered + 4 * vectors);
    memset(sums + rows->count * size, 0, (ALS_LANES - rows->count) * size * sizeof(ALS_REAL));
    for (int lane = 0; lane < rows->count; lane++) {
        const ALS_ROW *row = rows->lane + lane;
        const ALS_ROW *next = lane + 1 < rows->count ? row + 1 : rows->lane;
        const ALS_VEC *scales = problem->spectrum ? s->scales + lane * vectors : NULL;
        ALS_NAME(multiply_pairs)(problem, row, next, n, scales, s->gathered, sums + lane * size);
    }
    ALS_NAME(assemble_dual)(n, sums, s->root, s->system);
}

/* Solve a batch of rows. */
static void ALS_NAME(dual)(const als_problem *problem, const als_batch *batch, void *scratch) {
    ALS_ROWS rows;
    ALS_NAME(load_rows)(problem, batch, &rows);
    int n = (rows.longest + 3) / 4 * 4, ld = problem->ld, vectors = ld / ALS_LANES;
    int gathers = ld <= ALS_MOST_GATHERED;
    ALS_DUAL_SCRATCH s = ALS_NAME(lay_out_dual)(problem, n, rows.longest, scratch);
    ALS_NAME(load_targets)(problem, &rows, n, s.solution, s.root);
    for (int lane = 0; lane < rows.count; lane++) {
        ALS_NAME(load_scales)(problem, batch->rows[lane], s.scales + lane * vectors);
        const ALS_REAL *out = (const ALS_REAL *)problem->out + (size_t)batch->rows[lane] * ld;
        for (int l = 0; l < ld; l += 64 / sizeof(ALS_REAL)) __builtin_prefetch(out + l, 1);
    }
    if (gathers) {
        const ALS_VEC *scales = problem->spectrum ? s.scales_by_factor : NULL;
        for (int l = 0; l < ld && problem->spectrum; l++)
            for (int lane = 0; lane < ALS_LANES; lane++)
                s.scales_by_factor[l][lane] =
                    ((ALS_REAL *)(s.scales + (lane < rows.count ? lane : 0) * vectors))[l];
        ALS_NAME(gather)(problem, &rows, scales, s.gathered);
        ALS_NAME(multiply_gathered)(rows.longest, problem->k, ld, s.gathered, s.root, s.system);
    } else {
        ALS_NAME(sum_dual)(problem, &rows, n, &s);
    }
    ALS_VEC all = {0};
    if (problem->gains) all = ALS_NAME(gains_of_targets)(n, s.solution, s.root);
    ALS_VEC left = ALS_NAME(solve_systems)(problem, batch, n, ALS_NAME(lengths)(&rows), s.system,
                                           s.inverse, s.solution);
    ALS_NAME(store_gains)(problem, batch, all - left);
    for (int e = 0; e < n; e++) s.solution[e] *= s.root[e];
    if (gathers) ALS_NAME(combine_gathered)(rows.longest, ld, s.gathered, s.solution, s.combined);
    for (int lane = 0; lane < rows.count; lane++) {
        ALS_VEC *t = s.combined + lane * vectors;
        const ALS_VEC *scales = problem->spectrum ? s.scales + lane * vectors : NULL;
        if (!gathers) {
            memset(t, 0, vectors * sizeof(ALS_VEC));
            const ALS_REAL *h = (const ALS_REAL *)s.solution + lane;
            ALS_NAME(combine)(problem, rows.lane + lane, h, ALS_LANES, t);
            for (int l = 0; l < vectors && scales; l++) t[l] *= scales[l];
        }
        ALS_NAME(store_row)(problem, batch->rows[lane], scales, t);
    }
}
