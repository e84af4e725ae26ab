r"""The grammar of expressions: sums, products, powers, brackets, and what letters side by side mean.

`parser` reads the list inside brackets, `commands` the text after a command.
"""

from abc import ABC, abstractmethod
from fractions import Fraction
from math import prod

from .stream import Stream
from .tokens import Token, Unreadable, read_number
from .tree import (
    DEGREE,
    MINUS_ONE,
    UNDEFINED,
    Add,
    Builder,
    Call,
    Matrix,
    Mul,
    Node,
    Num,
    PlusMinus,
    Pow,
    Relation,
    Seq,
    Sym,
    negative,
    product,
    quotient,
)
from .units import is_unit_word

_STARTS = {
    "num", "let", "const", "func", "frac", "root", "binom", "begin", "big", "int", "lim", "accent", "mark", "mathbb",
}  # fmt: skip
_OPENERS = {"(", "[", "{", "lfloor", "lceil", "<<"}
_CALLED = set("fghFGH")
_SHORT_WORDS = {
    "no", "th", "nd", "rd", "st", "or", "is", "of", "to", "an", "at", "on", "if", "it", "up", "we", "be", "by", "do",
    "so", "as", "am", "pm",
}  # fmt: skip


class Formulas(Stream, ABC):
    """Reads expressions from tokens."""

    @abstractmethod
    def sequence(self, closers: tuple[str, ...]) -> Node:
        """Read elements up to a closing bracket or the end; one element alone is that element."""

    @abstractmethod
    def elements(self, closers: tuple[str, ...]) -> tuple[list[Node], str, bool]:
        """Read elements; return them, the word that joins them if there is one, and whether a comma ends them."""

    @abstractmethod
    def relation(self) -> Node:
        """Read one element."""

    @abstractmethod
    def part(self, start: int, end: int) -> Node:
        """Read the tokens between two positions as an answer."""

    @abstractmethod
    def command(self, kind: str, value: str) -> Node:
        """Read the text after a command, whose token is already taken."""

    def total(self) -> Node:
        self.deeper()
        terms = [self.signed_term()]
        while self.kind() == "op" and self.value() in ("+", "-", "±", "∓"):
            is_word = self.kind(1) == "text" or (self.kind(1) == "word" and not self.is_product(self.value(1)))
            if self.value() == "-" and (is_word or self.is_op(r"\{", 1)):
                break
            terms.append(self.signed_term())
        self.depth -= 1
        return Add(tuple(terms)) if len(terms) > 1 else terms[0]

    def signed_term(self) -> Node:
        sign, both = 1, 0
        while self.kind() == "op" and self.value() in ("+", "-", "±", "∓"):
            value = self.value()
            sign = -sign if value == "-" else sign
            both = {"±": 1, "∓": -1}.get(value, both)
            self.at += 1
        term = self.term()
        node = negative(term) if sign < 0 else term
        while self.take("mod"):
            node = Call("mod", (node, self.signed_power()))
        return PlusMinus(node, both) if both else node

    def term(self) -> Node:
        factors = [self.raised_primary()]
        while True:
            kind, value, _ = self.peek()
            if kind == "op" and value == "*":
                self.at += 1
                factors.append(self.signed_power())
            elif kind == "op" and value == "/":
                self.at += 1
                bottom = self.signed_power()
                if len(factors) == 1 and isinstance(factors[0], Num) and isinstance(bottom, Num):
                    factors = [quotient(factors[0], bottom)]
                else:
                    factors.append(Pow(bottom, MINUS_ONE))
            elif (kind == "deg" or self.is_op("%")) and self.postfix_inside():
                factors.append(DEGREE if kind == "deg" else Num(Fraction(1, 100)))
                self.at += 1
            elif self.starts_factor():
                factors.append(self.raised_primary())
            else:
                return product(factors)

    def postfix_inside(self) -> bool:
        """Tell whether a degree or percent sign is inside an expression, where it is a factor and no unit."""
        following = self.kind(1)
        if following == "op":
            return self.value(1) in ("+", "-", "*", "/", "±") or (self.value(1) == ")" and self.arguments > 0)
        return self.arguments > 0 or following in ("num", "const", "func", "frac", "root")

    def signed_power(self) -> Node:
        if self.take("-"):
            self.deeper()
            node = negative(self.signed_power())
            self.depth -= 1
            return node
        self.take("+")
        return self.raised_primary()

    def starts_factor(self) -> bool:
        kind, value, _ = self.peek()
        if kind == "num":  # after a letter or a bracket, not after a number
            before = self.tokens[self.at - 1] if self.at else ("end", "", False)
            return before[0] in ("let", "const") or (before[0] == "op" and before[1] in (")", "}", "!"))
        if kind == "word":
            return self.is_product(value)
        if kind == "op":
            if value == "|":
                return self.bars == 0 and not self.in_set
            if value == "(" and self.kind(1) in ("word", "text") and not self.is_product(self.value(1)):
                return False
            return value in _OPENERS
        return kind in _STARTS

    def is_product(self, word: str) -> bool:
        """Tell whether letters side by side are variables multiplied, and not a unit or a word."""
        if self.kind() == "word" and self.at:
            spaced = self.tokens[self.at][2]
            follows = self.kind(-1) == "num" or (spaced and (self.kind(-1) == "const" or self.value(-1) in ("}", ")")))
            if follows and is_unit_word(word, spaced=spaced):
                return False
        if word in _SHORT_WORDS or (word.istitle() and word.lower() in _SHORT_WORDS) or len(word) > 6:
            return False
        if len(word) == 2:
            return True
        return set(word) <= set("abcxyz") or not set(word.lower()) & set("aeiou") or (word.isupper() and len(word) == 3)

    def raised_primary(self) -> Node:
        base = self.primary()
        while True:
            kind, value, _ = self.peek()
            if kind != "op":
                return base
            if value == "^":
                at = 2 if self.is_op("{", 1) else 1
                if (self.is_op("+", at) or self.is_op("-", at)) and self.is_op("}", at + 1):
                    return base  # the sign of a one-sided limit: `3^+`, `3^{+}`
                base = self.raised(base)
            elif value == "!" and not self.is_op("=", 1):
                self.at += 1
                double = self.is_op("!") and not self.is_op("=", 1)
                self.at += double
                base = _double_factorial(base) if double else Call("factorial", (base,))
            elif value == "choose":
                self.at += 1
                base = Call("binom", (base, self.primary()))
            elif value == "'" and isinstance(base, Sym):
                self.at += 1
                base = Sym(base.name + "'")
            else:
                return base

    def raised(self, base: Node) -> Node:
        self.at += 1
        if self.is_op("{") and (self.kind(1) == "text" or self.is_op("'", 1)):
            is_word = self.kind(1) == "text"
            primes = self.group_text()
            if is_word and self.kind() in ("text", "word") and self.value().strip().startswith(("root", "power")):
                raise Unreadable("the name of a root or a power")  # 4^{\text{th}} root
            # 6^{\text{th}}, y^{\prime}
            return base if is_word or not isinstance(base, Sym) else Sym(base.name + primes.replace(" ", ""))
        if self.is_op("'") and isinstance(base, Sym):
            return base
        self.deeper()
        exponent = self.exponent()
        self.depth -= 1
        return Pow(base, exponent)

    def exponent(self) -> Node:
        if self.is_op("{"):
            return self.braced()
        if self.take("-"):
            return negative(self.exponent())
        if self.take("+"):
            return self.exponent()
        node = self.primary()
        if self.is_op("^"):
            node = self.raised(node)
        return node

    def braced(self) -> Node:
        self.expect("{")
        bars, arguments = self.bars, self.arguments
        self.bars = self.arguments = 0
        node = self.sequence(("}",))
        self.expect("}")
        self.bars, self.arguments = bars, arguments
        return node

    def argument(self) -> Node:
        """Read the argument of a command: a group, or one token as TeX takes it (`\\frac12`)."""
        if self.is_op("{"):
            return self.braced()
        kind, value, spaced = self.peek()
        if kind == "num" and len(value) > 1 and value.isdigit():
            self.tokens[self.at] = ("num", value[1:], False)
            return Num(int(value[0]))
        if kind == "word":
            self.tokens[self.at] = ("let" if len(value) == 2 else "word", value[1:], spaced)
            return Sym(value[0])
        if self.take("-"):
            return negative(self.argument())
        return self.primary()

    def primary(self) -> Node:
        kind, value, _ = self.peek()
        self.at += 1
        if kind == "num":
            return self.whole_or_mixed(value)
        if kind == "let":
            return self.symbol(value)
        if kind == "const":
            if value == "#e" and self.is_op("_"):
                self.at += 1
                return Sym(f"e_{self.subscript()}")
            return Sym(value)
        if kind == "op":
            return self.bracketed(value)
        if kind == "word":
            return self.letters(value)
        self.deeper()
        node = self.command(kind, value)
        self.depth -= 1
        return node

    def letters(self, word: str) -> Node:
        self.at -= 1
        if not self.is_product(word):
            raise Unreadable("words")
        letters: list[Token] = [("const", f"#{c}", False) if c in "ie" else ("let", c, False) for c in word]
        letters[0] = (*letters[0][:2], self.tokens[self.at][2])
        self.tokens[self.at : self.at + 1] = letters
        return self.primary()

    def whole_or_mixed(self, value: str) -> Node:
        number, digits = read_number(value)
        fraction = self.mixed_fraction() if isinstance(number, int) and not digits else None
        return Num(number, digits) if fraction is None else Num(number + fraction)

    def mixed_fraction(self) -> Fraction | None:
        """Take a proper fraction right after a whole number: `2\\frac{1}{2}`, `2 1/2`."""
        if self.kind() == "frac":
            start, tokens = self.at, list(self.tokens[self.at : self.at + 4])
            self.at += 1
            try:
                top, bottom = self.argument(), self.argument()
            except Unreadable:
                top = bottom = UNDEFINED
            if isinstance(top, Num) and isinstance(bottom, Num):
                x, y = top.value, bottom.value
                if isinstance(x, int) and isinstance(y, int) and 0 < x < y:
                    return Fraction(x, y)
            self.tokens[start : start + len(tokens)] = tokens
            self.at = start
        elif self.kind() == "num" and self.peek()[2] and self.is_op("/", 1) and self.kind(2) == "num":
            top_text, bottom_text = self.value(), self.value(2)
            if top_text.isdigit() and bottom_text.isdigit() and 0 < int(top_text[:50]) < int(bottom_text[:50]):
                self.at += 3
                return Fraction(int(top_text), int(bottom_text))
        return None

    def symbol(self, name: str) -> Node:
        if name == "m" and self.kind() == "mark":  # the measure of an angle
            return self.primary()
        if self.is_op("_"):
            self.at += 1
            start = self.at
            name = f"{name}_{self.subscript()}"
            if name[0] == "C" and self.is_op("^") and (chosen := self.combinations(start)) is not None:
                return chosen
        while self.is_op("'"):
            self.at += 1
            name += "'"
        if name in _CALLED and [t[1] for t in self.tokens[self.at : self.at + 6]] == ["^", "{", "-", "1", "}", "("]:
            self.at += 5
            name += "^-1"
        called = name[:1] in _CALLED or "'" in name
        if not called and self.is_op("(") and self.kind(1) in ("let", "num") and self.is_op(")", 2):
            # `p(x) = x + 1`, or `I(0)` after a capital
            called = self.is_op("=", 3) or (self.kind(1) == "num" and self.value(-1).isupper())
        if self.is_op("(") and called and name.replace("'", "").removesuffix("^-1").partition("_")[0].isalpha():
            self.at += 1
            return Call(name, tuple(self.arguments_in(")")))
        return Sym(name)

    def combinations(self, start: int) -> Node | None:
        """Read `C_n^k` from its index on; `C_1^2` is the power of a constant."""
        after = self.at
        self.at = start
        below = self.braced() if self.is_op("{") else self.primary()
        if isinstance(below, Num) and below.value < 3:
            self.at = after
            return None
        self.expect("^")
        return Call("binom", (below, self.braced() if self.is_op("{") else self.primary()))

    def subscript(self) -> str:
        if self.is_op("{"):
            return self.group_text().replace(" ", "")
        kind, value, _ = self.peek()
        if kind not in ("num", "let", "const", "word", "text"):
            raise Unreadable("a subscript is a name")
        self.at += 1
        return value.removeprefix("#")  # all of a number: x_12 is x_1 2 in TeX, but people mean x_12

    def arguments_in(self, closer: str) -> list[Node]:
        bars, arguments = self.bars, self.arguments
        self.bars = self.arguments = 0
        items, _, _ = self.elements((closer,))
        self.expect(closer)
        self.bars, self.arguments = bars, arguments
        if not items:
            raise Unreadable("no argument")
        return items

    def bracketed(self, opener: str) -> Node:
        if opener in ("(", "["):
            return self.parenthesised(opener)
        if opener == "{":
            self.at -= 1
            return self.plain_braces()
        if opener == r"\{":
            return self.elements_of_set()
        if opener in ("|", "||"):
            return self.absolute(opener)
        if opener in ("lfloor", "lceil"):
            items = self.arguments_in("r" + opener[1:])
            if len(items) != 1:
                raise Unreadable("one argument expected")
            return Call(opener[1:], tuple(items))
        if opener == "<<" or opener == "<":
            return Seq(tuple(self.arguments_in(">>" if opener == "<<" else ">")), "()")
        if opener in ("+", "-"):
            self.at -= 1
            return self.signed_term()
        raise Unreadable(f"not expected: {opener!r}")

    def plain_braces(self) -> Node:
        if self.is_op("}", 1):
            raise Unreadable("an empty group")
        self.deeper()
        self.expect("{")
        node = self.sequence(("}", "over", "choose"))
        if self.take("over"):
            node = quotient(node, self.sequence(("}",)))
        elif self.take("choose"):
            node = Call("binom", (node, self.sequence(("}",))))
        self.expect("}")
        self.depth -= 1
        return node

    def parenthesised(self, opener: str) -> Node:
        bars, in_set, arguments = self.bars, self.in_set, self.arguments
        self.bars = self.in_set = self.arguments = 0
        items, _, trailing = self.elements((")", "]"))
        closer = self.value()
        if closer not in (")", "]"):
            raise Unreadable("open bracket")
        self.at += 1
        self.bars, self.in_set, self.arguments = bars, in_set, arguments
        pair = opener + closer
        if len(items) == 1 and not trailing and pair in ("()", "[]"):
            return items[0]
        if not items:
            raise Unreadable("empty brackets")
        return Seq(tuple(items), pair)

    def elements_of_set(self) -> Node:
        if self.take(r"\}"):
            return Seq((), "{}")
        self.in_set += 1
        bars, self.bars = self.bars, 0
        items, _, _ = self.elements((r"\}", "|", ":"))
        self.in_set -= 1
        self.bars = bars
        condition = self.sequence((r"\}",)) if self.take("|") or self.take(":") else None
        self.expect(r"\}")
        if condition is None:
            return Seq(tuple(items), "{}")
        head = items[0] if len(items) == 1 else None
        if isinstance(head, Relation) and head.operators == ("in",) and head.operands[1] == Sym("#setR"):
            head = head.operands[0]
        if not isinstance(head, Sym):
            raise Unreadable("a set of more than one variable's values")
        return Builder(head.name, condition)

    def absolute(self, opener: str) -> Node:
        self.bars += 1
        in_set, self.in_set = self.in_set, 0
        self.deeper()
        node = self.total()
        self.depth -= 1
        self.in_set = in_set
        self.expect(opener)
        self.bars -= 1
        return determinant(node) if isinstance(node, Matrix) else Call("abs", (node,))


def determinant(matrix: Matrix) -> Node:
    """Return the determinant as a sum of products; of what has none, a name."""
    rows = matrix.rows
    if len(rows) > 5 or any(len(row) != len(rows) for row in rows):
        return Sym(" determinant")
    if len(rows) == 1:
        return rows[0][0]
    terms: list[Node] = []
    for place, factor in enumerate(rows[0]):
        minor = determinant(Matrix(tuple(row[:place] + row[place + 1 :] for row in rows[1:])))
        terms.append(Mul((Num(-1 if place % 2 else 1), factor, minor)))
    return Add(tuple(terms))


def _double_factorial(base: Node) -> Node:
    if isinstance(base, Num) and isinstance(base.value, int) and 0 <= base.value <= 300:
        return Num(prod(range(base.value, 0, -2)))
    return Call("factorial2", (base,))
