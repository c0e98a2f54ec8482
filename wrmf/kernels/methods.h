/* The methods of solving a row: a header and a row of the table for each. */
#ifdef ALS_REAL
#include "dual.h"

#include "primal.h"

#include "cg.h"
#else
/* X(number, function) */
#define ALS_METHODS(X) X(0, dual) X(1, primal) X(2, cg)
#endif
