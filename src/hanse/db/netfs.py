"""Is a path on a network file system? Read from the text of /proc/self/mountinfo (Linux, proc(5))."""

from __future__ import annotations

import re
from pathlib import PurePath

NETWORK_TYPES = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb3", "smbfs",
})  # fmt: skip
LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.mergerfs", "fuse.encfs", "fuse.gocryptfs", "fuse.zfs"})
_ESCAPE = re.compile(r"\\([0-7]{3})")


def network_type(path: PurePath, mountinfo: str) -> str | None:
    """Return the file system type `path` lies on if it is a network one (such as `nfs4`), otherwise None.

    path: absolute, without symbolic links; mountinfo: text of /proc/self/mountinfo. FUSE file systems count as network ones
    unless they are known to be local. The mount with the longest matching mount point decides, of equal ones the last.
    Lines that are not understood are passed over, so an unknown system gives None.
    """
    best, found = -1, ""
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split(" ")
        if not dash or len(fields) < 6:
            continue
        point = PurePath(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), right.split(" ")[0]
    return found if _is_network(found) else None


def _is_network(kind: str) -> bool:
    return kind in NETWORK_TYPES or (kind.startswith("fuse.") and kind not in LOCAL_FUSE)
