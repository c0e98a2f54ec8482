"""Amazon Reviews 2023: ratings of products, by category."""

from __future__ import annotations

import os

from wrmf.data.choices import as_choice
from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member

__all__ = ["AMAZON_CATEGORIES", "amazon_source", "fetch_amazon"]

URL = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/benchmark/0core/rating_only/"
AMAZON_CATEGORIES = (
    "All_Beauty",
    "Amazon_Fashion",
    "Appliances",
    "Arts_Crafts_and_Sewing",
    "Automotive",
    "Baby_Products",
    "Beauty_and_Personal_Care",
    "Books",
    "CDs_and_Vinyl",
    "Cell_Phones_and_Accessories",
    "Clothing_Shoes_and_Jewelry",
    "Digital_Music",
    "Electronics",
    "Gift_Cards",
    "Grocery_and_Gourmet_Food",
    "Handmade_Products",
    "Health_and_Household",
    "Health_and_Personal_Care",
    "Home_and_Kitchen",
    "Industrial_and_Scientific",
    "Kindle_Store",
    "Magazine_Subscriptions",
    "Movies_and_TV",
    "Musical_Instruments",
    "Office_Products",
    "Patio_Lawn_and_Garden",
    "Pet_Supplies",
    "Software",
    "Sports_and_Outdoors",
    "Subscription_Boxes",
    "Tools_and_Home_Improvement",
    "Toys_and_Games",
    "Unknown",
    "Video_Games",
)


def amazon_source(category: str, base_url: str = URL) -> Source:
    """Return where the ratings of a category come from."""
    return Source(
        title=f"Amazon Reviews 2023, {category.replace('_', ' ')}",
        contents="ratings",
        url=f"{base_url}{category}.csv.gz",
        terms="research; cite Hou et al. 2024.",
        home="https://amazon-reviews-2023.github.io/",
        megabytes=None,
    )


def fetch_amazon(
    category: str,
    min_rating: float = 0.0,
    base_url: str = URL,
    folder: str | os.PathLike[str] | None = None,
) -> Interactions:
    """Return the ratings of a category of Amazon Reviews 2023 as interactions, with times.

    The file is downloaded once, some megabytes to a gigabyte; no checksum is published, so that of
    the first download is recorded.

    Parameters
    ----------
    category : str
        Such as "All_Beauty"; ``wrmf.datasets.AMAZON_CATEGORIES`` lists them.
    min_rating : float, default 0
        Lower ratings are dropped.
    base_url : str
        Folder of the files.
    folder : str or path, optional
        Folder with the file, compressed or not; nothing is then downloaded.

    Raises
    ------
    ValueError
        For another category.
    OSError
        If the file cannot be downloaded or is not as expected.

    References
    ----------
    Yupeng Hou, Jiacheng Li, Zhankui He, An Yan, Xiusi Chen, Julian McAuley: Bridging Language and
    Items for Retrieval and Recommendation. 2024. arXiv:2403.03952.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.fetch_amazon("Video_Games", min_rating=4)  # doctest: +SKIP
    """
    import pandas as pd

    as_choice(category, "category", AMAZON_CATEGORIES)
    with open_member(amazon_source(category, base_url), f"{category}.csv", folder) as file:
        ratings = pd.read_csv(file, usecols=["user_id", "parent_asin", "rating", "timestamp"])
    kept = ratings[ratings["rating"] >= min_rating]
    return read_interactions(kept, "user_id", "parent_asin", time="timestamp", time_format="ms")
