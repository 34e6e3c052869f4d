"""The page on which pictures and clips are looked at: codes, figures, and its controls in a browser."""

import asyncio
import base64
import io
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from hwrts.data.looking import Box
from hwrts.errors import DataError
from hwrts.metrics import artefacts, flicker, psnr_db
from hwrts.metrics.baselines import usm
from hwrts.report import look
from hwrts.report.look import View, compare_looks
from hwrts.report.look_figures import FIGURES
from hwrts.report.moments import Moment, Moments

from ..browser import chromium, tab
from .test_report import OVERFLOW, photograph

NAMES = ["scene.mkv", "mask", "twice"]


def frames(count, size=(60, 84)):
    """A still scene with noise, and a patch that moves."""
    rng = np.random.default_rng(4)
    scene = photograph(1)[: size[0], : size[1]].astype(int)
    made = []
    for number in range(count):
        frame = np.clip(scene + rng.integers(-1, 2, scene.shape), 0, 255)
        frame[10:20, 4 * number : 4 * number + 8] = 250
        made.append(frame.astype(np.uint8))
    return made


def views(codes):
    """The original, a mask, and something twice as large."""
    return codes, usm(codes, 1.0), usm(codes.repeat(2, 0).repeat(2, 1), 0.5)


def moments(count=3):
    made, before = [], None
    for number, codes in enumerate(frames(count)):
        moment = Moment(f"frame {number}", codes, views(codes), before)
        before = Moment(moment.name, codes, moment.made)
        made.append(moment)
    return Moments(count, iter(made), True, [])


def data_of(page):
    text = page.read_text("utf-8")
    return json.loads(
        re.search(r'<script type="application/json" class="data">(.*?)</script>', text, re.S)[1]
    )


def pixels(uri):
    assert uri.startswith("data:image/png;base64,")
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    page = tmp_path_factory.mktemp("look") / "page.html"
    return page, compare_looks(moments(), [View(name) for name in NAMES], page)


def test_the_page_holds_every_code(written):
    data = data_of(written[0])
    assert (data["width"], data["height"], data["left"], data["top"]) == (168, 120, 0, 0)
    assert data["moments"] == ["frame 0", "frame 1", "frame 2"]
    assert [each["label"] for each in data["views"]] == NAMES
    for number, codes in enumerate(frames(3)):
        one, mask, twice = views(codes)
        wanted = one.repeat(2, 0).repeat(2, 1), mask.repeat(2, 0).repeat(2, 1), twice
        for each, codes_of_view in zip(data["views"], wanted, strict=True):
            np.testing.assert_array_equal(pixels(each["uris"][number]), codes_of_view)
    text = written[0].read_text("utf-8")
    assert "scene.mkv is smaller: each pixel of it is 2x2 here." in text
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)


def test_figures(written):
    """Means over the moments, the largest of the differences, and the flicker of neighbours."""
    found = [each.document(clips=True) for each in written[1]]
    made = [views(codes) for codes in frames(3)]
    assert {found[0][name] for name in FIGURES} == {None}
    pairs = [(mask.repeat(2, 0).repeat(2, 1), one.repeat(2, 0).repeat(2, 1)) for one, mask, _ in made]
    assert found[1]["psnr_db"] == pytest.approx(np.mean([psnr_db(*pair) for pair in pairs]))  # in floats
    far = [np.abs(one.astype(int) - other) for one, other in pairs]
    assert found[1]["largest"] == max(each.max() for each in far)
    assert found[1]["changed_percent"] == pytest.approx(np.mean([100 * each.any(2).mean() for each in far]))
    sides = [artefacts(*pair) for pair in pairs]
    assert found[1]["overshoot_99"] == pytest.approx(np.mean([each.overshoot_99 for each in sides]))
    assert found[1]["noise_gain"] == pytest.approx(np.mean([each.noise_gain for each in sides]))
    for index in (1, 2):
        wanted = flicker([one for one, *_ in made], [each[index] for each in made])
        assert found[index]["flicker"] == wanted.document()
        assert wanted.mean
    assert written[1][1].flickers[0] is None


def test_cells_say_what_the_first_has_none_of(written):
    first, mask, _ = (each.cells(clips=True) for each in written[1])
    assert first[:7] == ["\u2013"] * 7
    assert "\u2013" not in mask
    assert first[7:] == mask[7:]


class Text(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.words = ""
        self.feed(html)

    def handle_data(self, data):
        self.words += data


def test_flicker_is_drawn(written):
    words = Text(written[0].read_text("utf-8")).words
    assert "Flicker: change of the correction in still places" in words
    assert "flicker, codes" in words


def picture(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def of(*made):
    return Moments(1, iter([Moment("", made[0], made)]), False, [])


def test_a_page_holds_so_much(tmp_path, monkeypatch):
    """Of more a piece around the most detail is shown, and that is said; or the one that is asked for."""
    monkeypatch.setattr(look, "MOST_MEGAPIXELS", 0.01)
    flat = np.full((100, 200, 3), 90, np.uint8)
    flat[60:80, 150:170] = picture((20, 20))
    both = [View("a.png"), View("b.png")]
    compare_looks(of(flat, flat), both, tmp_path / "page.html")
    data = data_of(tmp_path / "page.html")
    assert 2 * data["width"] * data["height"] <= 10_000
    assert 2 * data["width"] * data["height"] > 8_000
    inside = (
        slice(data["top"], data["top"] + data["height"]),
        slice(data["left"], data["left"] + data["width"]),
    )
    np.testing.assert_array_equal(pixels(data["views"][0]["uris"][0]), flat[inside])
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "A piece around the most detail is shown: 2 pictures of one page hold 0.01 megapixels" in text
    compare_looks(of(flat, flat), both, tmp_path / "page.html", zoom=Box(140, 50, 40, 50))
    data = data_of(tmp_path / "page.html")
    np.testing.assert_array_equal(pixels(data["views"][1]["uris"][0]), flat[50:100, 140:180])
    assert "columns 140\u2013179, rows 50\u201399" in data["place"]
    with pytest.raises(DataError, match="--zoom 0,0,200,100: is too large, 2 pictures of one page hold"):
        compare_looks(of(flat, flat), both, tmp_path / "page.html", zoom=Box(0, 0, 200, 100))
    with pytest.raises(DataError, match="--zoom 190,0,20,20: is not inside of 200x100; give a piece"):
        compare_looks(of(flat, flat), both, tmp_path / "page.html", zoom=Box(190, 0, 20, 20))


def test_sizes_that_do_not_fit(tmp_path):
    with pytest.raises(DataError, match=r"b\.png: is 30x20, and another is 50x40; give pictures of one size"):
        compare_looks(of(picture((40, 50)), picture((20, 30))), [View("a.png"), View("b.png")], None)
    with pytest.raises(DataError, match=r"a\.png: has no frame to compare"):
        compare_looks(Moments(0, iter([]), True, []), [View("a.png")], None)


STATE = """({
  drawn: document.querySelector('.look').dataset.drawn,
  codes: Array.from(document.querySelectorAll('.lens code'), each => each.textContent),
  point: document.querySelector('.look .point').textContent,
  labels: Array.from(document.querySelectorAll('.stage b:not(.hidden)'), each => each.textContent),
  name: document.querySelector('.look .name').textContent,
  width: document.querySelector('.stage canvas').width,
  height: document.querySelector('.stage canvas').height,
})"""
PIXELS = """(function () {
  const canvas = document.querySelector('NAME');
  const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let text = '';
  for (let i = 0; i < all.data.length; i += 4) { text += String.fromCharCode(...all.data.slice(i, i + 3)); }
  return btoa(text) + ' ' + canvas.width + ' ' + canvas.height;
})()"""
POINTER = """(function () {
  const canvas = document.querySelector('.stage canvas'), box = canvas.getBoundingClientRect();
  canvas.setPointerCapture = () => {};
  for (const [name, x, y] of EVENTS) {
    const at = {pointerId: 1, clientX: box.left + x, clientY: box.top + y, bubbles: true};
    canvas.dispatchEvent(new PointerEvent(name, at));
  }
})()"""


class Tab:
    """A page that is looked at, and its controls."""

    def __init__(self, page):
        self.page = page

    async def settle(self):
        """Pictures are decoded on the way."""
        for _ in range(8):
            await self.page.value("0")
            await asyncio.sleep(0.05)
        return await self.page.value(STATE)

    async def click(self, name):
        await self.page.value(f"document.querySelector('{name}').click()")
        return await self.settle()

    async def put(self, name, value, event="input"):
        at = f"document.querySelector('{name}')"
        await self.page.value(f"{at}.value = {value}; {at}.dispatchEvent(new Event('{event}'))")
        return await self.settle()

    async def pointer(self, *events):
        await self.page.value(POINTER.replace("EVENTS", json.dumps(events)))
        return await self.settle()

    async def key(self, key, shift=False):
        event = (
            f"new KeyboardEvent('keydown', {{key: '{key}', shiftKey: {str(shift).lower()}, bubbles: true}})"
        )
        await self.page.value(f"document.querySelector('.stage canvas').dispatchEvent({event})")
        return await self.settle()

    async def pixels(self, name=".stage canvas"):
        text, width, height = (await self.page.value(PIXELS.replace("NAME", name))).split()
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(int(height), int(width), 3)


async def driven(page_file, profile, width, act):
    async with tab(profile) as page:
        await page.call("Network.enable")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        await page.call("Page.navigate", url=page_file.as_uri())
        while not await page.value("!!(document.querySelector('.look') || {dataset: {}}).dataset.drawn"):
            await asyncio.sleep(0.1)
        opened = Tab(page)
        await opened.settle()
        await act(opened)
        assert (await page.value(OVERFLOW))[0] <= width
        foreign = [each for each in page.asked if not each.startswith(("data:", "file:"))]
        assert foreign == []
        assert len([each for each in page.asked if each.startswith("file:")]) <= 1  # the page itself


def codes_text(codes, first=None):
    text = " ".join(map(str, codes))
    if first is None:
        return text
    apart = [int(one) - int(other) for one, other in zip(codes, first, strict=True)]
    return text + "  (" + " ".join(f"\u2212{-each}" if each < 0 else f"+{each}" for each in apart) + ")"


def corner(shape, scale, x, y):
    """Where the picture's corner lies on a stage whose middle shows that place, as browsers round."""
    places = []
    for size, place, all_of_it in ((shape[1], x, 168), (shape[0], y, 120)):
        half = size / 2 / scale
        inside = all_of_it / 2 if 2 * half >= all_of_it else min(max(place, half), all_of_it - half)
        places.append(math.floor(size / 2 - inside * scale + 0.5))
    return places


def on_stage(shown, codes, scale, x, y):
    """The part of a stage that shows a picture, what should be there, and in which column it begins."""
    left, top = corner(shown.shape, scale, x, y)
    big = codes.repeat(scale, 0).repeat(scale, 1)
    bottom, right = min(top + len(big), len(shown)), min(left + big.shape[1], shown.shape[1])
    begin = max(left, 0)
    wanted = big[max(0, -top) : bottom - top, max(0, -left) : right - left]
    return shown[max(top, 0) : bottom, begin:right], wanted, begin


MIDDLE = (84.5, 60.5)
"""What a zoom goes to: the middle of the pixel under the magnifier."""


async def slides(opened, one, mask):
    """1:1 is exact: left of the line the codes of the first, right of it those of the other."""
    state = await opened.settle()
    assert (state["labels"], state["point"]) == (["scene.mkv", "mask"], "x 84, y 60")
    await opened.click('[data-zoom="1"]')
    shown = await opened.pixels()
    part, first, begin = on_stage(shown, one, 1, *MIDDLE)
    _, other, _ = on_stage(shown, mask, 1, *MIDDLE)
    assert part.shape[1] == 168
    line = math.floor(shown.shape[1] / 2 + 0.5)
    np.testing.assert_array_equal(part[:, : line - 1 - begin], first[:, : line - 1 - begin])
    np.testing.assert_array_equal(part[:, line + 1 - begin :], other[:, line + 1 - begin :])
    assert (shown[:, line - 1] == 0).all()
    assert (shown[:, line] == 255).all()
    for at, wanted in ((1000, first), (0, other)):
        await opened.put(".look .at", at)
        part, _, _ = on_stage(await opened.pixels(), one, 1, *MIDDLE)
        np.testing.assert_array_equal(part[:, 1:-2], wanted[:, 1:-2])
    await opened.put(".look .at", 500)
    to = shown.shape[1] / 4
    state = await opened.pointer(["pointerdown", line, 20], ["pointermove", to, 20], ["pointerup", to, 20])
    assert int(await opened.page.value("document.querySelector('.look .at').value")) == 250
    assert state["point"] == "x 84, y 60"
    await opened.put(".look .at", 0)


async def drags_and_magnifies(opened, one, mask, twice):
    """8:1: what is dragged moves by so many pixels; the codes of every view stand below it."""
    await opened.click('[data-zoom="8"]')
    before = corner((await opened.pixels()).shape, 8, *MIDDLE)
    state = await opened.pointer(["pointerdown", 200, 100], ["pointermove", 168, 84], ["pointerup", 168, 84])
    shown = await opened.pixels()
    part, wanted, _ = on_stage(shown, mask, 8, MIDDLE[0] + 4, MIDDLE[1] + 2)
    np.testing.assert_array_equal(part[:, 1:], wanted[:, 1:])
    column, row = (200 - before[0]) // 8, (100 - before[1]) // 8
    assert state["point"] == f"x {column}, y {row}"
    first = one[row, column]
    assert state["codes"] == [
        codes_text(first), codes_text(mask[row, column], first), codes_text(twice[row, column], first)
    ]  # fmt: skip
    column += 1
    state = await opened.key("ArrowRight", shift=True)
    assert state["point"] == f"x {column}, y {row}"
    assert state["codes"][0] == codes_text(one[row, column])
    for power in (1, 2, 4, 8):
        await opened.put(".look .power", power, "change")
        glass = await opened.pixels(".lens figure:nth-child(3) canvas")
        half = (len(glass) / power - 1) / 2
        x, y = (math.floor(power * (half - place) + 0.5) for place in (column, row))
        for dx, dy in ((5, 3), (-6, 4)):  # beside the frame around the middle
            at = y + (row + dy) * power, x + (column + dx) * power
            block = glass[at[0] : at[0] + power, at[1] : at[1] + power]
            assert block.shape[:2] == (power, power)
            assert (block == twice[row + dy, column + dx]).all(), power
    return column, row


async def steps(opened, one, twice, point):
    """Other views, and other moments."""
    column, row = point
    await opened.put(".look .b", 2, "change")
    state = await opened.click(".look .next")
    assert state["name"] == "frame 1"
    assert state["codes"][2] == codes_text(twice[1][row, column], one[1][row, column])
    await opened.click(".look .back")
    state = await opened.click(".look .back")
    assert state["name"] == "frame 2"
    await opened.page.value("document.querySelector('.look .play').click()")
    seen = set()
    for _ in range(200):
        seen.add((await opened.page.value(STATE))["name"])
        await asyncio.sleep(0.03)
        if len(seen) == 3:
            break
    assert seen == {"frame 0", "frame 1", "frame 2"}
    state = await opened.put(".look .moment", 1)
    assert state["name"] == "frame 1"


async def differs(opened, one, twice, point):
    """Amplified by what is chosen; 0 is grey."""
    await opened.click('[data-mode="difference"]')
    state = await opened.click('[data-zoom="1"]')
    assert state["labels"] == ["twice less scene.mkv"]
    for factor in (1, 8, 64):
        await opened.put(".look .factor", factor, "change")
        wanted = np.clip(128 + factor * (twice.astype(int) - one), 0, 255)
        place = point[0] + 0.5, point[1] + 0.5
        np.testing.assert_array_equal(*on_stage(await opened.pixels(), wanted, 1, *place)[:2])


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_codes_and_every_control_works(written, tmp_path, width):
    one, mask, twice = (
        [each if len(each) == 120 else each.repeat(2, 0).repeat(2, 1) for each in group]
        for group in zip(*(views(codes) for codes in frames(3)), strict=True)
    )

    async def act(opened):
        await slides(opened, one[0], mask[0])
        point = await drags_and_magnifies(opened, one[0], mask[0], twice[0])
        await steps(opened, one, twice, point)
        await differs(opened, one[1], twice[1], point)
        await opened.click('[data-mode="beside"]')
        state = await opened.key("0")
        assert state["labels"] == ["scene.mkv", "twice"]
        assert state["drawn"] == "beside,0,2,1,0"
        stacked = await opened.page.value("document.querySelector('.stage').classList.contains('stacked')")
        assert stacked is (width < 700)

    profile = tmp_path / "profile"
    with chromium(profile):
        asyncio.run(driven(written[0], profile, width, act))
