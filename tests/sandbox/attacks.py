"""Hostile programs. Each prints BREACH where it got through; the tests look for that word and at the world outside.

`@NAME@` stands for something that the tests put outside the sandbox: a directory with files that anyone may write,
listening sockets, a victim process of the same user.
"""

# ruff: noqa: E501

_HEAD = """
import ctypes, errno, os, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == 'x86_64'
def call(x86, arm, *arguments):
    return libc.syscall(x86 if X86 else arm, *arguments)
def attempt(action):
    try:
        value = action()
    except (OSError, ValueError, OverflowError) as problem:
        return None
    return value if value is not None else True
D, VICTIM = '@DIRECTORY@', int('@VICTIM@')
"""

ISOLATION = {
    "create outside": "if attempt(lambda: open(D + '/new', 'w')): print('BREACH')",
    "append outside": "if attempt(lambda: open(D + '/file', 'a').write('x')): print('BREACH')",
    "truncate outside": "if attempt(lambda: os.truncate(D + '/file', 0)): print('BREACH')",
    "truncate by a reading open": "if attempt(lambda: os.open(D + '/file', os.O_RDONLY | os.O_TRUNC)): print('BREACH')",
    "change modes outside": "attempt(lambda: os.chmod(D + '/file', 0)); attempt(lambda: os.chmod(D, 0))",
    "change times outside": "attempt(lambda: os.utime(D + '/file', (1, 1)))",
    "change owner outside": "if attempt(lambda: os.chown(D + '/file', os.getuid(), os.getgid())): print('BREACH')",
    "attribute outside": "if attempt(lambda: os.setxattr(D + '/file', 'user.x', b'1')): print('BREACH')",
    "rename outside": "if attempt(lambda: os.rename(D + '/file', D + '/gone')): print('BREACH')",
    "move inside": "if attempt(lambda: os.rename(D + '/file', 'mine')): print('BREACH')",
    "delete outside": "if attempt(lambda: os.unlink(D + '/file')): print('BREACH')",
    "directory outside": "if attempt(lambda: os.mkdir(D + '/new')): print('BREACH')",
    "link to outside": "if attempt(lambda: os.link(D + '/file', 'mine')): print('BREACH')",
    "write through a symlink": """
os.symlink(D + '/file', 'link')
if attempt(lambda: open('link', 'w').write('x')): print('BREACH')
""",
    "create through a symlinked directory": """
os.symlink(D, 'way')
if attempt(lambda: open('way/new', 'w')): print('BREACH')
""",
    "read a secret": "print(attempt(lambda: open(D + '/file').read()))",
    "list outside": "if attempt(lambda: os.listdir(D)): print('BREACH')",
    "read through proc": """
for pid in ('1', 'self', str(os.getppid()), str(VICTIM)):
    for way in ('root' + D + '/file', 'cwd/../../../../../..' + D + '/file', 'environ'):
        print(attempt(lambda: open(f'/proc/{pid}/{way}', 'rb').read()))
""",
    "environment": "print(dict(os.environ)); print(attempt(lambda: open('/proc/self/environ').read()))",
    "inherited descriptors": """
for number in range(3, 4096):
    data = attempt(lambda: os.pread(number, 99, 0))
    if data is not None: print('BREACH', number, data)
""",
    "system files": """
for path in ('/etc/shadow', '/root/.bashrc', '/proc/kcore', '/proc/1/maps', '/sys/kernel/notes', '/dev/mem', '/etc/hosts'):
    if attempt(lambda: open(path, 'rb').read(1)): print('BREACH', path)
for path in ('/home', '/root', '/var', '/etc/ssh', '/proc'):
    if attempt(lambda: [n for n in os.listdir(path) if not n.startswith('.')]) not in (None, [], True, ['sandbox']):
        if path != '/root': print('BREACH', path, os.listdir(path))
""",
    "the libraries": """
for place in [*sys.path, os.path.dirname(os.__file__)]:
    if attempt(lambda: open(place + '/evil.pth', 'w')): print('BREACH', place)
if attempt(lambda: open(os.__file__, 'a')): print('BREACH')
""",
    "the project": "import sandbox\nprint(attempt(lambda: open(sandbox.__file__).read()) and 'BREACH')",
    "tcp": """
for family in (socket.AF_INET, socket.AF_INET6):
    if attempt(lambda: socket.socket(family).connect_ex(('127.0.0.1', int('@TCP@')))): print('BREACH')
""",
    "udp": "if attempt(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', int('@UDP@')))): print('BREACH')",
    "unix socket": "if attempt(lambda: socket.socket(socket.AF_UNIX).connect(D + '/socket')): print('BREACH')",
    "abstract socket": "if attempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0@ABSTRACT@')): print('BREACH')",
    "datagrams from a socket pair": """
pair = attempt(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
if pair: print('BREACH'); pair[0].sendto(b'x', '\\0@ABSTRACT@')
""",
    "a socket pair that connects": """
left, right = socket.socketpair()
for address in (D + '/socket', '\\0@ABSTRACT@'):
    if attempt(lambda: left.connect(address)) or attempt(lambda: left.sendto(b'x', address)): print('BREACH')
""",
    "addresses in messages": """
left, right = socket.socketpair()
address = ctypes.create_string_buffer(struct.pack('H', 1) + b'\\0@ABSTRACT@')
piece = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(address), 1))
head = struct.pack('QIxxxxQQQQixxxx', ctypes.addressof(address), len(address) - 1, ctypes.addressof(piece), 1, 0, 0, 0)
message = ctypes.create_string_buffer(head + bytes(8), 72)
if call(46, 211, left.fileno(), message, 0) > 0 or call(307, 269, left.fileno(), message, 1, 0) > 0: print('BREACH')
if call(44, 206, left.fileno(), address, 1, 0, address, len(address) - 1) > 0: print('BREACH sendto')
""",
    "odd sockets": """
for family, kind, number in ((16, 3, 0), (17, 3, 3), (38, 5, 0), (40, 1, 0), (2, 3, 1), (15, 3, 2), (29, 3, 1), (44, 3, 0)):
    if attempt(lambda: socket.socket(family, kind, number)): print('BREACH', family)
""",
    "sockets by number": """
fd = call(41, 198, 2, 1, 0)
if fd >= 0: print('BREACH')
""",
    "32-bit numbers": """
if X86:
    if libc.syscall(0x40000000 | 41, 2, 1, 0) >= 0: print('BREACH x32')
    import mmap
    page = mmap.mmap(-1, 4096, prot=7)
    # mov eax, 20 (getpid of the 32-bit table); int 0x80; ret
    page.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')
    answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if answer > 0: print('BREACH int80', answer)
""",
    "kill the victim": """
for number in (0, 9, 15, 19):
    if attempt(lambda: os.kill(VICTIM, number)): print('BREACH', number)
    if attempt(lambda: os.killpg(VICTIM, number)): print('BREACH group', number)
""",
    "kill everyone": "signal.signal(15, signal.SIG_IGN); libc.kill(-1, 15); libc.kill(-1, 9)",
    "kill the parent": "p = os.getppid()\nif p > 0 and attempt(lambda: os.kill(p, 9)): print('BREACH')",
    "signals by other calls": """
if call(234, 131, VICTIM, VICTIM, 9) == 0 or call(200, 130, VICTIM, 9) == 0: print('BREACH')
info = ctypes.create_string_buffer(struct.pack('iii', 9, 0, -1), 128)
if call(129, 138, VICTIM, 9, info) == 0 or call(297, 240, VICTIM, VICTIM, 9, info) == 0: print('BREACH queue')
fd = call(434, 434, VICTIM, 0)
if fd >= 0: print('BREACH pidfd', call(424, 424, fd, 9, None, 0))
""",
    "signals by ownership": """
import fcntl
read, write = os.pipe()
for command in (fcntl.F_SETOWN, 15):
    try: fcntl.fcntl(read, command, VICTIM if command == fcntl.F_SETOWN else struct.pack('ii', 1, VICTIM)); print('BREACH')
    except OSError: pass
fcntl.fcntl(read, fcntl.F_SETFL, fcntl.fcntl(read, fcntl.F_GETFL) | os.O_ASYNC); os.write(write, b'x')
""",
    "signals by a timer": """
class Event(ctypes.Structure): _fields_ = [('v', ctypes.c_long), ('s', ctypes.c_int), ('n', ctypes.c_int), ('t', ctypes.c_int * 13)]
event, timer = Event(0, 9, 4), ctypes.c_int()
event.t[0] = VICTIM
if call(222, 107, 1, ctypes.byref(event), ctypes.byref(timer)) == 0:
    print('BREACH'); call(223, 110, timer, 0, struct.pack('qqqq', 0, 0, 0, 1), None); time.sleep(0.1)
""",
    "trace": """
if libc.ptrace(16, VICTIM, 0, 0) == 0 or libc.ptrace(0x4206, VICTIM, 0, 0) == 0: print('BREACH')
""",
    "read memory": """
buffer = ctypes.create_string_buffer(64)
here = struct.pack('QQ', ctypes.addressof(buffer), 64)
for pid in (VICTIM, os.getppid()):
    maps = attempt(lambda: open(f'/proc/{pid}/maps').readline())
    if maps: print('BREACH maps')
    there = struct.pack('QQ', int(maps.split('-')[0], 16) if maps else 0x400000, 64)
    if call(310, 270, pid, here, 1, there, 1, 0) > 0: print('BREACH vm')
    if attempt(lambda: open(f'/proc/{pid}/mem', 'rb')): print('BREACH mem')
""",
    "limits of others": """
import resource
for pid in (VICTIM, os.getppid()):
    if pid and attempt(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, 8))): print('BREACH', pid)
""",
    "priority of others": """
for which, who in ((0, VICTIM), (0, os.getppid()), (2, os.getuid()), (1, 0)):
    if who and attempt(lambda: os.setpriority(which, who, 19)): print('BREACH', which)
if attempt(lambda: os.setpriority(os.PRIO_USER, 0, 19)): print('BREACH user')
if attempt(lambda: os.sched_setaffinity(VICTIM, {0})): print('BREACH affinity')
if attempt(lambda: os.sched_setscheduler(VICTIM, os.SCHED_IDLE, os.sched_param(0))): print('BREACH scheduler')
if call(251, 30, 1, VICTIM, 3 << 13) == 0: print('BREACH io')
""",
    "namespaces": """
for flags in (0x10000000, 0x10020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000, 0x80):
    if libc.unshare(flags) == 0: print('BREACH unshare', hex(flags))
    pid = call(56, 220, flags | 17, 0, 0, 0, 0)
    if pid == 0: os._exit(0)
    if pid > 0: print('BREACH clone', hex(flags))
arguments = ctypes.create_string_buffer(struct.pack('Q', 0x10000000), 88)
pid = call(435, 435, arguments, 88)
if pid == 0: os._exit(0)
if pid > 0: print('BREACH clone3')
for name in ('mnt', 'pid', 'user', 'net'):
    fd = attempt(lambda: os.open(f'/proc/1/ns/{name}', 0))
    if fd and fd is not True and libc.setns(fd, 0) == 0: print('BREACH setns')
""",
    "mounts": """
if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0: print('BREACH')
if libc.umount2(b'/tmp', 2) == 0 or libc.umount2(b'/proc', 2) == 0: print('BREACH umount')
if libc.chroot(b'.') == 0: print('BREACH chroot')
if call(155, 41, b'.', b'.') == 0: print('BREACH pivot')
if call(428, 428, -100, b'/', 1) >= 0 or call(430, 430, b'tmpfs', 0) >= 0: print('BREACH tree')
""",
    "leave by chroot": """
attempt(lambda: os.mkdir('d')); fd = os.open('.', 0)
attempt(lambda: os.chroot('d')); os.fchdir(fd)
for _ in range(40): attempt(lambda: os.chdir('..'))
print(attempt(lambda: open(D.lstrip('/') + '/file').read()))
""",
    "kernel interfaces": """
attributes = ctypes.create_string_buffer(struct.pack('IIII', 2, 4, 8, 1), 128)
if call(321, 280, 0, attributes, 128) >= 0: print('BREACH bpf')
if call(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0: print('BREACH perf')
if call(425, 425, 4, ctypes.create_string_buffer(120)) >= 0: print('BREACH uring')
if call(323, 282, 0) >= 0 or call(323, 282, 1) >= 0: print('BREACH userfaultfd')
if call(248, 217, b'user', b'k', b'v', 1, -2) >= 0 or call(250, 219, 0, -3, 1) >= 0: print('BREACH keys')
if call(317, 277, 1, 0, None) == 0: print('BREACH seccomp')
if call(206, 0, 8, ctypes.create_string_buffer(8)) == 0: print('BREACH aio')
if call(300, 262, 0, 0) >= 0: print('BREACH fanotify')
if libc.personality(0x0040000) not in (-1,): print('BREACH personality')
if call(312, 272, os.getpid(), VICTIM, 0, 0, 0) >= 0: print('BREACH kcmp')
if call(447, 447, 0) >= 0: print('BREACH secret')
if call(237, 235, 0, 4096, 1, 0, 0, 0) == 0: print('BREACH mbind')
""",
    "run programs": """
import subprocess
for action in (lambda: os.execv('/bin/sh', ['sh', '-c', 'echo BREACH exec']),
               lambda: subprocess.run(['/bin/echo', 'BREACH'], check=True),
               lambda: os.posix_spawn('/bin/echo', ['echo', 'BREACH spawn'], {}),
               lambda: os.execve(sys.executable, [sys.executable, '-c', 'print("BREACH")'], {})):
    attempt(action)
if os.system('echo BREACH') == 0: print('BREACH system')
""",
    "run memory": """
fd = attempt(lambda: os.memfd_create('x'))
if fd: print('BREACH memfd')
data = attempt(lambda: open('/bin/echo', 'rb').read())
with open('prog', 'wb') as file: file.write(data or b'#!/bin/sh\\necho BREACH')
attempt(lambda: os.chmod('prog', 0o755)); attempt(lambda: os.execv('./prog', ['echo', 'BREACH']))
if call(322, 281, os.open('.', 0), b'prog', None, None, 0) == 0: print('BREACH')
""",
    "run through the loader": """
import glob
for loader in glob.glob('/lib*/ld-linux*') + glob.glob('/lib/*/ld-linux*'):
    attempt(lambda: os.execv(loader, [loader, '/bin/echo', 'BREACH']))
""",
    "shared memory": """
if libc.shmget(0xa4cb, 4096, 0o1666) >= 0 or libc.semget(0xa4cb, 1, 0o1666) >= 0 or libc.msgget(0xa4cb, 0o1666) >= 0: print('BREACH')
attempt(lambda: open('/dev/shm/sandbox-attack', 'w').write('x'))
queue = call(240, 180, b'sandboxattack', 0o102, 0o666, None)
if queue >= 0: print('BREACH queue')
""",
    "become someone": """
for action in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgid(0), lambda: os.setgroups([0]),
               lambda: os.seteuid(0), lambda: os.setreuid(0, 0)):
    if attempt(action): print('BREACH')
if os.getuid() == 0 or os.geteuid() == 0: print('BREACH root')
head, data = struct.pack('Ii', 0x20080522, 0), struct.pack('IIIIII', 0xffffffff, 0xffffffff, 0, 0xff, 0xff, 0)
if call(126, 91, head, data) == 0: print('BREACH capset')
""",
    "own protections": """
for option, value in ((1, 0), (4, 1), (8, 1), (22, 1), (36, 1), (38, 0), (47, 2), (0x59616d61, -1), (15, b'ok')):
    if libc.prctl(option, value, 0, 0, 0) == 0 and option != 15: print('BREACH', option)
import resource
for what in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
    soft, hard = resource.getrlimit(what)
    if attempt(lambda: resource.setrlimit(what, (hard + 1, hard + 1))): print('BREACH', what)
""",
    "leave the group": """
if os.getpid() != 1:
    if attempt(os.setsid): print('BREACH session')
    if attempt(lambda: os.setpgid(0, 0)): print('BREACH group')
pid = os.fork()
if pid == 0:
    if attempt(os.setsid) or attempt(lambda: os.setpgid(0, 0)): os.write(1, b'BREACH child')
    os._exit(0)
os.waitpid(pid, 0)
""",
    "terminal": """
import fcntl
for fd in (0, 1, 2):
    try: fcntl.ioctl(fd, 0x5412, b'x'); print('BREACH')
    except OSError: pass
if attempt(lambda: os.open('/dev/tty', os.O_RDWR)): print('BREACH tty')
if attempt(lambda: os.open('/dev/ptmx', os.O_RDWR)): print('BREACH ptmx')
""",
    "take a descriptor": """
for pid in (VICTIM, os.getppid() or 1):
    fd = call(434, 434, pid, 0)
    if fd >= 0 and call(438, 438, fd, 1, 0) >= 0: print('BREACH')
""",
    "file handles": """
handle = ctypes.create_string_buffer(struct.pack('ii', 128, 0), 136); mount = ctypes.c_int()
if call(303, 264, -100, b'/', handle, ctypes.byref(mount), 0) == 0: print('BREACH name')
if call(304, 265, -100, handle, 0) >= 0: print('BREACH open')
""",
    "devices": """
import stat
for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK):
    if attempt(lambda: os.mknod('node%d' % kind, kind | 0o600, os.makedev(1, 1))): print('BREACH')
""",
    "log and clock": """
buffer = ctypes.create_string_buffer(4096)
if call(103, 116, 3, buffer, 4096) > 0: print('BREACH log')
if attempt(lambda: time.clock_settime(time.CLOCK_REALTIME, 0)): print('BREACH clock')
if attempt(lambda: socket.sethostname('x')): print('BREACH name')
""",
    "open in a newer way": """
for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_TRUNC):
    how = ctypes.create_string_buffer(struct.pack('QQQ', flags, 0, 0), 24)
    if call(437, 437, -100, (D + '/file').encode(), how, 24) >= 0: print('BREACH', flags)
how = ctypes.create_string_buffer(struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o666, 0), 24)
if call(437, 437, -100, (D + '/new').encode(), how, 24) >= 0: print('BREACH create')
call(452, 452, -100, (D + '/file').encode(), 0, 0)
""",
    "shared memory by name": """
import _posixshmem
for name in ('/sandbox-attack-1', 'sandbox-attack-2'):
    attempt(lambda: _posixshmem.shm_open(name, os.O_CREAT | os.O_RDWR, mode=0o666))
""",
    "the zygote's objects": """
import gc
for one in gc.get_objects():
    if type(one).__name__ in ('Box', 'Boxes', 'Walls', 'Zygote', 'Child', 'Launch', 'Spares', 'Job', 'Kind'):
        for name in ('directory', 'flat_base', 'root'):
            place = getattr(one, name, None)
            if isinstance(place, str) and place not in (os.getcwd(), '') and attempt(lambda: os.listdir(place)): print(place)
        for name in ('_control', 'events', 'line', 'ruleset', 'alive', 'score', 'listener', 'pidfd'):
            held = getattr(one, name, None)
            held = held.fileno() if hasattr(held, 'fileno') else held
            for number in held if isinstance(held, tuple) else (held,):
                if isinstance(number, int) and number > 2 and attempt(lambda: os.fstat(number)): print('BREACH', name)
""",
    "no name for a file": "if attempt(lambda: os.open(D, os.O_TMPFILE | os.O_RDWR)): print('BREACH')",
    "lease and notify": """
import fcntl
fd = os.open(os.__file__, os.O_RDONLY)
for command, value in ((1024, 0), (1026, 1)):
    try: fcntl.fcntl(fd, command, value); print('BREACH')
    except OSError: pass
""",
}

CLEAN_UP = {
    "a daemon that holds the output": """
if os.fork() == 0:
    attempt(os.setsid)
    if os.fork() == 0: time.sleep(60)
    os._exit(0)
""",
    "hopping from child to child": """
end = time.time() + 30
while time.time() < end:
    if os.fork(): os._exit(0)
""",
    "deaf to signals": """
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    "stopped": "os.kill(os.getpid(), signal.SIGSTOP); time.sleep(60)",
    "a stopped child": """
pid = os.fork()
if pid == 0: os.kill(os.getpid(), signal.SIGSTOP); time.sleep(60)
time.sleep(0.1); os._exit(0)
""",
    "threads at the end": "import threading; threading.Thread(target=time.sleep, args=(60,)).start()",
    "exit handlers": "import atexit; atexit.register(time.sleep, 60)",
    "a slow finalizer": """
class Slow:
    def __del__(self): time.sleep(60)
kept = Slow(); sys.exit(0)
""",
    "a vfork child": """
pid = call(56, 220, 0x4000 | 0x100 | 17, 0, 0, 0, 0) if False else os.fork()
if pid == 0: time.sleep(60)
""",
    "zombies": """
for _ in range(200):
    try:
        if os.fork() == 0: os._exit(0)
    except OSError: pass
""",
    "a deep and odd tree": """
name = 'd' * 200
for _ in range(90):
    try: os.mkdir(name); os.chdir(name); open('\\n\\udcff', 'w').close()
    except OSError: break
""",
    "closed doors": """
for name in ('a', 'b'):
    os.mkdir(name); open(name + '/x', 'w').close(); os.mkdir(name + '/y'); os.chmod(name + '/y', 0); os.chmod(name, 0)
os.chmod('.', 0)
os.mkdir('c', 0); os.umask(0o777); os.mkdir('e')
""",
}

RESOURCES = {
    "fork bomb": """
while True:
    try: os.fork()
    except OSError: pass
""",
    "thread bomb": """
import threading
threading.stack_size(32768)
count = 0
try:
    while True: threading.Thread(target=time.sleep, args=(60,)).start(); count += 1
except RuntimeError: time.sleep(2)
""",
    "memory": "x = []\nwhile True: x.append(bytearray(64 << 20))",
    "memory of many": """
for _ in range(8):
    if os.fork() == 0:
        x = [bytearray(os.urandom(1 << 20)) * 1 for _ in range(150)]
        time.sleep(60)
time.sleep(60)
""",
    "shared memory of many": """
import mmap
maps = []
for _ in range(8):
    if os.fork() == 0:
        for _ in range(4):
            m = mmap.mmap(-1, 64 << 20); maps.append(m)
            for at in range(0, 64 << 20, 4096): m[at] = 1
        time.sleep(60)
time.sleep(60)
""",
    "disk": """
block = b'x' * (1 << 20)
for number in range(1 << 10):
    with open(f'f{number}', 'wb') as file:
        for _ in range(32): file.write(block)
""",
    "one large file": "with open('f', 'wb') as file:\n    for _ in range(1 << 14): file.write(b'x' * (1 << 20))",
    "disk without names": """
held = []
while True:
    file = open('f', 'wb'); os.unlink('f'); held.append(file)
    for _ in range(16): file.write(b'x' * (1 << 20))
    file.flush()
""",
    "many files": "for number in range(1 << 20): open(f'f{number}', 'w').close()",
    "many directories": "\nfor number in range(1 << 20): os.mkdir(str(number))",
    "deep directories": "while True: os.mkdir('d'); os.chdir('d')",
    "a sparse file": "with open('f', 'wb') as file: file.truncate(1 << 40)",
    "output": "while True: sys.stdout.write('x' * (1 << 20))",
    "control characters": "while True: os.write(1, b'\\0\\1\\xff' * 9999)",
    "both outputs": "while True: os.write(1, b'x' * 4096); os.write(2, b'y' * 4096)",
    "descriptors": "x = []\nwhile True: x.append(os.open('/dev/null', 0))",
    "pipes": """
x = []
while True:
    read, write = os.pipe(); os.set_blocking(write, False); x.append((read, write))
    try:
        while True: os.write(write, b'x' * 65536)
    except BlockingIOError: pass
""",
    "huge number": "x = 10 ** 10 ** 8\nstr(x)",
    "recursion": "sys.setrecursionlimit(10 ** 9)\ndef f(n): return f(n + 1)\nf(0)",
    "recursion in C": "sys.setrecursionlimit(10 ** 9)\nx = None\nfor _ in range(10 ** 6): x = (x,)\nrepr(x)",
    "null pointer": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "a bad expression": "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
    "compression bomb": "import zlib\nd = zlib.compress(bytes(64 << 20))\nx = [zlib.decompress(d) for _ in range(1000)]",
    "processor time of many": """
for _ in range(6): os.fork()
while True: pass
""",
    "a huge exception": "raise ValueError('x' * (1 << 28))",
    "an exception that lies": """
class E(Exception):
    def __str__(self): raise self
    __repr__ = __str__
raise E()
""",
    "an exception without end": """
def f(n):
    try: f(n + 1)
    except BaseException as e: raise ValueError(n) from e
f(0)
""",
    "a huge exit code": "sys.exit('x' * (1 << 26))",
    "broken streams": "sys.stdout = sys.stderr = None\nos.closerange(0, 256)\nraise ValueError",
    "a patched interpreter": """
import builtins, traceback, io
traceback.print_exception = None; builtins.print = None; builtins.open = None; os._exit = lambda code: time.sleep(60)
sys.modules.clear()
raise ValueError
""",
    "locks of memory": "import mmap\nm = mmap.mmap(-1, 64 << 20)\nprint(libc.mlockall(3) == 0 and 'BREACH')",
    "bad source": "\0\xff('",
}


def prepared(code: str, world: dict[str, object]) -> bytes:
    """A row as a program, with what is outside filled in."""
    text = _HEAD + code
    for name, value in world.items():
        text = text.replace(f"@{name}@", str(value))
    return text.encode("utf-8", "surrogatepass")
