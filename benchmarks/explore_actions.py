"""What a person may do on the explorer's page at random, each deed by a seed and its number.

`explore_clicks.py` does them one after another and watches. A deed depends on its number, the seed
and what the page shows, so that the last ones before a fault tell how to repeat it.
"""

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

#: Keys of the page's table, and those of any page.
KEYS = [
    *"/nphd0lrwqxuzt?", *"123456789", "Space", "Enter", "Backspace", "Escape", "Tab", "Shift+Tab",
    "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "PageDown",
]  # fmt: skip
WIDTHS, HEIGHTS = [400, 520, 700, 900, 1200, 1600], [500, 700, 800, 1000]
#: Words that fit nowhere.
HOSTILE = [
    *("", " ", "nobody", "nan", "-1", "0", "1e999", "1e-300", "((((((((", "10 20", "400 100 1"),
    *("constructor", "__proto__", "%00%ff", "=1+1", "NGC 1, ,,", "é\u4e2d\U0001f31f"),
    *("\u202e\u0000x", "a" * 5000, "(" * 2000, "__import__('os').system('true')"),
    *("period <", "period < 'a'", "nothing > 1", "'; DROP TABLE objects; --", "../../etc/passwd"),
    *('"><img src=x onerror="window.hacked=1">', "<script>window.hacked=2</script>"),
]
CONDITIONS = [
    *("period < 1", "period < 0.5 and parallax > 1", "label == 'EW'", "ra > 180 or dec < 0"),
    *("period > 1000", "not (period < 1)", "label != 'EW' and period < 2"),
]
CONES = ["285.8 11.1 20", "10:12:33 -05:11:22 5'", "180 0 90", "0 90 0.001"]
NUMBERS = ["0.37", "1", "2.5", "0.001", "1000", "0.5432101"]

#: All controls in sight of a person: where a dialog is open, its own.
CONTROLS = """(kind) => {
  const root = document.querySelector("dialog[open]") ?? document.body;
  const list = Array.from(root.querySelectorAll(kind));
  return list.filter((one) => !one.disabled && one.getClientRects().length && one.id !== "file"
    && getComputedStyle(one).visibility !== "hidden");
}"""
PRESSED = "button, a[href], input[type=checkbox], input[type=range], [role=option], summary"
TYPED = "input[type=text], input[type=search], input[type=number], textarea"
DRAWN = "#points, .u-over"
#: What is called by its text, name or place.
CALLED = """(one) => [
  one.tagName.toLowerCase(), one.id && "#" + one.id, one.getAttribute("aria-label"),
  (one.textContent || one.placeholder || "").trim().slice(0, 40),
].filter(Boolean).join(" ")"""
#: A file that is let fall upon the page.
DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  const how = { dataTransfer, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new DragEvent("drop", how));
}"""


@dataclass
class Words:
    """What is typed and let fall: of the survey that is shown, so that some of it fits."""

    names: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def choose(self, rng: np.random.Generator, control: str) -> str:
        """Choose a text for a control: mostly one that may fit."""
        if rng.random() < 0.3:
            return str(rng.choice(HOSTILE))
        names = [*self.names, *(name[:6] for name in self.names[:3])]
        if "#query" in control:
            return str(rng.choice(names))
        if "Period" in control:
            return str(rng.choice(NUMBERS))
        if "goes with the file" in control:
            return f"period={rng.choice(NUMBERS)}"
        if "class" in control.lower():
            return str(rng.choice([*self.classes, "odd"]))
        pasted = ", ".join(rng.choice(self.names, min(5, len(self.names)))) if self.names else ""
        return str(rng.choice([*CONDITIONS, *CONES, pasted, *self.classes, "mine", "other"]))


@dataclass
class Deed:
    """One of the deeds: on which page, by which chance, and what it was, as it is told."""

    page: Any
    rng: np.random.Generator
    words: Words
    told: str = ""
    chosen: list[Any] = field(default_factory=list)

    def find(self, kind: str) -> Any:
        """Choose one of the controls of a kind; None without any."""
        found = self.page.evaluate_handle(CONTROLS, kind)
        n = self.page.evaluate("(list) => list.length", found)
        if not n:
            return None
        place = int(self.rng.integers(n))
        one = self.page.evaluate_handle("([list, i]) => list[i]", [found, place]).as_element()
        self.chosen.append(one)
        self.told += f" {one.evaluate(CALLED)!r}"
        found.dispose()
        return one

    def where(self, one: Any) -> tuple[float, float] | None:
        """A place on a control, which is brought into sight; None where it has gone."""
        one.evaluate("(one) => one.scrollIntoView({ block: 'nearest' })")
        box = one.bounding_box()
        if box is None:
            return None
        x, y = self.rng.uniform(0.05, 0.95, 2)
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def click(self) -> None:
        """Click a control."""
        one = self.find(PRESSED)
        # a training takes as long as many other deeds
        if one is None or (_trains(self.told) and self.rng.random() < 0.9):
            return
        place = self.where(one)
        if place is not None:
            self.page.mouse.click(*place)

    def press(self) -> None:
        """Press a key."""
        key = str(self.rng.choice(KEYS))
        self.told += f" {key}"
        for _ in range(int(self.rng.choice([1, 1, 1, 2, 4]))):
            self.page.keyboard.press(key)

    def point(self) -> None:
        """Move the pointer over a picture, and perhaps click there."""
        one = self.find(DRAWN)
        place = one and self.where(one)
        if place is None:
            return
        self.page.mouse.move(*place, steps=4)
        chosen = self.rng.random()
        if chosen < 0.4:
            self.page.mouse.click(*place)
        elif chosen < 0.5:
            self.page.mouse.dblclick(*place)

    def drag(self) -> None:
        """Draw on a picture, with and without Shift."""
        one = self.find(DRAWN)
        places = one and [self.where(one) for _ in range(int(self.rng.integers(2, 7)))]
        if not places or None in places:
            return
        held = self.rng.random() < 0.4
        if held:
            self.page.keyboard.down("Shift")
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=5)
        self.page.mouse.up()
        if held:
            self.page.keyboard.up("Shift")

    def wheel(self) -> None:
        """Turn the wheel over a picture or beside it."""
        one = self.find(DRAWN if self.rng.random() < 0.7 else "#side")
        place = one and self.where(one)
        if place is not None:
            self.page.mouse.move(*place)
            self.page.mouse.wheel(0, float(self.rng.choice([-600, -120, 120, 600])))

    def type(self) -> None:
        """Type a text into a field, and perhaps send it."""
        one = self.find(TYPED)
        if one is None:
            return
        text = self.words.choose(self.rng, self.told)
        self.told += f" {text[:60]!r}"
        one.focus()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)
        if self.rng.random() < 0.8:
            self.page.keyboard.press("Enter")

    def choose(self) -> None:
        """Choose an option of a list."""
        one = self.find("select")
        n = one.evaluate("(one) => one.options.length") if one is not None else 0
        if n:
            place = int(self.rng.integers(n))
            self.told += f" option {place}"
            one.select_option(index=place, timeout=5000, force=True)

    def drop(self) -> None:
        """Let a file fall upon the page, or choose it."""
        path = self.words.files[int(self.rng.integers(len(self.words.files)))]
        self.told += f" {path.name[:60]}"
        if self.rng.random() < 0.5:
            self.page.locator("#file").set_input_files(path, timeout=5000)
        else:
            self.page.evaluate(
                DROP, [path.name, base64.b64encode(path.read_bytes()).decode("ascii")]
            )

    def back(self) -> None:
        """Go back."""
        self.page.evaluate("history.back()")

    def forward(self) -> None:
        """Go forward."""
        self.page.evaluate("history.forward()")

    def reload(self) -> None:
        """Load the page again."""
        self.page.reload()

    def size(self) -> None:
        """Give the window another size."""
        width, height = int(self.rng.choice(WIDTHS)), int(self.rng.choice(HEIGHTS))
        self.told += f" {width}x{height}"
        self.page.set_viewport_size({"width": width, "height": height})

    def scheme(self) -> None:
        """Let the machine prefer light or dark."""
        self.page.emulate_media(color_scheme=str(self.rng.choice(["light", "dark"])))


#: The deeds, and how often each of a thousand is done. A reload makes the page forget what it holds
#: in memory, so that there is hardly any.
DEEDS: list[tuple[str, Callable[[Deed], None], float]] = [
    ("click", Deed.click, 300),
    ("press", Deed.press, 220),
    ("point", Deed.point, 110),
    ("drag", Deed.drag, 70),
    ("wheel", Deed.wheel, 40),
    ("type", Deed.type, 100),
    ("choose", Deed.choose, 80),
    ("drop", Deed.drop, 20),
    ("back", Deed.back, 30),
    ("forward", Deed.forward, 10),
    ("size", Deed.size, 14.6),
    ("scheme", Deed.scheme, 5),
    ("reload", Deed.reload, 0.4),
]


def do(page: Any, seed: int, number: int, words: Words) -> str:
    """Do the deed of a number; gives what it was."""
    rng = np.random.default_rng([seed, number])
    share = np.array([often for _, _, often in DEEDS])
    name, act, _ = DEEDS[int(rng.choice(len(DEEDS), p=share / share.sum()))]
    deed = Deed(page, rng, words, name)
    try:
        act(deed)
    except Exception as error:
        # what was chosen may be replaced before it is clicked: no fault of the page
        if not any(sign in str(error) for sign in GONE):
            raise
        deed.told += " (gone)"
    finally:
        for one in deed.chosen:  # what is held here is held in the page's memory
            with suppress(Exception):
                one.dispose()
    return deed.told


#: What playwright says where an element went, or the page was left, while it was acted on.
GONE = ("not attached", "context was destroyed", "Timeout", "not visible", "navigat", "Not a HTML")


def _trains(told: str) -> bool:
    return told.endswith(("head only'", "everything'"))
