"""The table and the grid search that Rosenthal 2016 published, repeated on other data.

Ethan Rosenthal: "Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models", 2016.
"""
