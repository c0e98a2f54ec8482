"""Fit a model to generated likes and save it: ``python make_model.py [model.wrmf]``."""

import sys

import wrmf

path = sys.argv[1] if len(sys.argv) > 1 else "model.wrmf"
likes = wrmf.datasets.synthetic_likes(3000, 2000, 60_000)
model = wrmf.WRMF(factors=32, random_state=0).fit(likes)
model.save(path, train="seen")
print(f"{likes!r}: saved to {path}; a user: {model.users[0]}, an item: {model.items[0]}")
