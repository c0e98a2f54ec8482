"""The boxed table that a learning curve and a search print."""

from wrmf import grid_search, learning_curve


def test_a_curve_is_logged_as_in_rosenthal_2016(split, model):
    blocks = []
    learning_curve(model, split, [2, 10], log=blocks.append)
    lines = "\n".join(blocks).splitlines()
    rule = "+------------+------------+------------+------------+------------+"
    assert lines[:3] == [
        rule,
        "|   epochs   | p@k train  |  p@k test  | mse train  |  mse test  |",
        rule.replace("-", "="),
    ]
    assert lines[4] == rule
    assert lines[3].startswith("|     2      |  0.")
    assert lines[5].startswith("|     10     |  0.")
    assert len(lines) == 7


def test_several_cut_offs_are_told_apart_in_the_head(split, model):
    blocks = []
    learning_curve(model, split, [1], metrics=["precision@5", "precision@10"], log=blocks.append)
    assert "| p@5 train  |  p@5 test  | p@10 train | p@10 test  |" in blocks[0]


def test_a_search_logs_each_setting_above_its_table(split, model):
    for n_jobs in (1, 2):
        blocks = []
        grid_search(model, split, {"factors": [2, 4]}, [1], n_jobs=n_jobs, log=blocks.append)
        lines = "\n".join(blocks).splitlines()
        starts = [place for place, line in enumerate(lines) if line.startswith("factors: ")]
        # With two at once, the setting that finishes first is logged first.
        assert sorted(lines[place] for place in starts) == ["factors: 2", "factors: 4"]
        assert starts == [0, 6]


def test_log_true_prints(split, model, capsys):
    learning_curve(model, split, [1], log=True)
    assert "epochs" in capsys.readouterr().out
    learning_curve(model, split, [1])
    assert capsys.readouterr().out == ""
