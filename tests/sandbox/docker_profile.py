"""Run a command under what an ordinary Docker container denies: `python docker_profile.py COMMAND...`.

Emulates Docker's default seccomp profile as far as a sandbox can notice: no namespaces, mounts, bpf, perf, keyrings or
userfaultfd, clone3 not there; and, for root, only Docker's default capabilities.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sandbox.layers import kernel
from sandbox.layers.bpf import ALLOW, Condition, Rule, assemble, errno, program
from sandbox.layers.syscall_numbers import numbers

NAMESPACES, PR_CAPBSET_DROP = 0x7E020000, 24
DENIED = [
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "bpf",
    "perf_event_open",
    "keyctl",
    "add_key",
    "request_key",
    "userfaultfd",
    "kcmp",
    "open_by_handle_at",
    "lookup_dcookie",
    "quotactl",
    "acct",
    "swapon",
    "swapoff",
    "reboot",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "settimeofday",
    "clock_settime",
]
DOCKER_CAPABILITIES = 0xA80425FB
CLONE3 = 435


def enter() -> None:
    """Take on the profile; it cannot be taken off."""
    machine = kernel.machine()
    names = numbers(machine)
    rules = {names[name]: [Rule(errno(1))] for name in DENIED if name in names}
    rules[names["clone"]] = [Rule(ALLOW, (Condition(0, 0, NAMESPACES),)), Rule(errno(1))]
    rules[CLONE3] = [Rule(errno(38))]
    if os.environ.get("NO_LANDLOCK"):
        rules |= {number: [Rule(errno(38))] for number in (444, 445, 446)}
    if os.getuid() == 0:
        for capability in range(41):
            if not DOCKER_CAPABILITIES & 1 << capability:
                kernel.prctl(PR_CAPBSET_DROP, capability)
    else:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.seccomp_filter(assemble(program(machine, rules, ALLOW)))


if __name__ == "__main__":
    enter()
    os.execvp(sys.argv[1], sys.argv[1:])
