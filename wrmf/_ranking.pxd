"""Declarations of ranking.h, and functions that other compiled modules use."""
from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "ranking.h" nogil:
    ctypedef struct rank_list:
        const void *user
        const void *items
        int k
        int32_t n
        int32_t capacity
        int32_t n_scores
        int32_t n_candidates
        double margin
        double floor
        double threshold
        void *heap
        void *candidates

    ctypedef struct rank_tile:
        const void *scores
        const int32_t *items
        int width

    ctypedef struct rank_counts:
        int32_t above
        int32_t equal
        int32_t equal_before

    ctypedef struct rank_code:
        double step
        double error
        double size

    ctypedef struct rank_codes:
        const void *items
        const int32_t *order
        const int32_t *words
        int64_t n_items
        int k
        int n_words

    ctypedef struct rank_request:
        const void *user
        const float *unit_user
        double length
        const float *scales
        const double *slack
        const double *norms
        const void *lengths
        void *unit_item
        const uint8_t *allowed
        const int32_t *masked
        int64_t n_masked
        int32_t n
        void *heap

    ctypedef struct rank_kernels:
        double (*exact_score)(const void *, const void *, int) noexcept nogil
        void (*scan)(rank_list *, const rank_tile *) noexcept nogil
        void (*add_items)(rank_list *, const int32_t *, int64_t) noexcept nogil
        int32_t (*finish)(rank_list *) noexcept nogil
        double (*nth_best)(rank_list *, const void *, int64_t) noexcept nogil
        int32_t (*count_above)(
            const rank_list *, const rank_tile *, double, int32_t *) noexcept nogil
        void (*count_close)(
            const rank_list *, const rank_tile *, double, int32_t, rank_counts *) noexcept nogil
        void (*encode)(const void *, int, int32_t *, rank_code *) noexcept nogil
        int32_t (*best_items)(rank_request *, const rank_codes *) noexcept nogil
        int32_t (*best_of)(
            rank_request *, const rank_codes *, const int32_t *, int64_t) noexcept nogil

    const int RANK_RUN
    const rank_kernels *rank_kernels_of(int isa, int is_double)
    ctypedef struct rank_candidate_float:
        float score
        int32_t item

    ctypedef struct rank_candidate_double:
        double score
        int32_t item

    void rank_prefetch(const void *items, size_t row_bytes, int32_t item)
    size_t rank_candidate_size(int is_double)
    double rank_entry(const rank_list *list, int is_double, int32_t place, int32_t *item)
    double rank_lowest(const rank_list *list, int is_double)

# Return the kernels of an instruction set. Other modules call this, since they are not linked with
# the tables of kernels.
cdef const rank_kernels *ranking_kernels(int isa, bint is_double) noexcept nogil
