/* The instruction sets that this compiler supports, and the detection of those that the CPU has. */
#ifndef WRMF_KERNELS_ISA_H
#define WRMF_KERNELS_ISA_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The kernels need vector types with shuffles, which GCC has from version 12 on, and clang. With
 * other compilers, such as MSVC, rows are solved one at a time by BLAS. */
#if (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)) && !defined(WRMF_NO_VECTORS)
#define ISA_VECTORS 1
#else
#define ISA_VECTORS 0
#endif

#if ISA_VECTORS && defined(__x86_64__)
#define ISA_X86 1
#else
#define ISA_X86 0
#endif

/* The instruction sets that the kernels are compiled for, in increasing order of speed:
 * X(name, whether this CPU has it). A CPU that has one of them has all those before it. They
 * are numbered from 1; number 0 is ``blas``, which uses BLAS instead of these kernels. ``baseline``
 * is the instruction set that every CPU of the architecture has: SSE2 or NEON. */
#if ISA_X86
#define ISA_TABLE(X) X(baseline, 1) X(avx2, ISA_HAS_AVX2) X(avx512, ISA_HAS_AVX512)
#elif ISA_VECTORS
#define ISA_TABLE(X) X(baseline, 1)
#else
#define ISA_TABLE(X)
#endif

#define ISA_AVX2_FEATURES "avx2,fma"
#define ISA_HAS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))

#define ISA_AVX512_FEATURES "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"
#define ISA_HAS_AVX512                                                                             \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&                    \
     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))

#define ISA_NAME(name, has) #name,
static const char *const isa_names[] = {"blas", ISA_TABLE(ISA_NAME)};
#undef ISA_NAME

/* Return the number of the fastest instruction set that this build and this CPU have. */
static inline int isa_best(void) {
    int isa = 0, best = 0;
#if ISA_X86
    __builtin_cpu_init();
#endif
#define ISA_TEST(name, has)                                                                        \
    isa++;                                                                                         \
    if (has) best = isa;
    ISA_TABLE(ISA_TEST)
#undef ISA_TEST
    (void)isa;
    return best;
}

/* Functions between ISA_BEGIN and ISA_END are compiled for an instruction set with more features
 * than the baseline. */
#define ISA_PRAGMA(...) _Pragma(#__VA_ARGS__)
#define ISA_PRAGMA_OF(...) ISA_PRAGMA(__VA_ARGS__)
#if defined(__clang__)
#define ISA_BEGIN(features)                                                                        \
    ISA_PRAGMA_OF(clang attribute push(__attribute__((target(features))), apply_to = function))
#define ISA_END ISA_PRAGMA_OF(clang attribute pop)
#else
#define ISA_BEGIN(features) ISA_PRAGMA_OF(GCC push_options) ISA_PRAGMA_OF(GCC target(features))
#define ISA_END ISA_PRAGMA_OF(GCC pop_options)
#endif

/* The tables of functions are visible only within their extension module. */
#if defined(__GNUC__)
#define ISA_HIDDEN __attribute__((visibility("hidden")))
#else
#define ISA_HIDDEN
#endif

/* Arithmetic on subnormal numbers is a hundred times slower on some CPUs, and with strong
 * regularisation many factors are subnormal. Between calls of these two functions, the calling
 * thread treats subnormal numbers as zero. */
#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
static inline uint64_t isa_flush_subnormals(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
}
static inline void isa_restore_subnormals(uint64_t before) { _mm_setcsr((unsigned)before); }
#elif defined(__aarch64__) && defined(__GNUC__)
static inline uint64_t isa_flush_subnormals(void) {
    uint64_t before;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
    return before;
}
static inline void isa_restore_subnormals(uint64_t before) {
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before));
}
#else
static inline uint64_t isa_flush_subnormals(void) { return 0; }
static inline void isa_restore_subnormals(uint64_t before) { (void)before; }
#endif

#endif
