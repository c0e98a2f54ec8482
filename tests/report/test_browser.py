"""The page works in a browser: by pointer, by keyboard, on a phone, in the dark."""

import itertools
import os
import shutil

import numpy as np
import pytest

import wrmf

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SCRIPT = '</script><img src=x onerror="window.broken=1">'

# The least contrast of a text with what is behind it, over all texts of the page.
LEAST_CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = color.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let node = element; node; node = node.parentElement) {
      const color = parse(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0.99) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let least = [99, ""];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest("script, button:disabled"))
      continue;
    const style = getComputedStyle(element);
    const color = parse(element.closest("svg") ? style.fill : style.color).slice(0, 3);
    const lights = [light(color), light(behind(element))].sort();
    const contrast = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    if (contrast < least[0]) least = [contrast, text];
  }
  return least;
}"""


@pytest.fixture(scope="module")
def browser():
    """A headless browser; skips where playwright or the browser is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = [os.environ.get("WRMF_TEST_BROWSER"), *BROWSERS]
    path = next(filter(None, map(shutil.which, filter(None, names))), None)
    if path is None:
        pytest.skip(f"no browser of {', '.join(BROWSERS)} on the PATH, nor in WRMF_TEST_BROWSER")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def named_data(likes):
    """Interactions with names, one of which would run if it were not escaped."""
    names = [f"Café {n}" for n in range(likes.shape[1])]
    names[0] = SCRIPT
    items = [f"i{n}" for n in range(likes.shape[1])]
    users = [f"u{n}" for n in range(likes.shape[0])]
    return wrmf.Interactions.from_matrix(likes, users, items, names)


@pytest.fixture(scope="module")
def named_model(named_data):
    settings = {"objective": "wrmf", "factors": 4, "iterations": 2, "regularization": 1.0}
    return wrmf.WRMF(random_state=0, alpha=5.0, **settings).fit(named_data)


@pytest.fixture(scope="module")
def page_file(named_data, named_model, make_curve, tmp_path_factory):
    base = {"objective": "wrmf", "regularization": 1.0, "random_state": 0}
    curves = [
        make_curve({"factors": factors, "alpha": alpha}, [0.1, 0.1 + alpha / 100 - factors / 1000])
        for factors in (2, 4)
        for alpha in (*range(1, 12), 12.5)
    ]
    result = wrmf.SearchResult("precision@5", ("factors", "alpha"), curves, base)
    split = wrmf.leave_k_out(named_data, k=2, random_state=0)
    path = tmp_path_factory.mktemp("page") / "report.html"
    return wrmf.write_report(path, result, named_model, named_data, split=split)


@pytest.fixture
def open_page(browser, page_file):
    """A function that opens the page; it fails if the page logs an error or asks for a file."""
    contexts, problems = [], []

    def open_in(width=1100, scheme="light", **options):
        viewport = {"width": width, "height": 800}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url))
        page.goto(page_file.as_uri())
        problems.remove(page_file.as_uri())
        problems[:] = [problem for problem in problems if not problem.startswith("data:")]
        return page

    yield open_in
    for context in contexts:
        context.close()
    assert problems == []


def search_box(page):
    return page.get_by_role("combobox", name="Search an item or a person")


def heading_of_card(page):
    return page.locator("#explorer-card h3")


def test_typing_lists_matches_without_regard_to_case_and_accents(open_page):
    page = open_page()
    search_box(page).fill("CAFE 19")
    names = page.get_by_role("option").all_inner_texts()
    assert set(names) == {f"Café {n}" for n in (19, 119, *range(190, 200))}
    # The one in whose middle it is comes last.
    assert names[-1] == "Café 119"
    assert page.locator("#explorer").get_by_role("status").inner_text() == "12 matches."


def test_an_item_is_found_by_its_id_and_a_match_of_a_whole_word_comes_first(open_page):
    page = open_page()
    search_box(page).fill("i17")
    assert page.get_by_role("option").first.inner_text().startswith("Café 17")
    search_box(page).fill("nothing like this")
    assert page.get_by_role("option").count() == 0
    assert page.locator("#explorer").get_by_role("status").inner_text() == "Nothing matches."


def test_matches_are_chosen_by_keyboard(open_page):
    page = open_page()
    box = search_box(page)
    box.focus()
    page.keyboard.type("café 1")
    assert box.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    name = chosen.inner_text()
    page.keyboard.press("Enter")
    assert heading_of_card(page).inner_text() == name
    assert box.get_attribute("aria-expanded") == "false"
    assert page.locator("#explorer").get_by_role("status").inner_text() == f"{name} is shown below."


def test_escape_closes_the_matches(open_page):
    page = open_page()
    search_box(page).fill("café")
    page.keyboard.press("Escape")
    assert page.get_by_role("option").count() == 0


def test_an_item_shows_its_neighbours_and_a_click_goes_to_one(open_page, named_model):
    page = open_page()
    search_box(page).fill("Café 17")
    page.get_by_role("option").first.click()
    name = heading_of_card(page).inner_text()
    similar = named_model.similar_items(name.replace("Café ", "i"), n=10)
    links = page.locator("#explorer-card .link").all_inner_texts()
    assert links == similar.names[0].tolist()
    cosines = page.locator("#explorer-card .cosine span:first-child").all_inner_texts()
    # The page has cosines in hundredths.
    assert np.abs(np.array(cosines, dtype=float) - similar.scores[0]).max() <= 0.0051
    page.locator("#explorer-card .link").nth(2).click()
    assert heading_of_card(page).inner_text() == links[2]
    assert page.evaluate("document.activeElement.tagName") == "H3"
    page.get_by_role("button", name="Back").click()
    assert heading_of_card(page).inner_text() == name


def test_a_person_shows_history_recommendations_and_reasons(open_page, named_model):
    page = open_page()
    search_box(page).fill("u7")
    page.get_by_role("option", name="Person u7", exact=True).click()
    listed = page.locator("#explorer-card .columns > div")
    shown = listed.nth(1).locator(".link").all_inner_texts()
    assert shown == named_model.recommend("u7", n=10).names[0].tolist()
    own = set(named_model.item_names[named_model.train_matrix[[7]].indices])
    assert set(listed.nth(0).locator(".link").all_inner_texts()) <= own
    item = named_model.recommend("u7", n=1).ids[0, 0]
    reasons = named_model.explain("u7", item, n=2)["name"].tolist()
    assert listed.nth(1).locator(".why").first.inner_text() == f"because of {' and '.join(reasons)}"


def shown_rows(page):
    return page.locator("table.sortable tbody tr:not([hidden])")


def shown_alphas(page):
    return shown_rows(page).locator("td[data-label=alpha]").all_inner_texts()


def pointed_settings(page):
    """The curves of the chart that are marked, by the setting that the caption names."""
    marked = page.locator(".traces .wide .pointed path").count()
    return [page.locator(".traces figcaption").inner_text()] * marked


def test_a_click_on_a_title_sorts_the_whole_table_and_shows_its_first_page(open_page):
    page = open_page()
    in_order = [f"{alpha:g}" for alpha in (*range(1, 12), 12.5) for _ in range(2)]
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="alpha").click()
    assert shown_alphas(page) == in_order[:20]
    assert page.locator("th[aria-sort]").inner_text().startswith("alpha")
    page.get_by_role("button", name="alpha").click()
    assert shown_alphas(page) == in_order[::-1][:20]


def test_pages_of_the_table_are_turned(open_page):
    page = open_page()
    pager = page.get_by_role("navigation", name="Pages of the table")
    first, last = (pager.get_by_role("button", name=name) for name in ("Previous", "Next"))
    ranks = shown_rows(page).locator("td:first-child")
    assert first.is_disabled()
    last.click()
    assert ranks.all_inner_texts() == ["21", "22", "23", "24"]
    assert pager.get_by_role("status").inner_text() == "21 to 24 of 24"
    assert last.is_disabled()
    first.click()
    assert ranks.all_inner_texts() == [str(rank) for rank in range(1, 21)]


def test_pointing_at_a_row_marks_its_curve_and_at_a_curve_its_row(open_page):
    page = open_page()
    shown_rows(page).nth(2).hover()
    assert pointed_settings(page) == ["3. factors: 2 | alpha: 11"]
    page.locator("h1").hover()
    assert pointed_settings(page) == []
    curve = page.locator(".traces .wide g[data-rank='2'] path")
    curve.dispatch_event("pointerover", {"bubbles": True})
    assert page.locator("tr.pointed td").first.inner_text() == "2"


def test_the_keyboard_moves_through_the_rows_and_marks_their_curves(open_page):
    page = open_page()
    page.get_by_role("button", name="Seconds").focus()
    page.keyboard.press("Tab")
    assert pointed_settings(page) == ["1. factors: 2 | alpha: 12.5"]
    page.keyboard.press("ArrowDown")
    assert pointed_settings(page) == ["2. factors: 4 | alpha: 12.5"]
    page.keyboard.press("End")
    assert pointed_settings(page) == ["24. factors: 4 | alpha: 1"]
    assert page.evaluate("document.activeElement.cells[0].textContent") == "24"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.cells[0].textContent") == "1"
    page.keyboard.press("Tab")
    assert pointed_settings(page) == []


def test_paper_has_all_rows_of_the_table(open_page):
    page = open_page()
    page.emulate_media(media="print")
    assert page.locator("table.sortable tbody tr:visible").count() == 24


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_every_column_within_its_width(open_page, width):
    page = open_page(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cells = page.locator("td, tbody th, thead button, svg.chart, .person li, .pager *").all()
    for cell in cells:
        box = cell.bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= width)
    assert page.locator("table.sortable tbody td").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(open_page, scheme):
    page = open_page(scheme=scheme)
    search_box(page).fill("café")
    page.keyboard.press("ArrowDown")
    contrast, text = page.evaluate(LEAST_CONTRAST)
    assert contrast >= 4.5, text


def test_everything_that_can_be_used_has_a_name_and_headings_are_in_order(open_page):
    page = open_page()
    for role in ("button", "combobox", "img", "region", "search"):
        for element in page.get_by_role(role).all():
            name = element.evaluate(
                "e => e.ariaLabel || e.labels?.[0]?.textContent || e.textContent || e.alt"
            )
            assert name and name.strip(), element
    levels = [
        int(element.evaluate("e => e.tagName[1]"))
        for element in page.locator("h1, h2, h3, h4").all()
    ]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (1100, "dark"), (360, "light")])
def test_axe_finds_nothing_that_hinders_anyone(open_page, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    page = open_page(width, scheme, bypass_csp=True)
    search_box(page).fill("café")
    page.keyboard.press("ArrowDown")
    shown_rows(page).first.focus()
    report = axe.Axe().run(page)
    assert not report.response["violations"], report.generate_report()


def test_names_never_run(open_page):
    page = open_page()
    search_box(page).fill("onerror")
    page.get_by_role("option").first.click()
    assert heading_of_card(page).inner_text() == SCRIPT
    assert page.evaluate("window.broken") is None
    assert page.locator("#explorer img").count() == 0


def test_without_scripts_the_page_says_what_is_missing(open_page):
    page = open_page(java_script_enabled=False)
    assert page.get_by_text("The search needs JavaScript").is_visible()
    assert not page.locator("#explorer").is_visible()
    assert page.locator("table.sortable tbody tr:visible").count() == 24
