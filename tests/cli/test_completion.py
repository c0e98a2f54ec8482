"""Shells complete verbs, options and files."""

import shutil
import subprocess
import sys

import pytest

from wrmf.cli.completion import SHELLS
from wrmf.cli.main import main
from wrmf.cli.verbs import VERBS


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_verb_and_option(shell, capsys):
    pytest.importorskip("shtab", reason='needs pip install "wrmf[completion]"')
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", shell])
    assert stop.value.code == 0
    script = capsys.readouterr().out
    for word in [*(verb.name for verb in VERBS), "unobserved-weight", "users-file"]:
        assert word in script


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("wrmf eval", "evaluate"),
        ("wrmf fit --unob", "--unobserved-weight"),
        ("wrmf fit --objective ", "ials wrmf"),
        ("wrmf recommend mod", "model.wrmf"),
        ("wrmf fit --like mod", "model.wrmf"),
    ],
)
def test_bash_completes(line, expected, tmp_path):
    pytest.importorskip("shtab", reason='needs pip install "wrmf[completion]"')
    (tmp_path / "model.wrmf").touch()
    script = tmp_path / "completion.bash"
    with script.open("w", encoding="utf-8") as file:
        command = [sys.executable, "-m", "wrmf", "--print-completion", "bash"]
        subprocess.run(command, stdout=file, check=True)
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    ask = (
        f"source '{script}'; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
        "$(complete -p wrmf | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); "
        'echo "${COMPREPLY[@]}" | tr " " "\\n" | sort | xargs'
    )
    ended = subprocess.run(
        ["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == expected


def test_without_shtab_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", "bash"])
    assert stop.value.code == 1
    assert 'pip install "wrmf[completion]"' in capsys.readouterr().err
