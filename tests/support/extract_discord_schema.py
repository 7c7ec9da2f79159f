"""What Discord's OpenAPI document says of the bodies that Bursar sends, as one small JSON Schema.

``python -m tests.support.extract_discord_schema openapi.json`` writes ``discord-schema.json`` beside this file. The
document is ``specs/openapi.json`` of https://github.com/discord/discord-api-spec. Taken over are facts alone (types,
values, limits, what is required); the prose stays where it is.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

SOURCE: Final = "https://github.com/discord/discord-api-spec, specs/openapi.json"
TARGET: Final = Path(__file__).with_name("discord-schema.json")
ROUTES: Final = (
    ("POST", "/interactions/{interaction_id}/{interaction_token}/callback"),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"),
    ("POST", "/channels/{channel_id}/messages"),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"),
    ("PUT", "/applications/{application_id}/commands"),
    ("PUT", "/applications/{application_id}/guilds/{guild_id}/commands"),
)
"""Every route to which Bursar sends a body."""
_PROSE: Final = ("title", "description", "format", "x-discord-union")
"""``format`` too: what it names ("snowflake", "int32") is Discord's own, and ids come with a pattern."""
_UNUSED: Final = ("embeds", "poll", "sticker_ids", "shared_client_theme", "applied_tags")
"""Fields that no message of Components V2 may have; ``specification.py`` refuses them whatever is in them."""


def extracted(document: bytes) -> dict[str, Any]:
    """The schemas of the bodies by route, and under ``$defs`` what they refer to."""
    whole = json.loads(document)
    schemas = whole["components"]["schemas"]
    routes = {}
    for method, path in ROUTES:
        content = whole["paths"][path][method.lower()]["requestBody"]["content"]
        routes[f"{method} {path}"] = _facts(content["application/json"]["schema"])
    found: dict[str, Any] = {}
    waiting = list(_references(routes))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _facts(schemas[name])
            waiting.extend(_references(found[name]))
    blob = hashlib.sha1(b"blob %d\0" % len(document) + document, usedforsecurity=False).hexdigest()
    version = f"API version {whole['info']['version']}, git blob {blob}"
    return {
        "$comment": f"{SOURCE}; {version}; MIT License, Copyright 2023 Discord. Made by {Path(__file__).name}.",
        "routes": routes,
        "$defs": dict(sorted(found.items())),
    }


def _facts(schema: Any) -> Any:
    """A schema without prose, and with its values as one list where the document has a sentence for each of them."""
    if isinstance(schema, list):
        return [_facts(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema.replace("#/components/schemas/", "#/$defs/") if isinstance(schema, str) else schema
    if "properties" in schema:
        fields = {name: _facts(one) for name, one in schema["properties"].items() if name not in _UNUSED}
        return {**_facts({key: one for key, one in schema.items() if key != "properties"}), "properties": fields}
    kept = {key: one for key, one in schema.items() if key not in _PROSE}
    if "enum" in kept:
        kept.pop("allOf", None)  # names the list of all values, of which these are some
    branches = kept.get("oneOf", ())
    if branches and all("const" in one for one in branches):
        del kept["oneOf"]
        kept["enum"] = [one["const"] for one in branches]
    return {key: _facts(one) for key, one in kept.items()}


def _references(schema: Any) -> Iterator[str]:
    """Names of the schemas that this one refers to."""
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rsplit("/", 1)[-1]
        for one in schema.values():
            yield from _references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def written(schema: Mapping[str, Any]) -> str:
    """One line for each route and each definition, so that a newer document shows as the lines that changed."""
    parts = [f'"$comment": {json.dumps(schema["$comment"])}']
    for section in ("routes", "$defs"):
        lines = (f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in schema[section].items())
        parts.append(f'"{section}": {{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(written(extracted(Path(sys.argv[1]).read_bytes())), encoding="utf-8")
