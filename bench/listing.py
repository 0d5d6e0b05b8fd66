"""Listing and search at 10^4 and 10^5 repositories: median and p95 of each kind of query, and the growth between the two.

Run `python -m bench listing`, or `python -m bench.listing [--postgres] [--sizes 10000,100000] [--limit 100]` for every kind of
query by itself. The catalogue is filled directly; what is timed is what one request costs below HTTP: the queries and the JSON
of the reply, interleaved over all kinds, in random order.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, insert, text
from tests.support import postgres

from bench.common import Bench, Row
from hanse.db import fragments, search
from hanse.db.engine import Database, sqlite_url
from hanse.db.schema import name_fragments, repo_tags, repos
from hanse.flows.access import visible_repos_clause
from hanse.model.actor import ANONYMOUS
from hanse.model.repo import RepoType
from hanse.web.hub.shapes import json_response, listed_json

WORDS = (
    *("llama", "bert", "mistral", "qwen", "gemma", "phi", "falcon", "small", "base", "large", "tiny", "mini"),
    *("instruct", "chat", "code", "vision", "math", "german", "legal", "med"),
)
TASKS = ("text-generation", "fill-mask", "text-classification", "feature-extraction", None)


def rows(count: int) -> Iterator[tuple[dict[str, object], list[str]]]:
    """Yield repositories with their tags: a few namespaces with many, many with few, rare and common tags."""
    made = random.Random(7)
    for number in range(1, count + 1):
        namespace = f"org{int(made.paretovariate(0.6)) % 20000}"
        name = f"{'-'.join(made.sample(WORDS, 3))}-{made.randrange(70)}b-v{number}"
        task = made.choice(TASKS)
        tags = [
            "transformers",
            "safetensors",
            f"license:{made.choice(('mit', 'apache-2.0', 'other'))}",
            f"base_model:x/{number % 5000}",
        ]
        tags += [task] if task else []
        private = made.random() < 0.05
        yield (
            {
                "id": number,
                "origin": "bench.example",
                "type": "model",
                "namespace": namespace,
                "name": name,
                "namespace_folded": namespace,
                "state": "live",
                "visibility": "private" if private else "public",
                "gated": "auto" if made.random() < 0.01 else "",
                "created_at": 1_700_000_000 + number,
                "updated_at": 1_700_000_000 + made.randrange(10_000_000),
                "downloads": int(made.paretovariate(0.5)) % 10**7 if made.random() < 0.3 else 0,
                "likes": 0,
                "head": f"{number:040x}",
                "search_text": f"{namespace}/{name}",
                "pipeline_tag": task,
                "library_name": "transformers",
                "parameters": made.randrange(10**11),
                "safetensors": json.dumps({"parameters": {"BF16": number}, "total": number}),
                "tags": json.dumps(tags),
                "card": json.dumps({"license": "mit", "language": ["en"], "text": "x" * 500}),
            },
            tags,
        )


def fill(database: Database, count: int) -> None:
    """Put `count` repositories into an empty catalogue."""
    batch: list[dict[str, object]] = []
    tagged: list[dict[str, object]] = []
    parts: list[dict[str, object]] = []

    def flush() -> None:
        with database.write() as conn:
            for table, values in ((repos, batch), (repo_tags, tagged), (name_fragments, parts)):
                if values:
                    conn.execute(insert(table), values)
                values.clear()

    for row, tags in rows(count):
        batch.append(row)
        tagged.extend({"tag": tag, "repo_id": row["id"]} for tag in tags)
        folded = str(row["search_text"])
        pieces = {folded[at : at + fragments.LENGTH] for at in range(len(folded))}
        parts.extend({"fragment": piece, "repo_id": row["id"]} for piece in pieces)
        if len(batch) == 5000:
            flush()
    flush()
    if database.dialect == "postgresql":
        with create_engine(database.url, isolation_level="AUTOCOMMIT").connect() as conn:
            conn.execute(text("VACUUM ANALYZE"))  # what autovacuum does after a while


def queries(limit: int) -> dict[str, Callable[[random.Random], search.Query]]:
    """Return the kinds of query, by name."""
    visible = visible_repos_clause(ANONYMOUS)

    def make(**fields: object) -> search.Query:
        return search.Query(RepoType.MODEL, visible, limit=limit, **fields)  # type: ignore[arg-type]

    return {
        "newest": lambda _: make(),
        "downloads": lambda _: make(order="downloads"),
        "likes, all equal, page in the middle": lambda made: make(order="likes", after=(0, made.randrange(1, 10**4))),
        "search, rare": lambda made: make(terms=(f"-v{made.randrange(10**4)}",)),
        "search, common": lambda made: make(terms=(made.choice(WORDS),), order="downloads"),
        "search, middling": lambda made: make(terms=(f"{made.choice(WORDS)}-{made.choice(WORDS)}",), order="downloads"),
        "search, one letter": lambda made: make(terms=(made.choice("abcdexyz"),)),
        "search, two terms": lambda made: make(terms=(made.choice(WORDS), f"-{made.randrange(70)}b")),
        "search, nothing": lambda made: make(terms=(f"zz{made.randrange(10**6)}",)),
        "author, big": lambda _: make(author="org1", order="downloads"),
        "author, small": lambda made: make(author=f"org{made.randrange(5000)}"),
        "tag, rare": lambda made: make(tags=(f"base_model:x/{made.randrange(5000)}",)),
        "tags, common": lambda made: make(tags=("transformers", f"license:{made.choice(('mit', 'other'))}"), order="downloads"),
        "task and search": lambda made: make(pipeline_tag="fill-mask", terms=(made.choice(WORDS),), order="likes"),
        "parameters, rare": lambda _: make(parameters=(10**9, 10**9 + 10**7)),
        "parameters, common": lambda _: make(parameters=(6 * 10**9, 10**11)),
        "gated": lambda _: make(gated=True),
        "contradiction of common tags": lambda _: make(tags=("license:mit", "license:other")),
    }


def measure(database: Database, rounds: int, limit: int) -> dict[str, list[float]]:
    """Return milliseconds of every run, by kind of query."""
    kinds = queries(limit)
    order = random.Random(3)
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(rounds + 2):
        names = list(kinds)
        order.shuffle(names)
        for name in names:
            query = kinds[name](order)
            started = time.perf_counter()
            with database.read() as conn:
                page = search.find(conn, query)
            json_response([listed_json(b"k" * 32, RepoType.MODEL, row) for row in page])
            if turn >= 2:
                found[name].append((time.perf_counter() - started) * 1000)
    return found


@contextmanager
def catalogue(kind: str, folder: Path) -> Iterator[Database]:
    """Give an empty migrated catalogue."""
    if kind == "sqlite":
        database = Database(sqlite_url(folder / "bench.db"))
    else:
        cluster = postgres.new_folder()
        postgres.start(cluster, os.getpid())
        with postgres.connect(cluster) as connection:
            connection.execute("CREATE DATABASE bench")
        database = Database(postgres.url(cluster, "bench"))
    database.migrate()
    yield database
    database.close()
    if kind != "sqlite":
        postgres.stop(cluster)


def p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def results_of(kind: str, sizes: list[int], rounds: int, limit: int) -> list[dict[str, list[float]]]:
    """Fill a catalogue of each size and return what `measure` finds in it."""
    results = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, catalogue(kind, Path(folder)) as database:
            fill(database, size)
            results.append(measure(database, rounds, limit))
    return results


def run(bench: Bench) -> list[Row]:
    """Return p95 over all kinds of query, the slowest kind, and the growth, on both databases."""
    rows: list[Row] = []
    for kind in ("sqlite", "postgresql"):
        small, large = results_of(kind, [10_000, 100_000], 10 * bench.rounds, 100)
        for size, found in (("10^4", small), ("10^5", large)):
            everything = [value for values in found.values() for value in values]
            rows.append(Row(f"{kind}, {size} repositories: p95 over all queries", f"{p95(everything):.1f} ms", "50 ms"))
        worst = max(large, key=lambda name: p95(large[name]))
        rows.append(Row(f"{kind}, 10^5: slowest kind of query ({worst}), p95", f"{p95(large[worst]):.1f} ms", "50 ms"))
        medians = [statistics.median([statistics.median(values) for values in found.values()]) for found in (small, large)]
        rows.append(Row(f"{kind}: growth of the median from 10^4 to 10^5", f"{medians[1] / medians[0]:.2f} x", "2 x"))
    return rows


def main() -> None:
    """Fill, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    results = results_of("postgresql" if options.postgres else "sqlite", sizes, options.rounds, options.limit)
    print(
        f"{'query':40} " + " ".join(f"{size + ' p50':>12} {'p95':>8}" for size in options.sizes.split(",")) + "   growth of p50"
    )
    for name in results[0]:
        cells = " ".join(f"{statistics.median(one[name]):12.2f} {p95(one[name]):8.2f}" for one in results)
        print(f"{name:40} {cells}   {statistics.median(results[-1][name]) / statistics.median(results[0][name]):.2f}")
    for one, size in zip(results, options.sizes.split(","), strict=True):
        everything = [value for values in one.values() for value in values]
        print(f"all queries, {size} repositories: p50 {statistics.median(everything):.2f} ms, p95 {p95(everything):.2f} ms")


if __name__ == "__main__":
    main()
