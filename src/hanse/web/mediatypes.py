"""How user content is labelled: plain text, a raster image, or bytes to save; never sniffed and always sandboxed."""

from __future__ import annotations

from urllib.parse import quote

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
_IMAGES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
}
_TEXTS = frozenset({
    "txt", "md", "json", "jsonl", "yaml", "yml", "toml", "ini", "cfg", "py", "csv", "tsv", "xml", "html", "htm", "js", "css",
    "sh", "log", "jinja", "gitattributes", "gitignore", "license", "rst", "tex", "ipynb", "c", "h", "cpp", "rs",
})  # fmt: skip
SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def content_type(path: str) -> str:
    """Return the type a file is served with: text, a raster image, or bytes."""
    ending = path.rpartition("/")[2].lower().rpartition(".")[2]
    if ending in _IMAGES:
        return _IMAGES[ending]
    return TEXT if ending in _TEXTS else BYTES


def disposition(path: str) -> str:
    """Return a Content-Disposition with the file's name, in the form the public hub uses."""
    name = path.rpartition("/")[2]
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\' else "_" for char in name)
    return f"inline; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\";"
