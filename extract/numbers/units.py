"""How units and magnitudes are written after a number.

Promises a regex for each and the canonical meaning of a match. Units of measure stay as they are
written (`48 hours` has the unit `hours`), because the stored value must be found again in
the text.

Not here: conversion between units, and nouns that are counted (`images`, `parameters`).
"""

import re

SCALES: dict[str, float] = {
    "k": 1e3,
    "m": 1e6,
    "mm": 1e6,
    "mn": 1e6,
    "mio": 1e6,
    "g": 1e9,
    "b": 1e9,
    "bn": 1e9,
    "t": 1e12,
    "tn": 1e12,
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
    "quadrillion": 1e15,
    "lakh": 1e5,
    "crore": 1e7,
}
"""What a magnitude letter or word multiplies by."""

_COUNTED = (
    r"(?:param|token|image|sample|word|example|sentence|video|pair|step|iteration|flop|mac|doc|"
    r"instance|frame|node|edge|user|quer|row|record|clip|trainable|training|unlabel|label|"
    r"annotated|data|high)"
)
SCALE_WORD = (
    r"(?:[ \u00a0~-]|\\[ ,;])?(?i:hundred|thousand|million|billion|trillion|quadrillion|lakh|crore)"
    r"s?(?![A-Za-z])"
)
SCALE = re.compile(
    rf"(?P<word>{SCALE_WORD})"
    rf"|(?P<letter>[kKMBTG]|bn|mn|tn|Bn|Mn|MM|Mio)(?![A-Za-z0-9])(?!-\d*D\b)(?!\s?(?:MRI|scanner))"
    rf"|[ \u00a0](?P<spaced>[KMB])(?=[ \u00a0-]{_COUNTED}|\Z)"
)

TIME = r"(?:milli|micro|nano)?seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?"
_COMPUTE = (
    r"(?:[A-Z]\d{2,3}[ -])?(?:GPU|TPU|CPU|core|node)[ -]?"
    r"(?:hours?|days?|years?|hrs?)"
)
_STORAGE = (
    r"[KMGT]bit/s|[KMGT]i?B/s|[KMGTP]i?B|kB|[kKMG]?bits?|[kKMG]bps|"
    r"(?:giga|mega|kilo|tera)bytes?|bytes?"
)
_RATE = (
    r"(?:frames?|samples?|tokens?|images?|queries|requests?|steps?|iterations?)"
    r"(?:/(?:s|sec|second)| per second)|tok/s|it/s|img/s|FPS|fps|RPM|rpm|QPS"
)
_PHYSICS = (
    r"[kMG]?Hz|dBm?|k?m/h|kph|mph|[cmk]?m/s(?:\^?2)?|rad/s|°/s|deg/s|[kMG]?Wh|[mkM]W|mJ|kJ|mV|"
    r"[kmM]eV|eV|Nm|kN|kPa|kcal(?:/mol)?|[mkuμµ]g|kg|lbs?|mL|ml|µL|mol|mM|[cmknuμµ]m|[muμµn]s|"
    r"[mck]?m\^?[23]|[mck]?m[²³]|(?:USD|EUR|dollars?|euros?|cents?|yuan|RMB)|pp|px|(?:centi|milli|kilo|nano|micro)?met(?:er|re)s?|inch(?:es)?|feet|miles?|"
    r"kilograms?|grams?|degrees?(?: Celsius)?|deg|radians?|rad|[Ll]ux|nats?|joules?|watts?|volts?"
)
_FLOPS = r"[KMGTPE]?FLOPs?|[KMGTPE]?FLOPS|[KMGT]?MACs?|[KMGT]?OPS|petaflops?(?:/s)?(?:-days?)?"
UNIT = re.compile(
    r"(?P<percent>(?:\s|\\[,;]|~)?\\?[%％]|\$\s?\\?%\$?|[\s~-](?:percent|per cent|pct)(?![A-Za-z]))"
    r"|(?P<permille>\s?‰)"
    r"|(?P<factor>\s?-?fold(?![A-Za-z])|[ \u00a0~-]?times(?![A-Za-z])|\s?×(?!\s?\d)"
    r"|\s?\$?\\times(?![A-Za-z])(?!\$?\s?\d)|[xX](?![A-Za-z0-9*])"
    r"|\s[xX](?=[ ,.;)]|$)(?!\s?\d))"
    rf"|(?P<measure>(?:[ \u00a0~-]|\\[ ,;])?(?:{_COMPUTE}|{TIME}|{_STORAGE}|{_RATE}|{_FLOPS}"
    rf"|{_PHYSICS})(?![A-Za-z0-9])"
    r"|\s?°(?:\s?[CF])?(?![A-Za-z])|\^\{?\\circ\}?|\\degree(?![A-Za-z])"
    r"|(?:[ \u00a0~])?[smhWJVgN](?![A-Za-z0-9.'’/*^_-]|\s?=)"
    r"|[smhWJVgN](?=\.(?:\s|$)|[*×-])(?!-[A-Z]))"
)

FACTOR_UNIT = "x"
PERCENT_UNIT = "%"


def measure_name(written: str) -> str:
    """Return the unit of measure without the space or LaTeX tie before it."""
    plain = written.replace("\\circ", "°").replace("\\degree", "°")
    return plain.strip(" \u00a0~-\\,;^{}")
