"""The tokens of an answer, read one after the other, and the limit on depth. What the tokens mean is not known here."""

from .tokens import Token, TooLarge, Unreadable

MAX_DEPTH = 40
END: Token = ("end", "", False)
_AHEAD = 6
"""Ends after the last token, so that looking ahead needs no check."""


class Stream:
    """A position in a list of tokens."""

    def __init__(self, tokens: list[Token], depth: int = 0) -> None:
        self.tokens = [*tokens, *([END] * _AHEAD)]
        self.at = 0
        self.depth = depth
        self.bars = 0
        """Absolute bars that are open here."""
        self.in_set = 0
        """Braces of sets that are open here: a bar or a colon starts their condition."""
        self.arguments = 0
        """Depth of function arguments without brackets, in which there are no units."""
        self.currency = ""
        """The currency whose sign stood before the number that was read last."""

    # The token stream

    def kind(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][0]

    def value(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][1]

    def peek(self) -> Token:
        return self.tokens[self.at]

    @property
    def at_end(self) -> bool:
        """Whether no token is left; the command that ends an environment is one."""
        return self.tokens[self.at] is END

    def is_op(self, value: str, ahead: int = 0) -> bool:
        token = self.tokens[self.at + ahead]
        return token[1] == value and token[0] == "op"

    def take(self, value: str) -> bool:
        if self.is_op(value):
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        if not self.take(value):
            raise Unreadable(f"expected {value} at {self.value()!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooLarge("deeper than an answer is")

    def name_text(self) -> str:
        """Take a group or one token and return its text."""
        if self.is_op("{"):
            return self.group_text()
        if self.at_end:
            raise Unreadable("a name is missing")
        self.at += 1
        return self.value(-1)

    def group_text(self) -> str:
        """Take a group and return its text."""
        self.expect("{") if self.is_op("{") else self.expect("(")
        parts = []
        while not (self.is_op("}") or self.is_op(")")):
            if self.at_end:
                raise Unreadable("open group")
            parts.append(self.value())
            self.at += 1
        self.at += 1
        return " ".join(parts)
