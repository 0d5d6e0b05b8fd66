"""The one list of all routes; order matters only where patterns overlap, the most open ones come last."""

from __future__ import annotations

from importlib import import_module

from hanse.web.routing import Route

MODULES = (
    "hanse.web.health",
    "hanse.web.metrics",
    "hanse.web.cas.token",
    "hanse.web.cas.reconstructions",
    "hanse.web.cas.xorbs",
    "hanse.web.cas.shards",
    "hanse.web.cas.chunks",
    "hanse.web.cas.data",
    "hanse.web.cas.telemetry",
    "hanse.web.files",
    "hanse.web.log.tiles",
    "hanse.web.hub.identity",
    "hanse.web.hub.repos",
    "hanse.web.hub.info",
    "hanse.web.hub.listing",
    "hanse.web.hub.tree",
    "hanse.web.hub.refs",
    "hanse.web.hub.preupload",
    "hanse.web.hub.commit",
    "hanse.web.hub.lfs",
    "hanse.web.hub.lfs_files",
    "hanse.web.git",
    "hanse.web.hub.discussions",
    "hanse.web.hub.gating",
    "hanse.web.hub.card",
    "hanse.web.hub.safetensors",
    "hanse.web.hub.scans",
    "hanse.web.log.evidence",
    "hanse.web.log.advisories",
    "hanse.web.log.evaluations",
    "hanse.web.log.evaluating",
    "hanse.web.log.owners",
    "hanse.web.log.federation",
    "hanse.web.log.status",
    "hanse.web.log.witness",
    "hanse.web.hub.resolve",
    "hanse.web.pages.status",
    "hanse.web.pages.site",
)


def all_routes() -> list[Route]:
    """Return every route of the node."""
    routes: list[Route] = []
    for module in MODULES:
        routes.extend(import_module(module).ROUTES)
    return routes
