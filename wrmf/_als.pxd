"""Declarations of als.h, and functions that other compiled modules use."""
from cython cimport floating
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t


cdef extern from "als.h" nogil:
    ctypedef struct als_problem:
        const int64_t *indptr
        const int32_t *indices
        const void *weights
        const void *targets
        double target_shift
        bint is_signed
        const void *fixed
        int k
        int ld
        const double *spectrum
        const void *regularization
        int steps
        void *out
        uint8_t *failed
        double *gains
        size_t scratch_bytes

    ctypedef struct als_batch:
        const int32_t *rows
        int count
        const void *sums
        const int64_t *part_start

    ctypedef struct als_part:
        int32_t row
        int64_t first
        int64_t last

    ctypedef struct als_factors:
        const void *rows
        int are_floats
        int64_t count
        int k
        int ld

    ctypedef struct als_product:
        int64_t rows
        int k
        int m
        const void *left
        ptrdiff_t left_stride
        const void *panels
        const int32_t *range
        void *result
        ptrdiff_t result_stride

    ctypedef struct als_sparse:
        const int32_t *columns
        const void *values
        int64_t count
        const void *dense
        int k

    ctypedef void (*als_solve)(const als_problem *, const als_batch *, void *) noexcept nogil
    ctypedef void (*als_solve_row)(const als_problem *, void *, void *) noexcept nogil
    ctypedef struct als_kernels:
        int lanes
        als_solve *solve
        ptrdiff_t (*part_size)(const als_problem *) noexcept nogil
        void (*sum_part)(const als_problem *, const als_part *, void *, void *) noexcept nogil
        void (*unpack_part)(const als_problem *, const void *, void *) noexcept nogil
        void (*apply_part)(const als_problem *, const als_part *, int, const void *,
                           void *) noexcept nogil
        void (*gram)(const als_factors *, int, int, double *, void *) noexcept nogil
        void (*pack)(int, int, const void *, void *, int32_t *) noexcept nogil
        void (*pack_rows)(int, int, const void *, const int32_t *, void *) noexcept nogil
        void (*multiply)(const als_product *) noexcept nogil
        als_solve_row *solve_row
        void (*sparse_row)(const als_sparse *, void *) noexcept nogil
        void (*shift)(const als_problem *, int32_t, const void *, void *) noexcept nogil

    const int ALS_METHOD_COUNT, ALS_dual, ALS_primal, ALS_cg, ALS_GRAM_ROWS, ALS_MOST_ORDER
    const char **isa_names
    const char **als_method_names
    int isa_best()
    uint64_t isa_flush_subnormals()
    void isa_restore_subnormals(uint64_t before)
    const als_kernels *als_kernels_of(int isa, int is_double)
    size_t als_scratch_bytes(const als_kernels *kernels, int is_double, int ld)
    size_t als_row_scratch_bytes(int is_double, int ld, int d)
    void als_prefetch(const als_problem *problem, int is_double, const int32_t *rows, int count)

# Return the kernels of an instruction set that the CPU has, or NULL for "blas". Other modules call
# this, since they are not linked with the tables of kernels.
cdef const als_kernels *kernels_of(int isa, bint is_double) noexcept nogil


# Return the number of the instruction set in use; see ``isa_number``.
cdef int active_isa() except -1


cdef class Room:
    """Memory that begins on a 64-byte boundary."""

    cdef object memory
    cdef size_t size
    cdef uint8_t *start


cdef class Memory:
    """The memory of a contiguous array; see _als.pyx."""

    cdef Py_buffer view
    cdef void *start


cdef class Stretches:
    """Divides a loop into stretches; see _als.pyx."""

    cdef int64_t count, first, last
    cdef int n_threads
    cdef double size, started
    cdef bint next(self) except -1


# Limit BLAS to one thread, if this is a helper of a parallel region.
cdef void limit_helper() noexcept nogil

# Parts of solving a row with BLAS; see _als.pyx.
cdef floating target_of(const als_problem *problem, int64_t entry, floating weight) noexcept nogil
cdef void add_entries(
    const als_problem *problem, int64_t first, int64_t last, bint negative, const floating *scale,
    floating *gathered, floating *system
) noexcept nogil
cdef void load_scales(const als_problem *problem, int row, floating *scale) noexcept nogil
cdef bint is_singular(int k, int order, const floating *factor, floating largest) noexcept nogil
cdef bint store_row(
    const als_problem *problem, floating *out, const floating *scale
) noexcept nogil
