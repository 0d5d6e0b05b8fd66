"""Decisions: each rule refuses, warns and passes where it says so, and says what would make it pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.facts import HOME, NOW, cosigned, good, log, signed, with_log

from hanse.errors import PolicyError
from hanse.model.decision import (
    EvidenceFacts,
    Known,
    NameKind,
    NewerList,
    OwnerChange,
    Quorum,
    Rung,
    Scanned,
    Signed,
    State,
    Want,
)
from hanse.model.finding import Coverage, Verdict
from hanse.policy import rules
from hanse.policy.decide import decide
from hanse.policy.parse import parse_policy, unusable
from hanse.policy.presets import CAREFUL, OPEN, PRESETS, STRICT
from hanse.policy.rules import Policy

NOTHING = EvidenceFacts(now=NOW, want=Want.PINNED, kind=NameKind.OWNED)


def policy(text: str = "", base: str = "careful") -> Policy:
    """Return a policy that differs from its base in `text`."""
    return parse_policy(f"policy = 1\nbase = '{base}'\n{text}")


def failed(found: Policy, facts: EvidenceFacts) -> set[str]:
    """Return the names of the rules that failed."""
    return {one.rule for one in decide(found, facts).failed}


def warned(found: Policy, facts: EvidenceFacts) -> set[str]:
    """Return the names of the rules that warned."""
    return {one.rule for one in decide(found, facts).warnings}


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_good_is_accepted(name: str) -> None:
    """What owner and two others signed, witnessed, mirrored, scanned and fresh, satisfies every preset without a word."""
    decision = decide(PRESETS[name], good("b.example", "c.example"))
    assert (decision.state, decision.warnings, decision.rung) == (State.ACCEPTED, (), Rung.WITNESSED)
    decision.require()


def test_an_unusable_policy_refuses_everything() -> None:
    """What cannot be read is no permission."""
    decision = decide(unusable("it is empty"), good("b.example", "c.example"))
    assert decision.state is State.REFUSED
    with pytest.raises(PolicyError, match="it is empty"):
        decision.require()


def test_every_failure_is_listed_with_its_remedy() -> None:
    """Nobody has to repair one rule to learn of the next; every failure says what would make it pass."""
    decision = decide(STRICT, replace(NOTHING, want=Want.LATEST))
    assert {one.rule for one in decision.failed} >= {
        "signers",
        "owner",
        "witness",
        "latest",
        "mirror",
        "freshness",
        "scan",
        "rung",
    }
    assert all(one.remedy for one in decision.failed)
    with pytest.raises(PolicyError) as caught:
        decision.require()
    assert len(caught.value.failed) == len(decision.failed)
    assert caught.value.hint


def test_one_signature_is_not_two() -> None:
    """A member that signs twice, or one key that two logs claim, counts once."""
    two = policy("[signers]\nneed = 2")
    facts = good()
    again = replace(signed(HOME), key="f" * 64)
    assert "signers" in failed(two, replace(facts, signatures=(*facts.signatures, again)))
    copied = replace(facts.signatures[0], member="b.example", log="b.example", owner=False)
    assert "signers" in failed(two, replace(good("b.example"), signatures=(facts.signatures[0], copied)))
    assert failed(two, good("b.example")) == set()


def test_signers_of_a_group() -> None:
    """Only members and keys of the group count, and the owner only if it has him."""
    text = "[signers]\nneed = 1\nof = 'trusted'\n[groups.trusted]\nmembers = ['b.example']"
    assert "signers" in failed(policy(text), good())
    assert failed(policy(text), good("b.example")) == set()
    by_key = text.replace("members = ['b.example']", f"keys = ['{signed('b.example').key}']")
    assert failed(policy(by_key), good("b.example")) == set()


def test_more_thresholds() -> None:
    """`also` adds thresholds that must be met too."""
    text = "[signers]\nneed = 1\nalso = [{ need = 1, of = 'south' }]\n[groups.south]\nmembers = ['c.example', 'd.example']"
    assert "signers" in failed(policy(text), good("b.example"))
    assert failed(policy(text), good("c.example")) == set()


def test_an_owned_name_needs_its_owner() -> None:
    """Others alone, however many, cannot speak for a name that has an owner."""
    facts = good("b.example", "c.example", "d.example")
    others = replace(facts, signatures=facts.signatures[1:])
    assert {"owner", "rung"} <= failed(CAREFUL, others)
    assert decide(OPEN, others).rung is Rung.LOCAL


def test_observers_answer_for_upstreams() -> None:
    """A mirrored name needs no owner; as many observers as asked must say that it is the latest."""
    facts = replace(good("b.example"), kind=NameKind.MIRRORED, signatures=(signed(HOME), signed("b.example")))
    two = policy("[signers]\nneed = 2")
    assert failed(two, facts) == set()
    assert {"mirror", "freshness"} <= failed(two, with_log(facts, "b.example", current=False))
    assert warned(two, replace(facts, rivals=1)) == {"agreement"}
    assert failed(two, replace(facts, rivals=2)) == {"agreement"}, "a tie is no agreement"


def test_owner_held() -> None:
    """Where the policy asks for it, the operator's word is not the owner's."""
    held = policy("[owner]\nheld = true")
    assert failed(held, good()) == {"owner-held"}
    facts = good()
    assert failed(held, replace(facts, signatures=(signed(HOME, owner=True, held=True),))) == set()


def test_a_log_is_no_witness_of_itself() -> None:
    """Cosignatures by the operator's member name, key name, subdomain or key do not count."""
    own = [
        cosigned(HOME),
        replace(cosigned("b.example"), name=f"{HOME}/w2", member=""),
        replace(cosigned("b.example"), name=f"witness.{HOME}", member=""),
        replace(cosigned("b.example"), key="e" * 64),
    ]
    for one in own:
        facts = with_log(good(), HOME, witnesses=(one,), mirrors=(one,), keys=frozenset({"e" * 64}))
        assert {"witness", "mirror"} <= failed(CAREFUL, facts)


def test_witnesses_of_a_group() -> None:
    """Only cosigners of the group count; a name alone puts nobody into it."""
    text = "[witness]\nneed = 2\nof = 'ours'\n[groups.ours]\nmembers = ['b.example', 'c.example']"
    assert failed(policy(text), good()) == set()
    claimed = (cosigned("b.example"), replace(cosigned("c.example"), member=""))
    assert "witness" in failed(policy(text), with_log(good(), HOME, witnesses=claimed))


def test_one_set_of_signatures_satisfies_all_rules() -> None:
    """Two signatures of which one is witnessed and the other's log is known are not two that are both."""
    facts = with_log(good("b.example", "c.example"), "b.example", witnesses=())
    facts = with_log(facts, "c.example", known=Known.NEW)
    assert failed(STRICT, facts) == {"witness", "rung"}
    assert warned(STRICT, facts) >= {"first-use"}


def test_a_tlog_policy_stands_in() -> None:
    """A log with a tlog-policy of its own is judged by that, and not met where nobody evaluated it."""
    text = f"[witness.logs]\n'{HOME}' = 'quorum none'"
    assert "witness" in failed(policy(text), good())
    met = with_log(good(), HOME, witness=Quorum(NOW - 60))
    assert failed(policy(text), met) == set()
    assert "witness" in failed(policy(text), with_log(good(), HOME, witness=Quorum(None, "cosigned by none of w")))


def test_latest_needs_mirrors() -> None:
    """Witnesses prove append-only; what is latest needs those who replayed, unless the tree is pinned."""
    facts = with_log(good(), HOME, mirrors=())
    assert failed(CAREFUL, facts) == {"mirror", "freshness"}
    assert failed(CAREFUL, replace(facts, want=Want.PINNED)) == set()
    assert "latest" in failed(CAREFUL, with_log(good(), HOME, current=False))
    assert "latest" in failed(CAREFUL, with_log(good("b.example"), HOME, current=False)), "only the owner's log says it"


@pytest.mark.parametrize(
    ("want", "state"), [(Want.LATEST, State.REFUSED), (Want.PINNED, State.STALE), (Want.REVISION, State.REFUSED)]
)
def test_stale_is_a_state_of_its_own(want: Want, state: State) -> None:
    """Old evidence of a pinned tree is accepted as stale, with since when; a ref or bare commit id is refused."""
    decision = decide(CAREFUL, replace(good(age=100_000), want=want))
    assert (decision.state, decision.stale_since) == (state, NOW - 100_000)
    assert decide(CAREFUL, replace(good(age=30_000), want=want)).state is State.ACCEPTED
    assert "freshness" in warned(CAREFUL, replace(good(age=30_000), want=want))


def test_freshness_is_that_of_a_quorum() -> None:
    """One fresh cosignature among stale ones does not make two fresh ones."""
    two = policy("[mirror]\nneed = 2")
    by = (cosigned("b.example", 10), cosigned("c.example", 200_000))
    assert decide(two, with_log(good(), HOME, mirrors=by)).stale_since == NOW - 200_000
    assert decide(two, with_log(good(), HOME, mirrors=(*by, cosigned("d.example", 20)))).state is State.ACCEPTED


def test_first_use() -> None:
    """A key never met before is called so; strict refuses it, unless others suffice."""
    facts = with_log(good("b.example", "c.example"), HOME, known=Known.NEW)
    assert warned(OPEN, facts) == {"first-use"}
    assert "first-use" in failed(STRICT, facts)
    assert failed(STRICT, with_log(good("b.example", "c.example"), "c.example", known=Known.NEW)) == set()
    assert "first-use" in failed(STRICT, replace(good("b.example"), owner=Known.NEW))


def test_changed_keys() -> None:
    """Another key than the pinned one is refused by every preset; a logged transfer explains the owner's."""
    for preset in PRESETS.values():
        changed = replace(good("b.example", "c.example"), owner=Known.CHANGED)
        assert failed(preset, changed) == {"pins"}
        moved = replace(changed, owner_change=OwnerChange.TRANSFERRED)
        assert (failed(preset, moved), warned(preset, moved)) == (set(), {"owner-change"})
        assert "owner-change" in failed(preset, replace(good("b.example"), owner_change=OwnerChange.UNEXPLAINED))
    assert "pins" in failed(CAREFUL, with_log(good(), HOME, known=Known.CHANGED))
    assert "pins" in warned(CAREFUL, with_log(good("b.example"), "b.example", known=Known.CHANGED))


def test_a_second_tree_is_always_refused() -> None:
    """No policy makes two trees of one commit id acceptable."""
    lenient = policy("[pins]\nfirst_use = 'allow'\nchanged = 'warn'", "open")
    assert failed(lenient, replace(good(), tree_changed=True)) == {"tree"}


@pytest.mark.parametrize(
    ("verdict", "coverage", "refuses"),
    [
        (Verdict.CAUTION, Coverage.COMPLETE, set()),
        (Verdict.SUSPICIOUS, Coverage.COMPLETE, {"careful", "strict"}),
        (Verdict.MALICIOUS, Coverage.COMPLETE, {"open", "careful", "strict"}),
        (Verdict.SAFE, Coverage.INCONCLUSIVE, {"strict"}),
        (Verdict.SAFE, Coverage.ERROR, {"strict"}),
    ],
)
def test_verdicts(verdict: Verdict, coverage: Coverage, refuses: set[str]) -> None:
    """Each preset tolerates what it says, and warns of what it tolerates."""
    facts = replace(good("b.example", "c.example"), scans=(Scanned("", verdict, coverage),))
    for name, preset in PRESETS.items():
        assert ("scan" in failed(preset, facts)) == (name in refuses)
        assert "scan" in failed(preset, facts) | warned(preset, facts)


def test_whose_scans_count() -> None:
    """Scans of others than the group only warn; the worst verdict counts, and the best coverage."""
    text = "[scan]\nof = 'labs'\nmissing = 'refuse'\n[groups.labs]\nmembers = ['b.example']"
    bad = Scanned("x.example", Verdict.MALICIOUS, Coverage.COMPLETE, "1" * 64)
    fine = Scanned("b.example", Verdict.SAFE, Coverage.COMPLETE, "2" * 64)
    broken = Scanned("b.example", Verdict.SAFE, Coverage.ERROR, "3" * 64)
    assert failed(policy(text), replace(good(), scans=(bad,))) == {"scan"}
    assert (failed(policy(text), replace(good(), scans=(bad, fine, broken)))) == set()
    assert warned(policy(text), replace(good(), scans=(bad, fine, broken))) == {"scan"}


def test_advisories_have_an_age() -> None:
    """Maps of advisories that are missing or old are refused or remarked on, as the policy says."""
    facts = good("b.example", "c.example")
    for origin in (HOME, "b.example", "c.example"):
        facts = with_log(facts, origin, advisories=False)
    assert failed(STRICT, facts) == {"advisories"}
    assert warned(CAREFUL, facts) == {"advisories"}


def test_the_ladder() -> None:
    """Each rung is reached by what its name says and by nothing less."""
    lonely = with_log(good("b.example"), "b.example", witnesses=())
    assert decide(OPEN, NOTHING).rung is Rung.LOCAL
    assert decide(OPEN, good()).rung is Rung.ATTESTED
    assert decide(OPEN, lonely).rung is Rung.AGREED
    assert decide(OPEN, good("b.example")).rung is Rung.WITNESSED
    four = policy("[signers]\nneed = 4", "open")
    assert decide(four, good("b.example", "c.example")).rung is Rung.ATTESTED


def test_quorum_none_is_no_witness() -> None:
    """A tlog-policy that asks for nobody does not make a log witnessed."""
    text = f"[witness.logs]\n'{HOME}' = 'quorum none'\n'b.example' = 'quorum none'"
    facts = good("b.example")
    for origin in (HOME, "b.example"):
        facts = with_log(facts, origin, witness=Quorum(NOW), witnesses=())
    assert decide(policy(text), facts).rung is Rung.AGREED


def test_a_bare_key() -> None:
    """A bundle that is in no log counts by its key: named by the policy, or met before."""
    bare = EvidenceFacts(now=NOW, want=Want.PINNED, kind=NameKind.BARE, signatures=(Signed("", "9" * 64),))
    named = policy(
        f"[signers]\nof = 'vendor'\n[witness]\nneed = 0\n[pins]\nfirst_use = 'refuse'\n[groups.vendor]\nkeys = ['{'9' * 64}']"
    )
    assert failed(named, bare) == set()
    anyone = policy("[witness]\nneed = 0\n[pins]\nfirst_use = 'refuse'")
    assert {"first-use", "rung"} <= failed(anyone, bare)
    assert failed(anyone, replace(bare, owner=Known.PINNED)) == set()
    assert "witness" in failed(CAREFUL, bare), "what is in no log is not witnessed"


def test_remarks() -> None:
    """A silent publisher and a clock that is behind are said, and refuse nothing."""
    facts = with_log(good("b.example"), HOME, silent_since=NOW - 500_000)
    assert warned(CAREFUL, facts) == {"silent"}
    ahead = with_log(good(), HOME, witnesses=(cosigned("b.example", -7200),))
    assert warned(CAREFUL, ahead) == {"clock"}


def test_a_lone_node_under_open() -> None:
    """Nobody else is needed to use one's own node: warnings, no refusal."""
    facts = replace(good(), logs=(log(HOME, home=True),))
    decision = decide(OPEN, facts)
    assert (decision.state, decision.rung) == (State.ACCEPTED, Rung.ATTESTED)


def test_an_unknown_group_has_nobody() -> None:
    """Policies made in code and not by the parser fail closed too."""
    wrong = replace(CAREFUL, signers=rules.Quorum(1, of="ghosts"))
    assert "signers" in failed(wrong, good("b.example"))


def test_a_newer_list_of_members() -> None:
    """A list that enough members' logs name is told of at once, and an hour after max_age refused where a policy says so."""
    rule = CAREFUL.freshness

    def facts(age: int, want: Want = Want.LATEST) -> EvidenceFacts:
        newer = NewerList("models.example", "targets", 3, 5, ("b.example", "c.example"), NOW - age)
        return replace(good("b.example", "c.example"), want=want, newer=(newer,))

    assert "list" in warned(CAREFUL, facts(rule.max_age + 3600))
    assert not failed(CAREFUL, facts(rule.max_age + 3600))
    assert failed(CAREFUL, facts(rule.max_age + 3601)) == {"list"}
    assert failed(STRICT, facts(STRICT.freshness.max_age + 3601)) == {"list"}
    assert "list" in warned(CAREFUL, facts(rule.max_age * 9, Want.PINNED))
    assert not failed(OPEN, facts(OPEN.freshness.max_age * 9))
    (line,) = [one for one in decide(CAREFUL, facts(10**6)).failed if one.rule == "list"]
    assert line.says.startswith("2 members' logs name version 5 of targets of models.example; here is 3, and that for 11 d")
    assert "hanse trust update" in line.remedy
