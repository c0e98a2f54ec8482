/* The methods of solving a row: a header and a row of the table for each. */
#ifdef ALS_REAL
#include "dual.h"

#include "primal.h"

#include "cg.h"
#else
/* X(function), in the order of their numbers. */
#define ALS_METHODS(X) X(dual) X(primal) X(cg)
#endif
