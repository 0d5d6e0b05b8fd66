"""The page that tells how a node and its federations stand."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from tests.support.forked import Mother, forked_node
from tests.support.founders import NAME, Founder
from tests.support.live import ADMIN_TOKEN
from tests.support.pages import check_page
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes

from hanse.db import alarms, audits, sightings
from hanse.db.alarms import Alarm
from hanse.db.audits import Audited
from hanse.db.engine import Database, sqlite_url
from hanse.db.sightings import Said
from hanse.flows.federation.change import begin
from hanse.flows.federation.kept import FederationFiles
from hanse.keys.files import generate
from hanse.model.digest import GitOid, Sha256
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin

OTHER = Origin("b.example")


def test_the_page_says_what_it_would_take(mother: Mother, tmp_path: Path) -> None:
    """Alone, the node says that one is enough; with a member who failed audits and an alarm, it says that."""
    with forked_node(mother, tmp_path, environ={"HANSE_AUDIT_SECONDS": "0"}) as node, RawClient(node.port, ADMIN_TOKEN) as client:
        text, _ = check_page(client("GET", "/status"))
        assert "Nothing is published here yet" in text
        assert "in no federation" in text
        assert client.json("POST", "/api/repos/create", {"name": "m", "type": "model"}).status == 200
        assert client("POST", "/api/models/admin/m/commit/main", commit_body(put_bytes("a", b"1"))).status == 200
        founder = Founder(OTHER)
        FederationFiles(node.data / "federation").keep(begin(NAME, founder.member, generate(Scheme.ED25519), int(time.time())))
        with closing(Database(sqlite_url(node.data / "hanse.db"))) as database, database.write() as conn:
            audits.put(conn, Audited(OTHER, asked=7, served=2, failing=True, outcome="absent", says="gone", asked_at=5))
            sightings.put(conn, [Said(OTHER, 1, OTHER, "model", "o/m", GitOid("1" * 40), Sha256("2" * 64), 5)])
            alarms.put(conn, Alarm("false-bytes", OTHER, "<b>served</b> other bytes", b"x", 5))
        text = " ".join(check_page(client("GET", "/status"))[0].split())
        assert "<strong>1</strong> member must disappear" in text
        assert "2 of 7 served" in text
        assert "does not count as a holder" in text
        assert "&lt;b&gt;served" in text
        assert '<a href="/status">' in check_page(client("GET", "/"))[0]
