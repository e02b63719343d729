"""Text of somebody's file as a terminal may show it."""

import unicodedata

# A tab and a line's end are what a terminal expects.
_HARMLESS = "\t\n"
_CONTROL = ("Cc", "Cf", "Cs", "Co")


def printable(text: str) -> str:
    """The text with control characters written out.

    An escape sequence in a table of results could otherwise retitle the window or hide lines.
    """
    return "".join(
        one
        if one in _HARMLESS or unicodedata.category(one) not in _CONTROL
        else one.encode("unicode_escape").decode()
        for one in text
    )
