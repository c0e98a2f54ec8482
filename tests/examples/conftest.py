"""A saved model, and the example service as a module."""

import importlib.util
from pathlib import Path

import pytest

import wrmf

FOLDER = Path(__file__).parents[2] / "examples" / "service"


@pytest.fixture(scope="session")
def likes():
    return wrmf.datasets.synthetic_likes(120, 100, 1500)


@pytest.fixture(scope="session")
def model_file(likes, tmp_path_factory):
    path = tmp_path_factory.mktemp("service") / "model.wrmf"
    wrmf.WRMF(factors=4, iterations=2, random_state=0).fit(likes).save(path, train="seen")
    return path


@pytest.fixture(scope="session")
def service():
    """The module of the service; tests are skipped where its libraries are not installed."""
    pytest.importorskip("fastapi", reason='needs pip install "wrmf[serve]"')
    spec = importlib.util.spec_from_file_location("service", FOLDER / "service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
