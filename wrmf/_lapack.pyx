# cython: language_level=3, boundscheck=False, wraparound=False
"""LAPACK on one thread of BLAS, without a change that another Python thread could see.

OpenBLAS with threads of its own has one number of threads for the whole process. A library that
reads it while it is lowered, and restores what it read, would leave the process with one thread for
ever. So the functions below lower it, compute, and set it back without giving up the interpreter's
lock in between: only code that runs without that lock in this moment could see it. Matrices of more
than MOST_HIDDEN rows would take too long for that; for them, the caller limits BLAS. Builds for an
interpreter without that lock can hide nothing, and their callers always limit BLAS.
"""
from cython cimport floating
from libc.stdint cimport uintptr_t
from scipy.linalg.cython_lapack cimport dpotrf, dpotri, dsyevd, dtrtri, spotrf, spotri

import numpy as np

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define WRMF_HAS_GIL 0
    #else
    #define WRMF_HAS_GIL 1
    #endif
    """
    const bint WRMF_HAS_GIL

# Whether BLAS is limited within the interpreter's lock.
HIDES = bool(WRMF_HAS_GIL)

ctypedef int (*getter)() noexcept nogil
ctypedef void (*setter)(int) noexcept nogil

cdef enum:
    MOST_LIBRARIES = 8
    # As many rows take some milliseconds.
    MOST_HIDDEN = 256

# Libraries whose number of threads is that of the process, and setters for the calling thread.
cdef getter getters[MOST_LIBRARIES]
cdef setter setters[MOST_LIBRARIES]
cdef int n_libraries = 0
cdef setter own_setters[MOST_LIBRARIES]
cdef int n_own = 0


def set_controls(of_process, of_thread):
    """Set how the number of threads of BLAS is read and set.

    Parameters
    ----------
    of_process : list of (int, int)
        Addresses of the functions that get and set the number of threads of a whole process.
    of_thread : list of int
        Addresses of functions that set the number of threads of the calling thread.
    """
    global n_libraries, n_own
    cdef uintptr_t get, put
    cdef int i
    of_process, of_thread = of_process[:MOST_LIBRARIES], of_thread[:MOST_LIBRARIES]
    for i, (get, put) in enumerate(of_process):
        getters[i], setters[i] = <getter> get, <setter> put
    for i, put in enumerate(of_thread):
        own_setters[i] = <setter> put
    n_libraries, n_own = len(of_process), len(of_thread)


cdef void limit_this_thread() noexcept nogil:
    cdef int i
    for i in range(n_own):
        own_setters[i](1)


def limit_blas_of_thread():
    """Limit BLAS to one thread in the calling thread, if it has a number of its own."""
    limit_this_thread()


cdef void lower(int *before) noexcept:
    """Limit BLAS to one thread; keep the numbers of threads that are lowered."""
    cdef int i
    for i in range(n_libraries):
        before[i] = getters[i]()
        if before[i] > 1:
            setters[i](1)


cdef void raise_again(const int *before) noexcept:
    cdef int i
    for i in range(n_libraries):
        if before[i] > 1:
            setters[i](before[i])


def invert_cholesky(matrix, double least_pivot):
    """Return the Cholesky factor L of a symmetric matrix, and L⁻¹.

    Parameters
    ----------
    matrix : float64 (k, k), finite
    least_pivot : float

    Returns
    -------
    tuple of float64 (k, k), or None
        Both are lower triangular, with zeros above the diagonal. None if a pivot is not above
        ``least_pivot`` times the largest.
    """
    cdef double[::1, :] lower_factor = np.array(matrix, dtype=np.float64, order="F"), inverse
    cdef int k = lower_factor.shape[0], info, i, j
    cdef double largest = 0
    cdef int before[MOST_LIBRARIES]
    cdef char *uplo = b"L"
    cdef char *diagonal = b"N"
    if k > MOST_HIDDEN:
        with nogil:
            dpotrf(uplo, &k, &lower_factor[0, 0], &k, &info)
    else:
        lower(before)
        dpotrf(uplo, &k, &lower_factor[0, 0], &k, &info)
        raise_again(before)
    if info != 0:
        return None
    for i in range(k):
        largest = max(largest, lower_factor[i, i] * lower_factor[i, i])
        for j in range(i):
            lower_factor[j, i] = 0
    for i in range(k):
        # Written so that NaN counts as too small.
        if not lower_factor[i, i] * lower_factor[i, i] > least_pivot * largest:
            return None
    inverse = lower_factor.copy_fortran()
    if k > MOST_HIDDEN:
        with nogil:
            dtrtri(uplo, diagonal, &k, &inverse[0, 0], &k, &info)
    else:
        lower(before)
        dtrtri(uplo, diagonal, &k, &inverse[0, 0], &k, &info)
        raise_again(before)
    return np.asarray(lower_factor), np.asarray(inverse)


def invert_definite(floating[::1, :] matrix, double least_pivot):
    """Overwrite a symmetric matrix by its inverse, of which only the lower triangle is computed.

    The caller limits the threads of BLAS.

    Parameters
    ----------
    matrix : float32 or float64 (k, k), k ≥ 1, in Fortran order
    least_pivot : float ≥ 0

    Returns
    -------
    bool
        False if a pivot is not above ``least_pivot``; the matrix is then of no use.
    """
    cdef int k = matrix.shape[0], info, i
    cdef char *uplo = b"L"
    with nogil:
        if floating is float:
            spotrf(uplo, &k, &matrix[0, 0], &k, &info)
        else:
            dpotrf(uplo, &k, &matrix[0, 0], &k, &info)
    if info != 0:
        return False
    for i in range(k):
        # Written so that NaN counts as too small.
        if not <double> matrix[i, i] * matrix[i, i] > least_pivot:
            return False
    with nogil:
        if floating is float:
            spotri(uplo, &k, &matrix[0, 0], &k, &info)
        else:
            dpotri(uplo, &k, &matrix[0, 0], &k, &info)
    return info == 0


def eigen(matrix):
    """Return the eigenvalues, in rising order, and the eigenvectors of a symmetric matrix.

    Parameters
    ----------
    matrix : float64 (k, k), finite

    Raises
    ------
    numpy.linalg.LinAlgError
        If the computation does not converge.
    """
    cdef double[::1, :] vectors = np.array(matrix, dtype=np.float64, order="F")
    cdef int k = vectors.shape[0], info, length = -1, int_length = -1, needed_int
    cdef double[::1] values = np.empty(k)
    cdef double needed
    cdef double[::1] work
    cdef int[::1] int_work
    cdef int before[MOST_LIBRARIES]
    cdef char *job = b"V"
    cdef char *uplo = b"L"
    dsyevd(job, uplo, &k, &vectors[0, 0], &k, &values[0], &needed, &length, &needed_int,
           &int_length, &info)
    length, int_length = <int> needed, needed_int
    work, int_work = np.empty(length), np.empty(int_length, dtype=np.intc)
    if k > MOST_HIDDEN:
        with nogil:
            dsyevd(job, uplo, &k, &vectors[0, 0], &k, &values[0], &work[0], &length, &int_work[0],
                   &int_length, &info)
    else:
        lower(before)
        dsyevd(job, uplo, &k, &vectors[0, 0], &k, &values[0], &work[0], &length, &int_work[0],
               &int_length, &info)
        raise_again(before)
    if info != 0:
        raise np.linalg.LinAlgError(f"the eigenvalues did not converge (info {info})")
    return np.asarray(values), np.asarray(vectors)
