"""Filters of system calls (ISO-03), built here as programs of the kernel's packet filter.

Study code may make the calls that are listed, and no other. A process that talks to a database may
make any call but those that start programs, look into other processes or change the system.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sallyport_data_builder.confine import kernel
from sallyport_data_builder.confine.syscalls import ARCHITECTURES, NUMBERS

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
X32 = 0x40000000
SET_MODE_FILTER, ALL_THREADS = 1, 1
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
THREAD = 0x00010000
TERMINAL = (0x5401, 0x5451, 0x5450, 0x541B)  # TCGETS, FIOCLEX, FIONCLEX, FIONREAD
DESCRIPTORS = (0, 1, 2, 3, 4, 1030)  # copy a descriptor, read and set its flags; no signals by it
FAMILIES = (1, 2, 10, 16)  # local, both of the internet, and what name look-ups ask the kernel by
Instruction = tuple[int, int, int, int]
Block = list[Instruction]


def words(text: str) -> list[str]:
    """Return the names of a list."""
    return text.split()


def answer(code: int) -> Instruction:
    """End the program with a verdict."""
    return (RETURN, 0, 0, code)


def refuse(code: int = errno.EPERM) -> Block:
    """Let the call fail with an error."""
    return [answer(REFUSE | code)]


def no_bits(argument: int, mask: int, code: int) -> Block:
    """Allow the call if an argument has none of some bits."""
    load = (LOAD, 0, 0, ARGUMENTS_AT + 8 * argument)
    return [load, (JUMP_ANY_BIT, 0, 1, mask), *refuse(code), answer(ALLOW)]


def all_bits(argument: int, mask: int) -> Block:
    """Allow the call if an argument has one bit."""
    load = (LOAD, 0, 0, ARGUMENTS_AT + 8 * argument)
    return [load, (JUMP_ANY_BIT, 0, 1, mask), answer(ALLOW), *refuse()]


def one_of(argument: int, values: Sequence[int], code: int = errno.EPERM) -> Block:
    """Allow the call if an argument is one of some values."""
    tests = [(JUMP_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [(LOAD, 0, 0, ARGUMENTS_AT + 8 * argument), *tests, *refuse(code), answer(ALLOW)]


def is_null(argument: int) -> Block:
    """Allow the call if a pointer is null."""
    place = ARGUMENTS_AT + 8 * argument
    low, high = (LOAD, 0, 0, place), (LOAD, 0, 0, place + 4)
    tests = [low, (JUMP_EQUAL, 0, 2, 0), high, (JUMP_EQUAL, 1, 0, 0)]
    return [*tests, *refuse(), answer(ALLOW)]


READING = words("""
read pread64 readv preadv preadv2 write writev close fstat stat lstat newfstatat statx lseek
mmap mprotect munmap mremap brk madvise membarrier fadvise64
rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
access faccessat faccessat2 readlink readlinkat getdents64 getcwd chdir umask
dup dup2 dup3 pipe2 epoll_create1 poll ppoll select pselect6
futex set_robust_list get_robust_list rseq set_tid_address sched_yield sched_getaffinity arch_prctl
nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times uname sysinfo
getpid gettid getppid getuid geteuid getgid getegid getgroups getpgrp getpgid getsid
getrlimit getrusage getrandom exit exit_group restart_syscall
""")
# "Not implemented" makes libraries fall back to calls whose arguments a filter can see.
NOT_IMPLEMENTED = ("openat2", "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register")
CHANGING = words("""
fork vfork execve execveat ptrace process_vm_readv process_vm_writev process_madvise
pidfd_open pidfd_getfd kcmp mount umount2 move_mount open_tree fsopen fsconfig fsmount fspick
mount_setattr pivot_root chroot unshare setns open_by_handle_at bpf perf_event_open userfaultfd
keyctl add_key request_key personality kexec_load kexec_file_load init_module finit_module
delete_module reboot swapon swapoff acct quotactl iopl ioperm mknod mknodat
""")


@dataclass(frozen=True)
class Filter:
    """What happens at each call that is named, and at all others."""

    rules: dict[str, Block]
    otherwise: int

    def program(self, processor: str) -> list[Instruction]:
        """Return the instructions for a processor; another one's calls end the process."""
        numbers = NUMBERS[processor]
        found: list[Instruction] = [
            (LOAD, 0, 0, ARCHITECTURE_AT),
            (JUMP_EQUAL, 1, 0, ARCHITECTURES[processor]),
            answer(KILL),
            (LOAD, 0, 0, NUMBER_AT),
            (JUMP_AT_LEAST, 0, 1, X32),
            answer(KILL),
        ]
        for name, block in self.rules.items():
            if name in numbers:
                found += [(JUMP_EQUAL, 0, len(block), numbers[name]), *block]
        return [*found, answer(self.otherwise)]


def study(process: int) -> Filter:
    """Return the filter for study code: it reads files, computes, and writes to its pipes."""
    rules = {name: [answer(ALLOW)] for name in READING}
    rules |= {name: refuse(errno.ENOSYS) for name in NOT_IMPLEMENTED}
    rules["open"] = no_bits(1, WRITING, errno.EACCES)
    rules["openat"] = no_bits(2, WRITING, errno.EACCES)
    rules["ioctl"] = one_of(1, TERMINAL, errno.ENOTTY)
    rules["fcntl"] = one_of(1, DESCRIPTORS)
    rules["prlimit64"] = is_null(2)  # limits can be read, not set
    rules["tgkill"] = one_of(0, [process])  # abort() signals the process itself
    return Filter(rules, REFUSE | errno.EPERM)


def database() -> Filter:
    """Return the filter for a process that talks to a database and runs no study code."""
    rules = {name: refuse() for name in CHANGING}
    rules |= {name: refuse(errno.ENOSYS) for name in NOT_IMPLEMENTED}
    rules["clone"] = all_bits(0, THREAD)
    rules["socket"] = one_of(0, FAMILIES)
    return Filter(rules, ALLOW)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install(filtered: Filter) -> int:
    """Put a filter on all threads of this process permanently; OSError where that cannot be.

    Return the number of its instructions.
    """
    if platform.machine() not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, "no filter for this processor")
    instructions = filtered.program(platform.machine())
    packed = b"".join(struct.pack("HBBI", *item) for item in instructions)
    program = _Program(len(instructions), packed)
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    kernel.call("seccomp", SET_MODE_FILTER, ALL_THREADS, ctypes.byref(program))
    return len(instructions)
