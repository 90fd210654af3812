"""Web and worker as one family: watched, started again when one dies, stopped together.

Run as a program it is the parent, which has nothing but Python's own library loaded: `family.py serve=PID work=PID`.
"""

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable

STOP_WITHIN_S = 4.0
TOO_MANY_DEATHS = 3
DEATHS_WITHIN_S = 30.0
PR_SET_PDEATHSIG = 1
LEAN = "-OO", "-m", "npsapp"
"""How what runs for long is started: texts about the code, 6 MB a process, stay on the disk."""


def born(life: Callable[[], object]) -> int:
    """Start a child of this process that lives so, and give its number.

    Ctrl-C reaches the parent alone, which stops the children in order.
    """
    parent = os.getpid()
    if child := os.fork():
        return child
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if end_with(parent, signal.SIGTERM):
            life()
            status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(status)


def end_with(parent: int, how: signal.Signals) -> bool:
    """Have the kernel end this process when its parent dies; elsewhere than on Linux that is left to the operator.

    Gives whether the parent is still there.
    """
    if sys.platform == "linux":
        # Imported here, for the parent of all does without: it only waits.
        importlib.import_module("ctypes").CDLL(None).prctl(PR_SET_PDEATHSIG, how)
    return os.getppid() == parent


def become(*words: str) -> None:
    """Go on as this program of ours, with an empty memory."""
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - our own interpreter and module


def leave_to_parent(children: dict[str, int]) -> None:
    """Go on as the parent of these children, which need no more of this process's memory."""
    become("-I", "-S", __file__, *(f"{name}={child}" for name, child in children.items()))


def watch(children: dict[str, int]) -> None:
    """Start again whoever ends, until somebody interrupts; SystemExit when they keep ending."""
    deaths: list[float] = []
    while True:
        ended, status = os.waitpid(-1, 0)
        for name in [name for name, child in children.items() if child == ended]:
            code, now = os.waitstatus_to_exitcode(status), time.monotonic()
            deaths = [at for at in deaths if now - at < DEATHS_WITHIN_S] + [now]
            if len(deaths) >= TOO_MANY_DEATHS:
                raise SystemExit(f"Error: `{name}` keeps ending (status {code}); see above")
            sys.stderr.write(f"`{name}` ended with status {code}; starting it again\n")
            children[name] = born(lambda name=name: become(*LEAN, name))  # type: ignore[misc]


def stop(children: dict[str, int]) -> None:
    """Ask all to end, and end those that take longer than four seconds."""
    patience = time.monotonic() + STOP_WITHIN_S
    for how in (signal.SIGTERM, signal.SIGKILL):
        for child in children.values():
            _signal(child, how)
        while children and (how == signal.SIGKILL or time.monotonic() < patience):
            for name, child in list(children.items()):
                if _is_gone(child):
                    del children[name]
            time.sleep(0.02)


def _signal(child: int, how: signal.Signals) -> bool:
    try:
        os.kill(child, how)
    except ProcessLookupError:
        return False
    return True


def _is_gone(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def _interrupt(*_args: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Be the parent of the children named on the command line."""
    children = {name: int(child) for name, child in (word.split("=") for word in sys.argv[1:])}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        watch(children)
    except KeyboardInterrupt:
        sys.stdout.write("stopping\n")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop(children)


if __name__ == "__main__":
    main()
