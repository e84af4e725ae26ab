"""Templates about distance, time, age, averages and simple equations."""

from .template import Template
from .words import PEOPLE, nouns

_MACHINES = nouns("printer", "robot", "machine")
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
        numbers={"a": range(10, 45, 5), "h": range(2, 5), "b": range(3, 40)},
        solution="a * h + b",
        most=150,
    ),
    Template(
        name="pages_left",
        wordings=(
            "{p} reads {b} pages a day of a {book.one} with {a} pages. How many pages are left after {d} days?",
            "A {book.one} has {a} pages. For {d} days {p} reads {b} pages each day. How many pages remain to be read?",
        ),
        words={"p": PEOPLE, "book": _BOOKS},
        numbers={"a": range(20, 61), "b": range(3, 15), "d": range(3, 8)},
        solution="a - b * d",
    ),
    Template(
        name="days_to_finish",
        wordings=(
            "A {book.one} has {a} pages and {p} has read {b} of them. From now on {p.she} reads {c} pages a day. "
            "In how many days will {p.she} finish?",
            "{p} has to walk {a} km and has done {b} km so far. {p.She} walks {c} km a day. "
            "How many more days does {p.she} need?",
        ),
        words={"p": PEOPLE, "book": _BOOKS},
        numbers={"a": range(18, 61), "b": range(4, 30), "c": range(3, 13)},
        solution="(a - b) / c",
    ),
    Template(
        name="ages",
        wordings=(
            "{p} is {a} years old. {q} is {k} times as old. How old will {q} be in {n} years?",
            "{q} is {k} times as old as {p}, who is {a}. What will be {q}'s age {n} years from now?",
        ),
        words={"p": PEOPLE, "q": PEOPLE},
        numbers={"a": range(4, 20), "k": range(2, 5), "n": range(2, 16)},
        solution="a * k + n",
        most=95,
    ),
    Template(
        name="fence",
        wordings=(
            "A rectangular field is {a} meters long and {b} meters wide. "
            "How many meters of fence are needed to go around it?",
            "{p} walks once around a rectangular park that is {a} meters by {b} meters. "
            "How many meters does {p.she} walk?",
        ),
        words={"p": PEOPLE},
        numbers={"a": range(4, 25), "b": range(3, 20)},
        solution="(a + b) * 2",
    ),
    Template(
        name="think_of_number",
        wordings=(
            "{p} thinks of a number, multiplies it by {k} and adds {c}. The result is {t}. What is the number?",
            "When a number is multiplied by {k} and then increased by {c}, the result is {t}. Find the number.",
            "If {k}x + {c} = {t}, what is x?",
        ),
        words={"p": PEOPLE},
        numbers={"t": range(10, 61), "c": range(2, 30), "k": range(2, 10)},
        solution="(t - c) / k",
    ),
    Template(
        name="reverse_minus",
        wordings=(
            "Solve for x: {k}x - {c} = {t}.",
            "{p} multiplies a number by {k} and subtracts {c}, which gives {t}. What is the number?",
        ),
        words={"p": PEOPLE},
        numbers={"t": range(4, 80), "c": range(2, 25), "k": range(2, 10)},
        solution="(t + c) / k",
    ),
    Template(
        name="sum_and_difference",
        wordings=(
            "{p} and {q} have {s} dollars together. {p} has {d} dollars more than {q}. How many dollars does {q} have?",
            "Two numbers add up to {s}, and one of them is {d} larger than the other. What is the smaller number?",
        ),
        words={"p": PEOPLE, "q": PEOPLE},
        numbers={"s": range(10, 61), "d": range(2, 30)},
        solution="(s - d) / 2",
    ),
    Template(
        name="average",
        wordings=(
            "{p} scores {a}, {b} and {c} points in three games. What is {p.her} average score?",
            "On three days it rains {a} mm, {b} mm and {c} mm. What is the average amount per day in mm?",
        ),
        words={"p": PEOPLE},
        numbers={"a": range(4, 40), "b": range(4, 40), "c": range(4, 40)},
        solution="(a + b + c) / 3",
    ),
    Template(
        name="work_rate",
        wordings=(
            "A {machine.one} makes {a} parts in {b} hours. How many parts does it make in {c} hours?",
            "In {b} minutes a {machine.one} folds {a} leaflets. How many leaflets does it fold in {c} minutes?",
        ),
        words={"machine": _MACHINES},
        numbers={"a": range(6, 50), "b": range(2, 9), "c": range(2, 13)},
        solution="a / b * c",
    ),
)
