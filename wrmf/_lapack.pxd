"""What other compiled modules use of the limits of BLAS."""

# Limit BLAS to one thread in the calling thread, where its limits are those of a thread. Helpers
# call this before they call BLAS.
cdef void limit_this_thread() noexcept nogil
