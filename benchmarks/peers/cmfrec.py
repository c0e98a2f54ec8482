"""cmfrec: the same objective, 1 + α·d and λ. It trains from the beginning only."""

import importlib.metadata

from benchmarks.peers import Missing

# Its threads are over rows; it asks for a BLAS that does not start more.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FLOAT64 = True


def load():
    try:
        import cmfrec  # noqa: F401
    except ImportError as error:
        raise Missing(f"cmfrec cannot be imported: {error}") from None
    return importlib.metadata.version("cmfrec")


def start(setting):
    return "its own, random_state only"


def train(matrix, setting, recorder):
    from cmfrec import CMF_implicit

    entries = matrix.tocoo()
    model = None

    def fit(sweeps):
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
