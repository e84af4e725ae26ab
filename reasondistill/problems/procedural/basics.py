"""Templates of a single step: what longer problems are put together from."""

from .template import Template
from .words import CLOTHES, CONTAINERS, FRIENDS, GOODS, PEOPLE, SMALL_THINGS, SWEETS

# fmt: off
TEMPLATES = (
    Template("groups", "a * b", {"a": range(2, 10), "b": range(2, 10)}, most=81,
             words={"p": PEOPLE, "box": CONTAINERS, "thing": SWEETS}, wordings=(
        "{p} has {a} {box} with {b} {thing} in each. How many {thing} does {p.she} have in all?",
        "There are {a} {box} on a shelf and {b} {thing} in each. How many {thing} are there altogether?")),
    Template("share_equally", "a / k", {"a": range(6, 51), "k": range(3, 10)}, most=50,
             words={"p": PEOPLE, "thing": SWEETS, "friend": FRIENDS}, wordings=(
        "{p} shares {a} {thing} equally among {k} {friend}. How many {thing} does each one get?",
        "{k} {friend} divide {a} {thing} equally. How many {thing} are there for each of them?")),
    Template("give_away", "a - b", {"a": range(5, 21), "b": range(2, 20)},
             words={"p": PEOPLE, "q": PEOPLE, "thing": SMALL_THINGS}, wordings=(
        "{p} had {a} {thing} and gave {b} of them to {q}. How many {thing} does {p} have now?",
        "{p} loses {b} of {p.her} {a} {thing}. How many {thing} are left?")),
    Template("how_many_more", "a - b", {"a": range(5, 21), "b": range(2, 20)},
             words={"p": PEOPLE, "q": PEOPLE, "thing": SMALL_THINGS}, wordings=(
        "{p} has {a} {thing} and {q} has {b}. How many more {thing} does {p} have than {q}?",
        "{q} found {b} {thing} and {p} found {a}. How many more did {p} find?")),
    Template("price_of_several", "a * n", {"a": range(2, 10), "n": range(2, 10)}, most=81,
             words={"p": PEOPLE, "thing": GOODS}, wordings=(
        "One {thing.one} costs ${a}. How many dollars do {n} {thing} cost?",
        "{p} buys {n} {thing} for ${a} each. How many dollars does {p.she} pay?")),
    Template("fill_boxes", "a / k", {"a": range(6, 51), "k": range(3, 10)}, most=50,
             words={"p": PEOPLE, "thing": SWEETS, "box": CONTAINERS}, wordings=(
        "{a} {thing} are packed into {box} of {k}. How many {box} are filled?",
        "{p} puts {a} {thing} into {box}. Each {box.one} holds {k} {thing}. How many {box} does {p.she} fill?")),
    Template("years_later", "a + b", {"a": range(3, 19), "b": range(2, 16)}, words={"p": PEOPLE, "q": PEOPLE},
             wordings=(
        "{p} is {a} years old. How old will {p.she} be in {b} years?",
        "{p} is {a}, and {q} is {b} years older. How old is {q}?")),
    Template("times_as_much", "a * k", {"a": range(3, 10), "k": range(2, 8)}, most=81,
             words={"p": PEOPLE, "q": PEOPLE, "thing": SMALL_THINGS}, wordings=(
        "{p} has {a} {thing}. {q} has {k} times as many. How many {thing} does {q} have?",
        "{q} collected {k} times as many {thing} as {p}, who collected {a}. How many {thing} did {q} collect?")),
    Template("hours_on_the_road", "a * n", {"a": range(4, 13), "n": range(2, 7)}, most=81, words={"p": PEOPLE},
             wordings=(
        "{p} rides {a} km every hour. How many km does {p.she} ride in {n} hours?",
        "{p}'s boat moves {a} km per hour. How many km does it go in {n} hours?")),
    Template("spend", "a - b", {"a": range(8, 21), "b": range(3, 20)}, words={"p": PEOPLE, "thing": CLOTHES},
             wordings=(
        "{p} has ${a} and buys a {thing.one} for ${b}. How many dollars are left?",
        "Of ${a} that {p} saved, ${b} is spent on a {thing.one}. How many dollars remain?")),
)
# fmt: on
