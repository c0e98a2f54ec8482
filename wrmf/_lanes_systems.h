/* A part of _lanes_kernel.h, included there for each precision and instruction set. */

/* ---- The algebra, on a packed lower triangle: row i begins at start(i). ---- */

INLINE ptrdiff_t NAME(start)(int i) {
    ptrdiff_t q = i / 4;
    return 8 * q * (q + 1) + (i % 4) * 4 * (q + 1);
}

/* acc[i][j] += sum over l of a_i[l] b_j[l] for i < rows and j <= i + within: all of the block where
 * it lies below the diagonal, and else no more than reaches it. */
#define BELOW 4
INLINE void NAME(block)(const int rows, const int within, VEC acc[4][BLOCK_COLUMNS], const VEC *a,
                        ptrdiff_t a_row, const VEC *b, ptrdiff_t b_row, int n) {
    for (int l = 0; l < n; l++, a++, b++) {
        VEC right[BLOCK_COLUMNS];
        _Pragma("GCC unroll 4")
        for (int j = 0; j < BLOCK_COLUMNS; j++)
            if (j < rows + within) right[j] = b[j * b_row];
        _Pragma("GCC unroll 4")
        for (int i = 0; i < rows; i++) {
            VEC left = a[i * a_row];
            _Pragma("GCC unroll 4")
            for (int j = 0; j < BLOCK_COLUMNS; j++)
                if (j <= i + within) acc[i][j] += left * right[j];
        }
    }
}

/* ``call`` with the block's shape as constants: as many rows from i as are less than ``end``, and where
 * its columns, from j, stop. */
#define BY_SHAPE(i, j, end, call) \
    switch ((end) - (i)) { \
        case 1: BY_PLACE(i, j, 1, call) break; \
        case 2: BY_PLACE(i, j, 2, call) break; \
        case 3: BY_PLACE(i, j, 3, call) break; \
        default: BY_PLACE(i, j, 4, call) \
    }
#define BY_PLACE(i, j, rows, call) \
    if ((j) < (i)) call(rows, BELOW); else if ((j) == (i)) call(rows, 0); else call(rows, -BLOCK_COLUMNS);

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
            NAME(block)(4, BELOW, acc, ci, length, cj, other, j);
            _Pragma("GCC unroll 4")
            for (int b = 0; b < BLOCK_COLUMNS; b++)
                _Pragma("GCC unroll 4")
                for (int a = 0; a < 4; a++) {
                    _Pragma("GCC unroll 4")
                    for (int m = 0; m < b; m++) acc[a][b] += acc[a][m] * cj[b * other + j + m];
                    acc[a][b] *= -inverse[j + b];
                    ci[a * length + j + b] = acc[a][b];
                }
        }
        for (int j = i; j < i + 4; j += BLOCK_COLUMNS) {
            VEC acc[4][BLOCK_COLUMNS];
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) acc[a][b] = -ci[a * length + j + b];
            NAME(block)(4, BELOW, acc, ci, length, ci + (j - i) * length, length, i);
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < BLOCK_COLUMNS; b++) ci[a * length + j + b] = -acc[a][b];
        }
        VEC own[4][4];
        _Pragma("GCC unroll 4")
        for (int j = 0; j < 4; j++) {
            _Pragma("GCC unroll 4")
            for (int a = j; a < 4; a++) {
                own[a][j] = ci[a * length + i + j];
                _Pragma("GCC unroll 4")
                for (int m = 0; m < j; m++) own[a][j] -= own[a][m] * own[j][m];
            }
            worst = NAME(least)(own[j][j], worst);
            inverse[i + j] = NAME(fill)(1) / NAME(root)(own[j][j]);
            _Pragma("GCC unroll 4")
            for (int a = j; a < 4; a++) ci[a * length + i + j] = own[a][j] *= inverse[i + j];
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

/* Factorise and solve, x becomes the solution; mark rows with a pivot within rounding error. */
static void NAME(solve)(const lanes_problem *problem, const int32_t *rows, int count, int n, VEC *c,
                        VEC *inverse, VEC *x) {
    VEC largest = {0};
    for (int i = 0; i < n; i++) largest = NAME(most)(c[NAME(start)(i) + i], largest);
    VEC limit = largest * (REAL) (n * (sizeof(REAL) == 4 ? 1.1920929e-7 : 2.220446049250313e-16));
    VEC worst = NAME(cholesky)(n, c, inverse);
    NAME(substitute)(n, c, inverse, x);
    for (int lane = 0; lane < count; lane++)
        if (!(worst[lane] > limit[lane])) problem->failed[rows[lane]] = 1;
}
