"""Finds out that a marked answer is none: denied in its own sentence, or taken back in the next one."""

import re

_DENIAL = re.compile(
    r"(?:(?:simply|clearly|still|just|probably|therefore|actually|definitely)\s+)?(?:not\s+)?(?:wrong|incorrect|unclear|clear"
    r"|unknown|known|impossible|undetermined|determined|uncertain|certain|invalid|undefined|ambiguous|false|correct|right"
    r"|unique|possible|sure)\b(?=\s*(?:[:,;]|[–—-]\s))",
    re.IGNORECASE,
)
_FINE = re.compile(r"\b(?:clear|known|determined|certain|correct|right|unique|possible|sure)\Z", re.IGNORECASE)
_WRONG_MARKER = re.compile(r"\b(?:wrong|incorrect|false|mistaken)\s+\Z", re.IGNORECASE)
_STOP = re.compile(r"[?!](?=\s|\Z)|\.(?=\s|\Z)|[,;\n]|\s[–—-]+(?=\s)")
_MAX_SENTENCE = 400
_MAX_STOPS = 20
_TAKEN_BACK = re.compile(
    r"\s*(?:(?:oh|oops|hmm+|wait|sorry|actually|but)\b[,.!…]*\s*)*"
    r"(?:no\b(?=\s*[,.:;!–—-]|\s+wait\b)|nope\b|scratch that|correct(?:ion|ed)\b(?=\s*[,:–—-])|i meant\b|i mean\b"
    r"|i(?:'ve| have)? made an? (?:\w+ )?(?:mistake|error)"
    r"|(?:that|this|it)(?:'s|’s| is| was) (?:wrong|incorrect|not right|not correct|a mistake)(?=\s*[.,;:!\n–—-]|\s*\Z))"
    r"[\s,.:;!–—-]*(?:wait\b[\s,.]*)?",
    re.IGNORECASE,
)  # fmt: skip
_CORRECTION = re.compile(
    r"^[ *_]{0,8}(?:correction|corrected(?: value| result)?|erratum)[*_ ]{0,3}:[*_ ]*", re.I | re.M
)
_TO_THE_VALUE = re.compile(
    r"(?:(?:it|that|this|the (?:right |correct |real )?(?:answer|value|result|number))\s+)?"
    r"(?:(?:is|should be|must be|would be|has to be|ought to be|equals)\s+)?(?:actually\s+|really\s+)?|it's\s+",
    re.IGNORECASE,
)


def denial(rest: str) -> str:
    """Return the words at the start of a text after a marker that deny an answer: `wrong` in "wrong: 9"; else nothing.

    >>> denial("unclear: 9"), denial("correct: 9"), denial("not unique, 9"), denial("9")
    ('unclear', '', 'not unique', '')
    """
    found = _DENIAL.match(rest)
    words = found[0] if found else ""
    if re.search(r"\bnot\s", words, re.IGNORECASE):
        return words if _FINE.search(words) else ""  # "not wrong: 9"
    return "" if _FINE.search(words) else words


def is_wrong_one(before: str) -> bool:
    """Tell whether the words before a marker say that it marks no answer: "the wrong answer is"."""
    return _WRONG_MARKER.search(before) is not None


def correction(rest: str) -> str | None:
    """Return what is said instead of the answer that a text begins with, once it is taken back; None if it is not.

    >>> correction("9? No, 8."), correction("9, no more"), correction("9. Wait, that is wrong. It is 8.")
    ('8.', None, '8.')
    """
    at = -1
    if "orrect" in rest or "ORRECT" in rest or "rratum" in rest:
        at = max((found.end() for found in _CORRECTION.finditer(rest)), default=-1)
    for count, stop in enumerate(_STOP.finditer(rest, 0, _MAX_SENTENCE)):
        if at >= 0 or count >= _MAX_STOPS:
            break
        if found := _TAKEN_BACK.match(rest, stop.end()):
            at = found.end()
        elif stop[0] in "?!.\n" and rest[stop.end() :].strip()[:1] != "":
            break
    if at < 0:
        return None
    while found := _TAKEN_BACK.match(rest, at):
        at = found.end()
    lead = _TO_THE_VALUE.match(rest, at)
    return rest[lead.end() if lead else at :]
