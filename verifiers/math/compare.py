"""Decides what exact rules can decide about two answers; None means that a computer algebra system has to.

In order: the same string, contradictory equations, the same rational, collections of rationals, words, and answers that
differ in one numeral only. What these rules call wrong stays wrong: nothing is offered to a more lenient one.
"""

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from .notation import clean, has_hidden_characters, key, unwrap
from .rational import Quantity, evaluate, read_quantity, same_amount, units_differ

_EQUALS = re.compile(r"(?<![\\<>!:=])=(?!=)")
_NAME = re.compile(r"\|?[A-Za-z]{1,2}'?\|?(?:_(?:[A-Za-z0-9]|\{[A-Za-z0-9]{1,4}\}))?(?: ?\([A-Za-z]\))?|\\[a-z]{2,8}")
_CONNECTED = re.compile(r",|;|\\?\b(?:and|or)\b")
_HEDGE = re.compile(r"\b(?:not|or|wrong|incorrect|either|between)\b", re.IGNORECASE)
_NUMERAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_FUNCTION = r"\b(?:sin|cos|tan|sec|csc|cot|log|exp|sqrt|gcd|lcm|max|min)\b"
_WORDS = re.compile(rf"(?=.*[A-Za-z]{{3}})(?!.*{_FUNCTION})[A-Za-z][A-Za-z ]+")
_AND = re.compile(r",? ?(?<!\\)\band\b ?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A decision and the rule that made it."""

    equal: bool
    rule: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Elements between brackets, or a bare list of them."""

    brackets: str
    """Such as `()`, `[)` or `{}`; a bare list counts as `{}`."""
    items: tuple[Fraction | str, ...]


def compare(answer: str, gold: str) -> Ruling | None:
    r"""Return the ruling on an answer, or None if exact rules do not reach it.

    >>> compare(r"\frac{2}{4}", "0.5").equal, compare("7 = 8", "7").equal, compare("x+1", "1+x")
    (True, False, None)
    """
    if has_hidden_characters(answer):
        return Ruling(equal=False, rule="string", reason="hidden_characters")
    answer, gold = clean(answer), clean(gold)
    if key(answer) == key(gold):
        return Ruling(equal=True, rule="string")
    if _contradicts_itself(answer):
        return Ruling(equal=False, rule="equation", reason="sides_differ")
    answer, gold = right_sides(answer, gold)
    if key(answer) == key(gold):
        return Ruling(equal=True, rule="string")
    return _by_value(answer, gold) or _by_words(answer, gold) or _by_shape(answer, gold)


def right_sides(answer: str, gold: str) -> tuple[str, str]:
    """Return both without `name =`, unless they name different things.

    >>> right_sides("x = 5", "5"), right_sides("x = 5", "y = 5")
    (('5', '5'), ('x = 5', 'y = 5'))
    """
    (answer_name, answer_value), (gold_name, gold_value) = _assignment(answer), _assignment(gold)
    if answer_name and gold_name and answer_name != gold_name:
        return answer, gold
    if (answer_name and not gold_name and "=" in gold) or (gold_name and not answer_name and "=" in answer):
        return answer, gold  # an equation on one side: not a value that was given a name
    return answer_value, gold_value


def _assignment(text: str) -> tuple[str, str]:
    parts = [part.strip() for part in _EQUALS.split(text)]
    if len(parts) < 2 or (len(parts) > 2 and _CONNECTED.search(text)):
        return "", text
    if _NAME.fullmatch(parts[0]):
        return key(parts[0]), parts[-1]
    if len(parts) == 2 and _NAME.fullmatch(parts[1]):
        return key(parts[1]), parts[0]
    return "", text


def _contradicts_itself(text: str) -> bool:
    """Tell whether an equation chain says that two different numbers are equal."""
    if _CONNECTED.search(text):
        return False
    values = [evaluate(unwrap(part)) for part in _EQUALS.split(text)[:20]]
    return len({value for value in values if value is not None}) > 1


def _by_value(answer: str, gold: str) -> Ruling | None:
    wanted, given = read_quantity(gold), read_quantity(answer)
    if wanted and given:
        reason = "units_differ" if units_differ(wanted, given) else ""
        return Ruling(equal=same_amount(given, wanted), rule="rational", reason=reason)
    if wanted and _HEDGE.search(answer):
        return Ruling(equal=False, rule="words", reason="hedged")
    return _by_elements(answer, gold, wanted, given)


def _by_elements(answer: str, gold: str, wanted: Quantity | None, given: Quantity | None) -> Ruling | None:
    wanted_items, given_items = _collection(gold), _collection(answer)
    if wanted_items and given_items:
        return _compare_collections(given_items, wanted_items)
    several = (wanted and given_items) or (given and wanted_items)
    # One number against several. A decimal comma could hide in `1,5`, and `(1,2]` is no list: only plain lists count.
    if several and several.brackets == "{}" and len(set(several.items)) > 1 and _all_rational(several):
        return Ruling(equal=False, rule="collection", reason="number_of_elements")
    return None


def _compare_collections(answer: Collection, gold: Collection) -> Ruling | None:
    if answer.brackets != gold.brackets:
        intervals = all(c.brackets in ("()", "[]", "(]", "[)") and len(c.items) == 2 for c in (answer, gold))
        return Ruling(equal=False, rule="collection", reason="brackets_differ") if intervals else None
    if gold.brackets == "{}":
        equal = Counter(answer.items) == Counter(gold.items) or _same_sets(answer, gold)
    else:
        equal = answer.items == gold.items
    decided = equal or (_all_rational(answer) and _all_rational(gold))
    return Ruling(equal=equal, rule="collection") if decided else None


def _same_sets(answer: Collection, gold: Collection) -> bool:
    return len(set(gold.items)) == len(gold.items) and set(answer.items) == set(gold.items)


def _all_rational(collection: Collection) -> bool:
    return all(isinstance(item, Fraction) for item in collection.items)


def _collection(text: str) -> Collection | None:
    text = re.sub(r"\\\{|\\lbrace", "⟦", re.sub(r"\\\}|\\rbrace", "⟧", unwrap(text)))
    text = _AND.sub(",", text)
    brackets = "{}"
    pair = text[:1] + text[-1:]
    if pair in ("()", "[]", "(]", "[)", "⟦⟧") and _encloses(text):
        text, brackets = text[1:-1], "{}" if pair == "⟦⟧" else pair
    parts = _split(text)
    if len(parts) < 2 and pair != "⟦⟧":
        return None
    return Collection(brackets=brackets, items=tuple(_item(part) for part in parts))


def _item(text: str) -> Fraction | str:
    value = evaluate(text)
    return key(text) if value is None else value


def _split(text: str) -> list[str]:
    """Split at the commas outside of all brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "([{⟦") - (character in ")]}⟧")
        if character == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def _encloses(text: str) -> bool:
    """Tell whether the first bracket closes with the last character."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character in "([⟦") - (character in ")]⟧")
        if depth == 0:
            return at == len(text) - 1
    return False


def _by_words(answer: str, gold: str) -> Ruling | None:
    """Compare as words if the reference is words: no algebra makes `odd` and `d d o` the same."""
    wanted = unwrap(gold)
    if not _WORDS.fullmatch(wanted):
        return None
    given = unwrap(answer)
    return Ruling(equal=" ".join(given.lower().split()) == " ".join(wanted.lower().split()), rule="words")


def _by_shape(answer: str, gold: str) -> Ruling | None:
    """Call answers wrong that are written alike but for one numeral: 1/2004! and 1/2006! agree to any precision."""
    answer, gold = key(answer), key(gold)
    if _NUMERAL.sub("#", answer) != _NUMERAL.sub("#", gold):
        return None
    pairs = zip(_NUMERAL.findall(answer), _NUMERAL.findall(gold), strict=True)
    differing = sum(a != b and (len(a) > 400 or len(b) > 400 or Fraction(a) != Fraction(b)) for a, b in pairs)
    return Ruling(equal=False, rule="shape", reason="one_number_differs") if differing == 1 else None
