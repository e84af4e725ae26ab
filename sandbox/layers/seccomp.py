"""The allowlist of a child's system calls. Needs Linux 4.14, and 5.5 for programs that fork.

Known calls that a program must not make return EPERM; unknown calls (clone3 among them) return ENOSYS, as on an older
kernel, so that libraries fall back. No call kills the program.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from .bpf import ALLOW, USER_NOTIFY, Condition, Rule, assemble, errno, program
from .syscall_numbers import numbers

_EPERM, _EAGAIN, _ENOTTY, _ENOSYS, _EOPNOTSUPP = (errno(code) for code in (1, 11, 25, 38, 95))
_PRETEND = errno(0)

_ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 close close_range stat fstat lstat newfstatat
statx access faccessat faccessat2 creat lseek getdents getdents64 dup dup2 dup3 flock fsync fdatasync ftruncate
fallocate fadvise64 sync_file_range readahead pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1
epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime signalfd
signalfd4 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink
symlinkat readlink readlinkat umask statfs fstatfs sendfile copy_file_range mmap munmap mprotect mremap madvise msync
mincore brk mlock munlock membarrier rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend
rt_sigtimedwait sigaltstack restart_syscall pause alarm getitimer setitimer timer_create timer_settime timer_gettime
timer_getoverrun timer_delete futex set_robust_list set_tid_address rseq exit exit_group wait4 waitid getpid getppid
gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getpgid getsid getpriority getrlimit
getrusage times sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max
sched_get_priority_min sched_rr_get_interval getcpu clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday
time uname sysinfo getrandom getsockopt getsockname getpeername shutdown recvfrom setrlimit
"""

_REFUSED = """
execve execveat socket connect bind listen accept accept4 sendmsg sendmmsg recvmmsg ptrace process_vm_readv
process_vm_writev process_madvise kcmp mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount
fspick mount_setattr unshare setns bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
keyctl add_key request_key seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self setuid setgid
setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset setsid setpgid chown fchown lchown fchownat
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr sched_setscheduler sched_setparam sched_setattr
ioprio_set rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal pidfd_getfd shmget shmat shmctl shmdt semget
semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify
mq_getsetattr memfd_create memfd_secret init_module finit_module delete_module kexec_load kexec_file_load reboot
swapon swapoff syslog acct quotactl sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex
name_to_handle_at open_by_handle_at fanotify_init fanotify_mark lookup_dcookie vhangup iopl ioperm modify_ldt mbind
set_mempolicy migrate_pages move_pages mlockall munlockall vmsplice splice tee tkill
"""

_CHANGES_MODES = ("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "utimensat", "futimesat")

_READS_ATTRIBUTES = ("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr")

_CLONE_VM, _CLONE_THREAD = 0x100, 0x10000
# Namespaces, CLONE_PARENT, CLONE_PTRACE, CLONE_UNTRACED, CLONE_PIDFD, CLONE_INTO... : none of these is for programs.
_CLONE_NEVER = 0x7E020000 | 0x8000 | 0x2000 | 0x800000 | 0x1000
_SIGCHLD = 17
_THREAD = (Condition(0, _CLONE_VM | _CLONE_THREAD, _CLONE_VM | _CLONE_THREAD | _CLONE_NEVER),)
_FORK = (Condition(0, _SIGCHLD, 0xFF | _CLONE_THREAD | _CLONE_NEVER),)

# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_TERMINAL_QUESTIONS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTL_HARMLESS = (3, 15, 16, 0x53564D41)  # GET_DUMPABLE, SET_NAME, GET_NAME, SET_VMA
# SO_REUSEADDR and time limits; larger buffers (7, 8) would be memory beyond the limit.
_SOCKET_OPTIONS = {2: ALLOW, 20: ALLOW, 21: ALLOW, 7: _PRETEND, 8: _PRETEND}
_FCNTL_SENDS_SIGNALS_OR_GROWS_PIPES = (8, 10, 15, 1024, 1026, 1031)
_O_TRUNC, _O_ACCMODE, _O_TMPFILE = 0o1000, 0o3, 0o20000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What differs between children."""

    machine: str
    flat: bool
    """Outside files are only guarded by landlock: nameless files are refused, and see `keeps_modes`."""
    keeps_modes: bool
    """Whether changes of modes and times are ignored, as landlock allows them on all files of the user."""
    landlock: int
    """Landlock ABI in force."""
    forks: bool
    """Whether fork is allowed; the listener of `fork_listener` then decides on each one."""
    pid: int | None
    """The only process that may be signalled; None allows every process of the box."""
    signals: bool = True
    receives_at: int | None = -1
    """The only descriptor on which others may be received; None allows all."""


@functools.lru_cache
def filter_program(policy: Policy) -> bytes:
    """Return the main filter's bytes.

    >>> policy = Policy(machine="aarch64", flat=True, keeps_modes=True, landlock=7, forks=False, pid=1)
    >>> len(filter_program(policy)) > 800
    True
    """
    names = numbers(policy.machine)
    rules: dict[str, Sequence[Rule]] = {name: [Rule(ALLOW)] for name in _ALLOWED.split()}
    rules |= {name: [Rule(_EPERM)] for name in _REFUSED.split()}
    rules |= _conditional(policy)
    return assemble(program(policy.machine, {names[n]: rule for n, rule in rules.items() if n in names}, _ENOSYS))


@functools.lru_cache
def fork_listener(machine: str) -> bytes:
    """Return a filter that only reports each fork to a listener. Installed first: the main filter still applies."""
    names = numbers(machine)
    ask = [Rule(USER_NOTIFY)]
    rules = {"clone": [Rule(USER_NOTIFY, _FORK), Rule(ALLOW)], "fork": ask, "vfork": ask}
    return assemble(program(machine, {names[n]: rule for n, rule in rules.items() if n in names}, ALLOW))


def _conditional(policy: Policy) -> dict[str, Sequence[Rule]]:
    fork = ALLOW if policy.forks else _EAGAIN
    modes = [Rule(_PRETEND if policy.keeps_modes else ALLOW)]
    own = [] if policy.pid is None else [Rule(ALLOW, (Condition(0, policy.pid),))]
    at = policy.receives_at
    return {
        "clone": [Rule(ALLOW, _THREAD), Rule(fork, _FORK), Rule(_EPERM)],
        "fork": [Rule(fork)],
        "vfork": [Rule(fork)],
        "socketpair": [Rule(ALLOW, (Condition(0, 1), Condition(1, 1, 0xF))), Rule(_EPERM)],
        "sendto": [Rule(ALLOW, (Condition(4, 0, wide=True),)), Rule(_EPERM)],
        "recvmsg": [Rule(ALLOW)] if at is None else [Rule(ALLOW, (Condition(0, at & 0xFFFFFFFF),)), Rule(_EPERM)],
        "setsockopt": [
            *(Rule(action, (Condition(1, 1), Condition(2, one))) for one, action in _SOCKET_OPTIONS.items()),
            Rule(_EPERM),
        ],
        "ioctl": [*(Rule(ALLOW, (Condition(1, request),)) for request in _TERMINAL_QUESTIONS), Rule(_ENOTTY)],
        "prctl": [*(Rule(ALLOW, (Condition(0, option),)) for option in _PRCTL_HARMLESS), Rule(_EPERM)],
        "fcntl": [*(Rule(_EPERM, (Condition(1, one),)) for one in _FCNTL_SENDS_SIGNALS_OR_GROWS_PIPES), Rule(ALLOW)],
        "kill": _signal(policy),
        "tgkill": _signal(policy),
        "prlimit64": [Rule(ALLOW, (Condition(0, 0),)), *own, Rule(_EPERM)],
        "setpriority": [Rule(ALLOW, (Condition(0, 0), Condition(1, 0))), Rule(_EPERM)],
        "sched_setaffinity": [Rule(ALLOW, (Condition(0, 0),)), Rule(_EPERM)],
        "personality": [Rule(ALLOW, (Condition(0, 0xFFFFFFFF),)), Rule(_EPERM)],
        "arch_prctl": [Rule(_EPERM)],
        "mknod": _file_kinds(1),
        "mknodat": _file_kinds(2),
        "open": _open(policy, 1),
        "openat": _open(policy, 2),
        "truncate": [Rule(ALLOW if policy.landlock >= 3 else _EPERM)],
        **dict.fromkeys(_CHANGES_MODES, modes),
        **dict.fromkeys(_READS_ATTRIBUTES, (Rule(_EOPNOTSUPP),)),  # as on a file system that has none
    }


def _signal(policy: Policy) -> list[Rule]:
    if not policy.signals:
        return [Rule(_EPERM)]
    if policy.pid is None:
        return [Rule(ALLOW, (Condition(0, 0, 0x80000000),)), Rule(_EPERM)]
    return [Rule(ALLOW, (Condition(0, policy.pid),)), Rule(_EPERM)]


def _file_kinds(argument: int) -> list[Rule]:
    """Allow plain files and named pipes, no devices or sockets."""
    return [*(Rule(ALLOW, (Condition(argument, kind, 0o170000),)) for kind in (0, 0o100000, 0o010000)), Rule(_EPERM)]


def _open(policy: Policy, argument: int) -> list[Rule]:
    rules = [Rule(ALLOW)]
    if policy.landlock < 3:  # else a file opened for reading could be emptied
        rules.insert(0, Rule(_EPERM, (Condition(argument, _O_TRUNC, _O_TRUNC | _O_ACCMODE),)))
    if policy.flat:  # the watch over the directory sees no file without a name
        rules.insert(0, Rule(_EOPNOTSUPP, (Condition(argument, _O_TMPFILE, _O_TMPFILE),)))
    return rules
