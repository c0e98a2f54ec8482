/* Ranking kernels for the architecture's baseline, and for compilers without vector types. */
#include "ranking.h"

#define RANK_ISA baseline
#define RANK_LANES 4
#include "rank_isa.h"
