/* Approximate scores from factors that are rounded to bytes. rank_isa.h includes this file once.
 *
 * Four factors of an item are four bytes of a word, and the words of RANK_RUN items are adjacent.
 * Compilers widen bytes to floats one by one, but shift and convert words by vectors. So a byte is
 * read by shifting it to the top of its word. The bytes below it then remain as a fraction, which
 * ``encode`` has taken into account.
 */
#ifndef RANK_ISA
#error "include codes.h from rank_isa.h only"
#endif

/* The value of a factor is its word, shifted, times this unit and the scale of the item. */
#define RANK_BYTE_UNIT (1.0 / (1 << 24))

#if ISA_VECTORS
typedef float rank_lanes __attribute__((vector_size(4 * RANK_LANES)));
typedef int32_t rank_words __attribute__((vector_size(4 * RANK_LANES)));
typedef uint32_t rank_bits __attribute__((vector_size(4 * RANK_LANES)));
#ifndef RANK_FUSED_LANES
#define RANK_FUSED_LANES(sum, a, b) ((sum) + (a) * (b))
#endif
/* The number of vectors of sums that are kept in registers. */
#define RANK_SUMS (RANK_RUN / RANK_LANES < 8 ? RANK_RUN / RANK_LANES : 8)

static inline rank_lanes rank_every_lane(float x) {
    rank_lanes zero = {0};
    return zero + x;
}

/* Add x times the byte that ``shift`` moves to the top of each word. */
static inline rank_lanes rank_add_bytes(rank_lanes sum, float x, rank_bits words, int shift) {
    rank_lanes bytes = __builtin_convertvector((rank_words)(words << shift), rank_lanes);
    return RANK_FUSED_LANES(sum, rank_every_lane(x), bytes);
}

/* Set ``scores`` to the products of x and the RANK_RUN items of a group, without their scales. */
static void rank_group_scores(const int32_t *words, const float *x, int n_words, float *scores) {
    for (int start = 0; start < RANK_RUN; start += RANK_SUMS * RANK_LANES) {
        rank_lanes sums[RANK_SUMS];
        for (int q = 0; q < RANK_SUMS; q++) sums[q] = (rank_lanes){0};
        const int32_t *at = words + start;
        const float *four = x;
        for (int f = 0; f < n_words; f++, at += RANK_RUN, four += 4) {
#pragma GCC unroll 8
            for (int q = 0; q < RANK_SUMS; q++) {
                rank_bits bits;
                memcpy(&bits, at + q * RANK_LANES, sizeof bits);
                sums[q] = rank_add_bytes(sums[q], four[0], bits, 24);
                sums[q] = rank_add_bytes(sums[q], four[1], bits, 16);
                sums[q] = rank_add_bytes(sums[q], four[2], bits, 8);
                sums[q] = rank_add_bytes(sums[q], four[3], bits, 0);
            }
        }
        memcpy(scores + start, sums, sizeof sums);
    }
}
#else
static void rank_group_scores(const int32_t *words, const float *x, int n_words, float *scores) {
    for (int j = 0; j < RANK_RUN; j++) scores[j] = 0;
    for (int f = 0; f < n_words; f++, words += RANK_RUN)
        for (int byte = 0; byte < 4; byte++)
            for (int j = 0; j < RANK_RUN; j++)
                scores[j] +=
                    x[4 * f + byte] * (float)(int32_t)((uint32_t)words[j] << (24 - 8 * byte));
}
#endif
