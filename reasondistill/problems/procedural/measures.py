"""Templates about distance, time, age, averages and simple equations."""

from .template import Template
from .words import PEOPLE, nouns

_BOOKS = nouns("novel", "comic", "biography/biographies", "travel guide")

# fmt: off
TEMPLATES = (
    Template("travel", "a * h + b", {"a": (10, 20, 30, 40), "h": range(2, 5), "b": range(3, 10)}, most=100,
             words={"p": PEOPLE}, wordings=(
        "{p} drives {h} hours at {a} km per hour and then another {b} km. How many km does {p.she} drive in all?",
        "A train runs at {a} km per hour for {h} hours. The last {b} km go by bus. "
        "How many km long is the whole trip?")),
    Template("pages_left", "a - b * d", {"a": range(10, 31), "b": range(2, 8), "d": range(2, 6)}, most=30,
             words={"p": PEOPLE, "book": _BOOKS}, wordings=(
        "{p} reads {b} pages a day of a {book.one} with {a} pages. How many pages are left after {d} days?",
        "A {book.one} has {a} pages. For {d} days {p} reads {b} pages each day. How many pages remain to be read?")),
    Template("ages", "a * k + n", {"a": range(3, 10), "k": range(2, 5), "n": range(2, 10)}, most=30,
             words={"p": PEOPLE, "q": PEOPLE}, wordings=(
        "{p} is {a} years old. {q} is {k} times as old. How old will {q} be in {n} years?",
        "{q} is {k} times as old as {p}, who is {a}. What will be {q}'s age {n} years from now?")),
    Template("think_of_number", "(t - c) / k", {"t": range(8, 31), "c": range(2, 16), "k": range(2, 7)}, most=30,
             words={"p": PEOPLE}, wordings=(
        "{p} thinks of a number, multiplies it by {k} and adds {c}. The result is {t}. What is the number?",
        "When a number is multiplied by {k} and then increased by {c}, the result is {t}. Find the number.",
        "If {k}x + {c} = {t}, what is x?")),
    Template("reverse_minus", "(t + c) / k", {"t": range(2, 26), "c": range(2, 13), "k": range(2, 7)}, most=30,
             words={"p": PEOPLE}, wordings=(
        "Solve for x: {k}x - {c} = {t}.",
        "{p} multiplies a number by {k} and subtracts {c}, which gives {t}. What is the number?")),
)
# fmt: on
