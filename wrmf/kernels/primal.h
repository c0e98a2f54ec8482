/* The primal solver: solves (I + S'S) t = S'c, whose order is the number of factors.
 *
 * S'S is summed row by row, vectorised along the factors. The systems of a batch are then solved
 * together, one in each lane. The sums of long rows are computed in parts, by several threads.
 *
 * A weight may be negative, down to -alpha_0. Its row's S'S is then the sum over the positive
 * weights minus that over the negative ones, with the roots of their absolute values. The system is
 * positive definite nevertheless, since I contains alpha_0 v v' of each entry.
 */
#ifndef ALS_REAL
#error "include primal.h from als_real.h only"
#endif

/* Return how many vectors the lower triangle of S'S takes. Its rows are stored in blocks of 4, each
 * up to the vector that contains the last diagonal element of the block. */
static int ALS_NAME(sums_vectors)(int n) {
    int vectors = 0;
    for (int i = 0; i < n; i += 4) vectors += 4 * ((i + 4 + ALS_LANES - 1) / ALS_LANES);
    return vectors;
}

/* Up to ALS_ENTRIES entries of a row: their columns, targets b and square roots of |w|. Entries
 * with a negative weight come last, from ``positive`` on. */
#define ALS_CHUNK ALS_NAME(chunk)
typedef struct {
    const int32_t *columns;
    int length, positive;
    ALS_REAL target[ALS_ENTRIES], root[ALS_ENTRIES];
    int32_t sorted[ALS_ENTRIES]; /* the columns, if they are not in the order of the row */
} ALS_CHUNK;

/* Load a chunk whose weights may be negative. */
static void ALS_NAME(load_signed_chunk)(const als_problem *problem, const ALS_ROW *entries,
                                        int64_t first, ALS_CHUNK *chunk) {
    ALS_REAL shift = (ALS_REAL)problem->target_shift;
    int filled = 0;
    chunk->columns = chunk->sorted;
    for (int negative = 0; negative < 2; negative++) {
        for (int e = 0; e < chunk->length; e++) {
            ALS_REAL w = entries->weights[first + e];
            if ((w < 0) != negative) continue;
            chunk->sorted[filled] = entries->columns[first + e];
            chunk->target[filled] = entries->targets ? entries->targets[first + e] : w + shift;
            chunk->root[filled++] = ALS_SQRT(negative ? -w : w);
        }
        if (!negative) chunk->positive = filled;
    }
}

ALS_INLINE void ALS_NAME(load_chunk)(const als_problem *problem, const ALS_ROW *entries,
                                     int64_t first, ALS_CHUNK *chunk) {
    int64_t left = entries->length - first;
    chunk->columns = entries->columns + first;
    chunk->length = chunk->positive = left < ALS_ENTRIES ? (int)left : ALS_ENTRIES;
    if (problem->is_signed) {
        ALS_NAME(load_signed_chunk)(problem, entries, first, chunk);
        return;
    }
    for (int e = 0; e < chunk->length; e += ALS_LANES) {
        int count = chunk->length - e < ALS_LANES ? chunk->length - e : ALS_LANES;
        ALS_VEC w = {0}, root;
        memcpy(&w, entries->weights + first + e, count * sizeof(ALS_REAL));
        root = ALS_NAME(square_root)(w);
        if (entries->targets) memcpy(&w, entries->targets + first + e, count * sizeof(ALS_REAL));
        else w += (ALS_REAL)problem->target_shift;
        memcpy(chunk->target + e, &w, sizeof w);
        memcpy(chunk->root + e, &root, sizeof root);
    }
}

/* For n vectors of factors from vector l on, add to target[l] the sum of b_e y_e[l] over the
 * entries e of a chunk, and set panel[e][l] to root_e y_e[l] scale[l]. */
ALS_INLINE void ALS_NAME(load_panel)(const als_problem *problem, const int n,
                                     const ALS_CHUNK *chunk, const ALS_VEC *scales, int l,
                                     ALS_VEC *target, ALS_VEC *panel) {
    int vectors = problem->ld / ALS_LANES;
    ALS_VEC sums[4], scale[4];
    for (int q = 0; q < n; q++) {
        sums[q] = target[l + q];
        scale[q] = scales ? scales[l + q] : ALS_NAME(fill)(1);
    }
    panel += l;
    for (int e = 0; e < chunk->length; e++, panel += vectors) {
        const ALS_VEC *y = ALS_NAME(fixed_row)(problem, chunk->columns[e]) + l;
        ALS_UNROLL(4, int q = 0; q < n; q++) {
            sums[q] += chunk->target[e] * y[q];
            panel[q] = chunk->root[e] * y[q] * scale[q];
        }
    }
    for (int q = 0; q < n; q++) target[l + q] = sums[q];
}

/* The sums over the entries of one row, and the scratch to compute them. */
#define ALS_SUMS ALS_NAME(sums)
typedef struct {
    const ALS_VEC *scales; /* scales of the row, or NULL */
    ALS_VEC *panel;        /* scratch for ALS_ENTRIES rows of factors */
    ALS_VEC *square;       /* S'S */
    ALS_VEC *target;       /* sum of b y */
} ALS_SUMS;

/* Subtract the outer products of the entries with a negative weight from a block of sums. */
static void ALS_NAME(subtract_negative)(const ALS_CHUNK *chunk, int width, const ALS_REAL *panel,
                                        ptrdiff_t stride, int i, int j, ALS_VEC *sums) {
    int rows = chunk->length - chunk->positive;
    panel += chunk->positive * stride;
    for (int p = 0; p < 4 * width; p++) sums[p] = -sums[p];
#define ALS_ADD(n) ALS_NAME(add_outer_products)(n, rows, panel, stride, i, j, sums)
    ALS_BY_WIDTH(width, ALS_ADD)
#undef ALS_ADD
    for (int p = 0; p < 4 * width; p++) sums[p] = -sums[p];
}

/* Add the entries of one row to its sums. Prefetch the factors of the entries of the ``next`` row,
 * which may have no entries. */
static void ALS_NAME(sum_entries)(const als_problem *problem, const ALS_ROW *entries,
                                  const ALS_ROW *next, int n, const ALS_SUMS *sums) {
    int vectors = problem->ld / ALS_LANES;
    for (int64_t first = 0; first < entries->length; first += ALS_ENTRIES) {
        ALS_CHUNK chunk;
        ALS_NAME(load_chunk)(problem, entries, first, &chunk);
        int l = 0;
#define ALS_LOAD(n)                                                                                \
    ALS_NAME(load_panel)(problem, n, &chunk, sums->scales, l, sums->target, sums->panel)
        for (; l + 4 <= vectors; l += 4) ALS_LOAD(4);
        for (; l + 2 <= vectors; l += 2) ALS_LOAD(2);
        for (; l < vectors; l++) ALS_LOAD(1);
#undef ALS_LOAD
        /* While these entries are summed, prefetch the next ones, an equal share with each row of
         * blocks. */
        int64_t left = entries->length - first - chunk.length;
        const int32_t *ahead = left > 0 ? entries->columns + first + chunk.length : next->columns;
        int64_t to_fetch = left > 0 ? left : next->length;
        if (to_fetch > ALS_ENTRIES) to_fetch = ALS_ENTRIES;
        const ALS_REAL *panel = (const ALS_REAL *)sums->panel;
        ALS_VEC *to = sums->square;
        for (int i = 0, fetched = 0; i < n; i += 4) {
            for (; fetched * n < to_fetch * (i + 4); fetched++)
                for (l = 0; l < vectors; l++)
                    __builtin_prefetch(ALS_NAME(fixed_row)(problem, ahead[fetched]) + l);
            for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS * ALS_LANES) {
                int width = ALS_NAME(block_width)(i, j);
#define ALS_ADD(n) ALS_NAME(add_outer_products)(n, chunk.positive, panel, problem->ld, i, j, to)
                ALS_BY_WIDTH(width, ALS_ADD)
#undef ALS_ADD
                if (chunk.positive < chunk.length)
                    ALS_NAME(subtract_negative)(&chunk, width, panel, problem->ld, i, j, to);
                to += 4 * width;
            }
        }
    }
}

/* For each lane, assemble the matrix C = I + S'S and the right-hand side r from the sums over the
 * entries of the lane's row. */
static void ALS_NAME(assemble_primal)(int n, int vectors, const ALS_VEC *sums, ptrdiff_t size,
                                      ALS_VEC *c, ALS_VEC *r) {
    ALS_VEC v[ALS_LANES];
    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS * ALS_LANES) {
            int width = ALS_NAME(block_width)(i, j);
            for (int p = 0; p < 4 * width; p++, sums++) {
                int row = i + p / width, first = j + p % width * ALS_LANES;
                for (int lane = 0; lane < ALS_LANES; lane++) v[lane] = sums[lane * size];
                ALS_NAME(transpose)(v);
                for (int q = 0; q < ALS_LANES && first + q < i + 4; q++)
                    c[ALS_NAME(row_start)(row) + first + q] = first + q == row ? v[q] + 1 : v[q];
            }
        }
    for (int l = 0; l < vectors; l++, sums++) {
        for (int lane = 0; lane < ALS_LANES; lane++) v[lane] = sums[lane * size];
        ALS_NAME(transpose)(v);
        memcpy(r + l * ALS_LANES, v, sizeof v);
    }
}

/* The scratch of the primal solver. */
#define ALS_PRIMAL_SCRATCH ALS_NAME(primal_scratch)
typedef struct {
    ALS_VEC *system, *solution, *inverse, *scales, *sums, *panel;
} ALS_PRIMAL_SCRATCH;

static ALS_PRIMAL_SCRATCH ALS_NAME(lay_out_primal)(const als_problem *problem, int n,
                                                   ptrdiff_t size, void *scratch) {
    ALS_VEC *next = scratch;
    ALS_PRIMAL_SCRATCH s;
    s.system = ALS_NAME(take)(&next, als_triangle(n));
    s.solution = ALS_NAME(take)(&next, problem->ld);
    s.inverse = ALS_NAME(take)(&next, n);
    s.scales = ALS_NAME(take)(&next, problem->ld);
    s.sums = ALS_NAME(take)(&next, ALS_LANES * size);
    s.panel = ALS_NAME(take)(&next, ALS_ENTRIES * (problem->ld / ALS_LANES));
    ALS_CHECK_SCRATCH(problem, scratch, next)
    return s;
}

/* Solve a batch of rows. If the batch has partial sums over the entries of its rows, add these up
 * instead of summing over the entries. */
static void ALS_NAME(primal)(const als_problem *problem, const als_batch *batch, void *scratch) {
    int n = (problem->k + 3) / 4 * 4, vectors = problem->ld / ALS_LANES;
    ptrdiff_t square = ALS_NAME(sums_vectors)(n), size = square + vectors;
    ALS_PRIMAL_SCRATCH s = ALS_NAME(lay_out_primal)(problem, n, size, scratch);
    memset(s.sums, 0, ALS_LANES * size * sizeof(ALS_VEC));
    for (int lane = 0; lane < batch->count; lane++) {
        int32_t row = batch->rows[lane];
        ALS_VEC *own = s.sums + lane * size;
        const ALS_VEC *scales = ALS_NAME(load_scales)(problem, row, s.scales + lane * vectors);
        ALS_SUMS sums = {scales, s.panel, own, own + square};
        if (batch->sums) {
            const ALS_VEC *parts = batch->sums;
            for (int64_t p = batch->part_start[lane]; p < batch->part_start[lane + 1]; p++)
                for (int i = 0; i < size; i++) own[i] += parts[p * size + i];
        } else {
            int32_t next_row = batch->rows[lane + 1 < batch->count ? lane + 1 : 0];
            ALS_ROW entries = ALS_NAME(row_entries)(problem, row);
            ALS_ROW next = ALS_NAME(row_entries)(problem, next_row);
            ALS_NAME(sum_entries)(problem, &entries, &next, n, &sums);
        }
        for (int l = 0; l < vectors && scales; l++) sums.target[l] *= scales[l];
    }
    ALS_NAME(assemble_primal)(n, vectors, s.sums, size, s.system, s.solution);
    ALS_VEC gains = ALS_NAME(solve_systems)(problem, batch, n, ALS_NAME(fill)((ALS_REAL)problem->k),
                                            s.system, s.inverse, s.solution);
    ALS_NAME(store_gains)(problem, batch, gains);
    for (int l = n; l < problem->ld; l++) s.solution[l] = (ALS_VEC){0};
    /* Transpose the solutions, so that the factors of a row are contiguous again. */
    ALS_VEC *t = s.sums;
    for (int l = 0; l < vectors; l++) {
        ALS_VEC *v = s.solution + l * ALS_LANES;
        ALS_NAME(transpose)(v);
        for (int lane = 0; lane < batch->count; lane++) t[lane * vectors + l] = v[lane];
    }
    for (int lane = 0; lane < batch->count; lane++) {
        const ALS_VEC *scales = problem->spectrum ? s.scales + lane * vectors : NULL;
        ALS_NAME(store_row)(problem, batch->rows[lane], scales, t + lane * vectors);
    }
}

static ptrdiff_t ALS_NAME(part_size)(const als_problem *problem) {
    return ALS_NAME(sums_vectors)((problem->k + 3) / 4 * 4) * ALS_LANES + problem->ld;
}

/* Sum S'S and the target over a part of the entries of one row. */
static void ALS_NAME(sum_part)(const als_problem *problem, const als_part *part, void *sums,
                               void *scratch) {
    int n = (problem->k + 3) / 4 * 4, vectors = problem->ld / ALS_LANES;
    ptrdiff_t square = ALS_NAME(sums_vectors)(n);
    memset(sums, 0, (square + vectors) * sizeof(ALS_VEC));
    const ALS_VEC *scales = ALS_NAME(load_scales)(problem, part->row, scratch);
    ALS_SUMS to = {scales, (ALS_VEC *)scratch + vectors, sums, (ALS_VEC *)sums + square};
    ALS_ROW entries = ALS_NAME(entries_of)(problem, part->first, part->last);
    ALS_ROW none = ALS_NAME(entries_of)(problem, 0, 0);
    ALS_NAME(sum_entries)(problem, &entries, &none, n, &to);
}

/* Write S'S and the target from their partial sums as a (k, k) matrix, of which only the lower
 * triangle is written, and k numbers after it. */
static void ALS_NAME(unpack_part)(const als_problem *problem, const void *sums, void *matrix) {
    int k = problem->k, n = (k + 3) / 4 * 4;
    const ALS_REAL *from = sums;
    ALS_REAL *to = matrix;
    for (int i = 0; i < n; i += 4)
        for (int j = 0; j < i + 4; j += ALS_BLOCK_COLUMNS * ALS_LANES) {
            int width = ALS_NAME(block_width)(i, j) * ALS_LANES;
            for (int row = i; row < i + 4; row++, from += width)
                for (int q = 0; q < width && row < k && j + q <= row; q++)
                    to[(ptrdiff_t)row * k + j + q] = from[q];
        }
    memcpy(to + (ptrdiff_t)k * k, from, k * sizeof(ALS_REAL));
}
