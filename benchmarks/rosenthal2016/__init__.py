"""The published table and grid of Rosenthal 2016, on other data.

Ethan Rosenthal: "Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models", 2016.
"""
