# BLAS and LAPACK functions with arguments passed by value, for both precisions. Matrices are
# column-major, as in BLAS.
from cython cimport floating
from scipy.linalg.cython_blas cimport sgemm, dgemm, ssyrk, dsyrk
from scipy.linalg.cython_lapack cimport spotrf, dpotrf, spotrs, dpotrs


cdef inline void syrk_upper(
    int n, int k, const floating *a, int lda, floating *c, int ldc
) noexcept nogil:
    """C += A Aᵀ, upper triangle only; A is n × k, C is n × n."""
    cdef char *uplo = b"U"
    cdef char *trans = b"N"
    cdef floating one = 1
    if floating is float:
        ssyrk(uplo, trans, &n, &k, &one, <float *> a, &lda, &one, c, &ldc)
    else:
        dsyrk(uplo, trans, &n, &k, &one, <double *> a, &lda, &one, c, &ldc)


cdef inline void syrk_transposed_upper(
    int n, int k, const floating *a, int lda, floating *c, int ldc
) noexcept nogil:
    """C += Aᵀ A, upper triangle only; A is k × n, C is n × n."""
    cdef char *uplo = b"U"
    cdef char *trans = b"T"
    cdef floating one = 1
    if floating is float:
        ssyrk(uplo, trans, &n, &k, &one, <float *> a, &lda, &one, c, &ldc)
    else:
        dsyrk(uplo, trans, &n, &k, &one, <double *> a, &lda, &one, c, &ldc)


cdef inline void gemm(
    int m, int n, int k, const floating *a, int lda, const floating *b, int ldb,
    floating *c, int ldc
) noexcept nogil:
    """C = A B; A is m × k, B is k × n."""
    cdef char *trans = b"N"
    cdef floating one = 1, zero = 0
    if floating is float:
        sgemm(trans, trans, &m, &n, &k, &one, <float *> a, &lda, <float *> b, &ldb, &zero, c, &ldc)
    else:
        dgemm(trans, trans, &m, &n, &k, &one, <double *> a, &lda, <double *> b, &ldb, &zero, c,
              &ldc)


cdef inline void gemm_transposed(
    int m, int n, int k, const floating *a, int lda, const floating *b, int ldb,
    floating *c, int ldc
) noexcept nogil:
    """C = Aᵀ B; A is k × m, B is k × n."""
    cdef char *transposed = b"T"
    cdef char *plain = b"N"
    cdef floating one = 1, zero = 0
    if floating is float:
        sgemm(transposed, plain, &m, &n, &k, &one, <float *> a, &lda, <float *> b, &ldb, &zero, c,
              &ldc)
    else:
        dgemm(transposed, plain, &m, &n, &k, &one, <double *> a, &lda, <double *> b, &ldb, &zero,
              c, &ldc)


cdef inline int potrf_upper(int n, floating *a, int lda) noexcept nogil:
    """A = UᵀU in place, upper triangle only. Return 0, or the order of the first pivot ≤ 0."""
    cdef char *uplo = b"U"
    cdef int info
    if floating is float:
        spotrf(uplo, &n, a, &lda, &info)
    else:
        dpotrf(uplo, &n, a, &lda, &info)
    return info


cdef inline int potrs_upper(int n, floating *a, int lda, floating *b) noexcept nogil:
    """Solve UᵀU x = b, and overwrite b with x. U is the result of potrf_upper."""
    cdef char *uplo = b"U"
    cdef int one = 1
    cdef int info
    if floating is float:
        spotrs(uplo, &n, &one, a, &lda, b, &n, &info)
    else:
        dpotrs(uplo, &n, &one, a, &lda, b, &n, &info)
    return info
