"""Units of measure: their dimensions and how they convert. Other words say nothing about an amount.

Temperature scales do not convert here: their zero points differ.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_TABLE: dict[str, tuple[str, Fraction, str]] = {}


def _define(dimension: str, entries: str) -> None:
    """Add units of one dimension; an entry is `factor names`, entries are separated by `;`."""
    for entry in entries.split(";"):
        factor, *names = entry.split()
        for name in names:
            _TABLE[name] = (dimension, Fraction(factor), names[0])


_define("length", "1 m meter meters metre metres; 1/100 cm centimeter centimeters centimetre centimetres")
_define("length", "1/1000 mm millimeter millimeters millimetre millimetres")
_define("length", "1000 km kilometer kilometers kilometre kilometres; 1/1000000000 nm nanometer nanometers")
_define(
    "length", "127/5000 inch inches in; 381/1250 ft foot feet; 1143/1250 yd yard yards yds; 201168/125 mile miles mi"
)
_define("mass", "1 g gram grams gm gms; 1000 kg kilogram kilograms kgs; 1/1000 mg milligram milligrams")
_define("mass", "45359237/100000 lb lbs pound pounds; 45359237/1600000 oz ounce ounces; 1000000 tonne tonnes")
_define("mass", "90718474/100 ton tons")
_define("time", "1 s second seconds sec secs; 60 min minute minutes mins; 3600 h hour hours hr hrs; 86400 day days")
_define("time", "604800 week weeks; 1/1000 ms millisecond milliseconds")
_define("months", "1 month months; 12 year years yr yrs; 120 decade decades; 1200 century centuries")
_define("money:dollar", "1 dollar dollars usd; 1/100 cent cents ¢")
_define("money:euro", "1 euro euros eur")
_define("money:pound", "1 sterling gbp; 1/100 pence")
_define("money:yen", "1 yen")
_define("money:yuan", "1 yuan rmb")
_define("money:rupee", "1 rupee rupees rs")
_define("angle", "1 degree degrees deg; 1/60 arcminute arcminutes; 1/3600 arcsecond arcseconds")
_define("unit", "1 unit units")
_define("radian", "1 rad radian radians")
_define("celsius", "1 celsius degc")
_define("fahrenheit", "1 fahrenheit degf")
_define("kelvin", "1 kelvin kelvins")
_define("volume", "1 liter liters litre litres; 1/1000 ml milliliter milliliters millilitre millilitres")
_define("volume", "473176473/125000000 gallon gallons gal; 473176473/500000000 quart quarts qt qts")
_define("volume", "473176473/1000000000 pint pints pt pts; 473176473/2000000000 cup cups")
_define("share", "1/100 percent pct percentage %; 1/1000 permille")
_define("energy", "1 j joule joules; 1000 kj kilojoule kilojoules")
_define("force", "1 newton newtons")
_define("power", "1 w watt watts; 1000 kw kilowatt kilowatts")
_define("pressure", "1 pa pascal pascals")
_define("frequency", "1 hz hertz; 1000 khz; 1000000 mhz")
_define("voltage", "1 volt volts")
_define("charge", "1 coulomb coulombs")
_define("information", "1 byte bytes; 1024 kilobyte kilobytes kb")

_SPEEDS = {
    "mph": ("mile", "/", "h"), "fps": ("ft", "/", "s"), "mpg": ("mile", "/", "gallon"),
    **dict.fromkeys(("kph", "kmh", "kmph"), ("km", "/", "h")),
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+|%|¢|/|\^\s*\{?\s*-?[0-9]+\s*\}?")
_MAX_POWER = 30
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_AFTER = {"squared": 2, "cubed": 3}
_REFUSED = {
    "is", "not", "no", "wrong", "incorrect", "either", "between", "to", "or", "and", "if", "than", "except", "minus",
    "plus", "false", "times", "mod", "base", "where", "nor", "isn", "million", "billion", "thousand", "trillion",
    "hundred", "dozen", "half", "but",
}  # fmt: skip
"""Words next to a number that change its meaning: the two are no quantity."""
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Meaning of the words next to a number."""

    dimension: tuple[tuple[str, int], ...] = ()
    """Dimensions with their powers; empty for words that are no unit of measure."""
    factor: Fraction = Fraction(1)
    """How many base units one of it is."""
    words: str = ""

    @property
    def is_known(self) -> bool:
        """Whether it measures something, so that it can contradict another one."""
        return bool(self.dimension) and not self.is_generic

    @property
    def is_generic(self) -> bool:
        """Whether it is made of "units", which can be any."""
        return any(name == "unit" for name, _ in self.dimension)

    @property
    def is_percent(self) -> bool:
        """Whether it is the percent sign or a word for it."""
        return self.dimension == (("share", 1),)


NO_UNIT = Unit()


@lru_cache(4096)
def read_unit(text: str) -> Unit | None:
    """Return the unit that words name, one without dimension for other words, None for words that change the meaning.

    >>> read_unit("square cm").dimension, read_unit("apples").is_known, read_unit("is wrong")
    ((('length', 2),), False, None)
    """
    words = [w if w.isupper() and len(w) == 1 else w.lower() for w in _WORD.findall(text)]
    if any(w in _REFUSED for w in words):
        return None
    dimension: dict[str, int] = {}
    factor: Fraction = Fraction(1)
    sign, ahead, last = 1, 1, None
    for word in [part for name in words for part in _SPEEDS.get(name, (name,))]:
        if word in ("/", "per"):
            sign, last = -1, None
        elif word.startswith("^") or word in _AFTER:
            power = _AFTER.get(word) or int(word.strip("^{} "))
            if not 1 <= abs(power) <= _MAX_POWER:
                return None
            if last is None:
                return Unit(words=text)
            name, base, sign_then = last
            dimension[name] = dimension[name] + sign_then * (power - 1)
            factor *= base ** (sign_then * (power - 1))
        elif word in _POWERS:
            ahead = _POWERS[word]
        elif word in _TABLE:
            name, base, _ = _TABLE[word]
            dimension[name] = dimension.get(name, 0) + sign * ahead
            factor *= base ** (sign * ahead)
            last, ahead = (name, base, sign), 1
        elif word not in ("of", "a", "an", "the", "each", "us"):
            return Unit(words=text)  # "cm of ribbon" is told from "cm" by nothing that matters, "children" is no unit
    found = tuple(sorted((name, power) for name, power in dimension.items() if power))
    return Unit(dimension=found, factor=factor, words=text) if found else Unit(words=text)


def is_unit_word(word: str) -> bool:
    """Tell whether one word names a unit."""
    return word.lower() in _TABLE or word.lower() in _SPEEDS
