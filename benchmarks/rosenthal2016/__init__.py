"""The published table and grid of Rosenthal 2016."""
