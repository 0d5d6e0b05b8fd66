"""Programs: recognised by more than two letters, judged by where they are."""

from __future__ import annotations

import pytest
from tests.samples.archive import EICAR, ELF, LIBRARY, PE
from tests.samples.zipcraft import archive
from tests.support.judging import judged, rules_of

from hanse.scan.executable import identify, interpreter
from hanse.scan.source import BytesSource

MACHO = b"\xcf\xfa\xed\xfe\x07\x00\x00\x01\x03\x00\x00\x00\x06\x00\x00\x00" + bytes(20)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (ELF, ("ELF", "program")),
        (LIBRARY, ("ELF", "library")),
        (PE, ("PE", "program")),
        (MACHO, ("Mach-O", "library")),
        (b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(50), ("Mach-O universal", "program")),
        (b"\xca\xfe\xba\xbe\0\0\0\x37" + bytes(50), ("Java class", "bytecode")),
        (b"dex\n035\0", ("Android dex", "bytecode")),
        (b"\0asm\x01\0\0\0", ("WebAssembly", "bytecode")),
        (b"MZqFpD='\n", ("APE", "program")),
        (EICAR, ("EICAR", "test")),
        (b"MZ" + bytes(100), None),
        (b"\xca\xfe\xba\xbe\xff\xff\xff\xff", None),
        (b"hello", None),
    ],
)
def test_identify(data: bytes, found: tuple[str, str] | None) -> None:
    """Each container is told by its structure."""
    assert identify(data, BytesSource(data)) == found


def test_interpreter() -> None:
    """A first line that names a program makes a script, tensors that begin with the same letters do not."""
    assert interpreter(b"#!/bin/sh\nx") == "/bin/sh"
    assert interpreter(b"#! /usr/bin/env python3\n") == "/usr/bin/env python3"
    assert interpreter(b"#!/\xff\x00") is None
    assert interpreter(b"#!x\n") is None


@pytest.mark.parametrize(
    ("path", "data", "rules"),
    [
        ("model.bin", PE, {"EXECUTABLE-AS-MODEL"}),
        ("tool.exe", PE, {"EXECUTABLE-PROGRAM"}),
        ("lib.so", LIBRARY, {"EXECUTABLE-NATIVE-CODE"}),
        ("a.zip", archive(("lib.so", LIBRARY)), {"EXECUTABLE-IN-ARCHIVE"}),
        ("a.npz", archive(("lib.so", LIBRARY)), {"EXECUTABLE-IN-MODEL"}),
        ("a.llamafile", b"MZqFpD='\n", {"EXECUTABLE-LLAMAFILE"}),
        ("eicar.com", EICAR, {"EXECUTABLE-TEST-VIRUS"}),
        ("run.sh", b"#!/bin/sh\necho hanse-test\n", set()),
    ],
)
def test_places(path: str, data: bytes, rules: set[str]) -> None:
    """The same program is a deception, a hidden part, or just a program."""
    assert rules_of(judged(data, path)) == rules
