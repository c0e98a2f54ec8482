import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import wrmf
from wrmf.cli.main import build_parser, main
from wrmf.cli.messages import translate
from wrmf.cli.reading import READING
from wrmf.data.formats.databases import HOW


@pytest.mark.parametrize("row", READING, ids=lambda row: row.parameter)
def test_a_message_about_a_parameter_names_its_option(row):
    options = build_parser().parse_args(["fit", "x.csv"])
    assert translate(f"pass {row.parameter}=", options) == f"pass {row.option}"
    assert translate(f"{row.parameter} must be right", options) == f"{row.option} must be right"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('pass duplicates="sum" or "drop"', "pass --duplicates sum or drop"),
        (
            'pass encoding="latin-1", "cp1252" or quote=\'"\'',
            "pass --encoding latin-1, cp1252 or --quote '\"'",
        ),
        ("name them by user=, item=, value=", "name them by --user, --item, --value"),
        ("pass header=False and user=0", "pass --no-header and --user 0"),
        ("pass header=True", "pass no --no-header"),
        ('pass sep=";"', 'pass --sep ";"'),
        ("pass encoding='latin-1'", "pass --encoding latin-1"),
        (
            'pass value={"view": 1, "cart": 3}',
            "pass --event-weight view=1 --event-weight cart=3",
        ),
        ("pass value={...}", "pass --event-weight EVENT=WEIGHT"),
        ("value={} names none", "--event-weight EVENT=WEIGHT names none"),
        ("lower it, or raise alpha or init_scale", "lower it, or raise --alpha or --init-scale"),
        ("min_value must be a number", "--min-value must be a number"),
        ("raise min_value or random_state", "raise --min-value or --seed"),
        ("no column 'user='; got \"item=3\"", "no column 'user='; got \"item=3\""),
        ("no such file: data/user=3/x.parquet", "no such file: data/user=3/x.parquet"),
        ("no such file: user=3/x.parquet", "no such file: user=3/x.parquet"),
        ("the user's value of time", "the user's value of time"),
        ("unobserved_weight must be positive", "--unobserved-weight must be positive"),
        ("lower k, fraction or min_interactions", "lower k, fraction or min_interactions"),
        ("with shards=4; pass resume=False", "with --shards 4; pass --no-resume"),
        (
            f"the database has 2 tables: {HOW}",
            "the database has 2 tables: write the table or a query after the address, as in "
            "sqlite:///shop.db#likes",
        ),
        ("so call fit again with the same arguments", "so run the same command again"),
    ],
)
def test_a_message_is_translated_where_it_names_parameters(message, expected):
    options = build_parser().parse_args(["fit", "x.csv"])
    assert translate(message, options) == expected


def test_a_message_of_a_split_names_the_options_of_splits():
    options = build_parser().parse_args(["evaluate", "x.csv"])
    message = "lower k, fraction or min_interactions; pass either test_size or cutoff"
    expected = (
        "lower --leave-out, --fraction or --min-interactions; pass either --test-size or --cutoff"
    )
    assert translate(message, options) == expected


def test_the_value_of_events_is_their_weights():
    message = "column 'event' holds 'buy', which value= gives no weight"
    expected = "column 'event' holds 'buy', which --event-weight gives no weight"
    words = ["fit", "x.csv", "--event-weight", "view=1"]
    assert translate(message, build_parser().parse_args(words)) == expected


def test_the_k_of_a_metric_is_no_option():
    options = build_parser().parse_args(["evaluate", "x.csv"])
    message = "unknown metric 'recal': k is a number, as in ndcg@20, with k in 1 … 9"
    assert translate(message, options) == message


def test_parameters_without_an_option_of_the_verb_are_not_translated():
    assert translate("pass users=", SimpleNamespace(seed=0)) == "pass users="


def test_a_warning_is_one_line_in_the_words_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("user,item\n1,2\n1,3\n2,3\n", encoding="utf-8")
    code = (
        "import sys, warnings; from wrmf.cli import fit; from wrmf.cli.main import main\n"
        "def warn(*a): warnings.warn('set\\n num_threads=1', stacklevel=2); raise ValueError('x')\n"
        "fit.load_features = warn; sys.exit(main(['fit', 'x.csv']))"
    )
    path = os.pathsep.join([str(Path(wrmf.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr.splitlines()[-2:] == ["wrmf: warning: set --threads 1", "wrmf: error: x"]


def test_an_error_of_reading_names_options(tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_text("uid,mid\n1,2\n", encoding="utf-8")
    assert main(["fit", str(path), "--item", "mid"]) == 1
    error = capsys.readouterr().err
    assert "--user" in error
    assert "user=" not in error


def test_a_cutoff_that_does_not_fit_the_times_names_options(tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_text("user,item,year\nann,x,2001\nann,y,2002\n", encoding="utf-8")
    words = f"evaluate {path} --time year --split time --cutoff 2001-01-01"
    assert main(words.split()) == 1
    error = capsys.readouterr().err
    assert "--cutoff '2001-01-01' is a date, but the times are plain numbers" in error
    assert "read with --time-format" in error


def test_a_split_by_time_without_times_names_the_option(tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_text("user,item\nann,x\nann,y\n", encoding="utf-8")
    assert main(["evaluate", str(path), "--split", "time"]) == 1
    assert "pass --time" in capsys.readouterr().err.splitlines()[-1]
