/* The dual and the primal solver for a single row, whose system is vectorised along its columns. A
 * vector that has a row in each lane would compute as many systems as it has lanes.
 *
 * Every number is computed by the same operations in the same order as in dual.h, primal.h and
 * cholesky.h, so the results are bitwise the same. What is subtracted here is added there to the
 * negative of the same number.
 */
#ifndef ALS_REAL
#error "include one_row.h from als_real.h only"
#endif

typedef ALS_REAL ALS_NAME(four) __attribute__((vector_size(4 * ALS_REAL_BYTES)));
#define ALS_FOUR ALS_NAME(four)

/* The system C x = r of one row. The lower triangle of C is stored row by row, and r and three rows
 * of zeros come after the last row; numbers above the diagonal are not used. ``stride`` is a
 * multiple of ALS_LANES, and no power of two, so that the rows are in different cache sets. */
#define ALS_SYSTEM ALS_NAME(one_system)
typedef struct {
    int n; /* the order, a multiple of 4 */
    ptrdiff_t stride;
    ALS_REAL *matrix;  /* (n + 4, stride) */
    ALS_REAL *columns; /* (4, stride), scratch */
    ALS_REAL *inverse; /* (n), the inverse of the diagonal of L */
} ALS_SYSTEM;

static ALS_SYSTEM ALS_NAME(lay_out_system)(int n, ALS_VEC **next) {
    ALS_SYSTEM s;
    s.n = n;
    s.stride = (n + 4 + ALS_LANES - 1) / ALS_LANES * ALS_LANES + 64 / ALS_REAL_BYTES;
    s.matrix = (ALS_REAL *)ALS_NAME(take)(next, (n + 4) * (s.stride / ALS_LANES));
    s.columns = (ALS_REAL *)ALS_NAME(take)(next, 4 * (s.stride / ALS_LANES));
    s.inverse = (ALS_REAL *)ALS_NAME(take)(next, s.stride / ALS_LANES);
    return s;
}

/* Set r from the vectors that have its n numbers, and the rows after it to zero. */
static void ALS_NAME(set_right_side)(const ALS_SYSTEM *s, const ALS_REAL *right) {
    ALS_REAL *to = s->matrix + s->n * s->stride;
    memset(to, 0, 4 * s->stride * sizeof(ALS_REAL));
    memcpy(to, right, s->n * sizeof(ALS_REAL));
}

ALS_INLINE void ALS_NAME(transpose_four)(ALS_FOUR v[4]) {
    ALS_FOUR a = __builtin_shufflevector(v[0], v[1], 0, 4, 2, 6);
    ALS_FOUR b = __builtin_shufflevector(v[0], v[1], 1, 5, 3, 7);
    ALS_FOUR c = __builtin_shufflevector(v[2], v[3], 0, 4, 2, 6);
    ALS_FOUR d = __builtin_shufflevector(v[2], v[3], 1, 5, 3, 7);
    v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    v[1] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    v[2] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/* Factorise the block of four rows and columns from q on, and divide the columns of all rows below
 * it: ``columns`` gets a copy of them. Return the smaller of ``smallest`` and the pivots. */
static ALS_REAL ALS_NAME(factorise_columns)(const ALS_SYSTEM *s, int q, ALS_REAL smallest) {
    ptrdiff_t stride = s->stride;
    ALS_REAL own[4][4], *diagonal = s->matrix + q * stride + q, *inverse = s->inverse + q;
    for (int a = 0; a < 4; a++)
        for (int b = 0; b <= a; b++) own[a][b] = diagonal[a * stride + b];
    ALS_UNROLL(4, int j = 0; j < 4; j++) {
        ALS_UNROLL(4, int a = j; a < 4; a++)
            ALS_UNROLL(4, int m = 0; m < j; m++) own[a][j] -= own[a][m] * own[j][m];
        smallest = own[j][j] < smallest ? own[j][j] : smallest;
        inverse[j] = 1 / ALS_SQRT(own[j][j]);
        ALS_UNROLL(4, int a = j; a < 4; a++) own[a][j] *= inverse[j];
    }
    for (int a = 0; a < 4; a++)
        for (int b = 0; b <= a; b++) diagonal[a * stride + b] = own[a][b];
    for (int i = q + 4; i <= s->n; i += 4) {
        ALS_REAL *rows = s->matrix + i * stride + q;
        ALS_FOUR v[4];
        ALS_UNROLL(4, int a = 0; a < 4; a++) memcpy(&v[a], rows + a * stride, sizeof(ALS_FOUR));
        ALS_NAME(transpose_four)(v);
        ALS_UNROLL(4, int b = 0; b < 4; b++) {
            ALS_UNROLL(4, int m = 0; m < b; m++) v[b] -= v[m] * own[b][m];
            v[b] *= inverse[b];
            memcpy(s->columns + b * stride + i, &v[b], sizeof(ALS_FOUR));
        }
        ALS_NAME(transpose_four)(v);
        ALS_UNROLL(4, int a = 0; a < 4; a++) memcpy(rows + a * stride, &v[a], sizeof(ALS_FOUR));
    }
    return smallest;
}

/* Subtract the products of the four columns in ``columns`` from all rows from ``first`` on. */
static void ALS_NAME(subtract_columns)(const ALS_SYSTEM *s, int first) {
    ptrdiff_t stride = s->stride;
    int start = first / ALS_LANES * ALS_LANES;
    /* Columns before ``first`` are finished: zeros leave them as they are. */
    for (int b = 0; b < 4; b++)
        for (int j = start; j < first; j++) s->columns[b * stride + j] = 0;
    for (int i = first; i <= s->n; i += 4) {
        int end = i < s->n ? i + 4 : s->n;
        for (int j = start; j < end; j += ALS_LANES) {
            ALS_REAL *to = s->matrix + i * stride + j;
            ALS_VEC right[4], sums[4];
            ALS_UNROLL(4, int b = 0; b < 4; b++)
                memcpy(&right[b], s->columns + b * stride + j, sizeof(ALS_VEC));
            ALS_UNROLL(4, int a = 0; a < 4; a++) {
                memcpy(&sums[a], to + a * stride, sizeof(ALS_VEC));
                ALS_UNROLL(4, int b = 0; b < 4; b++)
                    sums[a] -= s->columns[b * stride + i + a] * right[b];
                memcpy(to + a * stride, &sums[a], sizeof(ALS_VEC));
            }
        }
    }
}

/* Solve L' z = x for the x in the row after the last one, and overwrite it with z. */
static void ALS_NAME(substitute_back)(const ALS_SYSTEM *s) {
    ptrdiff_t stride = s->stride;
    ALS_REAL *x = s->matrix + s->n * stride;
    for (int i = s->n - 4; i >= 0; i -= 4) {
        const ALS_REAL *rows = s->matrix + i * stride;
        ALS_UNROLL(4, int a = 3; a >= 0; a--) {
            ALS_UNROLL(4, int m = a + 1; m < 4; m++)
                x[i + a] -= rows[m * stride + i + a] * x[i + m];
            x[i + a] *= s->inverse[i + a];
        }
        int l = 0;
        for (; l + ALS_LANES <= i; l += ALS_LANES) {
            ALS_VEC sums, left;
            memcpy(&sums, x + l, sizeof sums);
            ALS_UNROLL(4, int a = 0; a < 4; a++) {
                memcpy(&left, rows + a * stride + l, sizeof left);
                sums -= left * x[i + a];
            }
            memcpy(x + l, &sums, sizeof sums);
        }
        for (; l < i; l++)
            for (int a = 0; a < 4; a++) x[l] -= rows[a * stride + l] * x[i + a];
    }
}

/* Solve a system, which is the identity from ``order`` on; the solution is in the row after the
 * last one. Return whether its smallest pivot is above the rounding error of zero. */
static int ALS_NAME(solve_one)(const ALS_SYSTEM *s, int order) {
    ALS_REAL largest = 0, smallest = (ALS_REAL)1e30;
    for (int i = 0; i < s->n; i++) {
        ALS_REAL value = s->matrix[i * s->stride + i];
        largest = value > largest ? value : largest;
    }
    /* The pivots of the identity shall not be the smallest, as for many rows. */
    for (int i = order; i < s->n; i++) s->matrix[i * s->stride + i] = largest;
    for (int q = 0; q < s->n; q += 4) {
        smallest = ALS_NAME(factorise_columns)(s, q, smallest);
        ALS_NAME(subtract_columns)(s, q + 4);
    }
    ALS_NAME(substitute_back)(s);
    return smallest > largest * ((ALS_REAL)order * (ALS_REAL)ALS_EPSILON);
}

/* Set c = b / sqrt w and root = sqrt w for d entries, and zeros up to entry n. */
static void ALS_NAME(load_targets_of_row)(const als_problem *problem, const ALS_ROW *row, int n,
                                          ALS_REAL *c, ALS_REAL *root) {
    int d = (int)row->length;
    memset(c, 0, n * sizeof(ALS_REAL));
    memset(root, 0, n * sizeof(ALS_REAL));
    for (int e = 0; e < d; e++) {
        ALS_REAL w = row->weights[e], least = (ALS_REAL)1e-30;
        ALS_REAL safe = ALS_SQRT(w > least ? w : least);
        ALS_REAL b = row->targets ? row->targets[e] : w + (ALS_REAL)problem->target_shift;
        c[e] = b / safe;
        root[e] = safe;
    }
}

/* Set C = I + S S' from transposed factors, (k, width): numbers of one factor are contiguous. */
static void ALS_NAME(multiply_transposed)(int k, const ALS_REAL *factors, ptrdiff_t width,
                                          const ALS_REAL *root, const ALS_SYSTEM *s) {
    for (int i = 0; i < s->n; i += 4)
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS * ALS_LANES) {
            ALS_VEC block[4 * ALS_BLOCK_COLUMNS] = {{0}};
            int vectors = ALS_NAME(block_width)(i, j);
#define ALS_ADD(n) ALS_NAME(add_outer_products)(n, k, factors, width, i, j, block)
            ALS_BY_WIDTH(vectors, ALS_ADD)
#undef ALS_ADD
            for (int a = 0; a < 4; a++) {
                ALS_REAL *to = s->matrix + (i + a) * s->stride + j;
                for (int b = 0; b < vectors; b++) {
                    ALS_VEC right;
                    memcpy(&right, root + j + b * ALS_LANES, sizeof right);
                    right = block[a * vectors + b] * root[i + a] * right;
                    memcpy(to + b * ALS_LANES, &right, sizeof right);
                }
            }
        }
    for (int i = 0; i < s->n; i++) s->matrix[i * s->stride + i] += 1;
}

/* Set C = I + S S' from the products that ``multiply_pairs`` computes. */
static void ALS_NAME(scatter_pairs)(const ALS_REAL *sums, const ALS_REAL *root,
                                    const ALS_SYSTEM *s) {
    for (int i = 0; i < s->n; i += 4)
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS)
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < ALS_BLOCK_COLUMNS; b++, sums++)
                    s->matrix[(i + a) * s->stride + j + b] = *sums * root[i + a] * root[j + b];
    for (int i = 0; i < s->n; i++) s->matrix[i * s->stride + i] += 1;
}

/* Scale the factors of d entries in place, and set ``transposed``, (ld, width), to them. */
static void ALS_NAME(transpose_entries)(int d, int vectors, const ALS_VEC *scales, ALS_VEC *fixed,
                                        ALS_VEC *transposed, ptrdiff_t width) {
    for (int e = 0; e < width; e += ALS_LANES)
        for (int l = 0; l < vectors; l++) {
            ALS_VEC v[ALS_LANES];
            for (int q = 0; q < ALS_LANES; q++) {
                v[q] = (ALS_VEC){0};
                if (e + q >= d) continue;
                ALS_VEC *y = fixed + (ptrdiff_t)(e + q) * vectors + l;
                if (scales) *y *= scales[l];
                v[q] = *y;
            }
            ALS_NAME(transpose)(v);
            for (int q = 0; q < ALS_LANES; q++)
                transposed[((ptrdiff_t)l * ALS_LANES + q) * (width / ALS_LANES) + e / ALS_LANES] =
                    v[q];
        }
}

/* Solve row 0 by the dual method. Its fixed factors are those of the problem in the order of its
 * entries, and may be overwritten. */
static void ALS_NAME(dual_row)(const als_problem *problem, void *fixed, void *scratch) {
    ALS_VEC *next = scratch;
    ALS_ROW row = ALS_NAME(row_entries)(problem, 0);
    int d = (int)row.length, n = (d + 3) / 4 * 4, vectors = problem->ld / ALS_LANES;
    int width = (n + ALS_LANES - 1) / ALS_LANES;
    ALS_SYSTEM s = ALS_NAME(lay_out_system)(n, &next);
    ALS_REAL *c = (ALS_REAL *)ALS_NAME(take)(&next, width);
    ALS_REAL *root = (ALS_REAL *)ALS_NAME(take)(&next, width);
    ALS_VEC *t = ALS_NAME(take)(&next, vectors);
    const ALS_VEC *scales = ALS_NAME(load_scales)(problem, 0, ALS_NAME(take)(&next, vectors));
    int gathers = problem->ld <= ALS_MOST_GATHERED;
    ALS_NAME(load_targets_of_row)(problem, &row, width * ALS_LANES, c, root);
    if (gathers) {
        ALS_VEC *transposed = ALS_NAME(take)(&next, (ptrdiff_t)problem->ld * width);
        ALS_NAME(transpose_entries)(d, vectors, scales, fixed, transposed, width * ALS_LANES);
        ALS_NAME(multiply_transposed)(problem->k, (const ALS_REAL *)transposed, width * ALS_LANES,
                                      root, &s);
    } else {
        ALS_VEC *scaled = ALS_NAME(take)(&next, 4 * vectors);
        ALS_REAL *sums = (ALS_REAL *)ALS_NAME(take)(&next, als_triangle(n) / ALS_LANES + 1);
        ALS_NAME(multiply_pairs)(problem, &row, &row, n, scales, scaled, sums);
        ALS_NAME(scatter_pairs)(sums, root, &s);
    }
    ALS_CHECK_SCRATCH(problem, scratch, next)
    ALS_NAME(set_right_side)(&s, c);
    if (!ALS_NAME(solve_one)(&s, d)) problem->failed[0] = 1;
    ALS_REAL *h = s.matrix + s.n * s.stride;
    for (int e = 0; e < n; e++) h[e] *= root[e];
    memset(t, 0, vectors * sizeof(ALS_VEC));
    ALS_NAME(combine)(problem, &row, h, 1, t);
    for (int l = 0; l < vectors && scales && !gathers; l++) t[l] *= scales[l];
    ALS_NAME(store_row)(problem, 0, scales, t);
}

/* Solve row 0 by the primal method; ``fixed`` is not used. */
static void ALS_NAME(primal_row)(const als_problem *problem, void *fixed, void *scratch) {
    (void)fixed;
    ALS_VEC *next = scratch;
    ALS_ROW row = ALS_NAME(row_entries)(problem, 0), none = ALS_NAME(entries_of)(problem, 0, 0);
    int n = (problem->k + 3) / 4 * 4, vectors = problem->ld / ALS_LANES;
    ptrdiff_t square = ALS_NAME(sums_vectors)(n), size = square + vectors;
    ALS_SYSTEM s = ALS_NAME(lay_out_system)(n, &next);
    ALS_VEC *scaling = ALS_NAME(take)(&next, vectors), *own = ALS_NAME(take)(&next, size);
    ALS_VEC *panel = ALS_NAME(take)(&next, ALS_ENTRIES * (ptrdiff_t)vectors);
    ALS_CHECK_SCRATCH(problem, scratch, next)
    memset(own, 0, size * sizeof(ALS_VEC));
    const ALS_VEC *scales = ALS_NAME(load_scales)(problem, 0, scaling);
    ALS_SUMS sums = {scales, panel, own, own + square};
    ALS_NAME(sum_entries)(problem, &row, &none, n, &sums);
    for (int l = 0; l < vectors && scales; l++) sums.target[l] *= scales[l];
    const ALS_VEC *from = own;
    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS * ALS_LANES) {
            int width = ALS_NAME(block_width)(i, j);
            for (int a = 0; a < 4; a++, from += width)
                memcpy(s.matrix + (i + a) * s.stride + j, from, width * sizeof(ALS_VEC));
        }
    for (int i = 0; i < n; i++) s.matrix[i * s.stride + i] += 1;
    ALS_NAME(set_right_side)(&s, (const ALS_REAL *)sums.target);
    if (!ALS_NAME(solve_one)(&s, problem->k)) problem->failed[0] = 1;
    memset(own, 0, vectors * sizeof(ALS_VEC));
    memcpy(own, s.matrix + n * s.stride, n * sizeof(ALS_REAL));
    ALS_NAME(store_row)(problem, 0, scales, own);
}
