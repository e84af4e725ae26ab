"""Units of measure: SI and customary ones with prefixes, their dimensions and how they convert.

Other words say nothing about an amount. Temperature scales do not convert here: their zero points differ.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_PREFIXED = """
m length meter metre; g mass gram gramme gm; s time second sec; A current ampere amp; K kelvin kelvin; mol amount mole
cd light candela; rad radian radian; sr solid-angle steradian; B information byte; bit B/8 bit; Hz 1/s hertz
N kg*m/s^2 newton; Pa N/m^2 pascal; J N*m joule; W J/s watt; C A*s coulomb; V W/A volt; F C/V farad; Ω V/A ohm
S A/V siemens mho; Wb V*s weber; T Wb/m^2 tesla; H Wb/A henry henries; lm cd*sr lumen; lx lm/m^2 lux
Bq decay/s becquerel; Gy J/kg gray; Sv dose sievert; kat mol/s katal; L m^3/1000 liter litre l; t 1000*kg tonne
eV 1.602176634e-19*J electronvolt; cal 4.184*J calorie; Wh 3600*J; bar 100000*Pa; M mol/L molar; dyn N/100000 dyne
erg 1e-7*J; G T/10000 gauss; P Pa*s/10 poise; Da 1.6605390666e-27*kg dalton; Ci 3.7e10*decay/s curie
pc 30856775814913673*m parsec; psi 6894.757293168*Pa; dB decibel decibel
"""
_PLAIN = """
in 0.0254*m inch inches; ft 12*in foot feet; yd 3*ft yard; mi 5280*ft mile; nmi 1852*m; furlong 660*ft furlong
fathom 6*ft fathom; ly 9460730472580800*m lightyear; AU 149597870700*m au; Å 1e-10*m angstrom ångström
micron 1e-6*m micron; lb 0.45359237*kg pound; oz lb/16 ounce; ton 2000*lb ton; carat 0.2*g carat ct
lbf lb*9.80665*m/s^2; amu 1.6605390666e-27*kg u; min 60*s minute; h 3600*s hour hr; day 24*h day; week 7*day week wk
fortnight 14*day fortnight; month months month; year 12*month year yr; decade 10*year decade
century 100*year centuries; acre 4840*yd^2 acre; ha 10000*m^2 hectare; gal 231*in^3 gallon; qt gal/4 quart
pt gal/8 pint; cup gal/16 cup; floz gal/128; tbsp gal/256 tablespoon; tsp gal/768 teaspoon; cc cm^3
atm 101325*Pa atmosphere; torr atm/760; mmHg atm/760; hp 745.6998715822702*W horsepower
Btu 1055.05585262*J btu; knot 1852/3600*m/s knot kn; mhz 1000000/s; mph mi/h; kph km/h kmh kmph; fps ft/s; mpg mi/gal
rev turn revolution; rpm rev/min; percent share/100 pct percentage %; permille share/1000; ppm share/1000000
degree angle degree deg °; arcminute degree/60 arcminute; arcsecond degree/3600 arcsecond; degC celsius celsius degc ℃
centigrade degC
degF fahrenheit fahrenheit degf ℉; dollar dollar dollar usd; cent dollar/100 cent ¢; euro euro euro eur €
sterling pound-sterling gbp £; pence sterling/100; yen yen yen ¥; yuan yuan yuan rmb 元; rupee rupee rupee rs
grain lb/7000 grain; dram oz/16 dram; stone 14*lb stone; cwt 100*lb hundredweight; ozt 31.1034768*g; longton 2240*lb
slug 14.593902937206*kg slug; quintal 100*kg quintal; rod 16.5*ft rod; league 3*mi league; hand 4*in hand
barrel 42*gal barrel bbl; bushel 2150.42*in^3 bushel; peck bushel/4 peck; gill gal/32 gill; cmHg 10*mmHg
inHg 25.4*mmHg; degR rankine rankine degr; grad 0.9*degree grad gradian; millennium 1000*year millennia
shilling sterling/20 shilling; peso peso peso; franc franc franc; ruble ruble ruble rouble; krona krona kronor
krone krone kroner; lira lira lira; baht baht baht; dinar dinar dinar; dirham dirham dirham; shekel shekel shekel
unit unit unit; 米 m; 厘米 cm; 毫米 mm; 千米 km; 公里 km; 克 g; 千克 kg; 公斤 kg; 吨 t; 升 L; 毫升 mL; 秒 s; 分钟 min
小时 h; 天 day; 度 degree; 平方米 m^2; 平方厘米 cm^2; 立方厘米 cm^3; 立方米 m^3
"""
_PREFIXES = {
    "k": ("kilo", 3), "M": ("mega", 6), "G": ("giga", 9), "T": ("tera", 12), "m": ("milli", -3), "µ": ("micro", -6),
    "n": ("nano", -9), "p": ("pico", -12), "c": ("centi", -2), "d": ("deci", -1), "h": ("hecto", 2), "da": ("deca", 1),
    "f": ("femto", -15), "a": ("atto", -18), "P": ("peta", 15), "E": ("exa", 18), "z": ("zepto", -21),
    "y": ("yocto", -24), "Z": ("zetta", 21), "Y": ("yotta", 24),
}  # fmt: skip
_RARE = {
    "m": "cdf", "g": "cdf", "L": "cdhf", "s": "f", "C": "f", "F": "f", "J": "fPE", "W": "fPE", "Hz": "P", "Pa": "hP",
    "B": "PEd", "eV": "PE", "Wh": "PE", "mol": "f", "A": "f", "N": "d",
}  # fmt: skip
"""Symbols with the prefixes that only they take; every symbol takes k, M, G, T, m, µ, n and p."""
_LAYOUT = re.compile(r"\\(?:mathrm|text|rm|mbox|operatorname)(?![A-Za-z])|\\[,;:! ]|[~{}$]|\\left|\\right")
_WORD = re.compile(r"[^\W\d_]+|[%¢°€£¥℃℉]|[/·*()-]|\^-?[0-9]+|[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?")
_SPELT = {
    "\\cdot": "·", "\\times": "·", "\\mu": "µ", "μ": "µ", "\\Omega": "Ω", "\\circ": "°", "\\degree": "°", "\\AA": "Å",
    "\\%": "%",
}  # fmt: skip
_JOINED = (
    (r"µ\s+", "µ"), (r"(?:(?:\^\s*)?°|\b[Dd]egrees?|\bdeg\b\.?)\s*(?=[CFR]\b)", "deg"), (r"\^\s*°", "°"),
    (r"(°|\b(?:[Dd]egrees?|km|miles?|mi))\s+[NSEW]\b(?!\s*[·*/^])", r"\1"),
    (r"(?:°|\b[Dd]egrees?)\s*(?=(?i:celsius|centigrade|fahrenheit|kelvin|rankine)\b)", ""),
    (r"\s*\^\s*(-?)\s*([0-9]+)", r"^\1\2 "), (r"(?<=[A-Za-z])([23])(?![0-9])", r"^\1 "),
)  # fmt: skip
_SEVERAL_WORDS = tuple((re.compile(rf"(?i)\b{words}(?![a-z])"), symbol) for words, symbol in (
    (r"(?:mm|millimet(?:er|re)s?)\s*(?:of\s+)?(?:Hg|mercury)", "mmHg"), (r"nautical\s+miles?", "nmi"),
    (r"(?:in|inch|inches)\s*(?:of\s+)?(?:Hg|mercury)", "inHg"), (r"metric\s+tons?", "t"), (r"long\s+tons?", "longton"),
    (r"cm\s+Hg", "cmHg"), (r"short\s+tons?", "ton"), (r"light[\s-]+years?", "ly"), (r"fl(?:uid)?\.?\s*oz", "floz"),
    (r"fluid\s+ounces?", "floz"), (r"troy\s+(?:oz|ounces?)", "ozt"), (r"electron[\s-]+volts?", "eV"),
    (r"astronomical\s+units?", "AU"),
    (r"(?:lbs?|lbf|pounds?)\s*(?:/|per)\s*(?:in(?:ch)?\s*\^2|sq(?:uare|\.)?\s*in(?:ch|\.)?)", "psi"),
))  # fmt: skip
"""Units whose names have several words, which alone mean other units, and their symbols."""
_MAX_POWER = 30
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_AFTER = {"squared": 2, "cubed": 3}
_REFUSED = {
    "is", "not", "no", "wrong", "incorrect", "either", "between", "to", "or", "and", "if", "than", "except", "minus",
    "plus", "false", "times", "mod", "base", "where", "nor", "isn", "million", "billion", "thousand", "trillion",
    "hundred", "dozen", "half", "but",
}  # fmt: skip
"""Words next to a number that change its meaning: the two are no quantity."""
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12} | {
    word: Fraction(1, size)
    for words, size in (
        ("half halves halved", 2), ("thirds", 3), ("fourths", 4), ("fifths", 5), ("sixths", 6), ("sevenths", 7),
        ("eighths", 8), ("ninths", 9), ("tenths", 10), ("hundredths", 100), ("thousandths", 1000),
    )
    for word in words.split()
} | {"doubled": 2, "tripled": 3}  # fmt: skip
_PER = frozenset({"/", "per", "a", "an", "each", "every"})
_SKIPPED = frozenset({"a", "an", "the", "each", "every", "us", "US"})
_ALSO_LETTERS = frozenset({"am", "as", "cd", "pm", "ps", "ds", "cs", "Pm", "PS", "Ms", "mt", "Mt"})
"""Symbols that letters side by side more often are not: variables, and times of day."""
_COMMON_TEXT = """
cm mm km nm in ft yd mi kg mg gm lb oz sec ms min hr ml mL gal qt pt kJ Pa kPa Hz kHz MHz GHz kW MW kWh mA mV kV MB GB
KB kN eV dB mol rad deg mph kph psi atm usd lbs hrs ton cup day
"""
"""Units that letters after a number are without a space."""
_COMMON = frozenset(_COMMON_TEXT.split())
_WORDS_IN_UNITS = frozenset({*_POWERS, "per", "cdot", "times", "Omega", "circ", "degree", "AA", "mu"})
_Dimension = dict[str, int]
_table: dict[str, tuple[_Dimension, Fraction]] = {}
_folded: dict[str, list[str]] = {}
"""Symbols of two or more letters by their letters in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Meaning of the words next to a number."""

    dimension: tuple[tuple[str, int], ...] = ()
    """Dimensions with their powers; empty for words that are no unit of measure."""
    factor: Fraction = Fraction(1)
    """How many base units one of it is."""
    words: str = ""
    noun: str = ""
    """Whatever is counted in a rate: `words per minute` has the dimension of `1/minute`."""

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
        return self.dimension == (("share", 1),) and self.factor == Fraction(1, 100)


NO_UNIT = Unit()


@lru_cache(4096)
def read_unit(text: str) -> Unit | None:
    r"""Return the unit that words name, one without dimension for other words, None for words that change the meaning.

    >>> read_unit("square cm").dimension, read_unit("apples").is_known, read_unit("is wrong")
    ((('length', 2),), False, None)
    >>> read_unit(r"kg\,m^{-3}") == read_unit("g / L"), read_unit("N·m").dimension == read_unit("kJ").dimension
    (False, True)
    """
    plain = _LAYOUT.sub(" ", text)
    for spelling, meaning in _SPELT.items():
        plain = plain.replace(spelling, meaning)
    for pattern, meaning in _JOINED:
        plain = re.sub(pattern, meaning, plain)
    if " " in plain or "/" in plain or "-" in plain:
        for several, meaning in _SEVERAL_WORDS:
            plain = several.sub(meaning, plain)
    words = _WORD.findall(plain)
    if any(word.lower() in _REFUSED for word in words):
        return None
    total: _Dimension = {}
    factor: Fraction = Fraction(1)
    sign, ahead, last = 1, 1, None
    noun, words = _rate(words)
    is_skipping = False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in _PER and (word in ("/", "per") or (total and not is_skipping) or (total and _measures(following))):
            sign, last, is_skipping = -1, None, False
        elif is_skipping:
            continue
        elif word[0] == "^" or word.lower() in _AFTER:
            power = _AFTER.get(word.lower()) or int(word[1:])
            if not 1 <= abs(power) <= _MAX_POWER or last is None:
                return None if last else Unit(words=text)
            factor *= _into(total, last, sign * (power - 1))
        elif word.lower() in _POWERS:
            ahead = _POWERS[word.lower()]
        elif word in "·*()-" or word in _SKIPPED:
            continue
        elif (found := _measure(word)) is not None:
            if "celsius" in found[0] or "fahrenheit" in found[0]:
                total.pop("angle", None)  # degrees Celsius
                factor = Fraction(1)
            factor *= _into(total, found, sign * ahead)
            last, ahead = found, 1
        elif word[0].isdigit() or not total:
            return Unit(words=text)  # "5 children"
        else:
            is_skipping = True  # "cm of ribbon" and "cm long" are "cm"
    dimension = tuple(sorted((name, power) for name, power in total.items() if power))
    return Unit(dimension=dimension, factor=factor, words=text, noun=noun) if dimension else Unit(words=text)


def _rate(words: list[str]) -> tuple[str, list[str]]:
    """Return the noun of a rate and the words from its `per` on: `people per square mile`; other words as they are."""
    at = next((place for place, word in enumerate(words) if word in _PER), 0)
    if not at or not all(word[0].isalpha() for word in words[:at]):
        return "", words
    below = next((word for word in words[at + 1 :] if word not in _SKIPPED and word.lower() not in _POWERS), "")
    if not _measures(below) or any(map(_measures, words[:at])):
        return "", words
    return " ".join(words[:at]), ["per", *words[at + 1 :]]


def _measures(word: str) -> bool:
    return word[:1].isalpha() and _measure(word) is not None


def is_unit_word(word: str, *, spaced: bool = True) -> bool:
    """Tell whether letters after a number name a unit; without a space, only if hardly anything else is meant."""
    if (word in _ALSO_LETTERS and not spaced) or len(word) == 1:
        return False
    return _measure(word) is not None and (spaced or len(word) > 3 or word in _COMMON)


def is_measure(text: str) -> bool:
    """Tell whether a text is nothing but units: `kg m/s^2`."""
    unit = read_unit(text)
    plain = _LAYOUT.sub(" ", text).replace("\\mu ", "µ").replace("\\", " ")
    words = re.findall(r"[^\W\d_]+", plain)
    return unit is not None and unit.is_known and all(w in _WORDS_IN_UNITS or _measure(w) is not None for w in words)


def _into(total: _Dimension, unit: tuple[_Dimension, Fraction], power: int) -> Fraction:
    """Multiply dimensions with a power of a unit; return the factor of that power."""
    for name, own in unit[0].items():
        total[name] = total.get(name, 0) + own * power
    return unit[1] ** power


def _measure(word: str) -> tuple[_Dimension, Fraction] | None:
    """Return dimensions and factor of one word: a symbol, or a name in any case, with its plural."""
    if not _table:
        _fill()
    lowered = word.lower()
    for name in (word, lowered, lowered.removesuffix("s"), lowered.removesuffix("es")):
        if name in _table and (len(name) > 1 or name == word):
            return _table[name]
    # `KG`, `Khz`: of two symbols the one whose prefix has this case, and mm for MM.
    found = sorted(_folded.get(lowered, ()), key=lambda s: s[0].isupper() if word.isupper() else s[0] != word[0])
    return _table[found[0]] if found else None


def _fill() -> None:
    _table.update({name: ({name: 1}, Fraction(1)) for name in ("share", "months", "decay")})
    for prefixes, entries in ((_PREFIXES, _PREFIXED), ({}, _PLAIN)):
        for entry in re.split("[;\n]", entries.strip()):
            symbol, definition, *names = entry.split()
            dimension, factor = _definition(definition)
            for name in (symbol, *names):
                _table[name] = dimension, factor
            for prefix, (spelt, power) in prefixes.items():
                short = [prefix + symbol] if prefix in "kMGTmµnp" or prefix in _RARE.get(symbol, "") else []
                for name in [
                    *short,
                    *(spelt + name for name in names if len(name) > 2),
                    *(s[:-1] + "l" for s in short if symbol == "L"),
                ]:
                    _table.setdefault(name, (dimension, factor * Fraction(10) ** power))
    for name in _table:
        if len(name) > 1 and name != name.lower() and len(name) < 5:
            _folded.setdefault(name.lower(), []).append(name)


def _definition(text: str) -> tuple[_Dimension, Fraction]:
    """Read `kg*m/s^2`; a word that is no unit yet is a dimension."""
    total: _Dimension = {}
    factor, sign = Fraction(1), 1
    for mark, word, power in re.findall(r"(^|[*/])([^*/^]+)(?:\^([0-9]+))?", text):
        sign = -1 if mark == "/" else 1
        if word[0].isdigit():
            factor *= Fraction(word) ** sign
        else:
            factor *= _into(total, _table.get(word, ({word: 1}, Fraction(1))), sign * int(power or 1))
    return total, factor
