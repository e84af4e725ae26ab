"""The system call filter, for both architectures, by interpreting the program that the kernel would be given."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.layers.bpf import ALLOW, AUDIT_ARCH, USER_NOTIFY, Condition, Rule, assemble, errno, program
from sandbox.layers.seccomp import Policy, filter_program, fork_listener
from sandbox.layers.syscall_numbers import numbers

EPERM, EAGAIN, ENOTTY, ENOSYS, EOPNOTSUPP = (errno(code) for code in (1, 11, 25, 38, 95))
MACHINES = ["x86_64", "aarch64"]
NEW_USER, THREAD, FORK = 0x10000000, 0x3D0F00, 0x1200011


def evaluate(code: bytes, machine: str, number: int, arguments: tuple[int, ...] = (), arch: int | None = None) -> int:
    """Run a filter on one call, as the kernel does; fails if it runs off its end."""
    data = struct.pack("<iIQ6Q", number, AUDIT_ARCH[machine] if arch is None else arch, 0, *(*arguments, *[0] * 6)[:6])
    accumulator = at = 0
    instructions = list(struct.iter_unpack("<HBBI", code))
    while True:
        operation, true, false, constant = instructions[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, constant)[0]
        elif operation == 0x54:
            accumulator &= constant
        elif operation == 0x05:
            at += constant
        elif operation in (0x15, 0x35):
            at += true if (accumulator == constant if operation == 0x15 else accumulator >= constant) else false
        else:
            assert operation == 0x06
            return constant


def policy(machine, **changes):
    given = {"flat": True, "keeps_modes": True, "landlock": 7, "forks": True, "pid": None, "signals": True}
    return Policy(machine=machine, **(given | changes))


CALLS = [
    ("read", (), {}, ALLOW),
    ("openat", (0, 0, 0), {}, ALLOW),
    ("execve", (), {}, EPERM),
    ("execveat", (), {}, EPERM),
    ("socket", (2, 1, 0), {}, EPERM),
    ("connect", (3,), {}, EPERM),
    ("bpf", (), {}, EPERM),
    ("io_uring_setup", (), {}, EPERM),
    ("mount", (), {}, EPERM),
    ("unshare", (NEW_USER,), {}, EPERM),
    ("ptrace", (), {}, EPERM),
    ("memfd_create", (), {}, EPERM),
    ("clone", (THREAD,), {"forks": False}, ALLOW),
    ("clone", (FORK,), {}, ALLOW),
    ("clone", (FORK,), {"forks": False}, EAGAIN),
    ("clone", (FORK | NEW_USER,), {}, EPERM),
    ("clone", (THREAD | 0x20000,), {}, EPERM),
    ("clone", (FORK | 0x8000,), {}, EPERM),
    ("clone", (0x1200000 | 9,), {}, EPERM),
    ("socketpair", (1, 1), {}, ALLOW),
    ("socketpair", (1, 0x80001), {}, ALLOW),
    ("socketpair", (1, 2), {}, EPERM),
    ("socketpair", (2, 1), {}, EPERM),
    ("sendto", (3, 4, 5, 0, 0), {}, ALLOW),
    ("sendto", (3, 4, 5, 0, 1 << 40), {}, EPERM),
    ("recvmsg", (), {}, EPERM),
    ("recvmsg", (3,), {"receives_at": 1000}, EPERM),
    ("recvmsg", (1000,), {"receives_at": 1000}, ALLOW),
    ("recvmsg", (3,), {"receives_at": None}, ALLOW),
    ("sendmsg", (1000,), {"receives_at": 1000}, EPERM),
    ("sendmsg", (3,), {"receives_at": None}, EPERM),
    ("kill", (77, 9), {}, ALLOW),
    ("kill", (0xFFFFFFFF, 9), {}, EPERM),
    ("kill", (77, 9), {"pid": 77}, ALLOW),
    ("kill", (78, 9), {"pid": 77}, EPERM),
    ("kill", (0, 9), {"pid": 77}, EPERM),
    ("tgkill", (78, 78, 9), {"pid": 77}, EPERM),
    ("kill", (77, 9), {"signals": False}, EPERM),
    ("prlimit64", (0,), {"pid": 77}, ALLOW),
    ("prlimit64", (77,), {"pid": 77}, ALLOW),
    ("prlimit64", (1,), {"pid": 77}, EPERM),
    ("setpriority", (0, 0), {}, ALLOW),
    ("setpriority", (0, 1), {}, EPERM),
    ("setpriority", (2, 0), {}, EPERM),
    ("ioctl", (0, 0x5401), {}, ALLOW),
    ("ioctl", (0, 0x5412), {}, ENOTTY),
    ("prctl", (15,), {}, ALLOW),
    ("prctl", (1,), {}, EPERM),
    ("fcntl", (0, 3), {}, ALLOW),
    ("fcntl", (0, 8), {}, EPERM),
    ("fcntl", (0, 15), {}, EPERM),
    ("fchmodat", (), {}, errno(0)),
    ("fchmodat", (), {"keeps_modes": False}, ALLOW),
    ("openat", (0, 0, 0o20200002), {}, EOPNOTSUPP),
    ("openat", (0, 0, 0o20200002), {"flat": False}, ALLOW),
    ("openat", (0, 0, 0o1000), {"landlock": 2}, EPERM),
    ("openat", (0, 0, 0o1001), {"landlock": 2}, ALLOW),
    ("openat", (0, 0, 0o1000), {}, ALLOW),
    ("truncate", (), {}, ALLOW),
    ("truncate", (), {"landlock": 2}, EPERM),
    ("mknodat", (0, 0, 0o010644), {}, ALLOW),
    ("mknodat", (0, 0, 0o020644), {}, EPERM),
    ("personality", (0xFFFFFFFF,), {}, ALLOW),
    ("personality", (0x40000,), {}, EPERM),
    ("getxattr", (), {}, EOPNOTSUPP),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("name", "arguments", "changes", "action"), CALLS)
def test_the_policy_in_both_tables(machine, name, arguments, changes, action):
    code = filter_program(policy(machine, **changes))
    assert evaluate(code, machine, numbers(machine)[name], arguments) == action


@pytest.mark.parametrize("machine", MACHINES)
def test_unknown_calls_do_not_exist(machine):
    code = filter_program(policy(machine))
    for number in (435, 461, 999, 0x40000000 | 41, 0x7FFFFFFF):
        assert evaluate(code, machine, number) == ENOSYS
    assert evaluate(code, machine, 0, arch=0x40000003) == ENOSYS


def test_calls_that_only_x86_has_are_not_let_through_by_their_numbers_on_aarch64():
    code = filter_program(policy("aarch64"))
    allowed = {number for number in range(600) if evaluate(code, "aarch64", number) == ALLOW}
    assert allowed <= set(numbers("aarch64").values())


@pytest.mark.parametrize("machine", MACHINES)
def test_the_listener_hears_of_forks_only(machine):
    code, names = fork_listener(machine), numbers(machine)
    assert evaluate(code, machine, names["clone"], (FORK,)) == USER_NOTIFY
    assert evaluate(code, machine, names["clone"], (THREAD,)) == ALLOW
    assert evaluate(code, machine, names["read"]) == ALLOW


def test_a_program_is_as_short_as_the_kernel_wants_it():
    assert len(filter_program(policy("x86_64"))) // 8 < 4096


@given(st.dictionaries(st.integers(0, 500), st.integers(0, 3), max_size=60), st.integers(0, 600))
def test_the_tree_decides_as_a_table_would(table, number):
    rules = {call: [Rule(errno(action))] for call, action in table.items()}
    code = assemble(program("x86_64", rules, ENOSYS))
    assert evaluate(code, "x86_64", number) == (errno(table[number]) if number in table else ENOSYS)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.booleans())
def test_a_test_looks_at_what_it_says(value, wanted, mask, wide):
    rule = Rule(ALLOW, (Condition(3, wanted & mask, mask, wide),))
    code = assemble(program("x86_64", {7: [rule, Rule(EPERM)]}, ENOSYS))
    holds = value & mask == wanted & mask and (not wide or value >> 32 == 0)
    assert evaluate(code, "x86_64", 7, (0, 0, 0, value)) == (ALLOW if holds else EPERM)


def test_rules_must_end_without_a_test():
    with pytest.raises(ValueError, match="last rule"):
        program("x86_64", {1: [Rule(ALLOW, (Condition(0, 1),))]}, ENOSYS)
