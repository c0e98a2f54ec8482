/* ALS kernels for the architecture's baseline, SSE2 or NEON. */
#include "als.h"

#if ISA_VECTORS
#define ALS_ISA baseline
#define ALS_VECTOR_BYTES 16
#define ALS_BLOCK_COLUMNS 2
#include "als_isa.h"
#endif
