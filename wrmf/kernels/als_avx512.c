/* ALS kernels for AVX-512. Its 32 registers are enough for a block of 4 × 4 vectors of sums. */
#include "als.h"

#if ISA_X86
ISA_BEGIN(ISA_AVX512_FEATURES)
#define ALS_ISA avx512
#define ALS_VECTOR_BYTES 64
#define ALS_BLOCK_COLUMNS 4
#include "als_isa.h"
ISA_END
#endif
