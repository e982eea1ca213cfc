"""Numbers of system calls on the two processors that images are built for."""

from __future__ import annotations

# name, x86_64, aarch64; a dash where the processor has no such call
TABLE = """
read 0 63 · pread64 17 67 · readv 19 65 · preadv 295 69 · preadv2 327 286
write 1 64 · writev 20 66 · close 3 57 · fstat 5 80 · stat 4 - · lstat 6 -
newfstatat 262 79 · statx 332 291 · lseek 8 62 · mmap 9 222 · mprotect 10 226 · munmap 11 215
mremap 25 216 · brk 12 214 · madvise 28 233 · membarrier 324 283 · fadvise64 221 223
rt_sigaction 13 134 · rt_sigprocmask 14 135 · rt_sigreturn 15 139 · sigaltstack 131 132
ioctl 16 29 · access 21 - · faccessat 269 48 · faccessat2 439 439 · readlink 89 -
readlinkat 267 78 · getdents64 217 61 · getcwd 79 17 · chdir 80 49 · umask 95 166
fcntl 72 25 · dup 32 23 · dup2 33 - · dup3 292 24 · pipe2 293 59 · epoll_create1 291 20
poll 7 - · ppoll 271 73 · select 23 - · pselect6 270 72
futex 202 98 · set_robust_list 273 99 · get_robust_list 274 100 · rseq 334 293
set_tid_address 218 96 · sched_yield 24 124 · sched_getaffinity 204 123 · arch_prctl 158 -
nanosleep 35 101 · clock_nanosleep 230 115 · clock_gettime 228 113 · clock_getres 229 114
gettimeofday 96 169 · time 201 - · times 100 153 · uname 63 160 · sysinfo 99 179
getpid 39 172 · gettid 186 178 · getppid 110 173 · getuid 102 174 · geteuid 107 175
getgid 104 176 · getegid 108 177 · getgroups 115 158 · getpgrp 111 - · getpgid 121 155
getsid 124 156 · getrlimit 97 163 · prlimit64 302 261 · getrusage 98 165 · getrandom 318 278
exit 60 93 · exit_group 231 94 · restart_syscall 219 128 · tgkill 234 131
open 2 - · openat 257 56 · openat2 437 437 · socket 41 198
clone 56 220 · clone3 435 435 · fork 57 - · vfork 58 - · execve 59 221 · execveat 322 281
io_uring_setup 425 425 · io_uring_enter 426 426 · io_uring_register 427 427
ptrace 101 117 · process_vm_readv 310 270 · process_vm_writev 311 271 · process_madvise 440 440
pidfd_open 434 434 · pidfd_getfd 438 438 · kcmp 312 272
mount 165 40 · umount2 166 39 · move_mount 429 429 · open_tree 428 428 · fsopen 430 430
fsconfig 431 431 · fsmount 432 432 · fspick 433 433 · mount_setattr 442 442
pivot_root 155 41 · chroot 161 51 · unshare 272 97 · setns 308 268 · open_by_handle_at 304 265
bpf 321 280 · perf_event_open 298 241 · userfaultfd 323 282
keyctl 250 219 · add_key 248 217 · request_key 249 218 · personality 135 92
kexec_load 246 104 · kexec_file_load 320 294 · init_module 175 105 · finit_module 313 273
delete_module 176 106 · reboot 169 142 · swapon 167 224 · swapoff 168 225 · acct 163 89
quotactl 179 60 · iopl 172 - · ioperm 173 - · mknod 133 - · mknodat 259 33
seccomp 317 277 · landlock_create_ruleset 444 444 · landlock_add_rule 445 445
landlock_restrict_self 446 446
"""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def _parse() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {name: {} for name in ARCHITECTURES}
    for entry in filter(str.strip, TABLE.replace("\n", "·").split("·")):
        name, *values = entry.split()
        for processor, value in zip(ARCHITECTURES, values, strict=True):
            if value != "-":
                found[processor][name] = int(value)
    return found


NUMBERS = _parse()
