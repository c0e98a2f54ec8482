"""Slow definitions of lists under filters, least scores, offsets and diversity."""

from __future__ import annotations

import math

import numpy as np


def is_left(item, chosen, left_out):
    """Return whether an item is in all sets of ``chosen``, and in none of ``left_out``."""
    return all(item in ids for ids in chosen) and not any(item in ids for ids in left_out)


def best_items(scores, n, chosen=(), left_out=(), min_score=None):
    """Return the n items of highest score that filters leave, those of equal score by position."""
    items = [
        item
        for item, score in enumerate(scores)
        if is_left(item, chosen, left_out) and (min_score is None or score >= min_score)
    ]
    return sorted(items, key=lambda item: (-scores[item], item))[:n]


def cosine(a, b):
    """Return the cosine of two vectors, 0 if one is zero."""
    length = math.sqrt(math.fsum(a * a)) * math.sqrt(math.fsum(b * b))
    return math.fsum(a * b) / length if length else 0.0


def marginal_relevance(scores, factors, candidates, taken, weight):
    """Return the marginal relevance of each candidate that is not taken yet.

    ``candidates`` are items, best first.
    """
    best, last = scores[candidates[0]], scores[candidates[-1]]
    values = {}
    for item in candidates:
        if item in taken:
            continue
        relevance = (scores[item] - last) / (best - last) if best > last else 1.0
        nearest = max(cosine(factors[item], factors[other]) for other in taken)
        values[item] = (1 - weight) * relevance - weight * nearest
    return values


def basket_direction(factors, members):
    """Return the sum of the unit vectors of distinct items, those of zero length left out."""
    total = np.zeros(factors.shape[1])
    for item in sorted(set(members)):
        length = math.sqrt(math.fsum(factors[item] ** 2))
        if length:
            total += factors[item] / length
    return total
