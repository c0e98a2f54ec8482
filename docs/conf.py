"""Settings of Sphinx, which builds these pages into a site: ``make docs``."""

import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError

from wrmf.versions import __version__

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/wrmf/wrmf"

project = "wrmf"
author = "the wrmf developers"
project_copyright = author
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
# Pages with cells are run at each build; the others are run by the tests.
nb_execution_mode = "auto"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_output_stderr = "remove"
myst_enable_extensions = ["colon_fence", "dollarmath"]
# Pages link to parts of each other by the names of their headings.
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Types in docstrings have words, such as n_users, which are names of attributes elsewhere.
suppress_warnings = ["ref.python"]

# Formulas are written as MathML, which browsers draw by themselves: the site loads nothing from the
# network.
html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"wrmf {__version__}"
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sphinx = False

# A link to a file outside the folder of the pages, seen from there or from the top.
OUTSIDE = re.compile(
    r"\]\((?:\.\./)*((?:benchmarks|examples|tests|wrmf)/[^)#\s]*|[A-Z]+\.(?:md|cff))"
)

# A page of this folder, as docstrings name it.
PAGE = re.compile(r"(?<![`/\w])docs/([\w-]+)\.md")

# What a browser would load from elsewhere to show a page.
LOADED = re.compile(r'<(?:script|img|iframe|link rel="stylesheet")\b[^>]*"(?:https?:)?//[^"]*')


def link_to_repository(text):
    """Point links to files that are no pages to the repository."""

    def replaced(match):
        kind = "tree" if (ROOT / match[1]).is_dir() else "blob"
        return f"]({REPOSITORY}/{kind}/main/{match[1]}"

    return OUTSIDE.sub(replaced, text)


def link_to_pages(app, what, name, obj, options, lines):
    """Make links of the names of pages in a docstring."""
    lines[:] = [PAGE.sub(r":doc:`/\1`", line) for line in lines]


def write_formula(translator, node):
    """Write a formula, ``math`` or ``math_block``, as MathML."""
    is_block = isinstance(node, nodes.math_block)
    try:
        formula = tex2mathml(node.astext(), as_block=is_block)
    except MathError as error:
        raise ExtensionError(f"cannot write {node.astext()!r} as MathML: {error}") from error
    translator.body.append(f'<div class="math">{formula}</div>' if is_block else formula)
    raise nodes.SkipNode


def refuse_network(app, exception):
    """Fail if a page of the site loads anything from the network."""
    if exception is None and app.builder.format == "html":
        for page in sorted(Path(app.outdir).rglob("*.html")):
            if loaded := LOADED.search(page.read_text(encoding="utf-8")):
                raise ExtensionError(f"{page.name} loads from the network: {loaded[0]}")


def setup(app):
    """Register what is done to formulas, to each page and to what it includes."""
    app.connect("build-finished", refuse_network)
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))

    def read(app, name, source):
        source[0] = link_to_repository(source[0])

    def include(app, path, name, content):
        content[0] = link_to_repository(content[0])

    app.connect("source-read", read)
    app.connect("include-read", include)
    app.connect("autodoc-process-docstring", link_to_pages)
