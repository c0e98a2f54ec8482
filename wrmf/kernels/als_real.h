/* The kernels in one precision, ALS_REAL. als_isa.h includes this file twice. */
#ifndef ALS_REAL
#error "include als_real.h from als_isa.h only"
#endif

#include "vector.h"

#include "rows.h"

#include "gram.h"
#include "product.h"

#include "cholesky.h"

#include "methods.h"

#include "one_row.h"

#include "expected.h"
