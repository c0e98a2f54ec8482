/* The type of vectors of ALS_LANES numbers, and functions: elementwise, transposition, sums. */
#ifndef ALS_REAL
#error "include vector.h from als_real.h only"
#endif

/* ---- Macros that do not depend on the precision until they are used. ---- */
#ifndef WRMF_KERNELS_VECTOR_H
#define WRMF_KERNELS_VECTOR_H

#define ALS_LANES (ALS_VECTOR_BYTES / ALS_REAL_BYTES)
#define ALS_VEC ALS_NAME(vec)
#define ALS_MASK ALS_NAME(mask)
#define ALS_INLINE static inline __attribute__((always_inline))
/* A loop that is unrolled n times: ALS_UNROLL(4, int i = 0; i < n; i++). */
#define ALS_UNROLL(n, ...) ISA_PRAGMA_OF(GCC unroll n) for (__VA_ARGS__)

/* Lists of lane numbers f(0, h), f(1, h), ..., which are the arguments of the shuffle builtin. */
#define ALS_LIST2(f, h, o) f(o, h), f(o + 1, h)
#define ALS_LIST4(f, h, o) ALS_LIST2(f, h, o), ALS_LIST2(f, h, o + 2)
#define ALS_LIST8(f, h, o) ALS_LIST4(f, h, o), ALS_LIST4(f, h, o + 4)
#define ALS_LIST16(f, h, o) ALS_LIST8(f, h, o), ALS_LIST8(f, h, o + 8)

/* ALS_EVEN and ALS_ODD give the source of lane p in a shuffle that selects the even or the odd
 * pieces of two vectors a and b. While h is smaller than ALS_PIECE, a piece is one number, and
 * pieces are selected within each 16 bytes. From then on a piece has 16 bytes, and pieces are
 * selected among all lanes. CPUs have an instruction for either shuffle. */
#define ALS_PIECE (16 / ALS_REAL_BYTES)
#define ALS_PICK(p, part, all, odd)                                                                \
    ((p) / (all) * (all) + (p) % ((all) / 2) / (part) * 2 * (part) + (p) % (part) +                \
     (odd) * (part) + ((p) % (all) < (all) / 2 ? 0 : ALS_LANES))
#define ALS_EVEN(p, h)                                                                             \
    ((h) < ALS_PIECE ? ALS_PICK(p, 1, ALS_PIECE, 0) : ALS_PICK(p, ALS_PIECE, ALS_LANES, 0))
#define ALS_ODD(p, h)                                                                              \
    ((h) < ALS_PIECE ? ALS_PICK(p, 1, ALS_PIECE, 1) : ALS_PICK(p, ALS_PIECE, ALS_LANES, 1))
#define ALS_ACROSS(p, h) ((p) ^ (h))

#define ALS_TRANSPOSE_STAGE(h)                                                                     \
    ALS_UNROLL(16, int i = 0; i < ALS_LANES; i++)                                                  \
        if (!(i & h)) {                                                                            \
            ALS_VEC a = v[i], b = v[i + h];                                                        \
            v[i] = __builtin_shufflevector(a, b, ALS_LIST(ALS_EVEN, h, 0));                        \
            v[i + h] = __builtin_shufflevector(a, b, ALS_LIST(ALS_ODD, h, 0));                     \
        }
#define ALS_FOLD_STAGE(h)                                                                          \
    ALS_UNROLL(16, int i = 0; i < ALS_LANES; i += 2 * (h))                                         \
        v[i] = __builtin_shufflevector(v[i], v[i + h], ALS_LIST(ALS_EVEN, h, 0)) +                 \
               __builtin_shufflevector(v[i], v[i + h], ALS_LIST(ALS_ODD, h, 0));
#define ALS_HALVE(h) v += __builtin_shufflevector(v, v, ALS_LIST(ALS_ACROSS, h, 0));

#endif

#undef ALS_LIST
#if ALS_LANES == 16
#define ALS_LIST ALS_LIST16
#elif ALS_LANES == 8
#define ALS_LIST ALS_LIST8
#elif ALS_LANES == 4
#define ALS_LIST ALS_LIST4
#else
#define ALS_LIST ALS_LIST2
#endif

typedef ALS_REAL ALS_VEC __attribute__((vector_size(ALS_VECTOR_BYTES)));
/* The result of a comparison: all bits of a lane are 1 if it holds, otherwise 0. */
typedef __typeof__((ALS_VEC){0} > (ALS_VEC){0}) ALS_MASK;

ALS_INLINE ALS_VEC ALS_NAME(fill)(ALS_REAL value) { return value - (ALS_VEC){0}; }

ALS_INLINE ALS_VEC ALS_NAME(select)(ALS_MASK mask, ALS_VEC yes, ALS_VEC no) {
    return (ALS_VEC)(((ALS_MASK)yes & mask) | ((ALS_MASK)no & ~mask));
}

ALS_INLINE ALS_VEC ALS_NAME(min)(ALS_VEC a, ALS_VEC b) { return ALS_NAME(select)(a < b, a, b); }
ALS_INLINE ALS_VEC ALS_NAME(max)(ALS_VEC a, ALS_VEC b) { return ALS_NAME(select)(a > b, a, b); }

ALS_INLINE ALS_VEC ALS_NAME(square_root)(ALS_VEC a) {
    for (int lane = 0; lane < ALS_LANES; lane++) a[lane] = ALS_SQRT(a[lane]);
    return a;
}

/* Move lane p of vector q to lane q of vector p. */
ALS_INLINE void ALS_NAME(transpose)(ALS_VEC v[ALS_LANES]) {
    ALS_TRANSPOSE_STAGE(1)
#if ALS_LANES >= 4
    ALS_TRANSPOSE_STAGE(2)
#endif
#if ALS_LANES >= 8
    ALS_TRANSPOSE_STAGE(4)
#endif
#if ALS_LANES >= 16
    ALS_TRANSPOSE_STAGE(8)
#endif
}

/* Return a vector whose lane q is the sum over the lanes of v[q]. */
ALS_INLINE ALS_VEC ALS_NAME(fold)(ALS_VEC v[ALS_LANES]) {
    ALS_FOLD_STAGE(1)
#if ALS_LANES >= 4
    ALS_FOLD_STAGE(2)
#endif
#if ALS_LANES >= 8
    ALS_FOLD_STAGE(4)
#endif
#if ALS_LANES >= 16
    ALS_FOLD_STAGE(8)
#endif
    return v[0];
}

/* Return the sum over the lanes. */
ALS_INLINE ALS_REAL ALS_NAME(total)(ALS_VEC v) {
#if ALS_LANES >= 16
    ALS_HALVE(8)
#endif
#if ALS_LANES >= 8
    ALS_HALVE(4)
#endif
#if ALS_LANES >= 4
    ALS_HALVE(2)
#endif
    ALS_HALVE(1)
    return v[0];
}

/* Return the start of the next ``count`` vectors of the scratch memory, and move ``next`` on. */
ALS_INLINE ALS_VEC *ALS_NAME(take)(ALS_VEC **next, ptrdiff_t count) {
    ALS_VEC *start = *next;
    *next += count;
    return start;
}

/* With WRMF_DEBUG, abort the process if a solver uses more scratch than was allocated. */
#ifdef WRMF_DEBUG
#include <stdio.h>
#include <stdlib.h>
#define ALS_CHECK_SCRATCH(problem, scratch, end)                                                   \
    if ((size_t)((const char *)(end) - (const char *)(scratch)) > (problem)->scratch_bytes) {      \
        fprintf(stderr, "wrmf: %s needs more scratch than was allocated\n", __func__);             \
        abort();                                                                                   \
    }
#else
#define ALS_CHECK_SCRATCH(problem, scratch, end)
#endif
