"""All commands of the `hanse` command line: four groups of verbs, each in its own file and imported only when called."""

from __future__ import annotations

from cyclopts import App, Group, Parameter

from hanse import __version__

USE = Group("Use", sort_key=1)
PUBLISH = Group("Publish", sort_key=2)
NODE = Group("Run a node", sort_key=3)
FEDERATE = Group("Federate", sort_key=4)

app = App(
    name="hanse",
    version=__version__,
    help="Hanse: an open-model hub that no single institution can derail.",
    default_parameter=Parameter(negative=()),
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
app.command("hanse.cli.completion:completion", name="completion", group=USE, help="Install tab completion for your shell.")
app.command("hanse.cli.federation:app", name="federation", group=FEDERATE, help="Join with others, and change it together.")
app.command("hanse.cli.run:run", name="run", group=USE, help="Run a program that gets only verified bytes.")
app.command("hanse.cli.gateway:app", name="gateway", group=USE, help="Serve verified bytes to a session's programs.")
app.command("hanse.cli.audit:audit", name="audit", group=USE, help="Say what the model files on this machine are.")
app.command("hanse.cli.cache:app", name="cache", group=USE, help="The store of verified files on this machine.")
app.command(
    "hanse.cli.evaluate:evaluate", name="evaluate", group=PUBLISH, help="Run a suite on a model; others can check the record."
)
app.command("hanse.cli.reproduce:reproduce", name="reproduce", group=PUBLISH, help="Check a record of an evaluation.")
app.command("hanse.cli.endpoint:endpoint", name="endpoint", group=PUBLISH, help="Serve a model, and attest which files answer.")
app.command("hanse.cli.job:app", name="job", group=NODE, help="Evaluations that a node is to make, and who makes them.")
app.command("hanse.cli.evaluations:evaluations", name="evaluations", group=USE, help="List evaluations of a revision.")
app.command("hanse.cli.evaluations:fetch_record", name="fetch-record", group=USE, help="Fetch a record with what lies behind it.")
app.command("hanse.cli.reproduce:compare", name="compare", group=USE, help="Lay two evaluations side by side.")
app.command("hanse.cli.reproduce:publish", name="log-record", group=NODE, help="Log a record of an evaluation on a node.")
app.command("hanse.cli.exchange:import_log", name="import-log", group=PUBLISH, help="Make a run out of another harness's log.")
app.command("hanse.cli.exchange:import_claims", name="import-claims", group=PUBLISH, help="Pass on published results as claims.")
app.command("hanse.cli.exchange:export_record", name="export-record", group=PUBLISH, help="Write a record for others' programs.")
app.command("hanse.cli.find:find", name="find", group=USE, help="Say who holds the bytes of a digest or a file, since when.")
app.command(
    "hanse.cli.conform:conform", name="conform", group=NODE, help="Say how a server or client stands up to a hostile origin."
)
app.command("hanse.cli.cite:cite", name="cite", group=USE, help="Print a citation of exactly one revision.")
app.command("hanse.cli.login:login", name="login", group=USE, help="Keep a token for a server, shown to that server only.")
app.command("hanse.cli.login:logout", name="logout", group=USE, help="Forget the token for a server.")
app.command(
    "hanse.cli.pull:pull", name=("pull", "download"), group=USE, help="Get a model, every byte verified before it is used."
)
app.command("hanse.cli.log:app", name="log", group=FEDERATE, help="Look into a transparency log, and check it.")
app.command("hanse.cli.policy:app", name="policy", group=FEDERATE, help="Say what must hold before a model is used.")
app.command("hanse.cli.scan:app", name="scan", group=PUBLISH, help="Judge model files and folders before anything loads them.")
app.command("hanse.cli.advisory:app", name="advisory", group=PUBLISH, help="Warn of models, and say who warns of what.")
app.command("hanse.cli.copies:copies", name="copies", group=PUBLISH, help="Say whether members may copy what is gated.")
app.command("hanse.cli.export:export", name="export", group=PUBLISH, help="Write everything that may leave as plain files.")
app.command("hanse.cli.import_:import_", name="import", group=PUBLISH, help="Take in what another node exported, offline.")
app.command("hanse.cli.sign:app", name="sign", group=PUBLISH, help="Sign a model with your own key.")
app.command("hanse.cli.serve:serve", name="serve", group=NODE, help="Start a node.")
app.command("hanse.cli.service:app", name="service", group=NODE, help="Keep a node running with systemd.")
app.command("hanse.cli.key:app", name="key", group=NODE, help="Keys of a node and of its namespaces.")
app.command("hanse.cli.status:status", name="status", group=NODE, help="Say how a node and its federations stand.")
app.command("hanse.cli.suite:app", name="suite", group=PUBLISH, help="Look at evaluation suites, check and write them.")
app.command("hanse.cli.trust:app", name="trust", group=USE, help="Federations whose members you take the word of.")
app.command("hanse.cli.verify:verify", name="verify", group=USE, help="Verify that a folder holds what was signed and logged.")
app.command(
    "hanse.cli.mirror:mirror", name="mirror", group=PUBLISH, help="Mirror repositories of another hub, checked and observed."
)
app.command(
    "hanse.cli.publish_static:publish_static",
    name="publish-static",
    group=PUBLISH,
    help="Write everything public as files that any web server serves.",
)
app.command("hanse.cli.waive:waive", name="waive", group=NODE, help="Let a file pass in spite of what the scanner found.")
app.command("hanse.cli.witness:app", name="witness", group=FEDERATE, help="Cosignatures of this node's log, and of others.")
app.command("hanse.cli.admin:app", name="admin", group=NODE, help="Accounts, tokens and upkeep of a node.")
