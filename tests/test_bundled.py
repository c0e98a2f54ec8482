"""A wheel has the licenses of the libraries in it."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "bundled"
LICENSES = ROOT / "licenses"

pytestmark = pytest.mark.skipif(
    not SCRIPT.exists(), reason="the script is in no source distribution"
)


def check(path, libraries, without=None):
    """Run the script on a wheel with libraries and all licenses but one."""
    with ZipFile(path, "w") as wheel:
        for name in libraries:
            wheel.writestr(name, b"")
        for text in LICENSES.iterdir():
            if text.name != without:
                wheel.write(text, f"wrmf-1.0.dist-info/licenses/licenses/{text.name}")
    return subprocess.run([sys.executable, str(SCRIPT), path], capture_output=True, text=True)


@pytest.mark.parametrize(
    "library",
    [
        "wrmf.libs/libgomp-f9a9ad78.so.1.0.0",
        "wrmf/.dylibs/libomp.dylib",
        "wrmf.libs/vcomp140-0123456789abcdef.dll",
    ],
)
def test_openmp_of_every_system_is_known(library, tmp_path):
    checked = check(tmp_path / "x.whl", [library])
    assert checked.returncode == 0
    assert library in checked.stdout


def test_a_library_without_license_is_an_error(tmp_path):
    checked = check(tmp_path / "x.whl", ["wrmf.libs/libz-1234.so.1"])
    assert checked.returncode == 1
    assert "wrmf.libs/libz-1234.so.1" in checked.stderr


@pytest.mark.parametrize("text", ["BUNDLED.md", "GPL-3.0.txt", "GCC-exception-3.1.txt"])
def test_a_missing_license_is_an_error(text, tmp_path):
    checked = check(tmp_path / "x.whl", [], without=text)
    assert checked.returncode == 1
    assert text in checked.stderr
