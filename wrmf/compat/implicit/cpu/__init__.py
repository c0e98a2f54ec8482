"""The module names under which implicit keeps the models that run on the CPU."""

from wrmf.compat.implicit.cpu import als

__all__ = ["als"]
