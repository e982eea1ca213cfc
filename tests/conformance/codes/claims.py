"""Jobs that try what a sandbox has to endure."""

from __future__ import annotations

LONG = "a" * 251 + ".txt"
"""As long as a name can be: there is no room for the note beside it."""
PROGRAMS = {
    "odd": f"""
mkdir -p output/odd output/odd/folder.txt
cd output/odd
umask 077
echo plain > plain.txt
echo inside > folder.txt/inside.txt
ln -s plain.txt link.txt
ln -s /etc/passwd secret.txt
ln -s /workspace/project.yaml code.txt
echo twice > twice.txt
ln twice.txt again.txt
mkfifo pipe.txt
truncate -s 4M sparse.txt
echo setuid > setuid.txt
chmod 6777 setuid.txt
echo closed > closed.txt
chmod 000 closed.txt
echo name > 'naïve é.txt'
echo name > "new
line.txt"
echo name > {LONG}
""",
    "around": """
mkdir -p output/around
cd output/around
env > environment.txt
cat /etc/hosts > hosts.txt
hostname > hostname.txt
tr '\\0' ' ' < /proc/1/cmdline > first.txt
(sleep 0.1 &)
sleep 0.3
grep -h '^State' /proc/[0-9]*/status | sort > processes.txt
umask > umask.txt
cat /proc/self/mountinfo > mounts.txt
ls -lan /workspace > workspace.txt
""",
    "spoil": """
echo spoilt > output/first.txt
echo spoilt >> analysis/odd.sh
rm project.yaml
echo done > output/spoil.txt
""",
}
