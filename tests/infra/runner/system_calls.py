"""System calls as data; run inside a container, it makes each of them and prints what came back.

Arguments are chosen so that the kernel itself answers with something other than EPERM and ENOSYS
where it is reached: success without an effect, or a complaint about the arguments.
"""

import ctypes
import errno
import json
import mmap
import os
import sys

SIGCHLD = 17
ZEROS = "zeros"
"""An argument: the address of 256 zero bytes, which is also an empty string."""
NOWHERE = 2**64 - 1
"""An argument: -1, no file descriptor."""
LINUX32, NO_RANDOM_ADDRESSES, READ_IMPLIES_EXEC, QUERY = 0x8, 0x40000, 0x400000, 0xFFFFFFFF
CHARACTER_DEVICE, NAMED_PIPE, NULL_DEVICE = 0o020600, 0o010600, 0x103
NAMESPACES = {
    "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
    "user": 0x10000000, "pid": 0x20000000, "network": 0x40000000,
}  # fmt: skip

# Named in the profile with EPERM: what it is, number on x86_64, arguments.
NAMED = {
    "io_uring_setup": (425, 1, ZEROS),
    "io_uring_enter": (426, NOWHERE, 0, 0, 0, 0, 0),
    "io_uring_register": (427, NOWHERE, 0, 0, 0),
    "bpf": (321, 0, ZEROS, 128),
    "keyctl": (250, 0, NOWHERE - 2, 1),
    "add_key": (248, 0, 0, 0, 0, 0),
    "request_key": (249, 0, 0, 0, 0),
    "userfaultfd": (323, 0x40000000),
    "perf_event_open": (298, 0, 0, NOWHERE, NOWHERE, 0),
    "ptrace": (101, 0, 0, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "process_madvise": (440, NOWHERE, 0, 0, 0, 0),
    "kcmp": (312, 1, 1, 99, 0, 0),
    "mount": (165, 0, 0, 0, 0, 0),
    "umount2": (166, ZEROS, 0),
    "move_mount": (429, NOWHERE, ZEROS, NOWHERE, ZEROS, 0),
    "open_tree": (428, NOWHERE, ZEROS, 0),
    "mount_setattr": (442, NOWHERE, ZEROS, 0, ZEROS, 1),
    "pivot_root": (155, ZEROS, ZEROS),
    "chroot": (161, ZEROS),
    "unshare, time": (272, 0x80),
    "setns": (308, NOWHERE, 0),
    "name_to_handle_at": (303, NOWHERE, ZEROS, ZEROS, ZEROS, 0),
    "open_by_handle_at": (304, NOWHERE, 0, 0),
    "fanotify_init": (300, 0xFFFFFFFF, 0),
    "kexec_load": (246, 0, 0, 0, 0xFFFF),
    "kexec_file_load": (320, NOWHERE, NOWHERE, 0, 0, 0xFFFF),
    "init_module": (175, 0, 0, 0),
    "finit_module": (313, NOWHERE, 0, 0xFFFF),
    "delete_module": (176, ZEROS, 0),
    "reboot": (169, 0, 0, 0, 0),
    "swapon": (167, ZEROS, 0xFFFFFFFF),
    "swapoff": (168, ZEROS),
    "acct": (163, ZEROS),
    "quotactl": (179, 0xFFFFFFFF, ZEROS, 0, 0),
    "syslog": (103, 10, 0, 0),
} | {f"unshare, {name}": (272, flag) for name, flag in NAMESPACES.items()}

# Refused as everything that the profile does not name; with ENOSYS, or EPERM by older engines.
UNNAMED = {
    "pidfd_getfd": (438, NOWHERE, 0, 0),
    "fsopen": (430, ZEROS, 0xFFFF),
    "fsconfig": (431, NOWHERE, 99, 0, 0, 0),
    "fsmount": (432, NOWHERE, 0xFFFF, 0),
    "fspick": (433, NOWHERE, ZEROS, 0),
    "vmsplice": (278, NOWHERE, 0, 0, 0),
    "io_setup": (206, 0, 0),
    "mbind": (237, 1, 0, 0, 0, 0, 0xFFFF),
    "clock_settime": (227, 0, 0),
    "settimeofday": (164, 1, 0),
    "adjtimex": (159, 0),
    "shmget": (29, 0, 0, 0),
    "personality, addresses that are not random": (135, NO_RANDOM_ADDRESSES),
    "personality, readable memory is executable": (135, READ_IMPLIES_EXEC),
    "mknod, device": (133, "/workspace/device", CHARACTER_DEVICE, NULL_DEVICE),
    "socket, kernel crypto": (41, 38, 5, 0),
    "socket, virtual machines": (41, 40, 1, 0),
    "socket, packets": (41, 17, 3, 0),
    "socket, XDP": (41, 44, 3, 0),
    "socket, Bluetooth": (41, 31, 3, 0),
    "socket, keys": (41, 15, 3, 2),
    "socket, TIPC": (41, 30, 5, 0),
    "socket, RDS": (41, 21, 5, 0),
    "socket, CAN": (41, 29, 3, 1),
    "socket, netfilter": (41, 16, 3, 12),
    "socket, generic netlink": (41, 16, 3, 16),
    "socket, raw IPv4": (41, 2, 3, 1),
    "socket, SCTP": (41, 2, 1, 132),
    "socket, MPTCP": (41, 10, 1, 262),
    "socketpair, TIPC": (53, 30, 5, 0, ZEROS),
} | {f"clone, {name}": (56, flag | SIGCHLD, 0, 0, 0, 0) for name, flag in NAMESPACES.items()}

# Answered as by a kernel that lacks it (ADR 0011).
ABSENT = {"clone3": (435, ZEROS, 0)}

# Calls of the same shape that a job may make.
ALLOWED = {
    "clone": (56, SIGCHLD, 0, 0, 0, 0),
    "personality, none": (135, 0),
    "personality, query": (135, QUERY),
    "personality, 32 bit": (135, LINUX32),
    "mknod, named pipe": (133, "/workspace/pipe", NAMED_PIPE, 0),
    "socket, Unix": (41, 1, 1, 0),
    "socket, IPv4": (41, 2, 1, 0),
    "socket, UDP": (41, 2, 2, 17),
    "socket, IPv6": (41, 10, 1, 6),
    "socket, interfaces": (41, 16, 3, 0),
    "socketpair, Unix": (53, 1, 1, 0, ZEROS),
    "pidfd_open": (434, 1, 0),
    "memfd_create": (319, ZEROS, 0),
    "landlock_create_ruleset": (444, 0, 0, 1),
    "prctl": (157, 39, 0, 0, 0, 0),
}
CALLS = NAMED | UNNAMED | ABSENT | ALLOWED

# getpid by the two other interfaces of the processor, whose numbers no rule was written for.
X32 = 0x40000000 | 39
I386 = bytes.fromhex("b814000000cd80c3")  # mov eax, 20; int 0x80; ret


def call(number: int, *arguments: int | str) -> str:
    """Make a system call; return 'done' or the name of the error."""
    libc = ctypes.CDLL(None, use_errno=True)
    zeros = ctypes.create_string_buffer(256)
    given: list[object] = []
    for argument in arguments:
        if argument == ZEROS:
            given.append(ctypes.addressof(zeros))
        else:
            given.append(argument.encode() if isinstance(argument, str) else argument)
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in given]
    child = os.getpid()
    if libc.syscall(ctypes.c_long(number), *words) >= 0:
        if os.getpid() != child:
            os._exit(0)
        return "done"
    return errno.errorcode[ctypes.get_errno()]


def machine_code(code: bytes) -> str:
    """Run bytes as a function; return 'done' if it returned a number of a process."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return "done" if ctypes.CFUNCTYPE(ctypes.c_int)(start)() > 0 else "refused"


def forked(number: int, *arguments: int | str) -> str:
    """Make a call in a child; return its answer, or the signal that ended the child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = call(number, *arguments) if number else machine_code(I386)
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = stream.read()
    status = os.waitpid(child, 0)[1]
    return answer or f"signal {status & 0x7F}"


def main() -> None:
    """Print the answer to each call as JSON."""
    answers = {name: forked(*words) for name, words in CALLS.items()}
    answers |= {"x32": forked(X32), "i386": forked(0)}
    answers["terminal"] = str(any(os.isatty(number) for number in range(3)))
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
