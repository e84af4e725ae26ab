"""Templates about collecting, packing, sharing and comparing amounts."""

from .template import Template
from .words import CONTAINERS, FRIENDS, FRUIT, PEOPLE, SMALL_THINGS, SWEETS

# fmt: off
TEMPLATES = (
    Template("join", "a + b", {"a": range(2, 17), "b": range(2, 17)},
             words={"p": PEOPLE, "q": PEOPLE, "thing": SMALL_THINGS}, wordings=(
        "{p} has {a} {thing}. {q} has {b} {thing}. How many {thing} do they have together?",
        "{p} collects {a} {thing} on Monday and {b} more on Tuesday. How many {thing} is that in all?")),
    Template("missing", "a - b", {"a": range(8, 21), "b": range(3, 18)}, words={"p": PEOPLE, "thing": SMALL_THINGS},
             wordings=(
        "{p} wants to collect {a} {thing} and already has {b}. How many more {thing} does {p.she} need?",
        "An album has room for {a} {thing}. {p} has filled in {b} of them. How many {thing} are still missing?")),
    Template("boxes_minus", "a * b - c", {"a": range(2, 7), "b": range(3, 9), "c": range(2, 18)},
             words={"p": PEOPLE, "box": CONTAINERS, "thing": SWEETS}, wordings=(
        "{p} has {a} {box} with {b} {thing} in each and eats {c} {thing}. How many {thing} are left?",
        "There are {b} {thing} in each of {a} {box}. {p} gives away {c} of the {thing}. How many {thing} remain?",
        "A baker fills {a} {box} with {b} {thing} each, then sells {c} {thing}. How many {thing} are left?")),
    Template("share_rest", "(a - b) / k", {"a": range(8, 31), "b": range(2, 13), "k": range(2, 7)}, most=30,
             words={"p": PEOPLE, "thing": FRUIT, "friend": FRIENDS}, wordings=(
        "{p} picks {a} {thing}, keeps {b} and shares the rest equally among {k} {friend}. "
        "How many {thing} does each one get?",
        "Of {a} {thing}, {b} are rotten. {p} divides the good ones equally into {k} bowls. "
        "How many {thing} are in each bowl?",
        "{p} has {a} {thing} and uses {b} for a cake. The others are shared equally by {k} {friend}. "
        "How many {thing} does each of them receive?")),
    Template("times_as_many", "a + a * k", {"a": range(2, 13), "k": range(2, 7)}, most=30,
             words={"p": PEOPLE, "q": PEOPLE, "thing": SMALL_THINGS}, wordings=(
        "{p} has {a} {thing}. {q} has {k} times as many. How many {thing} do they have together?",
        "{q} owns {k} times as many {thing} as {p}, who owns {a}. How many {thing} do the two own in all?")),
    Template("more_than", "a + (a + b)", {"a": range(2, 12), "b": range(2, 10)}, most=30,
             words={"p": PEOPLE, "q": PEOPLE, "thing": SMALL_THINGS}, wordings=(
        "{p} has {a} {thing} and {q} has {b} more than {p}. How many {thing} do they have together?",
        "{p} found {a} {thing}. {q} found {b} more than that. How many {thing} did the two find in total?")),
    Template("off_and_on", "a - b + c", {"a": range(8, 21), "b": range(2, 16), "c": range(2, 13)}, words={"p": PEOPLE},
             wordings=(
        "A bus carries {a} people. At a stop {b} people get off and {c} get on. How many people are on the bus now?",
        "There are {a} people in a train car. Then {b} leave and {c} enter. How many people are in the car now?",
        "{p} drives a bus with {a} passengers. At the market {b} of them leave and {c} new ones board. "
        "How many passengers are on the bus after that?")),
    Template("more_rows", "(a + c) * b", {"a": range(2, 7), "c": range(2, 5), "b": range(3, 9)}, most=50,
             words={"p": PEOPLE}, wordings=(
        "A hall has {a} rows of {b} chairs. Then {c} more rows of {b} chairs are added. "
        "How many chairs are there now?",
        "{p} plants {a} rows of tulips on Saturday and {c} rows on Sunday. Every row has {b} tulips. "
        "How many tulips does {p.she} plant?")),
    Template("half_then", "a / 2 - c", {"a": range(8, 31, 2), "c": range(2, 12)}, most=30,
             words={"p": PEOPLE, "q": PEOPLE, "thing": SMALL_THINGS}, wordings=(
        "{p} has {a} {thing}. {p.She} gives half of them to {q} and then loses {c}. "
        "How many {thing} does {p.she} have left?",
        "Half of {p}'s {a} {thing} are blue. {p.She} sells {c} of the blue ones. How many blue {thing} remain?")),
    Template("fraction_rest", "a - a / k", {"a": range(6, 41), "k": range(2, 7)}, most=40,
             words={"p": PEOPLE, "thing": SWEETS}, wordings=(
        "A club has {a} members. 1/{k} of them are adults and the rest are children. How many children are there?",
        "{p} bakes {a} {thing} and sells 1/{k} of them. How many {thing} are not sold?",
        "A farmer has {a} sheep. 1/{k} of the sheep are black and all others are white. How many sheep are white?")),
    Template("collect_and_pack", "a * d / k", {"a": range(3, 13), "d": range(2, 7), "k": (2, 3, 4, 5, 6, 8, 10)},
             most=40, words={"p": PEOPLE, "thing": SWEETS, "box": CONTAINERS}, wordings=(
        "A farm's hens lay {a} eggs a day. The eggs of {d} days are packed into cartons of {k}. "
        "How many cartons are filled?",
        "{p} makes {a} {thing} every day for {d} days and puts them into {box} of {k}. "
        "How many {box} does {p.she} fill?")),
    Template("legs", "a * 4 + b * 2", {"a": range(2, 8), "b": range(2, 10)}, most=40, words={"p": PEOPLE}, wordings=(
        "A farm has {a} cows and {b} hens. A cow has 4 legs and a hen has 2. How many legs are there altogether?",
        "{p} counts {a} sheep with 4 legs each and {b} ducks with 2 legs each. "
        "How many legs does {p.she} count in total?")),
)
# fmt: on
