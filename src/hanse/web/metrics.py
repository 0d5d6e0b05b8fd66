"""Prometheus metrics at /metrics: requests, latencies, journal, cosigners, alarms. No names of repositories or people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import Connection, func, select
from starlette.responses import Response

from hanse.db import alarms, cosigners, witnesses
from hanse.db.schema import log_head, pending, repos
from hanse.flows.node import Node
from hanse.web.routing import Call, Route

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "hanse_requests", "Requests by method, route pattern and status.", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram("hanse_request_seconds", "Time until the last byte was handed on.", registry=REGISTRY, buckets=_BUCKETS)
LOG_SIZE = Gauge("hanse_journal_size", "Records in the journal.", registry=REGISTRY)
PENDING = Gauge("hanse_journal_pending", "Records waiting for the sequencer.", registry=REGISTRY)
COSIGNERS = Gauge("hanse_cosigners", "Witnesses and mirrors that this node asks.", ["kind"], registry=REGISTRY)
COSIGNED = Gauge(
    "hanse_cosigners_current", "Those of them that cosigned the newest size of the journal.", ["kind"], registry=REGISTRY
)
WITNESSED = Gauge("hanse_logs_witnessed", "Logs of others that this node cosigns.", registry=REGISTRY)
STUCK = Gauge("hanse_logs_stuck", "Those of them that could not be followed when they were last looked at.", registry=REGISTRY)
ALARMS = Gauge("hanse_alarms_open", "Contradictions that were seen and that nobody has closed.", registry=REGISTRY)
REPOS = Gauge("hanse_repositories", "Live repositories by type.", ["type"], registry=REGISTRY)


def observe(method: str, pattern: str, status: int, seconds: float) -> None:
    """Count one finished request; `pattern` is the route, never the address."""
    REQUESTS.labels(method, pattern, str(status)).inc()
    SECONDS.observe(seconds)


def _gauges(node: Node) -> None:
    with node.db.read() as conn:
        LOG_SIZE.set(conn.execute(select(log_head.c.size)).scalar() or 0)
        PENDING.set(conn.execute(select(func.count()).where(pending.c.index.is_(None))).scalar() or 0)
        counts = select(repos.c.type, func.count()).where(repos.c.state == "live").group_by(repos.c.type)
        for kind, count in conn.execute(counts):
            REPOS.labels(kind).set(count)
        _trust(conn)


def _trust(conn: Connection) -> None:
    size = conn.execute(select(log_head.c.size)).scalar() or 0
    asked, logs = cosigners.every(conn), witnesses.every(conn)
    for kind in ("witness", "mirror"):
        mine = [one for one in asked if one.kind == kind]
        COSIGNERS.labels(kind).set(len(mine))
        COSIGNED.labels(kind).set(sum(size > 0 and one.size == size for one in mine))
    WITNESSED.set(len(logs))
    STUCK.set(sum(bool(one.failure) for one in logs))
    ALARMS.set(alarms.count(conn))


async def metrics(call: Call) -> Response:
    """Answer the metrics of this process in Prometheus text form."""
    await call.run(_gauges, call.node)
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


ROUTES = [Route("GET", "/metrics", metrics, auth=False)]
