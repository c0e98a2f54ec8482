/* What features of rows add to a half-sweep: products with a sparse matrix of features, and the
 * targets of rows around what is expected of them (docs/features.md).
 */
#ifndef ALS_REAL
#error "include expected.h from als_real.h only"
#endif

/* Set n vectors of factors from l on to the sum of value_e y_e over the entries of a sparse row. */
ALS_INLINE void ALS_NAME(sum_sparse)(const int n, const als_sparse *row, int l, ALS_REAL *out) {
    ALS_VEC sums[8];
    ALS_UNROLL(8, int q = 0; q < n; q++) sums[q] = (ALS_VEC){0};
    const ALS_REAL *values = row->values;
    const ALS_REAL *dense = (const ALS_REAL *)row->dense + l;
    for (int64_t e = 0; e < row->count; e++) {
        const ALS_REAL *y = dense + (size_t)(uint32_t)row->columns[e] * (uint32_t)row->k;
        int64_t later = e + 8 < row->count ? e + 8 : e;
        const ALS_REAL *ahead = dense + (size_t)(uint32_t)row->columns[later] * (uint32_t)row->k;
        ALS_UNROLL(8, int q = 0; q < n; q++) {
            ALS_VEC v;
            __builtin_prefetch(ahead + q * ALS_LANES);
            memcpy(&v, y + q * ALS_LANES, sizeof v);
            sums[q] += values[e] * v;
        }
    }
    memcpy(out + l, sums, n * sizeof(ALS_VEC));
}

/* Set ``out``, (k), to the product of a sparse row and the dense matrix. */
static void ALS_NAME(sparse_row)(const als_sparse *row, void *out) {
    int l = 0, k = row->k;
    for (; l + 8 * ALS_LANES <= k; l += 8 * ALS_LANES) ALS_NAME(sum_sparse)(8, row, l, out);
    for (; l + 2 * ALS_LANES <= k; l += 2 * ALS_LANES) ALS_NAME(sum_sparse)(2, row, l, out);
    for (; l + ALS_LANES <= k; l += ALS_LANES) ALS_NAME(sum_sparse)(1, row, l, out);
    const ALS_REAL *values = row->values, *dense = row->dense;
    for (; l < k; l++) {
        ALS_REAL sum = 0;
        for (int64_t e = 0; e < row->count; e++)
            sum += values[e] * dense[(size_t)(uint32_t)row->columns[e] * (uint32_t)k + l];
        ((ALS_REAL *)out)[l] = sum;
    }
}

/* Set the targets of a row's entries to b - w y s, for the (ld) expected factors s of the row. */
static void ALS_NAME(shift)(const als_problem *problem, int32_t row, const void *expected,
                            void *targets) {
    int vectors = problem->ld / ALS_LANES;
    int64_t stop = problem->indptr[row + 1];
    for (int64_t e = problem->indptr[row]; e < stop; e += ALS_LANES) {
        int count = stop - e < ALS_LANES ? (int)(stop - e) : ALS_LANES;
        ALS_CG_ENTRIES entries;
        ALS_VEC products;
        ALS_NAME(load_cg_entries)(problem, e, count, &entries);
#define ALS_MULTIPLY(n) products = ALS_NAME(entry_products)(n, vectors, entries.y, expected)
        switch ((count + 3) / 4) {
#if ALS_LANES >= 16
        case 4: ALS_MULTIPLY(16); break;
        case 3: ALS_MULTIPLY(12); break;
#endif
#if ALS_LANES >= 8
        case 2: ALS_MULTIPLY(8); break;
#endif
        default: ALS_MULTIPLY(ALS_LANES < 4 ? ALS_LANES : 4);
        }
#undef ALS_MULTIPLY
        ALS_VEC shifted = entries.targets - entries.weights * products;
        memcpy((ALS_REAL *)targets + e, &shifted, count * sizeof(ALS_REAL));
    }
}
