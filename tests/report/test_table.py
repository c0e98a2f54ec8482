import wrmf


def test_rows_are_in_order_of_rank_with_the_scores_at_the_best_epoch(result, table_rows):
    # Rank, test score, factors, alpha, best epoch, train score, seconds, curve.
    assert table_rows(result) == [
        ["1", "0.05000", "16", "1", "4", "0.10000", "6.0", ""],
        ["2", "0.02000", "8", "1", "4", "0.04000", "6.0", ""],
        ["3", "0.02000", "8", "9", "4", "0.04000", "6.0", ""],
    ]


def test_a_search_by_mse_ranks_the_lowest_first(make_curve, table_rows):
    curves = [make_curve({"k": k}, [0.1, 0.1]) for k in (1, 2)]
    curves[1].test["mse"] = [0.3, 0.05]
    result = wrmf.SearchResult("mse", ("k",), curves)
    assert table_rows(result)[0][1:4] == ["0.05000", "2", "4"]


def test_a_parameter_with_a_value_that_is_no_number_is_sorted_as_text(make_curve, page_text):
    curves = [make_curve({"k": 1, "solver": "cg"}, [0.1]), make_curve({"k": 2}, [0.2])]
    text = page_text(wrmf.SearchResult("precision@5", ("k", "solver"), curves))
    assert '<th scope="col" data-type="number">k</th>' in text
    assert '<th scope="col" class="text" data-type="text">solver</th>' in text
