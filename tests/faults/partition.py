"""Members in network namespaces, cut apart: `unshare -n -m python -m tests.faults.partition FOLDER`.

Each member's processes have a network of their own that a bridge joins; a cut is a link that is down, so that packets are lost
and nobody is told.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.faults.test_members import FOLLOWING, ORIGINS, commit, mirrored, own_repo, size_of
from tests.support.alliance import ally
from tests.support.forked import ForkedNode, Mother
from tests.support.members import Institution, until

BRIDGE, NET = "br0", "10.77.0"


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True)


def join(number: int) -> None:
    """Make a member's network and join it to the bridge."""
    name, outer, inner = f"m{number}", f"v{number}", f"p{number}"
    ip("netns", "add", name)
    ip("link", "add", outer, "type", "veth", "peer", "name", inner)
    ip("link", "set", inner, "netns", name)
    ip("link", "set", outer, "master", BRIDGE, "up")
    for words in (("addr", "add", f"{NET}.{number}/24", "dev", inner), ("link", "set", inner, "up"), ("link", "set", "lo", "up")):
        ip("netns", "exec", name, "ip", *words)


def cut(number: int, *, again: bool = False) -> None:
    """Cut a member off, or put it back."""
    ip("link", "set", f"v{number}", "up" if again else "down")


def main(folder: Path) -> None:
    """Join three, cut one off, let both sides publish, put them together, look."""
    subprocess.run(["mount", "-n", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    Path("/run/netns").mkdir()
    ip("link", "set", "lo", "up")
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("addr", "add", f"{NET}.254/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")
    with ExitStack() as stack:
        found = []
        for number, origin in enumerate(ORIGINS, 1):
            join(number)
            mother = stack.enter_context(Mother("ip", "netns", "exec", f"m{number}"))
            home = folder / origin
            home.mkdir()
            node = ForkedNode(mother, home, flags=("--host", f"{NET}.{number}"), environ={"HANSE_ORIGIN": origin, **FOLLOWING})
            node.start()
            stack.callback(node.stop)
            found.append(Institution(mother, node))
        ally(found, folder)
        own_repo(found[0], "m")
        play(*found)


def play(a: Institution, b: Institution, c: Institution) -> None:
    """Cut one off, and then both others: `a` publishes all the while, and everybody has it once the links are up again."""
    for number, (apart, there) in enumerate((((3,), (b,)), ((2, 3), ()))):
        for one in apart:
            cut(one)
        assert commit(a, "admin/m", f"{number}.txt", b"x")[0] == 200
        _know(a, *there)
        for one in apart:
            cut(one, again=True)
        _know(a, b, c)


def _know(a: Institution, *others: Institution) -> None:
    newest = size_of(a)
    for one in others:
        until(lambda one=one: mirrored(one, ORIGINS[0]) >= newest, f"that {one.node.folder.name} has it")  # type: ignore[misc]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
