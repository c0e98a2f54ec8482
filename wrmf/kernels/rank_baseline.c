/* Ranking kernels for the architecture's baseline, and for compilers without vector types. */
#include "ranking.h"

#define RANK_ISA baseline
#include "rank_isa.h"
