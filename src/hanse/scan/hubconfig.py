"""Configurations of the Hub's libraries: custom code, components, shard indexes, and the templates in them.

config.json, tokenizer_config.json, processor and generation configurations, model_index.json (diffusers), modules.json
(sentence-transformers), adapter_config.json (PEFT) and *.index.json are told by their keys, whatever the file is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan import template
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.targets import is_prose, judge_target
from hanse.scan.tree import mappings
from hanse.scan.walk import ViewBuilder, Walk

MAX_TEMPLATES = 64
MAX_SEEN = 500
FILES_EACH = 60
MAX_FILES = 3_000
_ABOUT = (
    "model_type",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "vocab_size",
)
_NUMBERS = (
    *_ABOUT,
    "torch_dtype",
    "dtype",
    "tie_word_embeddings",
    "max_position_embeddings",
    "head_dim",
    "num_experts",
    "num_hidden_groups",
    "embedding_size",
    "word_embed_proj_dim",
    "d_model",
    "n_embd",
    "dim",
    "_name_or_path",
)
_CALLABLES = ("activation_function", "activation_fn", "sbert_ce_default_activation_function", "loss_fct", "head_class")
_JINJA = re.compile(r"\{[{%]")
_DOTTED = re.compile(r"[A-Za-z_][\w]*(?:\.[\w]+)+")


def observe(value: object, source: Source, member: str, walk: Walk) -> None:
    """Add a view if the document has keys of such a configuration, and a view for each template in it."""
    found = _Found()
    for path, mapping in mappings(value, walk):
        if len(found.seen) < MAX_SEEN:
            _mapping(path, mapping, found)
        _templates(path, mapping, found)
    if not found.seen and not found.templates:
        return
    with walk.view("hubconfig", member, source, executes=True) as view:
        for kind, data in found.seen:
            view.see(kind, None, **data)
        _show_templates(found, view, member, walk)


class _Found:
    """What one document has: observations to write, and templates by place."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, object]]] = []
        self.templates: dict[str, str] = {}
        self.more = False

    def see(self, kind: str, **data: object) -> None:
        """Keep an observation for the view."""
        self.seen.append((kind, data))


def _mapping(path: str, mapping: dict[str, object], found: _Found) -> None:
    auto_map = mapping.get("auto_map")
    if isinstance(auto_map, dict) and auto_map:
        found.see("auto_map", path=path, classes={str(key): _classes(one) for key, one in list(auto_map.items())[:40]})
    pipelines = mapping.get("custom_pipelines")
    if isinstance(pipelines, dict) and pipelines:
        named = {str(key): str(one.get("impl", "")) for key, one in list(pipelines.items())[:40] if isinstance(one, dict)}
        found.see("auto_map", path=path, classes=named)
    if mapping.get("trust_remote_code") is True:
        found.see("remote", path=path)
    for key in ("_attn_implementation", "attn_implementation", "_attn_implementation_internal", "_experts_implementation"):
        implementation = mapping.get(key)
        if isinstance(implementation, str) and "/" in implementation:
            found.see("kernel", path=path, implementation=implementation)
    _models(path, mapping, found)
    for key in _CALLABLES:
        target = mapping.get(key)
        if isinstance(target, str) and _DOTTED.fullmatch(target):
            found.see("class", path=path, key=key, target=target)


def _classes(value: object) -> list[str]:
    """Return the class references in one entry of `auto_map`: a text, or a list with slow and fast tokenizer."""
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed[:4] if isinstance(one, str)]


def _models(path: str, mapping: dict[str, object], found: _Found) -> None:
    """Record what kind of model this is and what else it names."""
    architectures, weights = mapping.get("architectures"), mapping.get("weight_map")
    if isinstance(architectures, list) or (not path and isinstance(mapping.get("model_type"), str)):
        listed = [str(one) for one in architectures[:8]] if isinstance(architectures, list) else []
        plain = {key: mapping[key] for key in _NUMBERS if isinstance(mapping.get(key), str | int | float)}
        if isinstance(mapping.get("quantization_config"), dict) or isinstance(mapping.get("quantization"), dict):
            plain["quantised"] = True
        found.see("architectures", path=path, architectures=listed, **plain)
    if isinstance(weights, dict):
        _index(mapping, weights, found)
    if isinstance(mapping.get("peft_type"), str):
        auto = mapping.get("auto_mapping")
        base = auto if isinstance(auto, dict) else {}
        library, name = base.get("parent_library"), base.get("base_model_class")
        base_model = mapping.get("base_model_name_or_path")
        found.see("peft", base=base_model, kind_of=mapping["peft_type"], library=library, name=name)
    if not path and ("_diffusers_version" in mapping or isinstance(mapping.get("_class_name"), list)):
        _components(mapping, found)
    if isinstance(mapping.get("type"), str) and {"idx", "name", "path"} <= mapping.keys():
        found.see("class", path=path, key="type", target=mapping["type"])


def _index(mapping: dict[str, object], weights: dict[str, object], found: _Found) -> None:
    files = sorted({str(one) for one in weights.values()})
    metadata = mapping.get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    listed = files[:MAX_FILES]
    for start in range(0, max(len(listed), 1), FILES_EACH):
        part = listed[start : start + FILES_EACH]
        found.see("index", files=part, count=len(files), tensors=len(weights), total_size=size)


def _components(mapping: dict[str, object], found: _Found) -> None:
    """Record the parts of a diffusers pipeline, each [library, class]; one named by a list is a file of the repository."""
    name = mapping.get("_class_name")
    if isinstance(name, list):
        found.see("auto_map", path="_class_name", classes={"pipeline": ".".join(map(str, name[:2]))})
    for key, one in list(mapping.items())[:60]:
        if isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one) and key != "_class_name":
            found.see("component", name=key, library=one[0], target=f"{one[0]}.{one[1]}")


def _templates(path: str, mapping: dict[str, object], found: _Found) -> None:
    inside = path.rsplit("/", 1)[-1] == "chat_template"
    for key, text in mapping.items():
        if not isinstance(text, str) or not isinstance(key, str):
            continue
        if key == "chat_template" or ((inside or key.endswith("template")) and _JINJA.search(text)):
            found.more = found.more or len(found.templates) >= MAX_TEMPLATES
            if not found.more and text not in found.templates.values():
                found.templates[f"{path}/{key}" if path else key] = text


def _show_templates(found: _Found, view: ViewBuilder, member: str, walk: Walk) -> None:
    for name, text in found.templates.items():
        view.see("template", name=name)
        template.observe_text(text, member, name, walk)
    if found.more:
        view.stop("templates")


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a configuration."""
    if is_prose(context, view.member):
        return
    for one in view.all("hubconfig.auto_map"):
        yield from _custom(one.data["classes"], view)
    for one in view.all("hubconfig.remote"):
        yield Hit("HUB-REMOTE-CODE", view.member, words=one.data)
    for one in view.all("hubconfig.kernel"):
        name = str(one.data["implementation"])
        known = name.split("/", 1)[0].rsplit("|", 1)[-1] in context.rules.names("hubconfig", "kernels")
        yield Hit("HUB-KERNEL" if known else "HUB-KERNEL-UNKNOWN", view.member, callable=name, words=one.data)
    for one in view.all("hubconfig.class"):
        yield from judge_target(f"the entry {one.data['key']}", str(one.data["target"]), view, None, context)
    yield from _libraries(view, context)
    for one in view.all("hubconfig.index"):
        outside = [str(name) for name in one.data["files"] if _outside(str(name))]
        if outside:
            yield Hit("HUB-INDEX-OUTSIDE", view.member, words={"name": outside[0]})


def _outside(name: str) -> bool:
    return name.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", name) or "://" in name


def _custom(classes: object, view: View) -> Iterator[Hit]:
    if not isinstance(classes, dict):
        return
    for found in classes.values():
        for name in found if isinstance(found, list) else [found]:
            repo, _, code = str(name).rpartition("--")
            if _outside(code) or ("/" in code):
                yield Hit("HUB-CODE-OUTSIDE", view.member, callable=str(name), words={"name": name})
            elif repo:
                yield Hit("HUB-CODE-ELSEWHERE", view.member, callable=str(name), words={"name": code, "repo": repo})
            elif name:
                yield Hit("HUB-CODE", view.member, callable=str(name), words={"name": name})


def _libraries(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about libraries that a pipeline or an adapter makes its loader import."""
    for one in view.all("hubconfig.component"):
        if one.data["library"] not in context.rules.names("hubconfig", "components"):
            yield from judge_target(f"the pipeline's component {one.data['name']}", str(one.data["target"]), view, None, context)
    for one in view.all("hubconfig.peft"):
        if one.data["library"]:
            target = f"{one.data['library']}.{one.data['name']}"
            yield from judge_target("the adapter's auto_mapping", target, view, None, context)


FORMATS = (Format("hubconfig", True, judge),)
"""Never claims: `hanse.scan.document` shows it every parsed document."""
