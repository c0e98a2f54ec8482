"""What other compiled modules use of the kernels: products of tiles."""
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t

# Rows order[0] .. order[m - 1] of k elements, packed as multiply_packed wants them: k · m elements,
# m rounded up to a vector, from a 64-byte boundary. ``path``: one of _lanes.h, not 0.
cdef void pack_rows(
    int path, bint is_double, int k, int m, const void *rows, const int32_t *order, void *panels
) noexcept nogil

# result (rows, m) = left (rows, k) · the transpose of m packed rows; ldc: the stride of the result.
cdef void multiply_packed(
    int path, bint is_double, int64_t rows, int k, int m, const void *left, const void *panels,
    void *result, ptrdiff_t ldc
) noexcept nogil
