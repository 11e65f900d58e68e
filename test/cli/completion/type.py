# Types keys into an interactive bash on a terminal and prints what came out: type.py KEYS. Ends with bash, which the keys must end.
import os
import pty
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
os.write(terminal, sys.argv[1].encode())
out = b""
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side is closed
        break
    if not read:
        break
    out += read
os.waitpid(pid, 0)
sys.stdout.buffer.write(out)
