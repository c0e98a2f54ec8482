/* All kernels of one instruction set, in both precisions, and their table.
 *
 * The including file defines ALS_ISA (the name), ALS_VECTOR_BYTES and ALS_BLOCK_COLUMNS. The last
 * is the number of columns of the register block, which has 4 rows of vectors: 2 columns for CPUs
 * with 16 vector registers, 4 for those with 32.
 */
#ifndef ALS_ISA
#error "include als_isa.h from the file of an instruction set only"
#endif

#define ALS_JOIN_(a, b) a##_##b
#define ALS_JOIN(a, b) ALS_JOIN_(a, b)
#define ALS_NAME(what) ALS_JOIN(what, ALS_REAL)

#define ALS_REAL float
#define ALS_REAL_BYTES 4
#define ALS_EPSILON 1.1920929e-7
#define ALS_SQRT sqrtf
#include "als_real.h"
#undef ALS_REAL
#undef ALS_REAL_BYTES
#undef ALS_EPSILON
#undef ALS_SQRT

#define ALS_REAL double
#define ALS_REAL_BYTES 8
#define ALS_EPSILON 2.220446049250313e-16
#define ALS_SQRT sqrt
#include "als_real.h"
#undef ALS_REAL
#undef ALS_REAL_BYTES
#undef ALS_EPSILON
#undef ALS_SQRT

#define ALS_FLOAT_METHOD(name) name##_float,
#define ALS_DOUBLE_METHOD(name) name##_double,
const als_kernels ALS_JOIN(als_kernels, ALS_ISA)[2] = {
    {ALS_VECTOR_BYTES / sizeof(float),
     {ALS_METHODS(ALS_FLOAT_METHOD)},
     part_size_float,
     sum_part_float,
     unpack_part_float,
     apply_part_float,
     gram_float,
     pack_float,
     pack_rows_float,
     multiply_float,
     {dual_row_float, primal_row_float},
     sparse_row_float,
     shift_float},
    {ALS_VECTOR_BYTES / sizeof(double),
     {ALS_METHODS(ALS_DOUBLE_METHOD)},
     part_size_double,
     sum_part_double,
     unpack_part_double,
     apply_part_double,
     gram_double,
     pack_double,
     pack_rows_double,
     multiply_double,
     {dual_row_double, primal_row_double},
     sparse_row_double,
     shift_double},
};
