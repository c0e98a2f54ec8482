/* Ranking kernels for AVX2 with fused multiply-add. */
#include "ranking.h"

#if ISA_X86
#include <immintrin.h>

ISA_BEGIN(ISA_AVX2_FEATURES)
#define RANK_ISA avx2
#define RANK_LANES 8
#define RANK_FUSED(sum, a, b)                                                                      \
    ((rank_four)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(sum)))
#define RANK_FUSED_LANES(sum, a, b)                                                                \
    ((rank_lanes)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(sum)))
#include "rank_isa.h"
ISA_END
#endif
