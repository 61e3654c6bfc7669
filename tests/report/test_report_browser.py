"""The page in a headless Chromium: no error, no request, a slider that moves rasters, tables that sort."""

import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; apt-get install chromium installs it")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        # the sandbox needs rights that containers lack; the page is our own
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=300_000
        )
        yield browser
        browser.close()


def opened(browser, path, viewport):
    """Return the page of a file; a machine with other work may take minutes for what takes a second."""
    page = browser.new_page(viewport=viewport)
    page.set_default_timeout(300_000)
    page.errors, page.requests = [], []
    page.on(
        "console", lambda message: page.errors.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(path.as_uri())
    return page


@pytest.fixture(scope="module")
def page(browser, report_page):
    page = opened(browser, report_page / "report.html", DESKTOP)
    until(page, "document.querySelector('.raster .plot').data !== undefined")
    return page


def until(page, condition):
    """Wait for a condition; `wait_for_function` evaluates texts, which the policy of the page forbids."""
    for _ in range(6000):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"the page never reached: {condition}")


def ranges(page):
    return page.evaluate(
        """() => { const layout = document.querySelector('.raster:not([hidden]) .plot').layout;
            return Object.keys(layout).filter((key) => /^xaxis/.test(key)).map((key) => layout[key].range); }"""
    )


def test_the_slider_moves_the_raster_by_keyboard(page):
    slider = page.locator(".time").first
    page.locator(".window").first.select_option("50")
    slider.evaluate("(each) => { each.value = 0; each.dispatchEvent(new Event('input')); }")
    until(page, "document.querySelector('.raster .plot').layout.xaxis.range[1] < 60")
    first, text = ranges(page), page.locator(".moment").first.inner_text()
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('.raster .plot').layout.xaxis.range[0] > 20")
    second = ranges(page)
    assert len(first) == len(second) == 4
    assert all(after[0] > before[0] for before, after in zip(first, second, strict=True))
    assert page.locator(".moment").first.inner_text() != text
    assert page.locator(".moment").first.inner_text().startswith("80 ms: input ")


def test_spikes_of_the_moment_are_those_of_the_figure(page):
    slider = page.locator(".time").first
    slider.evaluate("(each) => { each.value = 60; each.dispatchEvent(new Event('input')); }")
    drawn = page.evaluate(
        """() => { const plot = document.querySelector('.raster .plot');
            return plot.calcdata[0][0].z.reduce((sum, row) => sum + row[6], 0); }"""
    )
    assert f"60 ms: input {drawn}," in page.locator(".moment").first.inner_text()


def test_another_recording_is_chosen(page):
    choice = page.locator(".choice").first
    choice.select_option("1")
    until(page, "document.querySelectorAll('.raster')[1].querySelector('.plot').data !== undefined")
    assert page.locator(".rasters").first.locator(".raster:not([hidden])").count() == 1
    choice.select_option("0")


def test_tables_sort_by_their_headings(page):
    table = page.locator("#comparison table").first
    heading = table.locator("th").nth(2)
    heading.locator("button").focus()
    cells = table.locator("tbody tr td:nth-child(3)")
    for order in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == order
        values = [float(each.get_attribute("data-value")) for each in cells.all()]
        assert values == sorted(values, reverse=order == "descending")
    # accuracies that are missing stay at the end in both directions
    for _ in range(2):
        table.locator("th").nth(5).locator("button").click()
        assert table.locator("tbody tr td:nth-child(6)").all_inner_texts()[1:] == ["–", "–"]


def test_every_figure_is_drawn_before_printing(page):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    until(
        page, "[...document.querySelectorAll('.plot')].filter((each) => each.offsetParent).every((each) => each.data)"
    )
    assert page.locator(".plot .main-svg").count() > 10
    until(page, "document.querySelector('.plot').layout.font.color === '#000'")
    assert len(page.pdf()) > 50_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_follow_the_scheme(page, scheme):
    page.emulate_media(color_scheme=scheme)
    ink = "#1b1f27" if scheme == "light" else "#e6e9ef"
    until(page, f"document.querySelector('.plot').layout.font.color === '{ink}'")


CONTRAST = """() => {
    const rgb = (color) => color.match(/[0-9.]+/g).slice(0, 3).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; });
    const light = (color) => { const [r, g, b] = rgb(color); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const paper = (each) => {
        const own = getComputedStyle(each).backgroundColor;
        return /, 0\\)$/.test(own) ? paper(each.parentElement) : own; };
    return ['h1', 'nav a', 'td', 'th button', '.small', '.facts dt', 'pre', 'select', '.moment'].map((name) => {
        const each = document.querySelector(name);
        const [low, high] = [light(getComputedStyle(each).color), light(paper(each))].sort((a, b) => a - b);
        return [name, (high + 0.05) / (low + 0.05)]; }); }"""
"""Ratio of luminances of text and its background, WCAG 2.2, success criterion 1.4.3."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_of_the_guidelines(page, scheme):
    page.emulate_media(color_scheme=scheme)
    ratios = dict(page.evaluate(CONTRAST))
    assert len(ratios) == 9
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


def test_print_is_black_on_white_without_controls_in_dark_mode(page):
    page.emulate_media(media="print", color_scheme="dark")
    colors = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    hidden = [page.locator(name).first.is_visible() for name in (".controls", "nav", ".skip")]
    page.emulate_media(media="screen", color_scheme="light")
    assert colors == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert hidden == [False, False, False]
    assert page.locator(".controls").first.is_visible()


def test_the_comparison_fits_a_desktop_and_numbers_stand_below_their_headings(page):
    scroll = page.locator("#comparison .scroll").first
    assert scroll.evaluate("(each) => each.scrollWidth - each.clientWidth") <= 0
    sides = page.evaluate(
        """[...document.querySelectorAll('#comparison th')].map((each) => [
            getComputedStyle(each.querySelector('button')).textAlign === 'right',
            each.closest('table').querySelector(`td:nth-child(${each.cellIndex + 1})`).className === 'number'])"""
    )
    assert [heading for heading, _ in sides] == [cell for _, cell in sides]
    assert {heading for heading, _ in sides} == {True, False}


def test_a_phone_scrolls_in_one_direction(browser, report_page):
    page = opened(browser, report_page / "report.html", PHONE)
    until(page, "document.documentElement.dataset.ready === 'true'")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.close()


def test_there_was_no_error_and_no_request(page, report_page):
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith(("data:", "blob:"))] == [
        (report_page / "report.html").as_uri()
    ]
