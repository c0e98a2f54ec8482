/* Ranking kernels for AVX-512. */
#include "ranking.h"

#if ISA_X86
#include <immintrin.h>

ISA_BEGIN(ISA_AVX512_FEATURES)
#define RANK_ISA avx512
#define RANK_LANES 16
#define RANK_GROUP 4
#define RANK_FUSED(sum, a, b)                                                                      \
    ((rank_four)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(sum)))
#define RANK_FUSED_LANES(sum, a, b)                                                                \
    ((rank_lanes)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(sum)))
#include "rank_isa.h"
ISA_END
#endif
