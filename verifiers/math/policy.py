"""What counts as the same answer where mathematics alone does not say: named sets of choices, in each verdict."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The choices that a comparison follows.

    Not a choice: nan equals nothing, `(a, b)` is ordered, two units of measure must agree, an answer that contradicts
    itself (`7 = 8`) is wrong, and whatever is nowhere decided is undecided.
    """

    name: str = "default"
    bare_lists_are_sets: bool = True
    """`1, 2` equals `2, 1`, with or without braces. Without it the order counts."""
    rounded_digits: int = 6
    """A decimal with at least so many significant digits equals a value that rounds to it; 0: never."""
    percent_sign_optional: bool = True
    """A bare 50 is accepted for 50 %, and 50 % for a bare 50."""
    unit_optional: bool = True
    """A unit on one side only is ignored."""
    name_optional: bool = True
    """`x = 5` equals 5. Names are compared only where both sides have one."""
    relative_tolerance: float = 0.0
    """Two numbers that differ by no more than this share of the reference are equal."""

    @property
    def label(self) -> str:
        """The name and the fields that differ from the defaults.

        >>> DEFAULT.label, PHYSICS.label
        ('default', 'physics(relative_tolerance=0.01)')
        """
        if self is DEFAULT:
            return self.name
        values = [(f.name, getattr(self, f.name), f.default) for f in fields(self) if f.name != "name"]
        changed = [f"{name}={value}" for name, value, default in values if value != default]
        return f"{self.name}({', '.join(changed)})" if changed else self.name


DEFAULT = Policy()
PHYSICS = Policy(name="physics", relative_tolerance=0.01)
"""For measured quantities, such as Minerva's physics problems."""
EXACT = Policy(name="exact", rounded_digits=0, percent_sign_optional=False, unit_optional=False, name_optional=False)
"""Every sign counts: for answers that a program wrote."""
POLICIES = {policy.name: policy for policy in (DEFAULT, PHYSICS, EXACT)}
