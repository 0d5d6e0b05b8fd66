"""Asks a witness or mirror for cosignatures over HTTP (C2SP tlog-witness)."""

from __future__ import annotations

from hanse.errors import BadFormat, PeerMisbehaved, PeerRefused, SizeConflict
from hanse.peers.client import PeerClient, parse_base
from hanse.tlog.addcheckpoint import UnverifiedRequest, parse_size
from hanse.tlog.note import SignatureLine, parse_signature_lines

MAX_ANSWER_BYTES = 512 * 1024
_MAX_SHOWN = 200


class WitnessClient:
    """One witness or mirror at an address such as `https://models.example.org/witness`. Safe for threads.

    Raises InputError on construction for something that is no address. All methods raise PeerDown, PeerTooSlow or
    PeerMisbehaved; PeerRefused if the answer is a refusal.
    """

    def __init__(self, client: PeerClient, url: str) -> None:
        self._client = client
        self.url = parse_base(url)

    def add_checkpoint(self, request: UnverifiedRequest) -> tuple[SignatureLine, ...]:
        """Return the signature lines that the witness answers, not verified.

        None of them: a mirror took the checkpoint and has yet to replay the log. Raises SizeConflict where it stands at another
        size.
        """
        answer = self._client.post(f"{self.url}/add-checkpoint", request.encode(), limit=MAX_ANSWER_BYTES)
        try:
            if answer.status == 200:
                return parse_signature_lines(answer.body) if answer.body else ()
            if answer.status == 409:
                size = parse_size(answer.body)
                raise SizeConflict(f"{self.url} stands at size {size} of the log", size=size)
        except BadFormat as error:
            raise PeerMisbehaved(f"{self.url} answers {answer.status} with something else than specified") from error
        said = " ".join(answer.body[:_MAX_SHOWN].decode("utf-8", "replace").split())
        raise PeerRefused(f"{self.url} answers {answer.status}: {said}", status=answer.status)

    def checkpoint(self, digest: str) -> bytes:
        """Return the newest checkpoint that it cosigned of the log with this origin hash: a signed note, not verified."""
        answer = self._client.get(f"{self.url}/{digest}/checkpoint", limit=MAX_ANSWER_BYTES)
        if answer.status != 200:
            raise PeerRefused(f"{self.url} answers {answer.status} for its checkpoint of the log", status=answer.status)
        return answer.body
