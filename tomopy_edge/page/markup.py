"""Elements of a page as text, so made that no word of a user's can be taken for one: what is no `Markup` is escaped."""

from __future__ import annotations

from html import escape

VOID = frozenset({"br", "img", "input"})
"""Elements of HTML that have no end tag."""


class Markup(str):
    """Text of a page that is markup already."""

    __slots__ = ()


def text_of(content: object) -> Markup:
    """Return content as markup: as it is where it is that already, else escaped.

    Names of files may hold bytes that are no letters, which no page can be written with; each becomes "?".
    """
    if isinstance(content, Markup):
        return content
    return Markup(escape(str(content).encode("utf-8", "replace").decode("utf-8")))


def join(*parts: object) -> Markup:
    """Return parts one after the other."""
    return Markup("".join(text_of(part) for part in parts if part is not None))


def tag(name: str, *content: object, **attributes: object) -> Markup:
    """Return an element.

    Parameters
    ----------
    content : text, which is escaped, or markup; None is nothing
    attributes : `class_` stands for `class`, `aria_label` for `aria-label`; None and False leave one out, True gives it
        alone
    """
    given = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Markup(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{join(*content)}</{name}>")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{text_of(value)}"'


def listed(items: list[Markup] | list[str], **attributes: object) -> Markup:
    """Return a list with an item for each."""
    return tag("ul", *(tag("li", item) for item in items), **attributes)


def table(head: list[str], rows: list[list[object]], caption: str, **attributes: object) -> Markup:
    """Return a table that can be scrolled sideways; the first cell of each row is its name.

    Parameters
    ----------
    head : a name for each column
    rows : at least one, of cells; those that are `Markup` elements of their own (`<td>`) as they are
    caption : what it shows, in words
    """
    # A name stands above its numbers, where they do.
    sides = ["number" if str(cell).startswith('<td class="number"') else None for cell in rows[0]]
    heads = tag("tr", *(tag("th", name, scope="col", class_=side) for name, side in zip(head, sides, strict=True)))
    body = [tag("tr", tag("th", row[0], scope="row"), *(_cell(cell) for cell in row[1:])) for row in rows]
    whole = tag("table", tag("caption", caption), tag("thead", heads), tag("tbody", *body), **attributes)
    # One that can be scrolled must be reached by the keyboard, too.
    return tag("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def _cell(content: object) -> Markup:
    if isinstance(content, Markup) and content.startswith("<td"):
        return content
    return tag("td", content)


def number(content: object) -> Markup:
    """Return a cell that holds a number."""
    return tag("td", content, class_="number")
