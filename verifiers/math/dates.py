"""Days of the calendar as English writes them: 5 May 2020, May 5th, Jan. 5."""

import re
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY, _YEAR = r"([0-9]{1,2})(?:st|nd|rd|th)?", r"(?:,?\s*([0-9]{4}))?"
_MONTH_FIRST = re.compile(rf"{_MONTH}\s+(?:the\s+)?{_DAY}{_YEAR}")
_DAY_FIRST = re.compile(rf"(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH}{_YEAR}")
_WRAPPED = re.compile(r"\\(?:text|mathrm|textrm|mbox)\s*\{([^{}]*)\}")


@lru_cache(4096)
def read_date(text: str) -> tuple[int, int, int] | None:
    r"""Return month, day and year (0 where none is written) if a text is a date in words, else None.

    >>> read_date("May 5th, 2020"), read_date(r"5\text{ May }2020"), read_date("5 apples")
    ((5, 5, 2020), (5, 5, 2020), None)
    """
    if len(text) > 60:
        return None
    plain = " ".join(_WRAPPED.sub(r" \1 ", text).casefold().replace(" ,", ",").split())
    if match := _MONTH_FIRST.fullmatch(plain):
        month, day, year = match.groups()
    elif match := _DAY_FIRST.fullmatch(plain):
        day, month, year = match.groups()
    else:
        return None
    return _MONTHS.index(month[:3]) + 1, int(day), int(year or 0)
