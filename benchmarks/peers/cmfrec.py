"""cmfrec, which has the same objective, with the same α and λ. It cannot continue training."""

import importlib.metadata
from typing import Any

from scipy import sparse

from benchmarks.missing import Missing
from benchmarks.peers import FactorPair, Setting, SweepRecorder

# cmfrec's threads divide the rows, so it asks for a BLAS with one thread.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FLOAT64 = True


def load() -> str:
    try:
        import cmfrec  # noqa: F401
    except ImportError as error:
        raise Missing(f"cmfrec cannot be imported: {error}") from None
    return importlib.metadata.version("cmfrec")


def start(setting: Setting) -> str:
    return "cmfrec's own; only its random_state can be set"


def train(matrix: sparse.csr_matrix, setting: Setting, recorder: SweepRecorder) -> Any:
    from cmfrec import CMF_implicit

    entries = matrix.tocoo()
    model = None

    def fit(sweeps: int) -> FactorPair:
        nonlocal model
        model = CMF_implicit(
            k=setting.factors,
            lambda_=setting.regularization,
            alpha=setting.alpha,
            niter=sweeps,
            use_float=setting.dtype == "float32",
            finalize_chol=False,
            precompute_for_predictions=False,
            produce_dicts=False,
            random_state=setting.seed + 1,
            nthreads=setting.threads,
            verbose=False,
            **setting.options,
        ).fit(entries)
        return model.A_, model.B_

    recorder.fits(fit)
    return model
