"""The names and things that word problems are about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noun:
    """A countable thing; as text it is the plural."""

    one: str
    many: str

    def __str__(self) -> str:
        return self.many


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with pronouns; as text it is the name."""

    name: str
    she: str
    her: str
    """Possessive: her, his."""

    def __str__(self) -> str:
        return self.name

    @property
    def She(self) -> str:
        """The pronoun at the start of a sentence."""
        return self.she.capitalize()


def nouns(*words: str) -> list[Noun]:
    """Return nouns of which the plural adds an s, or is given after a slash: `box/boxes`.

    >>> [str(noun) for noun in nouns("pen", "box/boxes")]
    ['pens', 'boxes']
    """
    return [Noun(one, many or one + "s") for one, _, many in (word.partition("/") for word in words)]


def _people(she: str, her: str, names: str) -> list[Person]:
    return [Person(name, she, her) for name in names.split()]


PEOPLE = [
    *_people("she", "her", "Maya Anna Sofia Lena Priya Grace Nora Emma Aisha Chloe Hana Rosa Zoe Ivy Leila Ruth"),
    *_people("he", "his", "Tom Omar Ben Lucas Ravi Diego Sam Noah Kofi Ivan Jack Leo Hugo Amir Paul Finn"),
]
FRUIT = nouns("pear", "lemon", "peach/peaches", "mango/mangoes", "plum", "banana", "kiwi", "fig")
SMALL_THINGS = nouns("marble", "sticker", "shell", "button", "coin", "bead", "card", "stamp", "crayon", "pebble")
SWEETS = nouns("cookie", "candy/candies", "muffin", "chocolate", "biscuit", "gumdrop", "cupcake")
GOODS = nouns("notebook", "toy car", "mug", "candle", "puzzle", "scarf/scarves", "book", "lamp", "plate", "cap")
TOOLS = nouns("ruler", "pencil case", "glue stick", "brush/brushes", "folder", "calculator", "marker set")
CLOTHES = nouns("jacket", "dress/dresses", "sweater", "coat", "shirt", "backpack", "blanket")
CONTAINERS = nouns("box/boxes", "bag", "crate", "basket", "jar", "packet", "tin")
FRIENDS = nouns("friend", "cousin", "classmate", "neighbor", "teammate")
