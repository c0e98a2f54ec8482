/* ALS kernels for AVX2 with fused multiply-add. */
#include "als.h"

#if ISA_X86
ISA_BEGIN(ISA_AVX2_FEATURES)
#define ALS_ISA avx2
#define ALS_VECTOR_BYTES 32
#define ALS_BLOCK_COLUMNS 2
#include "als_isa.h"
ISA_END
#endif
