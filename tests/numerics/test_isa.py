"""The choice of an instruction set."""

import pytest

from wrmf.numerics.isa import ISAS, active_isa, isa_number


def test_the_fastest_isa_is_used_by_default(monkeypatch):
    monkeypatch.delenv("WRMF_ISA", raising=False)
    assert active_isa() == ISAS[-1]
    monkeypatch.setenv("WRMF_ISA", "")
    assert active_isa() == ISAS[-1]


@pytest.mark.parametrize("name", ISAS)
def test_wrmf_isa_chooses_an_isa_in_either_case(name, monkeypatch):
    for spelling in (name, name.upper()):
        monkeypatch.setenv("WRMF_ISA", spelling)
        assert active_isa() == name
        assert ISAS[isa_number()] == name


def test_an_unknown_isa_is_refused(monkeypatch):
    monkeypatch.setenv("WRMF_ISA", "sse9")
    with pytest.raises(ValueError, match="WRMF_ISA is 'sse9'; this CPU and build have blas"):
        active_isa()
