"""Start a command that does not outlive its parent: ``python -m bot.launch -- command …``.

On Linux the kernel signals this process when its parent ends, however it ends; the setting
survives ``exec``. Elsewhere the command is simply started. Standard library only: Rasa's own
Python runs this file too.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
USAGE = "usage: python -m bot.launch [--parent PID] [--signal TERM|KILL] -- command [argument …]"


def die_with_parent(signum: int) -> None:
    """Ask the kernel to send ``signum`` when the parent ends. Best effort: nothing but on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)


def main(arguments: list[str]) -> None:
    """Become the command; exits instead when the parent is gone already."""
    parent, signum = os.getppid(), signal.SIGTERM
    while arguments and arguments[0] != "--":
        option = arguments.pop(0)
        if option == "--parent" and arguments:
            parent = int(arguments.pop(0))
        elif option == "--signal" and arguments:
            signum = signal.Signals[f"SIG{arguments.pop(0)}"]
        else:
            sys.exit(USAGE)
    command = arguments[1:]
    if not command:
        sys.exit(USAGE)
    die_with_parent(signum)
    if os.getppid() != parent:
        sys.exit("the parent process has ended")
    try:
        os.execvp(command[0], command)  # noqa: S606 - starting a command is the point
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
