"""Templates reserved for evaluation: other situations, the same kinds of steps as the templates for training."""

from dataclasses import replace

from .template import Template
from .words import PEOPLE, nouns

_SNACKS = nouns("pretzel", "lemonade", "sandwich/sandwiches", "postcard", "bracelet")
_TANKS = nouns("tank", "pool", "barrel")
_TEAMS = nouns("hockey team", "football team", "chess club", "quiz team")

# fmt: off
TEMPLATES = tuple(replace(template, held_out=True) for template in (
    Template("stall_profit", "(b - a) * n", {"b": range(4, 16), "a": range(2, 12), "n": range(2, 9)}, most=30,
             words={"p": PEOPLE, "snack": _SNACKS}, wordings=(
        "At a market stall {p} buys {snack} for ${a} each and sells them for ${b} each. "
        "What is {p.her} profit in dollars on {n} {snack}?",
        "Each {snack.one} costs {p} ${a} to make and is sold for ${b}. "
        "How many dollars of profit do {n} {snack} bring?")),
    Template("fill_tank", "(a - b) / c", {"a": range(10, 31), "b": range(2, 16), "c": range(2, 7)}, most=30,
             words={"p": PEOPLE, "tank": _TANKS}, wordings=(
        "A {tank.one} holds {a} liters and already contains {b} liters. A tap adds {c} liters per minute. "
        "After how many minutes is it full?",
        "{p} fills a {tank.one} of {a} liters with a hose that gives {c} liters a minute. "
        "It had {b} liters in it at first. How many minutes does it take to fill it?")),
    Template("taxi_fare", "b + a * n", {"b": range(2, 10), "a": range(2, 6), "n": range(2, 9)}, most=30,
             words={"p": PEOPLE}, wordings=(
        "A taxi charges ${b} to start and ${a} for every km. How many dollars does a ride of {n} km cost?",
        "{p} takes a taxi for {n} km. The fare is ${b} plus ${a} per km. How many dollars does {p.she} pay?")),
    Template("garden_area", "a * b - c", {"a": range(3, 9), "b": range(2, 8), "c": range(2, 19)}, most=30,
             words={"p": PEOPLE}, wordings=(
        "A rectangular garden measures {a} m by {b} m. A pond covers {c} square meters of it. "
        "How many square meters are left?",
        "{p} has a room of {a} m by {b} m and lays a carpet of {c} square meters. "
        "How many square meters of floor stay uncovered?")),
    Template("cooling", "a - b * n", {"a": range(12, 31), "b": range(2, 7), "n": range(2, 7)}, most=30, wordings=(
        "A metal bar is at {a} degrees. It cools by {b} degrees every minute. "
        "How many degrees is it after {n} minutes?",
        "At noon an oven is at {a} degrees. Its temperature falls {b} degrees per minute for {n} minutes. "
        "What is the temperature then?")),
    Template("match_points", "a * w + b * d", {"w": range(3, 6), "a": range(2, 8), "d": range(2, 4), "b": range(2, 7)},
             most=30, words={"team": _TEAMS}, wordings=(
        "A {team.one} gets {w} points for a win and {d} points for a draw. It wins {a} times and draws {b} times. "
        "How many points does it have?",
        "In a league a win is worth {w} points and a draw {d} points. How many points does a {team.one} have "
        "after {a} wins and {b} draws?")),
    Template("rectangle_side", "t / 2 - a", {"t": range(12, 41, 2), "a": range(3, 16)}, most=40, words={"p": PEOPLE},
             wordings=(
        "The perimeter of a rectangle is {t} cm. Its length is {a} cm. What is its width in cm?",
        "{p} bends a wire of {t} cm into a rectangle that is {a} cm long. How many cm wide is it?")),
    Template("cut_rope", "a - n * b", {"a": range(10, 31), "n": range(2, 6), "b": range(2, 9)}, most=30,
             words={"p": PEOPLE}, wordings=(
        "{p} cuts {n} pieces of {b} cm each from a rope of {a} cm. How many cm of rope are left?",
        "From a board that is {a} cm long, {n} shelves of {b} cm each are sawn off. How many cm of the board remain?")),
    Template("warmer", "a + b", {"a": range(3, 18), "b": range(2, 16)}, words={"p": PEOPLE}, wordings=(
        "In the morning it is {a} degrees. By noon it gets {b} degrees warmer. How many degrees is it at noon?",
        "The water in a pot has {a} degrees. {p} heats it by {b} degrees. How warm is it then?")),
    Template("ribbon_pieces", "a / k", {"a": range(6, 51), "k": range(3, 10)}, most=50, words={"p": PEOPLE}, wordings=(
        "{p} has a ribbon of {a} cm and cuts it into pieces of {k} cm. How many pieces are there?",
        "{p} saws a beam of {a} cm into parts that are {k} cm long. How many parts does {p.she} get?")),
    Template("winning_margin", "a - b", {"a": range(5, 21), "b": range(2, 20)}, words={"team": _TEAMS}, wordings=(
        "A {team.one} scores {a} points and its opponent {b}. By how many points does it win?",
        "The home {team.one} gets {a} points, the guests get {b}. How many points ahead is the home side?")),
    Template("theater_seats", "a * b", {"a": range(3, 10), "b": range(3, 10)}, most=81, words={"p": PEOPLE}, wordings=(
        "{p} visits a theater with {a} rows of {b} seats. How many people can sit there?",
        "{p} sets up {a} rows with {b} seats in each for a concert. How many seats is that?")),
))
# fmt: on
