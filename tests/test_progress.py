"""Progress bars need no widgets."""

import subprocess
import sys
from pathlib import Path

import wrmf

PROGRAM = """
import sys, types, warnings
warnings.simplefilter("always")
# What tqdm takes for a notebook; ipywidgets cannot be imported.
sys.modules["ipywidgets"] = None

class Kernel:
    config = {"IPKernelApp": {}}

sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = Kernel
sys.modules["IPython.display"] = types.ModuleType("IPython.display")
sys.modules["ipykernel.zmqshell"] = types.ModuleType("ipykernel.zmqshell")
"""


def run(code):
    command = [sys.executable, "-c", PROGRAM + code]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_notebook_without_widgets_gets_a_bar_of_text_and_no_warning():
    done = run("from wrmf.progress import load_tqdm\nlist(load_tqdm()(range(3)))")
    assert done.returncode == 0, done.stderr
    assert "3/3" in done.stderr
    assert "ipywidgets" not in done.stderr


def test_tqdm_itself_would_warn():
    done = run("from tqdm.auto import tqdm")
    assert "ipywidgets" in done.stderr


def test_no_other_module_chooses_a_bar_of_its_own():
    sources = Path(wrmf.__file__).parent.rglob("*.py")
    importing = [path.name for path in sources if "from tqdm" in path.read_text(encoding="utf-8")]
    assert importing == ["progress.py"]
