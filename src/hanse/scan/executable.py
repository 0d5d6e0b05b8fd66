"""Programs under the names of models, and native code inside their archives."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.naming import has_model_name
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.walk import ViewBuilder, Walk

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
APE = (b"MZqFpD='", b"jartsr='", b"APEDBG='")
MACHO = {b"\xfe\xed\xfa\xce": ">", b"\xfe\xed\xfa\xcf": ">", b"\xce\xfa\xed\xfe": "<", b"\xcf\xfa\xed\xfe": "<"}
ELF_TYPES = {1: "object", 2: "program", 3: "library", 4: "core"}
MACHO_TYPES = {1: "object", 2: "program", 6: "library", 8: "library"}


def identify(head: bytes, source: Source) -> tuple[str, str] | None:
    """Return (container, what): `program`, `library`, `object`, `bytecode` or `test`; None if this is no program."""
    if head.startswith(APE):
        return ("APE", "program")
    if head.startswith(b"\x7fELF") and len(head) >= 20 and head[4] in b"\x01\x02" and head[5] in b"\x01\x02":
        kind = int.from_bytes(head[16:18], "little" if head[5] == 1 else "big")
        return ("ELF", ELF_TYPES.get(kind, "program"))
    if head.startswith(b"MZ") and len(head) >= 64:
        return _portable(head, source)
    if head[:4] in MACHO and len(head) >= 28:
        order = "little" if MACHO[head[:4]] == "<" else "big"
        kind = int.from_bytes(head[12:16], "big" if order == "big" else "little")
        return ("Mach-O", MACHO_TYPES.get(kind, "program")) if 0 < kind < 16 else None
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(EICAR):
        return ("EICAR", "test")
    return _bytecode(head)


def _portable(head: bytes, source: Source) -> tuple[str, str] | None:
    """Look behind the DOS stub: the PE header is what makes two letters a program."""
    place = int.from_bytes(head[60:64], "little")
    header = source.read_at(place, 24) if 0 < place < source.size else b""
    if not header.startswith(b"PE\0\0"):
        return None
    return ("PE", "library" if int.from_bytes(header[22:24], "little") & 0x2000 else "program")


def _bytecode(head: bytes) -> tuple[str, str] | None:
    if head.startswith(b"\xca\xfe\xba\xbe") and len(head) >= 8:
        number = int.from_bytes(head[4:8], "big")
        # The same magic begins universal Mach-O files, which say how many programs they hold.
        return (
            ("Mach-O universal", "program")
            if 0 < number < 20
            else ("Java class", "bytecode")
            if 45 <= number & 0xFFFF < 100
            else None
        )
    if head.startswith(b"dex\n0") and head[7:8] == b"\0":
        return ("Android dex", "bytecode")
    if head.startswith(b"\0asm") and head[4:8] in {b"\x01\0\0\0", b"\x0d\0\x01\0"}:
        return ("WebAssembly", "bytecode")
    return None


def interpreter(head: bytes) -> str | None:
    """Return the first line of a script that says which program runs it, None if there is none."""
    line = head[2:200].split(b"\n", 1)[0].strip() if head.startswith(b"#!") else b""
    return line.decode("ascii") if line.startswith(b"/") and line.isascii() and line.decode("ascii").isprintable() else None


def claims(head: bytes, source: Source) -> bool:
    """Tell whether this is a program."""
    return identify(head, source) is not None


def observe(source: Source, view: ViewBuilder, _walk: Walk) -> None:
    """Write down what kind of program it is."""
    head = source.read_at(0, 4096)
    found = identify(head, source)
    if found is None:
        return
    view.see("kind", 0, container=found[0], what=found[1])


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rule for a program, by where it is: under a model's name, inside an archive, or plainly there."""
    seen = view.first("executable.kind")
    if seen is None:
        return
    words = {**seen.data, "name": context.name}
    what = seen.data["what"]
    if what == "test":
        yield Hit("EXECUTABLE-TEST-VIRUS", view.member, 0, words=words)
    elif seen.data["container"] == "APE":
        yield Hit(
            "EXECUTABLE-POLYGLOT-AS-MODEL" if has_model_name(context) else "EXECUTABLE-LLAMAFILE", view.member, 0, words=words
        )
    elif view.member:
        yield Hit("EXECUTABLE-IN-MODEL" if has_model_name(context) else "EXECUTABLE-IN-ARCHIVE", view.member, 0, words=words)
    elif has_model_name(context):
        yield Hit("EXECUTABLE-AS-MODEL", view.member, 0, words=words)
    elif what == "program":
        yield Hit("EXECUTABLE-PROGRAM", view.member, 0, words=words)
    else:
        yield Hit("EXECUTABLE-NATIVE-CODE", view.member, 0, words=words)


def claims_script(head: bytes, _source: Source) -> bool:
    """Tell whether this is a script that names its interpreter."""
    return interpreter(head) is not None


def observe_script(source: Source, view: ViewBuilder, _walk: Walk) -> None:
    """Write down which program runs it; what it does is for the readers of its language."""
    view.see("interpreter", 0, line=interpreter(source.read_at(0, 256)))


def judge_script(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rule for a script under a model's name; under its own name it is text that nothing starts."""
    if has_model_name(context) and not view.member:
        yield Hit("EXECUTABLE-AS-MODEL", view.member, 0, words={"name": context.name, "container": "a script"})


FORMATS = (
    Format("executable", True, judge, claims, observe),
    Format("script", False, judge_script, claims_script, observe_script),
)
