/* The methods of solving a row. Each has a header and a place in the table ALS_METHODS. */
#ifdef ALS_REAL
#include "dual.h"

#include "primal.h"

#include "cg.h"
#else
/* X(function) for each method. The order determines the numbers of the methods. */
#define ALS_METHODS(X) X(dual) X(primal) X(cg)
#endif
