"""Units of measure: prefixes, compound units, conversions, and the ways in which people write them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.math import grade
from verifiers.math.units import read_unit

SYMBOLS = {
    "m": "meters", "g": "grams", "s": "seconds", "A": "amperes", "K": "kelvins", "mol": "moles", "Hz": "hertz",
    "N": "newtons", "Pa": "pascals", "J": "joules", "W": "watts", "V": "volts", "F": "farads", "T": "teslas",
    "L": "liters", "eV": "electronvolts",
}  # fmt: skip
PREFIXES = {"": ("", 0), "k": ("kilo", 3), "M": ("mega", 6), "G": ("giga", 9), "m": ("milli", -3), "n": ("nano", -9)}


@given(st.sampled_from(sorted(SYMBOLS)), st.sampled_from(sorted(PREFIXES)), st.sampled_from(sorted(PREFIXES)))
def test_prefixes_convert_and_are_never_ignored(symbol: str, one: str, other: str) -> None:
    (_, power), (name, exponent) = PREFIXES[one], PREFIXES[other]
    number = rf"5\times 10^{{{power - exponent}}}"
    for written in (rf"\text{{ {other}{symbol}}}", rf"\ \mathrm{{~{other}{symbol}}}", f" {name}{SYMBOLS[symbol]}"):
        reference = rf"5 \text{{ {one}{symbol}}}"
        assert grade(rf"\boxed{{{number}{written}}}", reference).correct, written
        if one != other:
            assert grade(rf"\boxed{{5{written}}}", reference).correct is False, written


@given(st.sampled_from(sorted(SYMBOLS)), st.sampled_from(sorted(SYMBOLS)))
def test_two_units_of_different_measures_are_never_the_same(one: str, other: str) -> None:
    same = read_unit(one).dimension == read_unit(other).dimension  # type: ignore[union-attr]
    assert same is (one == other or {one, other} == {"J", "eV"})
    if not same:
        assert grade(rf"\boxed{{5 \text{{ {one}}}}}", rf"5\,\mathrm{{{other}}}").correct is False


ACCELERATION = (
    "5 m/s^2", r"5\text{ m/s}^2", r"5\,\mathrm{m\,s^{-2}}", r"5 \mathrm{~m} / \mathrm{s}^{2}", "5 m/s/s", "5 m s^-2",
    r"5\ \frac{\text{m}}{\text{s}^2}", "5 meters per second squared", r"5\text{ N/kg}", "500 cm/s^2", "0.005 km/s²",
)  # fmt: skip


@pytest.mark.parametrize("answer", ACCELERATION)
def test_compound_units_are_one_unit_however_they_are_written(answer: str) -> None:
    assert grade(rf"\boxed{{{answer}}}", r"5 $\mathrm{m} \cdot \mathrm{s}^{-2}$").correct
    assert grade(rf"\boxed{{{answer}}}", "5 m/s").correct is False
    assert grade(rf"\boxed{{{answer}}}", "500 cm/s^2").correct


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        (r"10\ \mu\mathrm{m}", "0.01 mm"), (r"10\ \mu m", r"10^{-5}\text{ m}"),
        (r"2\,\mathrm{k\Omega}", r"2000\ \Omega"),
        ("1 kWh", r"3.6\times 10^6\text{ J}"), ("25°C", r"25\text{ degrees Celsius}"), ("12 cubic feet", "12 ft^3"),
        ("5 cm2", "0.0005 m^2"), ("60 mph", r"88\text{ ft/s}"), (r"5.13 \mathrm{ft} / \mathrm{sec}", "5.13 ft/s"),
        ("60平方厘米", "60 cm^2"), ("15元", "15"), ("5 kg of gold", "5000 g"), ("1 acre", "43560 square feet"),
        (r"4.18\,\mathrm{J/(g\,K)}", "4180 J/(kg K)"), (r"5\ \Omega", "5"), (r"576\pi\;m^{2}", r"576\pi"),
        ("5 L", "5 dm^3"),
    ],
)  # fmt: skip
def test_amounts_that_are_the_same(answer: str, reference: str) -> None:
    assert grade(rf"\boxed{{{answer}}}", reference).correct
    assert grade(rf"\boxed{{{reference}}}", answer).correct


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("5 kg of gold", "5 g of gold"), ("5 m long", "5 cm long"), ("5 Hz", "5 Bq"), ("5 Gy", "5 Sv"),
        ("5 rad/s", "5 Hz"), ("5 oz", "5 lb"), ("5 MeV", "5 meV"), ("5 acres", "5 hectares"), ("5 atm", "5 Pa"),
        (r"1.5\text{ A}", "1.5 mA"), ("2m", "3m"), ("2ab", "2cd"),
    ],
)  # fmt: skip
def test_amounts_that_differ(answer: str, reference: str) -> None:
    assert grade(rf"\boxed{{{answer}}}", reference).correct is False
    assert grade(rf"\boxed{{{reference}}}", answer).correct is False


def test_a_unit_has_its_factor() -> None:
    assert read_unit("km/h") == read_unit("km/h")
    unit = read_unit("inches")
    assert unit is not None
    assert unit.factor == Fraction(254, 10_000)


@pytest.mark.parametrize("noun", ["words", "jobs", "people", "visitors", "liters of water", "beats"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("per minute", "per hour"), ("a day", "a week"), ("per square mile", "per acre"), ("/km^2", "/m^2"),
        ("per month", "per year"), ("each day", "every week"), ("per mile", "per kilometer"),
        ("per second", "per mile"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["3 {0} {1}", r"3\text{{ {0} {1}}}"])
def test_the_denominator_of_a_rate_counts_whatever_it_counts(noun: str, one: str, other: str, form: str) -> None:
    gold = form.format(noun, one)
    assert grade(rf"\boxed{{{gold}}}", gold).correct
    assert grade(r"\boxed{3}", gold).correct
    assert grade(rf"\boxed{{3 {noun}}}", gold).correct is (noun != "liters of water")
    assert not grade(rf"\boxed{{{form.format(noun, other)}}}", gold).correct


def test_rates_convert_and_other_denominators_are_words() -> None:
    assert grade(r"\boxed{3600\text{ words per hour}}", "60 words per minute").correct
    assert grade(r"\boxed{60\text{ words/min}}", "60 words per minute").correct
    assert grade(r"\boxed{5\text{ cookies per student}}", "5 cookies per child").correct
    assert grade(
        r"\boxed{4\text{ lines per minute}, 3\text{ words per minute}}", "3 words a minute, 4 lines a minute"
    ).correct


MORE_UNITS = [
    ("grains", "grams", ""), ("mm Hg", "mm", "mmHg"), ("mm Hg", "inches Hg", "torr"), ("inches Hg", "inches", "inHg"),
    ("inches of mercury", "inches", "inHg"), ("stone", "pounds", "stones"), ("slugs", "kilograms", "slug"),
    ("barrels", "gallons", "bbl"), ("rods", "feet", ""), ("degrees Rankine", "kelvins", "Rankine"),
    ("grads", "degrees", "gradians"), ("drams", "ounces", ""), ("leagues", "miles", ""), ("hands", "inches", ""),
    ("millennia", "centuries", ""), ("shillings", "pence", ""), ("pesos", "dollars", ""), ("pesos", "euros", ""),
    ("rubles", "dinars", ""), ("bushels", "pecks", ""), ("nautical miles", "miles", "nmi"),
    ("metric tons", "tons", "tonnes"), ("fluid ounces", "ounces", "fl oz"), ("light-years", "years", "light years"),
    ("troy ounces", "ounces", ""), ("long tons", "short tons", ""),
    ("millennia", "decades", ""),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "other", "same"), MORE_UNITS)
@pytest.mark.parametrize("form", [r"7\text{{ {0}}}", "7 {0}"])
def test_customary_units_and_currencies_differ(unit: str, other: str, same: str, form: str) -> None:
    gold = form.format(unit)
    assert grade(rf"\boxed{{{form.format(same or unit)}}}", gold).correct
    assert grade(r"\boxed{7}", gold).correct
    assert not grade(rf"\boxed{{{form.format(other)}}}", gold).correct
    assert not grade(rf"\boxed{{{gold}}}", form.format(other)).correct


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        (r"168\text{ pounds}", "12 stone"), ("9 miles", r"3\text{ leagues}"), (r"2000\text{ years}", "2 millennia"),
        (r"90^\circ", r"100\text{ grads}"), (r"760\text{ mm Hg}", "1 atm"), ("7 psi", r"7\text{ lb/in}^2"),
        ("7 pounds per square inch", "7 psi"), ("60 inches", "15 hands"),
        (r"25\text{ degrees Celsius}", r"25^\circ\text{C}"), (r"25^\circ\text{ F}", r"25\text{ degrees Fahrenheit}"),
        (r"300\text{ degrees Kelvin}", "300 K"),
    ],
)  # fmt: skip
def test_customary_units_convert(answer: str, reference: str) -> None:
    assert grade(rf"\boxed{{{answer}}}", reference).correct


@pytest.mark.parametrize("unit", ["min", "sec"])
@pytest.mark.parametrize("value", ["5", r"\frac{5}{2}", "2.5", "(2+3)"])
def test_an_upright_time_behind_a_value_is_no_function(unit, value):
    seconds = 60 if unit == "min" else 1
    given = rf"{value}\text{{ {unit}}}"
    for reference in (given, f"{value} {unit}", value, rf"{value}\cdot {seconds} \text{{ s}}"):
        assert grade(rf"\boxed{{{given}}}", reference).correct is True, reference
    assert grade(rf"\boxed{{{given}}}", rf"{value}\text{{ hours}}").correct is False
    assert grade(r"\boxed{\text{min}(x,3)}", r"\min(x,3)").correct is True
