"""The table of verbs, which the help lists without loading their modules."""

from __future__ import annotations

from wrmf.cli.verb import Verb

__all__ = ["VERBS"]

# In the order in which the help lists them.
VERBS: tuple[Verb, ...] = (
    Verb(
        name="demo",
        summary="Run every step once on generated likes.",
        details="Likes are generated, written to a file, read back, filtered and split. A grid of\n"
        "27 settings is searched, and the best one is trained on all likes. The folder\n"
        "receives the plots, the model and an HTML page. It takes minutes; an interrupted\n"
        "search resumes where it stopped.",
        example="wrmf demo --out demo",
    ),
    Verb(
        name="search",
        summary="Measure learning curves over a grid of settings.",
        details="Some interactions are held out. Each setting is trained on the rest and measured\n"
        "after each of --epochs. The output is a table of settings with the best first.\n"
        "Parameters that no --grid names are those of the options of the model.",
        example="wrmf search likes.csv --grid factors=32,64 --grid regularization=.01,.03 "
        "--journal search.jsonl --save model.wrmf",
    ),
    Verb(
        name="tune",
        summary="Find good parameters in a given time, and save the model.",
        details="A part of the data is set aside to compare settings, beside popular items and\n"
        "item neighbours. With --split or --test, the best setting is measured on the\n"
        "test part, which no choice depends on. Parameters that are typed stay as they\n"
        "are. Ctrl-C ends the search, and the best setting so far is taken.",
        example="wrmf tune likes.csv --seconds 60 --save model.wrmf",
    ),
    Verb(
        name="fit",
        summary="Train a model and save it.",
        example="wrmf fit likes.psv --user uid --item mid --factors 64 --out model.wrmf",
    ),
    Verb(
        name="update",
        summary="Bring new users, items and interactions into a saved model.",
        details="Only rows that change are solved again. The model needs its training data.",
        example="wrmf update model.wrmf today.csv --out model.wrmf",
    ),
    Verb(
        name="recommend",
        summary="List the best items for users of a saved model, or for a new one with a history.",
        details="Items that a user has interacted with are excluded. A list is shorter than -n\n"
        "where fewer items are left. A table of text, JSON lines or parquet is written\n"
        "in blocks of users, so that memory does not grow with their number.",
        example="wrmf recommend model.wrmf ann bob -n 5",
    ),
    Verb(
        name="similar",
        summary="List the nearest neighbours of items of a saved model.",
        details="Items are compared by the cosine of their factors.",
        example="wrmf similar model.wrmf item-7 -n 5",
    ),
    Verb(
        name="evaluate",
        summary="Train on a part of the data and measure on the part held out.",
        example="wrmf evaluate likes.csv --factors 64 --metrics precision@5 recall@20",
    ),
    Verb(
        name="export",
        summary="Write the items of a saved model as an index of another library, or as arrays.",
        details="An index finds the best items approximately; its recall is printed.",
        example="wrmf export model.wrmf faiss items.faiss",
    ),
    Verb(
        name="serve",
        summary="Answer requests for recommendations over HTTP from a saved model.",
        details='It needs pip install "wrmf[serve]". Ctrl-C ends it; /docs describes the requests.',
        example="wrmf serve model.wrmf --port 8000",
    ),
    Verb(
        name="report",
        summary="Write one HTML page about a search and a model.",
        details="With --compare, it begins with what people would get from a list, beside popular\n"
        "items. The page loads nothing from the network. Pictures of items come from a folder,\n"
        "from addresses with {item} in them, or from an API that answers with JSON.",
        example="wrmf report likes.csv --journal search.jsonl --model model.wrmf --compare",
    ),
    Verb(
        name="datasets",
        summary="Generate or download a data set; without a name, list all of them.",
        details="Checksums are compared, a download that broke off is continued, and the terms of\n"
        "use are printed. --format csv lists sizes, terms and addresses, too.",
        example="wrmf datasets synthetic-raw --out likes.psv",
    ),
)
