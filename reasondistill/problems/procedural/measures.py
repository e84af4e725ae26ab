"""Templates about distance, time, age, averages and simple equations."""

from .template import Template
from .words import PEOPLE, nouns

_BOOKS = nouns("novel", "comic", "biography/biographies", "travel guide")

TEMPLATES = (
    Template(
        name="travel",
        wordings=(
            "{p} drives {h} hours at {a} km per hour and then another {b} km. How many km does {p.she} drive in all?",
            "A train runs at {a} km per hour for {h} hours. The last {b} km go by bus. "
            "How many km long is the whole trip?",
        ),
        words={"p": PEOPLE},
        numbers={"a": (10, 20, 30, 40), "h": range(2, 5), "b": range(3, 10)},
        solution="a * h + b",
        most=100,
    ),
    Template(
        name="pages_left",
        wordings=(
            "{p} reads {b} pages a day of a {book.one} with {a} pages. How many pages are left after {d} days?",
            "A {book.one} has {a} pages. For {d} days {p} reads {b} pages each day. How many pages remain to be read?",
        ),
        words={"p": PEOPLE, "book": _BOOKS},
        numbers={"a": range(10, 31), "b": range(2, 8), "d": range(2, 6)},
        solution="a - b * d",
        most=30,
    ),
    Template(
        name="ages",
        wordings=(
            "{p} is {a} years old. {q} is {k} times as old. How old will {q} be in {n} years?",
            "{q} is {k} times as old as {p}, who is {a}. What will be {q}'s age {n} years from now?",
        ),
        words={"p": PEOPLE, "q": PEOPLE},
        numbers={"a": range(3, 10), "k": range(2, 5), "n": range(2, 10)},
        solution="a * k + n",
        most=30,
    ),
    Template(
        name="think_of_number",
        wordings=(
            "{p} thinks of a number, multiplies it by {k} and adds {c}. The result is {t}. What is the number?",
            "When a number is multiplied by {k} and then increased by {c}, the result is {t}. Find the number.",
            "If {k}x + {c} = {t}, what is x?",
        ),
        words={"p": PEOPLE},
        numbers={"t": range(8, 31), "c": range(2, 16), "k": range(2, 7)},
        solution="(t - c) / k",
        most=30,
    ),
    Template(
        name="reverse_minus",
        wordings=(
            "Solve for x: {k}x - {c} = {t}.",
            "{p} multiplies a number by {k} and subtracts {c}, which gives {t}. What is the number?",
        ),
        words={"p": PEOPLE},
        numbers={"t": range(2, 26), "c": range(2, 13), "k": range(2, 7)},
        solution="(t + c) / k",
        most=30,
    ),
)
