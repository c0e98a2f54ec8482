/* Functions that load rows into lanes and store their solutions. */
#ifndef ALS_REAL
#error "include rows.h from als_real.h only"
#endif

/* The entries of one row. */
#define ALS_ROW ALS_NAME(row)
typedef struct {
    const int32_t *columns;
    const ALS_REAL *weights, *targets; /* targets: NULL if they are w + target_shift */
    int64_t length;
} ALS_ROW;

ALS_INLINE ALS_ROW ALS_NAME(entries_of)(const als_problem *problem, int64_t first, int64_t last) {
    const ALS_REAL *targets = (const ALS_REAL *)problem->targets;
    return (ALS_ROW){problem->indices + first, (const ALS_REAL *)problem->weights + first,
                     targets ? targets + first : NULL, last - first};
}

ALS_INLINE ALS_ROW ALS_NAME(row_entries)(const als_problem *problem, int32_t row) {
    return ALS_NAME(entries_of)(problem, problem->indptr[row], problem->indptr[row + 1]);
}

/* The rows of a batch, one in each lane. Lanes from ``count`` on have no entries. */
#define ALS_ROWS ALS_NAME(rows)
typedef struct {
    int count, longest; /* number of rows; entries of the longest row */
    ALS_ROW lane[ALS_LANES];
} ALS_ROWS;

static void ALS_NAME(load_rows)(const als_problem *problem, const als_batch *batch,
                                ALS_ROWS *rows) {
    rows->count = batch->count;
    rows->longest = 0;
    for (int lane = 0; lane < ALS_LANES; lane++) {
        rows->lane[lane] = lane < batch->count ? ALS_NAME(row_entries)(problem, batch->rows[lane])
                                               : ALS_NAME(entries_of)(problem, 0, 0);
        if (rows->lane[lane].length > rows->longest) rows->longest = (int)rows->lane[lane].length;
    }
}

/* Load the weights or targets of entries e .. e + ALS_LANES - 1 of all rows: vector q has entry
 * e + q of each lane's row, or 0 past the end of the row. */
ALS_INLINE void ALS_NAME(load_entries)(const ALS_ROWS *rows, const int of_targets, int e,
                                       ALS_VEC v[ALS_LANES]) {
    for (int lane = 0; lane < ALS_LANES; lane++) {
        const ALS_ROW *row = rows->lane + lane;
        const ALS_REAL *from = of_targets ? row->targets : row->weights;
        int left = (int)row->length - e;
        v[lane] = (ALS_VEC){0};
        if (left >= ALS_LANES) memcpy(&v[lane], from + e, sizeof(ALS_VEC));
        else if (left > 0) memcpy(&v[lane], from + e, left * sizeof(ALS_REAL));
    }
    ALS_NAME(transpose)(v);
}

/* Load the scale (spectrum[l] + lambda)^(-1/2) of each factor l of a row. Where both summands are
 * 0, and in the padding, the scale is 0. Return NULL if ``fixed`` is whitened, since all scales are
 * then 1. */
ALS_INLINE const ALS_VEC *ALS_NAME(load_scales)(const als_problem *problem, int row,
                                                ALS_VEC *scales) {
    if (!problem->spectrum) return NULL;
    for (int l = 0; l < problem->ld; l++) {
        double sum = l < problem->k
                         ? problem->spectrum[l] + ((const ALS_REAL *)problem->regularization)[row]
                         : 0;
        ((ALS_REAL *)scales)[l] = sum > 0 ? (ALS_REAL)(1 / sqrt(sum)) : 0;
    }
    return scales;
}

ALS_INLINE const ALS_VEC *ALS_NAME(fixed_row)(const als_problem *problem, int32_t column) {
    return (const ALS_VEC *)((const ALS_REAL *)problem->fixed +
                             (size_t)(uint32_t)column * (uint32_t)problem->ld);
}

/* Store t'S'c of the rows of a batch. */
static void ALS_NAME(store_gains)(const als_problem *problem, const als_batch *batch,
                                  ALS_VEC gains) {
    for (int lane = 0; lane < batch->count && problem->gains; lane++)
        problem->gains[batch->rows[lane]] = gains[lane];
}

/* Scale and store the solution t of a row; mark the row as failed if t is not finite. */
static void ALS_NAME(store_row)(const als_problem *problem, int row, const ALS_VEC *scales,
                                ALS_VEC *t) {
    int vectors = problem->ld / ALS_LANES;
    ALS_VEC finite = {0};
    for (int l = 0; l < vectors; l++) {
        if (scales) t[l] *= scales[l];
        finite += t[l] * 0;
    }
    memcpy((ALS_REAL *)problem->out + (size_t)row * problem->ld, t, vectors * sizeof(ALS_VEC));
    if (!(ALS_NAME(total)(finite) == 0)) problem->failed[row] = 1;
}
