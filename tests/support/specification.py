"""What the bot sends to Discord, held to Discord's specification and to what its documentation says beside that.

``violations`` takes the requests of a whole conversation, as SimCord and the loopback Discord write them down. Both
take much that Discord itself would refuse. ``discord-schema.json`` is what the OpenAPI document says (made by
``extract_discord_schema.py``); ``documented.py`` is what no schema can say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import discord
import jsonschema
from jsonschema import validators

from tests.support import documented

_WRITING: Final = ("POST", "PUT", "PATCH")
_SHOWN: Final = 120
"""Characters of a value that a report shows."""
_SCHEMA: Final = json.loads(Path(__file__).with_name("discord-schema.json").read_text(encoding="utf-8"))
# Loosened: the document knows ids as texts only. Discord takes numbers too: its own examples number uploaded files so
# (`"id": 0`), and discord.py sends every id like that.
_SNOWFLAKE: Final = {"type": ["string", "integer"], "pattern": "^(0|[1-9][0-9]*)$", "minimum": 0}
_DEFINITIONS: Final[Mapping[str, Any]] = {**_SCHEMA["$defs"], "SnowflakeType": _SNOWFLAKE}

Request = tuple[str, str, Any]
"""Method, path behind the API's version, and the JSON of the body (of a form: its ``payload_json``)."""


def violations(requests: Iterable[Request], kinds: Mapping[str, int]) -> list[str]:
    """Everything that Discord would refuse or leave out, each with its request and place.

    ``kinds``: the type of every interaction by its id. Requests without a body say nothing that could be wrong.
    """
    found = []
    stored: set[str] = set()
    for method, path, body in requests:
        if method in _WRITING and body is not None:
            found.extend(f"{method} {path}: {one}" for one in _judged(method, path, body, stored, kinds))
    return found


def refusable_card(view: discord.ui.LayoutView, *files: str) -> list[str]:
    """The same for a card that nobody sent, with these files."""
    body = {
        "components": view.to_components(),
        "attachments": [{"id": number, "filename": name} for number, name in enumerate(files)],
        "allowed_mentions": {"parse": []},
        "flags": documented.COMPONENTS_V2,
    }
    return violations([("POST", "/channels/1/messages", body)], {})


def _judged(method: str, path: str, body: Any, stored: set[str], kinds: Mapping[str, int]) -> Iterator[str]:
    for pattern, route, validator in _VALIDATORS[method]:
        if values := pattern.fullmatch(path):
            errors = list(validator.iter_errors(body))
            if errors:  # what is not even of the right shape cannot be looked at any further
                yield from (f"{error.json_path} {error.message[-_SHOWN:]}" for error in errors)
            else:
                yield from documented.judged(route, values.groups(), body, stored, kinds)
            return
    yield "nothing is known of this route; add it to ROUTES of extract_discord_schema.py"


# --- JSON Schema ------------------------------------------------------------------------------------------------------


def _reference(validator: Any, name: str, instance: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """``$ref``: all of them name a definition of this one file, so that there is nothing to be resolved."""
    yield from validator.descend(instance, _DEFINITIONS[name.rsplit("/", 1)[-1]])


def _union(
    validator: Any, branches: Sequence[Mapping[str, Any]], instance: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """``oneOf`` and ``anyOf``: the branch of the instance's own ``type``, else any that fits.

    Loosened: the document means "exactly one" by both. Where branches are told apart by their ``type`` (components,
    answers, options) only one can fit, and taking it at once says what is wrong *in* it, and is fast. The others fit
    several at a time without being wrong: an empty list of choices is one of texts and one of numbers, and a webhook's
    new message is one of its edits too.
    """
    if instance is None and {"type": "null"} in branches:
        return
    candidates = [branch for branch in branches if branch != {"type": "null"} and _named(branch, instance)]
    if len(candidates) == 1:
        yield from validator.descend(instance, candidates[0])
    elif not any(validator.evolve(schema=branch).is_valid(instance) for branch in candidates):
        yield jsonschema.ValidationError(f"{instance!r} fits nothing that can stand here")


def _named(branch: Mapping[str, Any], instance: Any) -> bool:
    """Whether the branch takes things of this ``type``; those that tell nothing apart by it take all."""
    definition = _DEFINITIONS.get(str(branch.get("$ref")).rsplit("/", 1)[-1], branch)
    types = definition.get("properties", {}).get("type", {}).get("enum")
    return types is None or not isinstance(instance, Mapping) or instance.get("type") in types


_Validator: Final = validators.extend(
    jsonschema.Draft202012Validator, {"$ref": _reference, "oneOf": _union, "anyOf": _union}
)


def _compiled() -> dict[str, list[tuple[re.Pattern[str], str, Any]]]:
    """By method: which paths, the route's name, and what its bodies are held to. ``@original`` before any message."""
    found: dict[str, list[tuple[re.Pattern[str], str, Any]]] = {method: [] for method in _WRITING}
    for route, schema in _SCHEMA["routes"].items():
        method, template = route.split(" ")
        pattern = re.compile(re.sub(r"\{\w+\}", "([^/]+)", template))
        found[method].append((pattern, route, _Validator(schema)))
    return found


_VALIDATORS: Final = _compiled()
