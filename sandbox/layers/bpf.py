"""Assembles seccomp filters in classic BPF: a decision tree over call numbers, then tests of arguments.

Jump offsets in classic BPF are eight bits and forward only, so larger distances go through an unconditional jump.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALLOW, USER_NOTIFY = 0x7FFF0000, 0x7FC00000
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_LOAD, _JUMP, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x54, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16

Instruction = tuple[int, int, int, int]
"""code, offset if true, offset if false, constant"""


def errno(code: int) -> int:
    """Return the action that skips a call and makes it return -`code`."""
    return 0x00050000 | code


@dataclass(frozen=True, slots=True)
class Condition:
    """Test that `argument & mask == value`; with `wide`, that the argument's upper 32 bits are zero too."""

    argument: int
    value: int
    mask: int = 0xFFFFFFFF
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Action for a call that passes all tests."""

    action: int
    tests: tuple[Condition, ...] = ()


def program(machine: str, calls: Mapping[int, Sequence[Rule]], default: int) -> list[Instruction]:
    """Return the filter: for each call number its first rule whose tests hold; `default` for anything else.

    A call of another architecture's table (32-bit and x32 calls) gets `default` too.
    """
    head: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, default),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    return head + _tree(_ranges(calls, default))


def assemble(instructions: Sequence[Instruction]) -> bytes:
    """Return a filter as the bytes that the kernel takes.

    >>> len(assemble(program("x86_64", {0: [Rule(ALLOW)]}, errno(38)))) % 8
    0
    """
    return b"".join(struct.pack("<HBBI", *one) for one in instructions)


_Range = tuple[int, tuple[Rule, ...]]


def _ranges(calls: Mapping[int, Sequence[Rule]], default: int) -> list[_Range]:
    """Merge neighbouring numbers with the same rules into ranges, each given by its first number."""
    nothing = (Rule(default),)
    ranges: list[_Range] = [(0, nothing)]
    for number in sorted(calls):
        for start, rules in ((number, tuple(calls[number])), (number + 1, nothing)):
            if ranges[-1][0] == start:
                ranges.pop()
            if not ranges or ranges[-1][1] != rules:
                ranges.append((start, rules))
    return ranges


def _tree(ranges: Sequence[_Range]) -> list[Instruction]:
    if len(ranges) == 1:
        return _rules(ranges[0][1])
    middle = len(ranges) // 2
    below, above = _tree(ranges[:middle]), _tree(ranges[middle:])
    return [(_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]


def _rules(rules: Sequence[Rule]) -> list[Instruction]:
    """Return code for rules in order. The last rule must have no tests."""
    if rules[-1].tests:
        raise ValueError("the last rule of a call must be without tests")
    program: list[Instruction] = []
    for rule in reversed(rules):
        code: list[Instruction] = [(_RETURN, 0, 0, rule.action)]
        for test in reversed(rule.tests):
            low = _ARGUMENTS_AT + 8 * test.argument
            check: list[Instruction] = [(_LOAD, 0, 0, low)]
            if test.mask != 0xFFFFFFFF:
                check.append((_AND, 0, 0, test.mask))
            check.append((_EQUAL, 0, len(code) + (2 if test.wide else 0), test.value))
            if test.wide:
                check += [(_LOAD, 0, 0, low + 4), (_EQUAL, 0, len(code), 0)]
            code = check + code
        program = code + program
    return program
