import re

import wrmf


def test_an_effect_is_the_best_score_at_each_value_and_names_the_edge(make_curve, page_text):
    curves = [make_curve({"k": k, "a": a}, [k * a / 100]) for k in (1, 2, 3) for a in (5, 1)]
    text = page_text(wrmf.SearchResult("precision@5", ("k", "a"), curves))
    assert text.count("Best at 3, the edge of the search range") == 1
    # Both values of a parameter with only two are at an edge, so that is not named.
    assert text.count("Best at 5<") == 1
    assert "At the edge of the search range: k is best at its highest value." in text


def test_many_values_of_a_parameter_are_shown_in_groups(make_curve, page_text):
    curves = [make_curve({"a": 1.0 + n}, [n / 100]) for n in range(30)]
    text = page_text(wrmf.SearchResult("precision@5", ("a",), curves))
    effect = text[text.index("Effect of each parameter") :]
    labels = re.findall(r'text-anchor="middle">([^<]*)<', effect)
    assert labels == ["3", "8", "13", "18", "23", "28"]
