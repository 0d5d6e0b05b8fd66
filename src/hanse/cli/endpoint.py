"""`hanse endpoint`: serve a model whose files were verified, and attest to callers that these files answer."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hanse.cli.evaluating import EVALUATOR, Running, api_key, engine_of, signer_of, subject_of
from hanse.errors import BadSetting, InputError

if TYPE_CHECKING:
    from hanse.flows.evaluate.serving import Member

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def endpoint(
    target: Annotated[str, Parameter(help="NAMESPACE/NAME[@REVISION] to pull, or FOLDER with a GGUF file.")],
    /,
    *,
    key: Annotated[str, Parameter(help="Key of your node for statements: a PEM file, or a place such as hsm:3?label=TOKEN.")],
    member: Annotated[str, Parameter(name="--as", help="Origin of your institution.")],
    hours: Annotated[float, Parameter(help="For how long an attestation holds, 12 at most.")] = 6.0,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port; 0 takes a free one.")] = 8100,
    api_key_file: Annotated[Path | None, Parameter(help="File with a key that callers must show.")] = None,
    engine: Annotated[Literal["xllamacpp", "transformers"], Parameter(help="Engine.")] = "xllamacpp",
    python: Annotated[str, Parameter(help="Interpreter of the environment that has the engine.")] = "",
    threads: Annotated[int, Parameter(help="Threads of computing.")] = 1,
    context: Annotated[int, Parameter(help="Tokens of context.")] = 4096,
) -> int:
    """Serve a model in the OpenAI form: its files are verified, loaded, and attested to whoever sends a challenge.

    `hanse evaluate NAMESPACE/NAME@REV --api URL` of a caller who trusts the key makes records of the class `bound`.
    """
    from hanse.clock import SystemClock
    from hanse.flows.evaluate.serving import ServedModel
    from hanse.settings import from_machine
    from hanse.web import serving
    from hanse.web.endpoint import EndpointApp

    shown = "" if api_key_file is None else api_key(api_key_file)
    if api_key_file is not None and not shown:
        raise BadSetting(f"{api_key_file} holds no key")
    if host not in _LOOPBACK and not shown:
        raise InputError(f"whoever reaches {host} would use this machine", hint="--api-key-file FILE, or listen on 127.0.0.1")
    whom = _member(member, key, hours)
    settings = from_machine({"host": host, "port": port})
    with closing(serving.bind(settings)) as listener:
        chosen = Running(engine=engine, python=python, threads=threads, context=context)
        subject, digests = subject_of(target, chosen)
        with engine_of(subject, chosen) as started:
            model = ServedModel(subject, started, whom, SystemClock(), names=_names(target, subject.name), digests=digests)
            print(f"{subject.name}, tree {subject.tree}\nattested by {whom.origin}, key {whom.signer.public.fingerprint}")
            app = EndpointApp(model, shown, lambda: os.kill(os.getpid(), signal.SIGTERM))
            serving.run(app, settings, listener)
    return 0


def _member(origin: str, key: str, hours: float) -> Member:
    from hanse.flows.evaluate.serving import Member
    from hanse.model.repo import parse_origin

    if origin == EVALUATOR:
        raise InputError("an attestation names who makes it", hint="--as ORIGIN")
    if not 0 < hours <= 12:
        raise InputError("an attestation holds for 12 hours at most", hint="callers ask for a new one by themselves")
    return Member(parse_origin(origin), signer_of(key), max(1, round(hours * 3600)))


def _names(target: str, name: str) -> tuple[str, ...]:
    """Return what callers may call the model: as it was named, without a revision, and with the commit that was pulled."""
    bare = name.partition("@")[0] if Path(target).exists() else target.partition("@")[0]
    return tuple(dict.fromkeys((bare, name)))
