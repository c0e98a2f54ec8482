/* Cholesky factorisation and substitution of many systems, one in each lane.
 *
 * The algorithms are the usual scalar ones, applied to vectors. A matrix is stored as a packed
 * lower triangle whose row i begins at row_start(i). The system of a lane without a row is the
 * identity.
 */
#ifndef ALS_REAL
#error "include cholesky.h from als_real.h only"
#endif

ALS_INLINE ptrdiff_t ALS_NAME(row_start)(int i) {
    ptrdiff_t q = i / 4;
    return 8 * q * (q + 1) + (i % 4) * 4 * (q + 1);
}

/* The ``place`` of a register block below the diagonal. In row i of a block, columns
 * j <= i + place are computed: with ALS_BELOW all columns, with 0, on the diagonal, the lower
 * triangle. */
#ifndef ALS_BELOW
#define ALS_BELOW 4

/* Call ``call`` with two compile-time constants that describe the block that begins at row i and
 * column j: the number of its rows before row ``end``, at most 4, and its place. */
#define ALS_BY_SHAPE(i, j, end, call)                                                              \
    switch ((end) - (i)) {                                                                         \
    case 1: ALS_BY_PLACE(i, j, 1, call) break;                                                     \
    case 2: ALS_BY_PLACE(i, j, 2, call) break;                                                     \
    case 3: ALS_BY_PLACE(i, j, 3, call) break;                                                     \
    default: ALS_BY_PLACE(i, j, 4, call)                                                           \
    }
#define ALS_BY_PLACE(i, j, rows, call)                                                             \
    if ((j) < (i)) call(rows, ALS_BELOW);                                                          \
    else if ((j) == (i)) call(rows, 0);                                                            \
    else call(rows, -ALS_BLOCK_COLUMNS);
#endif

/* Add to sums[i][j] the sum over l < n of a_i[l] b_j[l], for i < rows and j <= i + place. */
ALS_INLINE void ALS_NAME(add_products)(const int rows, const int place,
                                       ALS_VEC sums[4][ALS_BLOCK_COLUMNS], const ALS_VEC *a,
                                       ptrdiff_t a_stride, const ALS_VEC *b, ptrdiff_t b_stride,
                                       int n) {
    for (int l = 0; l < n; l++, a++, b++) {
        ALS_VEC right[ALS_BLOCK_COLUMNS];
        ALS_UNROLL(4, int j = 0; j < ALS_BLOCK_COLUMNS; j++)
            if (j < rows + place) right[j] = b[j * b_stride];
        ALS_UNROLL(4, int i = 0; i < rows; i++) {
            ALS_VEC left = a[i * a_stride];
            ALS_UNROLL(4, int j = 0; j < ALS_BLOCK_COLUMNS; j++)
                if (j <= i + place) sums[i][j] += left * right[j];
        }
    }
}

/* Factorise C = L L' in place, one block of rows after the other, and store 1 / L[i][i]
 * in inverse[i]. Return the smallest pivot of each lane. Without rounding errors, pivots are at
 * least 1, since C is I plus a Gram matrix. */
static ALS_VEC ALS_NAME(cholesky)(int n, ALS_VEC *c, ALS_VEC *inverse) {
    ALS_VEC smallest = ALS_NAME(fill)((ALS_REAL)1e30);
    for (int i = 0; i < n; i += 4) {
        ptrdiff_t length = i + 4;
        ALS_VEC *ci = c + ALS_NAME(row_start)(i);
        for (int j = 0; j < i; j += ALS_BLOCK_COLUMNS) {
            ptrdiff_t other = 4 * (j / 4 + 1);
            const ALS_VEC *cj = c + ALS_NAME(row_start)(j);
            ALS_VEC sums[4][ALS_BLOCK_COLUMNS];
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < ALS_BLOCK_COLUMNS; b++) sums[a][b] = -ci[a * length + j + b];
            ALS_NAME(add_products)(4, ALS_BELOW, sums, ci, length, cj, other, j);
            ALS_UNROLL(4, int b = 0; b < ALS_BLOCK_COLUMNS; b++)
                ALS_UNROLL(4, int a = 0; a < 4; a++) {
                    ALS_UNROLL(4, int m = 0; m < b; m++)
                        sums[a][b] += sums[a][m] * cj[b * other + j + m];
                    sums[a][b] *= -inverse[j + b];
                    ci[a * length + j + b] = sums[a][b];
                }
        }
        for (int j = i; j < i + 4; j += ALS_BLOCK_COLUMNS) {
            ALS_VEC sums[4][ALS_BLOCK_COLUMNS];
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < ALS_BLOCK_COLUMNS; b++) sums[a][b] = -ci[a * length + j + b];
            const ALS_VEC *own_row = ci + (j - i) * length;
            ALS_NAME(add_products)(4, ALS_BELOW, sums, ci, length, own_row, length, i);
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < ALS_BLOCK_COLUMNS; b++) ci[a * length + j + b] = -sums[a][b];
        }
        ALS_VEC own[4][4];
        ALS_UNROLL(4, int j = 0; j < 4; j++) {
            ALS_UNROLL(4, int a = j; a < 4; a++) {
                own[a][j] = ci[a * length + i + j];
                ALS_UNROLL(4, int m = 0; m < j; m++) own[a][j] -= own[a][m] * own[j][m];
            }
            smallest = ALS_NAME(min)(own[j][j], smallest);
            inverse[i + j] = ALS_NAME(fill)(1) / ALS_NAME(square_root)(own[j][j]);
            ALS_UNROLL(4, int a = j; a < 4; a++)
                ci[a * length + i + j] = own[a][j] *= inverse[i + j];
        }
    }
    return smallest;
}

/* Solve L L' z = x and overwrite x with z. Return x'z, the sum of squares of the solution of L. */
static ALS_VEC ALS_NAME(substitute)(int n, const ALS_VEC *c, const ALS_VEC *inverse, ALS_VEC *x) {
    ALS_VEC squares = {0};
    for (int i = 0; i < n; i += 4) {
        ptrdiff_t length = i + 4;
        const ALS_VEC *ci = c + ALS_NAME(row_start)(i);
        ALS_VEC sums[4] = {x[i], x[i + 1], x[i + 2], x[i + 3]};
        for (int l = 0; l < i; l++)
            for (int a = 0; a < 4; a++) sums[a] -= ci[a * length + l] * x[l];
        for (int a = 0; a < 4; a++) {
            for (int m = 0; m < a; m++) sums[a] -= ci[a * length + i + m] * x[i + m];
            x[i + a] = sums[a] * inverse[i + a];
            squares += x[i + a] * x[i + a];
        }
    }
    for (int i = n - 4; i >= 0; i -= 4) {
        ptrdiff_t length = i + 4;
        const ALS_VEC *ci = c + ALS_NAME(row_start)(i);
        for (int a = 3; a >= 0; a--) {
            for (int m = a + 1; m < 4; m++) x[i + a] -= ci[m * length + i + a] * x[i + m];
            x[i + a] *= inverse[i + a];
        }
        for (int l = 0; l < i; l++) {
            ALS_VEC value = x[l];
            for (int a = 0; a < 4; a++) value -= ci[a * length + l] * x[i + a];
            x[l] = value;
        }
    }
    return squares;
}

/* Factorise the systems C z = x and overwrite x with the solutions; return x'z. Each lane has its
 * own ``order``; from there up to n its system is the identity. Mark a row as failed if its
 * smallest pivot is within rounding error of zero. */
static ALS_VEC ALS_NAME(solve_systems)(const als_problem *problem, const als_batch *batch, int n,
                                       ALS_VEC order, ALS_VEC *c, ALS_VEC *inverse, ALS_VEC *x) {
    ALS_VEC largest = {0};
    for (int i = 0; i < n; i++) largest = ALS_NAME(max)(c[ALS_NAME(row_start)(i) + i], largest);
    /* The pivots of the identity shall not be the smallest: whether a row fails would depend on how
     * long the rows in the other lanes are. */
    for (int i = 0; i < n; i++) {
        ALS_VEC *diagonal = c + ALS_NAME(row_start)(i) + i;
        ALS_MASK own = order > ALS_NAME(fill)((ALS_REAL)i);
        *diagonal = ALS_NAME(select)(own, *diagonal, largest);
    }
    ALS_VEC limit = largest * (order * (ALS_REAL)ALS_EPSILON);
    ALS_VEC smallest = ALS_NAME(cholesky)(n, c, inverse);
    ALS_VEC squares = ALS_NAME(substitute)(n, c, inverse, x);
    for (int lane = 0; lane < batch->count; lane++)
        if (!(smallest[lane] > limit[lane])) problem->failed[batch->rows[lane]] = 1;
    return squares;
}
