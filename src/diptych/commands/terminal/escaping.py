"""Names of files and what else comes from outside, as a terminal may show it."""

import re
import unicodedata

_PLAIN = re.compile(r"[ -~]*")
_JOINERS = "\u200c\u200d"  # within letters and signs, to which they belong
# Controls, what turns or hides the letters around it, halves of letters, ends of lines.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def escaped(text: str, keep: str = "\n\t") -> str:
    """The text with everything that would steer a terminal shown as `\\x1b`, but what is to `keep`.

    So are bytes of names that are no letters, as `\\xff`.
    """
    return text if _PLAIN.fullmatch(text) else "".join(_shown(char, keep) for char in text)


def in_a_line(text: str) -> str:
    """The same, ends of lines too."""
    return escaped(text, keep="")


def _shown(char: str, keep: str) -> str:
    if char in keep or char in _JOINERS or unicodedata.category(char) not in _HIDDEN:
        return char
    if "\udc80" <= char <= "\udcff":  # how Python keeps such a byte
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
