"""Every parameter of the model is an option, made from its signature and docstring."""

import inspect

import pytest

import wrmf
from wrmf.cli.main import build_parser, main
from wrmf.cli.messages import translate
from wrmf.cli.parameters import MODEL_PARAMETERS, SHARED, build_model

NAMES = [parameter.name for parameter in MODEL_PARAMETERS]
each_parameter = pytest.mark.parametrize("parameter", MODEL_PARAMETERS, ids=NAMES)


def typed(parameter):
    """Return a text for a parameter, and its value, which is not the default."""
    if parameter.choices is not None:
        value = next(word for word in parameter.choices if word != parameter.default)
        return value, value
    return ("3", 3) if parameter.is_whole else ("0.375", 0.375)


def test_every_parameter_of_the_model_has_an_option():
    assert [*NAMES, *SHARED] == sorted(
        inspect.signature(wrmf.WRMF).parameters, key=[*NAMES, *SHARED].index
    )


@each_parameter
def test_the_docstring_says_the_type_of_every_parameter(parameter):
    assert parameter.choices or parameter.kind.split()[0] in ("int", "float", "bool")
    assert "default" not in parameter.kind


@each_parameter
@pytest.mark.parametrize("verb", ["fit", "evaluate", "search"])
def test_an_option_reaches_the_model(verb, parameter):
    if verb == "search" and parameter.name == "iterations":
        pytest.skip("a search has epochs")
    text, value = typed(parameter)
    options = build_parser().parse_args([verb, "x.csv", parameter.option, text])
    model = build_model(options)
    assert getattr(model, parameter.name) == value
    others = {name: value for name, value in model.get_params().items() if name not in SHARED}
    del others[parameter.name]
    expected = wrmf.WRMF().get_params()
    assert others == {name: expected[name] for name in others}


@each_parameter
def test_the_help_shows_the_type_and_the_default(parameter, capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert parameter.option in text
    if parameter.default is not None:
        assert f"(default: {parameter.default})" in text
    assert parameter.choices or parameter.kind in text


@each_parameter
def test_a_message_about_a_parameter_names_its_option(parameter):
    options = build_parser().parse_args(["fit", "x.csv"])
    for message in ("{} must be right", "pass {}="):
        expected = message.format(parameter.option).rstrip("=")
        assert translate(message.format(parameter.name), options) == expected


def test_a_pair_of_users_and_items_is_typed_with_a_comma():
    words = ["fit", "x.csv", "--regularization", "0.5,2", "--value-damping", "0,0.25"]
    model = build_model(build_parser().parse_args(words))
    assert model.regularization == (0.5, 2.0)
    assert model.value_damping == (0.0, 0.25)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--factors many", "argument --factors: expected int ≥ 1, got 'many'"),
        ("--factors 2.5", "expected int ≥ 1, got '2.5'"),
        ("--alpha 1,2", "argument --alpha: expected float"),
        ("--regularization 1,2,3", "a pair as 0.1,0.2, got '1,2,3'"),
        ("--objective bpr", "argument --objective: invalid choice: 'bpr'"),
    ],
)
def test_a_value_of_another_type_is_wrong_usage(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "x.csv", *words.split()])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["fit", "evaluate", "search"])
def test_a_value_out_of_bounds_is_an_error_before_data_are_read(verb, capsys):
    assert main([verb, "missing.csv", "--unobserved-weight", "0"]) == 1
    error = capsys.readouterr().err
    assert "--unobserved-weight must be" in error
    assert "unobserved_weight" not in error
