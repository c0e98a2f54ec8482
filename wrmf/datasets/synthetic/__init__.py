"""Generated likes that resemble real ones: heavy tails, clusters, personal taste and noise."""

from wrmf.datasets.synthetic.likes import synthetic_likes
from wrmf.datasets.synthetic.raw import synthetic_raw_likes, write_likes_file

__all__ = ["synthetic_likes", "synthetic_raw_likes", "write_likes_file"]
