"""How much may be sent now: the user's own limits, and those that a provider's headers tell.

Two things are limited, requests and tokens, and each in two ways:

    Pace        so many a minute (--rpm, --tpm), over any sixty seconds
    Allowance   what the headers of the last answers say is left, and until when

Headers do not say whether a limit comes back little by little or all at once, and answers arrive
in another order than they were made. So an allowance takes what is certainly left: the calls that
were made since are taken off, and the whole is only counted on once the provider's time is over.

Not here: who waits (`extract.asking.gate`).
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

PERIOD_S = 60.0
CHARS_PER_TOKEN = 3.0
"""Of English text and JSON at the least; the first answer corrects it."""
ROOM = 1.2
"""An answer may be so much longer than the longest so far."""

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PATTERNS = (
    # OpenAI's, which Groq, OpenRouter, Together, xAI and most gateways have taken over
    "x-ratelimit-{part}-{what}",
    "anthropic-ratelimit-{what}-{part}",
)
_NAMES = {
    what: [
        [p.format(part=part, what=what) for part in ("limit", "remaining", "reset")]
        for p in _PATTERNS
    ]
    for what in ("requests", "tokens")
}


@dataclass(eq=False)
class Ticket:
    """One call on its way: how much of each it was let through with."""

    number: int
    chars: int
    amounts: dict[str, float]
    waited_s: float = 0.0
    used: tuple[int, int] = (0, 0)
    """Input and output tokens, once the answer has said them."""


class Pace:
    """At most so much in any period; amounts are corrected once they are known."""

    def __init__(self, most: float, period_s: float = PERIOD_S) -> None:
        self.most, self.period_s = most, period_s
        self._taken: deque[tuple[float, Ticket]] = deque()

    def wait_s(self, now: float, what: str, amount: float) -> float:
        """Return how long to wait until *amount* fits; one that never fits goes alone."""
        while self._taken and self._taken[0][0] <= now - self.period_s:
            self._taken.popleft()
        used = sum(ticket.amounts[what] for _, ticket in self._taken)
        for at, ticket in self._taken:
            if used + amount <= self.most:
                return 0.0
            used -= ticket.amounts[what]
            if used + amount <= self.most or used <= 0:
                return at + self.period_s - now
        return 0.0

    def take(self, now: float, ticket: Ticket) -> None:
        """Count a call that is let through."""
        self._taken.append((now, ticket))


@dataclass
class Allowance:
    """What a provider said is left of one limit; nothing is limited before it says so."""

    what: str
    limit: float = 0.0
    left: float = 0.0
    until: float | None = None
    """When the whole is back; None where that time has come and no answer has told of another."""
    sent: float = 0.0
    last: int = 0
    refilled_at: int = 0
    """The last call before all of it was back."""
    open: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Of each call on its way its amount, and how much had been sent with it."""

    def wait_s(self, now: float, amount: float) -> float:
        """Return how long to wait until *amount* is left; infinite for until an answer comes."""
        if not self.limit:
            return 0.0
        if self.until is not None and now >= self.until:
            # All of it is back, but for the calls that the new period may count.
            self.left = max(self.left, self.limit - self._on_the_way())
            self.until, self.refilled_at = None, self.last
        if amount <= self.left:
            return 0.0
        if self.until is not None:
            return self.until - now
        return math.inf if self.open else 0.0  # more than the whole limit: only trying can tell

    def take(self, ticket: Ticket) -> None:
        """Count a call that is let through."""
        amount = ticket.amounts[self.what]
        self.sent += amount
        self.left -= amount
        self.open[ticket.number] = amount, self.sent
        self.last = ticket.number

    def heard(self, ticket: Ticket, now: float, said: Told) -> None:
        """Take what the headers of the answer to *ticket* say.

        Certainly left is what they say, less all that was sent after this call, and less the
        calls before it that are still on their way. What was sent before the last period was over
        may tell of that one, and is not listened to.
        """
        if ticket.number <= self.refilled_at or ticket.number not in self.open:
            return
        after = self.sent - self.open[ticket.number][1]
        self.open[ticket.number] = 0.0, self.open[ticket.number][1]  # the provider has counted it
        surely = said.left - after - self._on_the_way(before=ticket.number)
        self.left = min(max(self.left, surely), said.left) if self.limit else surely
        self.limit = said.limit
        self.until = max(self.until or 0.0, now + said.reset_s)

    def done(self, ticket: Ticket, actual: float) -> None:
        """Forget a call that has ended, and give back what it did not take."""
        amount, _ = self.open.pop(ticket.number, (actual, 0.0))
        self.left += max(0.0, amount - actual)

    def _on_the_way(self, before: int | None = None) -> float:
        return sum(a for n, (a, _) in self.open.items() if before is None or n < before)


@dataclass(frozen=True)
class Told:
    """One limit as the headers of an answer tell it."""

    limit: float
    left: float
    reset_s: float


def told(headers: Mapping[str, str], what: str) -> Told | None:
    """Return the limit of *what* (`requests`, `tokens`) in headers; None where it is not told."""
    for limit, left, reset in _NAMES[what]:
        if limit not in headers:  # as nearly always, and this is asked of every answer
            continue
        numbers = _number(headers[limit]), _number(headers.get(left))
        if (said := _told(*numbers, _duration_s(headers.get(reset), headers))) is not None:
            return said
    return None


def _told(limit: float | None, left: float | None, reset_s: float | None) -> Told | None:
    """Return what three headers say; None where one is missing."""
    if not limit or left is None or reset_s is None:
        return None
    return Told(limit, left, reset_s)


def _number(text: str | None) -> float | None:
    """Return a count; some write it with the window behind it: `100, 100;w=60`."""
    found = re.match(r"\s*(\d+(?:\.\d+)?)\s*(?:[,;]|$)", text or "")
    return float(found[1]) if found else None


def _duration_s(text: str | None, headers: Mapping[str, str]) -> float | None:
    """Return how long `6m0s`, `120ms`, `1.5` seconds or a point in time is from now."""
    text = (text or "").strip().lower()
    if (plain := _number(text)) is not None:
        # A number so large is a point in time, in seconds since 1970: there is no telling whose.
        return plain if plain < 1e8 else None
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        until = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return _until_s(until, headers)


def _until_s(until: datetime, headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a point in time, by the server's own clock."""
    from email.utils import parsedate_to_datetime

    try:
        now = parsedate_to_datetime(headers.get("date", ""))
        # The date has no fractions: what it cuts off is added.
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None


class Rates:
    """All limits of one model, for all workers."""

    def __init__(
        self, rpm: int | None, tpm: int | None, *, max_wait_s: float, period_s: float = PERIOD_S
    ) -> None:
        self._paces = {
            what: Pace(most, period_s)
            for what, most in (("requests", rpm), ("tokens", tpm))
            if most is not None
        }
        self._allowances = {what: Allowance(what) for what in ("requests", "tokens")}
        self._max_wait_s = max_wait_s
        self._number = 0
        self._per_char = 1 / CHARS_PER_TOKEN
        self._most_output: float | None = None

    @property
    def are_silent(self) -> bool:
        """True while nothing is limited, by the user or the provider."""
        return not self._paces and not any(a.limit for a in self._allowances.values())

    def ticket(self, chars: int, max_tokens: int) -> Ticket:
        """Return a ticket for a call of so many characters that may answer so many tokens."""
        self._number += 1
        output = max_tokens if self._most_output is None else min(max_tokens, self._most_output)
        tokens = chars * self._per_char + output
        return Ticket(self._number, chars, {"requests": 1.0, "tokens": tokens})

    def wait_s(self, ticket: Ticket, now: float) -> float:
        """Return how long the call has to wait; 0 where it may go."""
        waits = [p.wait_s(now, what, ticket.amounts[what]) for what, p in self._paces.items()]
        waits += [a.wait_s(now, ticket.amounts[w]) for w, a in self._allowances.items()]
        return max(waits)

    def take(self, ticket: Ticket, now: float) -> None:
        """Let the call through."""
        for pace in self._paces.values():
            pace.take(now, ticket)
        for allowance in self._allowances.values():
            allowance.take(ticket)

    def heard(self, ticket: Ticket, headers: Mapping[str, str], now: float) -> None:
        """Take what an answer's headers say.

        A limit that comes back later than we may wait (a day's) is left to the provider: it
        refuses the call, and says so.
        """
        for what, allowance in self._allowances.items():
            said = told(headers, what)
            if said is not None and said.reset_s <= self._max_wait_s:
                allowance.heard(ticket, now, said)

    def done(self, ticket: Ticket) -> None:
        """Correct the amount of a call that has ended by what it really took."""
        read, written = ticket.used
        if read or written:
            ticket.amounts["tokens"] = float(read + written)
            per_char = read / max(ticket.chars, 1)
            self._per_char = (
                per_char if self._most_output is None else max(self._per_char, per_char)
            )
            self._most_output = max(self._most_output or 0.0, ROOM * written)
        for what, allowance in self._allowances.items():
            allowance.done(ticket, ticket.amounts[what])
