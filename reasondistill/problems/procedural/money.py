"""Templates about prices, change, saving and earning."""

from .template import Template
from .words import CLOTHES, FRIENDS, GOODS, PEOPLE, TOOLS

# fmt: off
TEMPLATES = (
    Template("change", "note - n * price", {"note": (10, 20, 30), "n": range(2, 7), "price": range(2, 10)}, most=30,
             words={"p": PEOPLE, "thing": GOODS}, wordings=(
        "{p} buys {n} {thing} for ${price} each and pays with a ${note} bill. "
        "How many dollars of change does {p.she} get?",
        "At a shop, {thing} cost ${price} each. {p} takes {n} of them and hands over ${note}. "
        "How many dollars does {p.she} get back?",
        "{p} has ${note} and buys {n} {thing} at ${price} each. How many dollars does {p.she} have left?")),
    Template("two_kinds_cost", "a * b + c * d",
             {"a": range(2, 6), "b": range(2, 8), "c": range(2, 6), "d": range(2, 8)},
             words={"p": PEOPLE, "x": GOODS, "y": TOOLS}, wordings=(
        "{p} buys {a} {x} at ${b} each and {c} {y} at ${d} each. How many dollars does {p.she} pay in total?",
        "A shop sells {x} for ${b} each and {y} for ${d} each. "
        "How many dollars do {a} {x} and {c} {y} cost together?",
        "For the school, {p} orders {a} {x} costing ${b} each and {c} {y} costing ${d} each. "
        "What is the total cost in dollars?")),
    Template("saving", "b + a * n", {"b": range(2, 16), "a": range(2, 8), "n": range(2, 7)}, words={"p": PEOPLE},
             wordings=(
        "{p} has ${b} and saves ${a} every week. How many dollars does {p.she} have after {n} weeks?",
        "There are ${b} in {p}'s money box. Each week {p.she} puts in ${a} more. "
        "How many dollars are in it after {n} weeks?",
        "{p} starts with ${b} and adds ${a} per week for {n} weeks. How many dollars does {p.she} have then?")),
    Template("wages", "a * n - c", {"n": range(2, 6), "a": range(4, 11), "c": range(3, 20)},
             words={"p": PEOPLE, "thing": CLOTHES}, wordings=(
        "{p} earns ${a} an hour and works {n} hours. Then {p.she} spends ${c} on a {thing.one}. "
        "How many dollars are left of {p.her} pay?",
        "{p} works {n} hours for ${a} an hour and pays ${c} for a {thing.one}. How many dollars does {p.she} keep?",
        "For each hour of work {p} gets ${a}. After {n} hours {p.she} buys a {thing.one} for ${c}. "
        "How many dollars remain?")),
    Template("cheaper_each", "(a - b) * n", {"a": range(8, 21), "b": range(2, 10), "n": range(2, 6)},
             words={"p": PEOPLE, "thing": CLOTHES}, wordings=(
        "A {thing.one} normally costs ${a}, but today it is ${b} cheaper. "
        "How many dollars do {n} {thing} cost today?",
        "The price of a {thing.one} drops from ${a} by ${b}. {p} buys {n} of them at the new price. "
        "How many dollars does {p.she} pay?",
        "With a coupon, {p} gets ${b} off each {thing.one} that costs ${a}. "
        "How many dollars does {p.she} pay for {n} {thing}?")),
    Template("percent_off", "a - a * q / 100", {"a": (*range(20, 101, 20), 120, 160, 200), "q": (10, 25, 50)},
             most=10000, words={"p": PEOPLE, "thing": CLOTHES}, wordings=(
        "A {thing.one} costs ${a}. In the sale the price is reduced by {q}%. What is the sale price in dollars?",
        "{p} wants a {thing.one} that costs ${a} and gets a discount of {q}%. How many dollars does {p.she} pay?")),
    Template("split_bill", "(a + b) / k", {"a": range(4, 18), "b": range(2, 16), "k": range(2, 7)},
             words={"p": PEOPLE, "friend": FRIENDS}, wordings=(
        "{k} {friend} share a meal equally. The food costs ${a} and the drinks cost ${b}. "
        "How many dollars does each pay?",
        "{p} and {p.her} {friend} are {k} people at a table. They pay ${a} for pizza and ${b} for juice "
        "and split it equally. How many dollars is that per person?",
        "A group of {k} {friend} rents a boat for ${a} and buys snacks for ${b}. They share the cost equally. "
        "How many dollars does each one pay?")),
    Template("change_of_two_kinds", "note - (a * b + c * d)",
             {"note": (20, 30), "a": range(2, 5), "b": range(2, 7), "c": range(2, 5), "d": range(2, 7)}, most=30,
             words={"p": PEOPLE, "x": GOODS, "y": TOOLS}, wordings=(
        "{p} buys {a} {x} at ${b} each and {c} {y} at ${d} each. {p.She} pays with a ${note} bill. "
        "How many dollars of change does {p.she} get?",
        "{p} has ${note} and takes {a} {x} for ${b} each and {c} {y} for ${d} each. How many dollars are left?")),
)
# fmt: on
