/* The ranking kernels of one instruction set, in both precisions, and their table.
 *
 * The including file defines RANK_ISA (the name) and RANK_LANES (the floats of a vector). If the
 * instruction set has a fused multiply-add, the file also defines RANK_FUSED, which adds the
 * product of two vectors of four doubles to a third, and RANK_FUSED_LANES, which does so for
 * vectors of RANK_LANES floats. RANK_GROUP, by default 2, is the number of items that are scored at
 * a time: their sums take four registers each.
 */
#ifndef RANK_ISA
#error "include rank_isa.h from the file of an instruction set only"
#endif

#define RANK_JOIN_(a, b) a##_##b
#define RANK_JOIN(a, b) RANK_JOIN_(a, b)
#define RANK_NAME(what) RANK_JOIN(what, RANK_REAL)

#ifndef RANK_GROUP
#define RANK_GROUP 2
#endif

#if defined(__GNUC__)
typedef double rank_four __attribute__((vector_size(32)));
#endif

#include "codes.h"

#define RANK_REAL float
#define RANK_ULPS 1e-6
/* Products of float32 numbers are exact in float64, so a fused multiply-add rounds in the same way
 * as separate instructions. */
#ifdef RANK_FUSED
#define RANK_MULTIPLY_ADD RANK_FUSED
#else
#define RANK_MULTIPLY_ADD(sum, a, b) ((sum) + (a) * (b))
#endif
#include "topk.h"

#include "request.h"
#undef RANK_REAL
#undef RANK_ULPS
#undef RANK_MULTIPLY_ADD

#define RANK_REAL double
#define RANK_ULPS 1e-15
/* With float64 factors, a fused multiply-add would round differently from the baseline, so it is
 * not used; see -ffp-contract in setup.py. */
#define RANK_MULTIPLY_ADD(sum, a, b) ((sum) + (a) * (b))
#include "topk.h"

#include "request.h"
#undef RANK_REAL
#undef RANK_ULPS
#undef RANK_MULTIPLY_ADD

const rank_kernels RANK_JOIN(rank_kernels, RANK_ISA)[2] = {
    {exact_score_float, scan_float, add_items_float, finish_float, nth_best_float,
     count_above_float, count_close_float, encode_float, best_items_float, best_of_float},
    {exact_score_double, scan_double, add_items_double, finish_double, nth_best_double,
     count_above_double, count_close_double, encode_double, best_items_double, best_of_double},
};
