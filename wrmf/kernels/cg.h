/* Conjugate gradients on (I + S'S) t = S'c: one row at a time, vectorised along its factors. */
#ifndef ALS_REAL
#error "include cg.h from als_real.h only"
#endif

ALS_INLINE ALS_REAL ALS_NAME(dot)(int n, const ALS_VEC *a, const ALS_VEC *b) {
    ALS_VEC sum = {0};
    for (int l = 0; l < n; l++) sum += a[l] * b[l];
    return ALS_NAME(total)(sum);
}

/* Return a / b, or 0 if b is practically zero, so that no step is taken in this case. */
ALS_INLINE ALS_REAL ALS_NAME(quotient)(ALS_REAL a, ALS_REAL b) {
    return b > (ALS_REAL)1e-30 ? a / b : 0;
}

/* Up to ALS_LANES entries of a row: pointers to their factors, and the weights w and targets b with
 * one entry in each lane. */
#define ALS_CG_ENTRIES ALS_NAME(cg_entries)
typedef struct {
    const ALS_VEC *y[ALS_LANES];
    ALS_VEC weights, targets;
} ALS_CG_ENTRIES;

/* Load the ``count`` <= ALS_LANES entries from e on. Lanes from ``count`` on repeat the last entry
 * with weight and target 0. */
ALS_INLINE void ALS_NAME(load_cg_entries)(const als_problem *problem, int64_t e, int count,
                                          ALS_CG_ENTRIES *entries) {
    const ALS_REAL *weights = (const ALS_REAL *)problem->weights + e;
    const ALS_REAL *targets = (const ALS_REAL *)problem->targets;
    const ALS_VEC shift = ALS_NAME(fill)((ALS_REAL)problem->target_shift);
    const int32_t *columns = problem->indices + e;
    int32_t padded[ALS_LANES];
    if (count == ALS_LANES) {
        memcpy(&entries->weights, weights, sizeof(ALS_VEC));
        if (targets) memcpy(&entries->targets, targets + e, sizeof(ALS_VEC));
        else entries->targets = entries->weights + shift;
    } else {
        ALS_REAL w[ALS_LANES] = {0}, b[ALS_LANES] = {0};
        for (int q = 0; q < ALS_LANES; q++) padded[q] = columns[q < count ? q : count - 1];
        for (int q = 0; q < count; q++) w[q] = weights[q];
        for (int q = 0; q < count; q++) b[q] = targets ? targets[e + q] : w[q] + shift[0];
        memcpy(&entries->weights, w, sizeof(ALS_VEC));
        memcpy(&entries->targets, b, sizeof(ALS_VEC));
        columns = padded;
    }
    for (int q = 0; q < ALS_LANES; q++) entries->y[q] = ALS_NAME(fixed_row)(problem, columns[q]);
}

/* Return the products y_e p of n entries, one in each lane. Eight entries are summed at a time,
 * since there are registers for eight addresses. */
ALS_INLINE ALS_VEC ALS_NAME(entry_products)(const int n, int vectors, const ALS_VEC *const *y,
                                            const ALS_VEC *p) {
    ALS_VEC v[ALS_LANES];
    ALS_UNROLL(16, int q = 0; q < ALS_LANES; q++) v[q] = (ALS_VEC){0};
    ALS_UNROLL(2, int g = 0; g < n; g += 8)
        for (int l = 0; l < vectors; l++)
            ALS_UNROLL(8, int q = g; q < (g + 8 < n ? g + 8 : n); q++) v[q] += y[q][l] * p[l];
    return ALS_NAME(fold)(v);
}

/* Add to ``to`` the sum of y_e (b_e - w_e y_e p) over n entries if ``is_residual``, otherwise the
 * sum of y_e w_e y_e p. */
ALS_INLINE void ALS_NAME(apply_entries)(const int n, const int is_residual, int vectors,
                                        const ALS_CG_ENTRIES *entries, const ALS_VEC *p,
                                        ALS_VEC *to) {
    const ALS_VEC *const *y = entries->y;
    ALS_VEC score = entries->weights * ALS_NAME(entry_products)(n, vectors, y, p);
    if (is_residual) score = entries->targets - score;
    ALS_UNROLL(2, int g = 0; g < n; g += 8)
        for (int l = 0; l < vectors; l++) {
            ALS_VEC even = to[l], odd = {0};
            ALS_UNROLL(4, int q = g; q < (g + 8 < n ? g + 8 : n); q += 2) {
                even += y[q][l] * score[q];
                odd += y[q + 1][l] * score[q + 1];
            }
            to[l] = even + odd;
        }
}

/* Do the same as apply_entries, for all entries of a part. */
ALS_INLINE void ALS_NAME(apply)(const als_problem *problem, int is_residual, const als_part *part,
                                const ALS_VEC *p, ALS_VEC *to) {
    int vectors = problem->ld / ALS_LANES;
    int64_t stop = part->last;
    for (int64_t e = part->first; e < stop; e += ALS_LANES) {
        int count = stop - e < ALS_LANES ? (int)(stop - e) : ALS_LANES;
        ALS_CG_ENTRIES entries;
        ALS_NAME(load_cg_entries)(problem, e, count, &entries);
#define ALS_APPLY(n)                                                                               \
    if (is_residual) ALS_NAME(apply_entries)(n, 1, vectors, &entries, p, to);                      \
    else ALS_NAME(apply_entries)(n, 0, vectors, &entries, p, to)
        switch ((count + 3) / 4) {
#if ALS_LANES >= 16
        case 4: ALS_APPLY(16); break;
        case 3: ALS_APPLY(12); break;
#endif
#if ALS_LANES >= 8
        case 2: ALS_APPLY(8); break;
#endif
        default: ALS_APPLY(ALS_LANES < 4 ? ALS_LANES : 4);
        }
#undef ALS_APPLY
    }
}

static void ALS_NAME(apply_part)(const als_problem *problem, const als_part *part, int is_residual,
                                 const void *p, void *to) {
    memset(to, 0, problem->ld * sizeof(ALS_REAL));
    ALS_NAME(apply)(problem, is_residual, part, p, to);
}

/* Improve the solutions of a batch of rows in ``problem->out`` by ``problem->steps`` steps. */
static void ALS_NAME(cg)(const als_problem *problem, const als_batch *batch, void *scratch) {
    int vectors = problem->ld / ALS_LANES;
    ALS_VEC *next = scratch;
    ALS_VEC *t = ALS_NAME(take)(&next, vectors), *r = ALS_NAME(take)(&next, vectors);
    ALS_VEC *p = ALS_NAME(take)(&next, vectors), *ap = ALS_NAME(take)(&next, vectors);
    ALS_VEC *own_scales = ALS_NAME(take)(&next, vectors), *scaled = ALS_NAME(take)(&next, vectors);
    ALS_CHECK_SCRATCH(problem, scratch, next)
    for (int i = 0; i < batch->count; i++) {
        int row = batch->rows[i];
        als_part whole = {row, problem->indptr[row], problem->indptr[row + 1]};
        memcpy(t, (const ALS_REAL *)problem->out + (size_t)row * problem->ld,
               vectors * sizeof(ALS_VEC));
        const ALS_VEC *scales = ALS_NAME(load_scales)(problem, row, own_scales);
        for (int l = 0; l < problem->ld && scales; l++)
            ((ALS_REAL *)t)[l] =
                ALS_NAME(quotient)(((ALS_REAL *)t)[l], ((const ALS_REAL *)scales)[l]);
        ALS_REAL rr = 0;
        for (int step = 0; step <= problem->steps; step++) {
            ALS_VEC *from = step ? p : t, *to = step ? ap : r;
            memset(to, 0, vectors * sizeof(ALS_VEC));
            for (int l = 0; l < vectors && scales; l++) scaled[l] = scales[l] * from[l];
            ALS_NAME(apply)(problem, !step, &whole, scales ? scaled : from, to);
            for (int l = 0; l < vectors && scales; l++) to[l] *= scales[l];
            if (!step) {
                for (int l = 0; l < vectors; l++) p[l] = r[l] -= t[l];
                rr = ALS_NAME(dot)(vectors, r, r);
                continue;
            }
            for (int l = 0; l < vectors; l++) ap[l] += p[l];
            ALS_REAL before = rr, along = ALS_NAME(quotient)(rr, ALS_NAME(dot)(vectors, p, ap));
            for (int l = 0; l < vectors; l++) {
                t[l] += along * p[l];
                r[l] -= along * ap[l];
            }
            rr = ALS_NAME(dot)(vectors, r, r);
            ALS_REAL turn = ALS_NAME(quotient)(rr, before);
            for (int l = 0; l < vectors; l++) p[l] = r[l] + turn * p[l];
        }
        ALS_NAME(store_row)(problem, row, scales, t);
    }
}
