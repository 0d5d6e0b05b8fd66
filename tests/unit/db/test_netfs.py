"""Recognising network file systems in /proc/self/mountinfo."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from hanse.db.netfs import network_type

MOUNTS = r"""
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw - proc proc rw
36 22 0:40 / /srv/nfs rw,noatime shared:20 master:1 - nfs4 server:/export rw,vers=4.2
37 36 254:2 / /srv/nfs/local rw - xfs /dev/vdb1 rw
38 22 0:41 / /srv/with\040space rw - cifs //server/share rw
39 22 0:42 / /mnt/ssh rw - fuse.sshfs user@host:/ rw
40 22 0:43 / /mnt/merged rw - fuse.mergerfs a:b rw
41 22 0:44 / /mnt/c rw - 9p C:\134 rw
42 22 0:45 / /over rw - nfs server:/a rw
43 22 254:3 / /over rw - btrfs /dev/vdc rw
44 22 0:46 / /scratch rw - lustre mds@tcp:/fs rw
45 22 0:47 / /ceph rw - ceph mon:/ rw
46 22 0:48 / /gluster rw - fuse.glusterfs server:vol rw
47 22 0:49 / /run rw shared:3 - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/hanse", None),
        ("/srv/nfs", "nfs4"),
        ("/srv/nfs/hanse/data", "nfs4"),
        ("/srv/nfsx", None),
        ("/srv/nfs/local/data", None),
        ("/srv/with space/data", "cifs"),
        ("/mnt/ssh/data", "fuse.sshfs"),
        ("/mnt/merged/data", None),
        ("/mnt/c/Users", "9p"),
        ("/over/data", None),
        ("/scratch/hanse", "lustre"),
        ("/ceph", "ceph"),
        ("/gluster/x", "fuse.glusterfs"),
        ("/run/hanse", None),
    ],
)
def test_deepest_and_last_mount_decides(path: str, expected: str | None) -> None:
    """The mount point nearest to the path tells its file system; a later mount on the same point hides the earlier."""
    assert network_type(PurePath(path), MOUNTS) == expected


@pytest.mark.parametrize("text", ["", "nonsense", "1 2 3", "1 2 3 4 5 6 7 8", "1 2 0:1 / / rw - ", " - nfs"])
def test_text_that_is_not_understood(text: str) -> None:
    """An unknown format says nothing rather than failing."""
    assert network_type(PurePath("/data"), text) is None


def test_this_machine() -> None:
    """The real mount table parses, and /proc is no network file system."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:  # noqa: PTH123 no path object needed
        assert network_type(PurePath("/proc/self"), file.read()) is None
