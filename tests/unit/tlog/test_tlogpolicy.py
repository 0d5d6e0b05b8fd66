"""tlog-policy: the syntax of the specification, what is a quorum, who may be in it, and what two of them share."""

from __future__ import annotations

from itertools import product

import pytest
from tests.support.signers import signer

from hanse.errors import BadFormat, PolicyError, TooLarge
from hanse.model.publickey import Scheme
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.note import ED25519, NoteKey
from hanse.tlog.tlogpolicy import (
    MAX_BYTES,
    MAX_ENTRIES,
    TlogPolicy,
    blocking,
    check_operator,
    make_tlog_policy,
    monitor_quorum,
    overlap,
    overlap_warnings,
    parse_tlog_policy,
    quorum_size,
    smallest_quorum,
)


def log_key(name: str) -> NoteKey:
    """Return the key of a log."""
    return NoteKey(name, signer(f"log {name}").public, ED25519)


def witness(name: str) -> NoteKey:
    """Return the key of the witness of that name."""
    return cosigner_key(f"{name}.example/witness", signer(name).public)


LOG = log_key("log.example")
X = {name: witness(name) for name in ("X1", "X2", "X3")}
Y = {name: witness(name) for name in ("Y1", "Y2", "Y3")}
KEYS = "".join(f"witness {name} {key.text}\n" for name, key in (X | Y).items())
EXAMPLE = f"""log {LOG.text}

{KEYS}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_specification() -> None:
    """Two of the X and one of the Y are a quorum, and nothing less is."""
    policy = parse_tlog_policy(EXAMPLE)
    assert [one.key for one in policy.logs] == [LOG]
    for flags in product((False, True), repeat=6):
        chosen = {name for name, flag in zip((*X, *Y), flags, strict=True) if flag}
        assert policy.satisfied(chosen) == (len(chosen & X.keys()) >= 2 and bool(chosen & Y.keys()))
    assert policy.names([X["X2"], LOG, witness("stranger")]) == {"X2"}
    assert policy.counted == X.keys() | Y.keys()


def test_whitespace_comments_and_urls() -> None:
    """Spaces and tabs separate, lines may be indented or empty, comments are ignored, addresses are kept."""
    text = f"# note\n  \t\n\t log  {LOG.text}\thttps://log.example/ \n \t# quorum none\n"
    text += f"witness a {X['X1'].text} https://w/\nquorum a\n"
    policy = parse_tlog_policy(text)
    assert (policy.logs[0].url, policy.witnesses["a"].url, policy.quorum) == ("https://log.example/", "https://w/", "a")


def test_quorum_none_and_one_witness() -> None:
    """`none` asks for nothing; a witness's name asks for that one."""
    assert parse_tlog_policy("quorum none\n").satisfied(set())
    alone = parse_tlog_policy(f"witness a {X['X1'].text}\nquorum a\n")
    assert (alone.satisfied({"a"}), alone.satisfied(set())) == (True, False)


def test_names_are_opaque_octets() -> None:
    """Octets that are no UTF-8 are names like others, and look-alikes are different names."""
    text = b"witness \xff\xfe " + X["X1"].text.encode() + b"\nwitness \xe2\x84\xaa " + X["X2"].text.encode() + b"\n"
    policy = parse_tlog_policy(text + b"group K all \xff\xfe \xe2\x84\xaa\nquorum K\n")
    assert len(policy.counted) == 2
    no_break = parse_tlog_policy(f"witness a\u00a0b {X['X1'].text}\nquorum a\u00a0b\n")
    assert list(no_break.witnesses) == ["a\u00a0b"], "only space and tab separate"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# only words\n",
        "quorum none",
        "quorum none\r\n",
        "quorum none\nquorum none\n",
        "quorum a\n",
        "quorum\n",
        "quorum none none\n",
        "Quorum none\n",
        "quorum none\x00\n",
        "quorum none # why\n",
        "logs x\nquorum none\n",
        "log x\nquorum none\n",
        f"log {LOG.text} url more\nquorum none\n",
        f"log {LOG.text}\nlog {LOG.text}\nquorum none\n",
        f"log {NoteKey('other.example', LOG.public, ED25519).text}\nlog {LOG.text}\nquorum none\n",
        f"log {X['X1'].text}\nquorum none\n",
        f"witness a {LOG.text}\nquorum a\n",
        f"witness none {X['X1'].text}\nquorum none\n",
        f"witness a {X['X1'].text}\nwitness a {X['X2'].text}\nquorum a\n",
        f"witness a {X['X1'].text}\nwitness b {cosigner_key('b.example', X['X1'].public).text}\nquorum a\n",
        f"witness a {X['X1'].text[:-4]}\nquorum a\n",
        f"quorum a\nwitness a {X['X1'].text}\n",
        f"witness a {X['X1'].text}\ngroup a any a\nquorum a\n",
        f"witness a {X['X1'].text}\ngroup none any a\nquorum a\n",
        f"witness a {X['X1'].text}\ngroup g any g\nquorum g\n",
        f"witness a {X['X1'].text}\ngroup g any none\nquorum g\n",
        f"witness a {X['X1'].text}\ngroup g 2 a a\nquorum g\n",
        f"witness a {X['X1'].text}\ngroup g any a\ngroup h any a\nquorum g\n",
        f"witness a {X['X1'].text}\ngroup g any\nquorum a\n",
        *(
            f"witness a {X['X1'].text}\ngroup g {need} a\nquorum g\n"
            for need in ("0", "2", "-1", "+1", "1.0", "ALL", "1_0", "\u0661")
        ),
    ],
)
def test_what_the_specification_does_not_allow(text: str) -> None:
    """Every deviation is refused; nothing is skipped or guessed."""
    with pytest.raises(BadFormat):
        parse_tlog_policy(text)


def test_errors_name_the_line() -> None:
    """Whoever wrote the file finds the place."""
    with pytest.raises(BadFormat, match="line 2 "):
        parse_tlog_policy("# fine\nwitness a\nquorum none\n")


def test_bounds() -> None:
    """More than 128 witnesses or 256 KiB are refused; 128 logs, witnesses and groups are taken."""
    lines = [f"witness w{number} {witness(f'w{number}').text}" for number in range(MAX_ENTRIES)]
    lines += [f"group g{number} any w{number}" for number in range(MAX_ENTRIES)]
    full = "\n".join([*lines, "quorum g3", ""])
    assert parse_tlog_policy(full).satisfied({"w3"})
    with pytest.raises(TooLarge):
        parse_tlog_policy(f"witness w {witness('extra').text}\n{full}")
    with pytest.raises(TooLarge):
        parse_tlog_policy("#" * MAX_BYTES + "\nquorum none\n")


def test_post_quantum_witnesses() -> None:
    """Witnesses may have ML-DSA-44 keys."""
    key = cosigner_key("pq.example", signer("pq", Scheme.ML_DSA_44).public)
    assert parse_tlog_policy(f"witness a {key.text}\nquorum a\n").names([key]) == {"a"}


def test_since() -> None:
    """The time of a quorum is that of its oldest member, for the newest quorum there is."""
    policy = parse_tlog_policy(EXAMPLE)
    assert policy.since({"X1": 5, "X2": 9, "X3": 7, "Y1": 1, "Y2": 8}) == 7
    assert policy.since({"X1": 5, "X2": 9}) is None


@pytest.mark.parametrize(
    "own",
    [
        cosigner_key("log.example", signer("any").public),
        cosigner_key("LOG.example/witness", signer("any").public),
        cosigner_key("witness.log.example", signer("any").public),
        cosigner_key("elsewhere.example", LOG.public),
        cosigner_key("elsewhere.example", signer("known").public),
    ],
)
def test_no_operator_witnesses_itself(own: NoteKey) -> None:
    """A witness named after the log, or with a key of its operator, makes the policy unusable, deep in a group too."""
    text = f"log {LOG.text}\nwitness a {X['X1'].text}\nwitness b {own.text}\ngroup g any b\ngroup h all g a\nquorum h\n"
    keys = {signer("known").public.fingerprint}
    with pytest.raises(PolicyError, match="cannot witness itself") as caught:
        check_operator(parse_tlog_policy(text), "log.example", keys)
    assert len(caught.value.failed) == 1
    check_operator(parse_tlog_policy(text.replace("quorum h", "quorum a")), "log.example", keys)


def test_a_policys_own_name_for_the_operator() -> None:
    """Whoever calls a witness by the log's name means its operator."""
    with pytest.raises(PolicyError):
        check_operator(parse_tlog_policy(f"witness log.example {X['X1'].text}\nquorum log.example\n"), "log.example")


def brute_overlap(policy: TlogPolicy) -> int:
    """Return the smallest number of witnesses that two quorums share, by trying all pairs."""
    names = sorted(policy.witnesses)
    sets = [{name for name, flag in zip(names, flags, strict=True) if flag} for flags in product((0, 1), repeat=len(names))]
    quorums = [one for one in sets if policy.satisfied(one)]
    return min(len(one & other) for one in quorums for other in quorums)


@pytest.mark.parametrize(
    ("groups", "size", "shared", "blocks"),
    [
        ("group q 2 X1 X2 X3", 2, 1, 2),
        ("group q all X1 X2 X3", 3, 3, 1),
        ("group q any X1 X2 X3", 1, 0, 3),
        ("group q 3 X1 X2 X3 Y1", 3, 2, 2),
        ("group x 2 X1 X2 X3\ngroup y any Y1 Y2 Y3\ngroup q all x y", 3, 1, 2),
        ("group x 2 X1 X2 X3\ngroup y 2 Y1 Y2 Y3\ngroup q any x y", 2, 0, 4),
        ("group x all X1 X2\ngroup q 2 x X3 Y1", 2, 1, 2),
    ],
)
def test_what_quorums_share(groups: str, size: int, shared: int, blocks: int) -> None:
    """Size, overlap and blocking sets of nested groups are exact."""
    policy = parse_tlog_policy(f"{KEYS}{groups}\nquorum q\n")
    assert (quorum_size(policy), overlap(policy), blocking(policy)) == (size, shared, blocks)
    assert brute_overlap(policy) == shared


def test_warnings() -> None:
    """A policy says so where liars among the witnesses could show two readers different logs, or silence stops it."""
    policy = parse_tlog_policy(f"{KEYS}group q 2 X1 X2 X3\nquorum q\n")
    assert overlap_warnings(policy) == ()
    assert "need not share an honest witness" in overlap_warnings(policy, 1)[0]
    everyone = parse_tlog_policy(f"{KEYS}group q all X1 X2 X3\nquorum q\n")
    assert overlap_warnings(everyone, 1) == ("1 silent witness is enough to stop it",)
    assert "alone decides" in overlap_warnings(parse_tlog_policy("quorum none\n"))[0]
    twice = cosigner_key("X1.example/second", signer("second").public)
    same = parse_tlog_policy(f"{KEYS}witness X4 {twice.text}\ngroup q all X1 X4\nquorum q\n")
    assert overlap_warnings(same) == ("X1 and X4 are of one operator, x1.example",)


@pytest.mark.parametrize(
    ("witnesses", "faulty", "need"),
    [(3, 0, 2), (4, 0, 3), (4, 1, 3), (5, 0, 3), (5, 1, 4), (7, 0, 4), (7, 1, 5), (7, 2, 5), (9, 2, 6), (9, 1, 6), (1, 0, 1)],
)
def test_arithmetic(witnesses: int, faulty: int, need: int) -> None:
    """The smallest quorum is that of 2k - n > f, as long as the honest suffice."""
    assert smallest_quorum(witnesses, faulty) == need
    assert monitor_quorum(witnesses, need, faulty) <= witnesses


@pytest.mark.parametrize(("witnesses", "faulty"), [(0, 0), (1, 1), (3, 1), (6, 2)])
def test_too_few_witnesses(witnesses: int, faulty: int) -> None:
    """Fewer than 3f + 1 witnesses cannot stand f that lie or are silent."""
    with pytest.raises(PolicyError):
        smallest_quorum(witnesses, faulty)


def test_made_policies() -> None:
    """What is generated parses to what was asked for, and never lets the log's operator in."""
    policy = parse_tlog_policy(make_tlog_policy(LOG, X, 2, "https://log.example/log"))
    assert (policy.satisfied({"X1", "X3"}), policy.satisfied({"X1"}), policy.logs[0].url) == (
        True,
        False,
        "https://log.example/log",
    )
    assert parse_tlog_policy(make_tlog_policy(LOG, {}, 0)).quorum == "none"
    named = {"witnesses": X["X1"], "quorum": X["X2"]}
    assert parse_tlog_policy(make_tlog_policy(LOG, named, 1)).counted == named.keys()
    with pytest.raises(PolicyError):
        make_tlog_policy(LOG, {"own": cosigner_key("log.example/witness", signer("own").public)}, 1)
    with pytest.raises(BadFormat):
        make_tlog_policy(LOG, X, 4)
