"""Loaded by every Python process of the crash test, and by none elsewhere.

``GUICHET_CRASH=module:Class.method:before|after:n`` kills the process with SIGKILL at the n-th call of
a method, once: the file named by ``GUICHET_CRASH_DONE`` says that it happened.
``GUICHET_WITHOUT=fence,recognition,dedupe`` takes a guard out of the store's scripts, to show that the
test notices.
"""

import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
from pathlib import Path

GUARDS = {
    "fence": {
        "COMMIT": [("if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end", "")],
        "BEGIN_SEND": [("if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'fenced', 0} end", "")],
        "FINISH_SEND": [("if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end", "")],
        "DEFER_SEND": [("if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end", "")],
    },
    "recognition": {
        "COMMIT": [
            ("if #redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2]) == 0 then", "if false then"),
            ("if version ~= tonumber(ARGV[4]) then return 'stale' end", ""),
        ]
    },
    "dedupe": {"APPEND": [("if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[2])", "if false")]},
}


def crash_at(module, place, when, count):
    owner_name, method_name = place.split(".")
    owner = getattr(module, owner_name)
    original = getattr(owner, method_name)
    left = [count]

    def strike():
        left[0] -= 1
        done = Path(os.environ["GUICHET_CRASH_DONE"])
        if left[0] <= 0 and not done.exists():
            done.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)

    async def struck(*arguments, **named):
        if when == "before":
            strike()
        result = await original(*arguments, **named)
        if when == "after":
            strike()
        return result

    setattr(owner, method_name, struck)


def take_out(module, guards):
    for guard in guards:
        for name, changes in GUARDS[guard].items():
            source = getattr(module, name).source
            for old, new in changes:
                if old not in source:
                    sys.exit(f"the guard {guard} is not where it was in {name}")
                source = source.replace(old, new)
            setattr(module, name, module.Script.of(source))


class After(importlib.abc.MetaPathFinder):
    """Calls ``change(module)`` once a module was imported."""

    def __init__(self, name, change):
        self.name = name
        self.change = change

    def find_spec(self, name, path, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.change(module)

        spec.loader.exec_module = exec_module
        return spec


if step := os.environ.get("GUICHET_CRASH"):
    module_name, place, when, count = step.split(":")
    sys.meta_path.insert(0, After(module_name, lambda module: crash_at(module, place, when, int(count))))
if without := os.environ.get("GUICHET_WITHOUT"):
    sys.meta_path.insert(0, After("bot.storage.scripts", lambda module: take_out(module, without.split(","))))
