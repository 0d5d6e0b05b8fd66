"""A scorer that searches the answer for the target as a pattern, in a form that cannot run away.

Suites come from strangers, and a regular expression can keep a machine busy for years. So a pattern has literals, classes,
groups, alternatives and counted repeats of single characters; no `*` or `+`, nothing repeated after a group, no references and no
looking around; and the number of ways in which it could match at one place is bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache

from hanse.errors import BadFormat
from hanse.evals.suite import Item

MAX_PATTERN = 200
MAX_SEARCHED = 2000
"""Characters of an answer that are searched."""
MAX_WAYS = 4096
_REPEAT = re.compile(r"\?|\{([0-9]{1,3})(,?)([0-9]{0,3})\}")
_ATOM = re.compile(
    r"\\[dws.\\?{}()\[\]|^$*+-]|\[\^?(?:[^\[\]\\^-]|\\[dws\]\\-]|[0-9A-Za-z]-[0-9A-Za-z]){1,60}\]|[^\\\[\](){}*+?|]"
)
_PLAIN = re.compile(r"\(\?:|\(|\)|\|")


def pattern(item: Item, answer: str) -> float:
    """Return 1 if the item's target, as a pattern, is found in the answer, whatever the case; else 0.

    Raises BadFormat for a target that is no pattern in the form described above.
    """
    return float(compiled(item.target).search(answer[:MAX_SEARCHED]) is not None)


@lru_cache(maxsize=1024)
def compiled(text: str) -> re.Pattern[str]:
    """Return a pattern ready for use; raises BadFormat for one that is not in the bounded form."""
    if not text or len(text) > MAX_PATTERN:
        raise BadFormat(f"a pattern has 1 to {MAX_PATTERN} characters, got {len(text)}")
    ways, at, atom = 1, 0, False
    while at < len(text):
        repeat = _REPEAT.match(text, at)
        found = repeat or _PLAIN.match(text, at) or _ATOM.match(text, at)
        if found is None or (repeat and not atom):
            raise BadFormat(
                f"a pattern has characters, classes, groups, alternatives and counted repeats of one character; "
                f"character {at + 1} of {text[:60]!r} is none of these"
            )
        if repeat:
            ways *= _choices(repeat)
        elif found[0] == "|":
            ways *= 2
        atom = not repeat and found[0] not in ("(", "(?:", ")", "|", "^", "$")
        at = found.end()
        if ways > MAX_WAYS:
            raise BadFormat(f"the pattern {text[:60]!r} could match in more than {MAX_WAYS} ways at one place")
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise BadFormat(f"{text[:60]!r} is no pattern: {error}") from error


def _choices(repeat: re.Match[str]) -> int:
    """Return in how many ways a repeat can match."""
    if repeat[0] == "?":
        return 2
    low = int(repeat[1])
    high = int(repeat[3]) if repeat[3] else low
    if high < low or (repeat[2] and not repeat[3]):
        raise BadFormat(f"a repeat has a first and a last count, such as {{1,3}}, not {repeat[0]}")
    return high - low + 1
