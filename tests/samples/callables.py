"""What pickles call, create, name and change: inert streams, assembled opcode by opcode, with benign twins."""

from __future__ import annotations

from tests.samples.base import Family, Sample

ECHO = "echo hanse-test"


def text(value: str) -> bytes:
    """Return the opcode that pushes a text."""
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def raw(value: bytes) -> bytes:
    """Return the opcode that pushes bytes."""
    return b"B" + len(value).to_bytes(4, "little") + value


def number(value: int) -> bytes:
    """Return the opcode that pushes a small integer."""
    return b"J" + value.to_bytes(4, "little", signed=True)


def name(module: str, attribute: str) -> bytes:
    """Return the opcodes that import a name (STACK_GLOBAL)."""
    return text(module) + text(attribute) + b"\x93"


def pair(*items: bytes) -> bytes:
    """Return the opcodes that push a tuple."""
    return b"(" + b"".join(items) + b"t"


def mapping(*items: tuple[bytes, bytes]) -> bytes:
    """Return the opcodes that push a dict."""
    return b"}(" + b"".join(key + value for key, value in items) + b"u"


def call(function: bytes, *arguments: bytes) -> bytes:
    """Return the opcodes of REDUCE."""
    return function + pair(*arguments) + b"R"


def create(function: bytes, *arguments: bytes) -> bytes:
    """Return the opcodes of NEWOBJ."""
    return function + pair(*arguments) + b"\x81"


def build(target: bytes, state: bytes) -> bytes:
    """Return the opcodes of BUILD."""
    return target + state + b"b"


def stream(body: bytes) -> bytes:
    """Return a stream of protocol 4 that gives what `body` pushes."""
    return b"\x80\x04" + body + b"."


SYSTEM = name("posix", "system")
STORAGE = pair(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(4)) + b"Q"
HOOKS = call(name("collections", "OrderedDict"))


def tensor(*, offset: bytes = number(0), size: bytes = pair(number(4)), stride: bytes = pair(number(1))) -> bytes:
    """Return the opcodes that rebuild a tensor of four elements."""
    return call(name("torch._utils", "_rebuild_tensor_v2"), STORAGE, offset, size, stride, b"\x89", HOOKS)


def _family(title: str, malicious: dict[str, bytes], benign: dict[str, bytes]) -> tuple[str, Family]:
    files = tuple(Sample("model.pkl", stream(body), note) for note, body in malicious.items())
    return title, Family(title, files, tuple(Sample("model.pkl", stream(body), note) for note, body in benign.items()))


_STANDARD = _family(
    "pickle-calls-standard-library",
    {
        "reduce": call(SYSTEM, text(ECHO)),
        "global of protocol 0": b"cposix\nsystem\n" + pair(text(ECHO)) + b"R",
        "inst": b"(" + text(ECHO) + b"iposix\nsystem\n",
        "obj": b"(" + SYSTEM + text(ECHO) + b"o",
        "python 2 name": call(name("commands", "getoutput"), text(ECHO)),
        "other system": call(name("nt", "system"), text(ECHO)),
        "popped": call(SYSTEM, text(ECHO)) + b"0}",
        "no advisory yet": call(name("wsgiref.simple_server", "demo_app"), text(ECHO)),
        "submodule": call(name("idlelib.pyshell", "ModifiedInterpreter.runcode"), text(ECHO)),
        "new module of 3.14": call(name("concurrent.interpreters", "create")),
    },
    {
        "dates": call(name("datetime", "timedelta"), number(1), number(0), number(0)),
        "decimal": call(name("decimal", "Decimal"), text("1.5")),
        "path": call(name("pathlib", "PosixPath"), text("data"), text("train.csv")),
        "pattern": call(name("re", "_compile"), text("a+"), number(32)),
        "python 2 names": call(name("__builtin__", "set"), b"](" + number(1) + b"e"),
        "error": call(name("exceptions", "ValueError"), text("no such layer")),
    },
)
_PACKAGES = _family(
    "pickle-calls-package-functions",
    {
        "runs commands": call(name("torch.utils.collect_env", "run"), text(ECHO)),
        "loads another pickle": call(name("pandas.io.pickle", "read_pickle"), text("other.pkl")),
        "any name by text": call(name("pkgutil", "resolve_name"), text("os:system")),
        "installs": call(name("pip._internal", "main"), b"](" + text("install") + b"e"),
        "unknown function": call(name("someones_package.tools", "run"), text(ECHO)),
        "unknown method": call(name("someones_package.tools", "Runner.start"), text(ECHO)),
        "function of main": call(name("__main__", "run"), text(ECHO)),
        "source in the file": call(
            name("torch.fx.graph_module", "reduce_graph_module"), mapping((text("_code"), text("pass"))), text("")
        ),
        "package class with a command": call(name("psutil", "Popen"), b"](" + text("id") + b"e"),
    },
    {
        "rebuilds a tensor": tensor(),
        "unknown class": create(name("__main__", "Net")),
        "known enumeration": call(name("transformers.trainer_utils", "IntervalStrategy"), text("steps")),
        "unknown enumeration": call(name("someones_package.kinds", "Colour"), number(1)),
        "compiled class": call(name("sklearn.neighbors._kd_tree", "newObj"), name("sklearn.neighbors._kd_tree", "KDTree")),
        "cython": call(
            name("sklearn._loss._loss", "__pyx_unpickle_CyLossFunction"),
            name("sklearn._loss._loss", "CyLossFunction"),
            number(7),
            b"N",
        ),
    },
)
_OBJECTS = _family(
    "pickle-creates-standard-objects",
    {
        "newobj": create(name("subprocess", "Popen"), b"](" + text("id") + b"e"),
        "newobj_ex": name("subprocess", "Popen") + pair(text("id")) + b"}\x92",
        "reconstructor": call(
            name("copyreg", "_reconstructor"), name("zipimport", "zipimporter"), name("builtins", "object"), b"N"
        ),
        "base of a reconstructor": call(
            name("copyreg", "_reconstructor"), name("__main__", "A"), name("subprocess", "Popen"), text("id")
        ),
        "new by name": call(name("copyreg", "__newobj__"), name("ctypes", "CDLL"), text("libc.so.6")),
    },
    {
        "reconstructor": call(name("copy_reg", "_reconstructor"), name("__main__", "A"), name("__builtin__", "object"), b"N"),
        "namespace": build(create(name("argparse", "Namespace")), mapping((text("lr"), number(1)))),
        "ordered": call(name("collections", "OrderedDict")),
    },
)
_COMPUTED = _family(
    "pickle-calls-what-it-computed",
    {
        "attrgetter": call(call(name("operator", "attrgetter"), text("system")), name("torch", "Size")),
        "partial": call(call(name("functools", "partial"), name("collections", "OrderedDict")), text(ECHO)),
        "getattr": call(call(name("builtins", "getattr"), name("mypackage", "Model"), text("load")), text(ECHO)),
        "persistent": STORAGE + pair(text(ECHO)) + b"R",
        "name from a call": call(name("builtins", "str"), text("os")) + text("system") + b"\x93" + pair(text(ECHO)) + b"R",
        "function from bytecode": call(
            call(
                name("cloudpickle.cloudpickle", "_make_function"),
                call(name("cloudpickle.cloudpickle", "_builtin_type"), text("CodeType")),
                b"N",
            )
        ),
    },
    {
        "itemgetter": call(name("operator", "itemgetter"), number(1)),
        "partial that nobody calls": call(name("functools", "partial"), name("torch.nn.modules.normalization", "LayerNorm")),
        "time zone": call(
            call(name("builtins", "getattr"), name("zoneinfo", "ZoneInfo"), text("_unpickle")), text("UTC"), b"\x88"
        ),
        "member by name": call(name("builtins", "getattr"), name("mypackage", "Colour"), text("RED")),
        "method of text": call(name("builtins", "getattr"), name("builtins", "str"), text("lower")),
    },
)
_NAMES = _family(
    "pickle-names-reach-through",
    {
        "module in a module": call(name("torch.serialization", "os.system"), text(ECHO)),
        "standard module": call(name("collections", "_sys.modules.get"), text("os")),
        "renamed numpy": call(name("numpy.core.multiarray", "os.system"), text(ECHO)),
        "borrowed module": build(name("torch", "os"), mapping()),
        "borrowed function": call(name("mypackage.tools", "check_output"), text(ECHO)),
        "builtins": name("numpy", "__builtins__"),
        "method's globals": name("torch.nn.modules.module", "Module.forward.__globals__"),
        "dictionary of a module": name("mypackage", "__dict__"),
    },
    {
        "class in a class": create(name("mypackage.models", "Net.Config")),
        "method as a value": call(name("functools", "partial"), name("sklearn.svm._classes", "SVC.predict")),
        "memory format": name("torch._utils", "torch.channels_last"),
    },
)
_CHANGES = _family(
    "pickle-changes-what-it-did-not-make",
    {
        "attributes of a module": build(name("torch", "_utils"), mapping((text("x"), text("builtins")))),
        "slots of a function": build(name("numpy", "prod"), pair(b"N", mapping((text("a"), text("os"))))),
        "result of getattr": build(
            call(name("builtins", "getattr"), name("mypackage", "Model"), text("parts")), mapping((text("a"), number(1)))
        ),
        "state setter": build(create(name("__main__", "Net")), mapping((text("__setstate__"), name("mypackage", "load")))),
        "class of an object": build(
            create(name("__main__", "Net")), pair(b"N", mapping((text("__class__"), name("mypackage", "Other"))))
        ),
        "items of a module": name("mypackage", "registry") + text("k") + text("v") + b"s",
        "items of a tensor": tensor() + number(0) + text("x") + b"s",
        "items of a storage": STORAGE + number(0) + text("x") + b"s",
        "function of a partial": build(call(name("functools", "partial"), name("builtins", "len")), text("x")),
    },
    {
        "attributes of an object": build(create(name("__main__", "Net")), mapping((text("training"), b"\x88"))),
        "slots of an object": build(create(name("__main__", "Net")), pair(b"N", mapping((text("a"), number(1))))),
        "items of a dict": call(name("collections", "OrderedDict")) + b"(" + text("k") + number(1) + b"u",
        "items of a list": call(name("collections", "deque")) + b"(" + number(1) + b"e",
    },
)
_ARGUMENTS = _family(
    "pickle-turns-allowed-names",
    {
        "generator that calls": call(name("numpy.random._pickle", "__generator_ctor"), text(ECHO), name("mypackage", "run")),
        "generator of any class": call(name("numpy.random._pickle", "__bit_generator_ctor"), name("mypackage", "Server")),
        "type with three arguments": call(name("builtins", "type"), text("A"), pair(), mapping()),
        "attribute of a module": call(name("builtins", "getattr"), name("torch", "serialization"), text("load")),
        "attribute with underscores": call(name("builtins", "getattr"), name("mypackage", "Model"), text("__subclasses__")),
        "rebuild of another function": call(
            name("torch._tensor", "_rebuild_from_type_v2"),
            name("mypackage", "run"),
            name("torch", "Tensor"),
            pair(text(ECHO)),
            b"}",
        ),
        "bytes that are loaded": call(name("torch.storage", "_load_from_bytes"), raw(stream(call(SYSTEM, text(ECHO))))),
        "tensor beyond its storage": tensor(size=pair(number(400))),
        "tensor with a text": tensor(offset=text("0")),
        "union of calls": call(name("functools", "reduce"), name("mypackage", "run"), b"](" + text(ECHO) + b"e"),
    },
    {
        "generator": call(
            name("numpy.random._pickle", "__generator_ctor"),
            call(name("numpy.random._pickle", "__bit_generator_ctor"), text("PCG64")),
        ),
        "type of nothing": call(name("builtins", "type"), b"N"),
        "rebuild of a subclass": call(
            name("torch._tensor", "_rebuild_from_type_v2"),
            name("torch._utils", "_rebuild_tensor_v2"),
            name("torch.nn.parameter", "Buffer"),
            pair(STORAGE, number(0), pair(number(4)), pair(number(1)), b"\x89", HOOKS),
            b"}",
        ),
        "bytes that are data": call(name("torch.storage", "_load_from_bytes"), raw(stream(tensor()))),
        "union of types": call(
            name("functools", "reduce"), name("operator", "or_"), b"](" + name("builtins", "int") + name("builtins", "str") + b"e"
        ),
        "encoded bytes": call(name("_codecs", "encode"), text("abc"), text("latin1")),
    },
)
_HANDED = _family(
    "pickle-hands-functions-on",
    {
        "factory": call(name("collections", "defaultdict"), SYSTEM),
        "state": build(
            create(name("sklearn.preprocessing._function_transformer", "FunctionTransformer")), mapping((text("func"), SYSTEM))
        ),
        "alone": SYSTEM,
        "reader": build(
            create(name("sklearn.preprocessing._function_transformer", "FunctionTransformer")),
            mapping((text("func"), name("pandas", "read_pickle"))),
        ),
        "partial of eval": call(name("functools", "partial"), name("builtins", "eval"), text("1")),
        "allowed one": call(name("collections", "defaultdict"), name("torch.storage", "_load_from_bytes")),
    },
    {
        "factory": call(name("collections", "defaultdict"), name("builtins", "list")),
        "state": build(
            create(name("sklearn.preprocessing._function_transformer", "FunctionTransformer")),
            mapping((text("func"), name("numpy", "log1p"))),
        ),
        "own function": build(
            create(name("sklearn.feature_extraction.text", "CountVectorizer")),
            mapping((text("tokenizer"), name("__main__", "tokenize"))),
        ),
    },
)
FAMILIES: dict[str, Family] = dict([_STANDARD, _PACKAGES, _OBJECTS, _COMPUTED, _NAMES, _CHANGES, _ARGUMENTS, _HANDED])
