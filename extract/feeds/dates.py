"""When a paper was published, in one way to write it.

An ISO date, or a UTC date-time where the feed gives a time with its zone. A feed that says only
a year, or a year and a month, gives `2020` or `2020-05`: no day is made up.
"""

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YMD = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?(?!\d)[\s/.;,-]*(.*)", re.S)
_NAMED_MONTH = re.compile(r"(\d{4})[\s/-]+([A-Za-z]{3})[a-z]*\.?(?:[\s/-]+(\d{1,2}))?\b")
_DAY_FIRST = re.compile(r"(?:(\d{1,2})\s+)?([A-Za-z]{3})[a-z]*\.?,?\s+(?:(\d{1,2}),\s*)?(\d{4})\b")


def iso_date(text: object) -> str | None:
    """Return the date that *text* states, or None where it states none."""
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not (text := text.strip()[:80]):
        return None
    return _date_time(text) or _numeric(text) or _with_month_name(text)


def iso_parts(year: object, month: object = None, day: object = None) -> str | None:
    """Return the date of its parts as far as they are given and make a date."""
    if (known_year := _number(year)) is None or not 1000 <= known_year <= 9999:
        return None
    known_month, known_day = _month(month), _number(day)
    if known_month is None:
        return f"{known_year:04}"
    if known_day is not None:
        try:
            return date(known_year, known_month, known_day).isoformat()
        except ValueError:
            pass
    return f"{known_year:04}-{known_month:02}"


def _date_time(text: str) -> str | None:
    """Read an ISO or mail date-time; without a zone its time says little, and is dropped."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    if len(text) <= 10 or moment.tzinfo is None:
        # fromisoformat also reads "20200105" and weeks: more likely numbers of other things.
        is_date = re.match(r"\d{4}-\d\d-\d\d|\D|\d\d? ", text)
        return moment.date().isoformat() if is_date else None
    try:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return None


def _numeric(text: str) -> str | None:
    found = _YMD.match(text)
    if not found:
        return None
    if found[2] is None and (named := _NAMED_MONTH.match(text)):
        return iso_parts(named[1], named[2], named[3])
    return iso_parts(found[1], found[2], found[3])


def _with_month_name(text: str) -> str | None:
    found = _DAY_FIRST.search(text)
    return iso_parts(found[4], found[2], found[1] or found[3]) if found else None


def _month(value: object) -> int | None:
    if isinstance(value, str) and value.strip()[:3].lower() in _MONTHS:
        return _MONTHS.index(value.strip()[:3].lower()) + 1
    number = _number(value)
    return number if number is not None and 1 <= number <= 12 else None


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,4}\s*", value):
        return int(value)
    return None
