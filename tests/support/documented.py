"""What Discord documents of a body and no schema says: numbers over a whole message, and what belongs together.

Sources: docs.discord.com/developers: components/reference, resources/message, interactions/receiving-and-responding and
interactions/application-commands. Every body here has the shape that the schema asks for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
"""Kinds of answers."""
_ANSWERS: Final = {
    2: {MESSAGE, DEFERRED, MODAL},  # a command
    3: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},  # a component
    4: {CHOICES},  # an option being typed
    5: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},  # a form, which no form can answer
}
"""What can answer an interaction of each type."""
_ROW, _BUTTON, _TEXT, _FILE = 1, 2, 10, 13
_LINK, _PREMIUM = 5, 6
"""Styles of buttons that send nothing."""
_V2: Final = frozenset({9, 10, 11, 12, 13, 14, 17})
"""Components that only messages with the flag can have."""
EPHEMERAL, COMPONENTS_V2 = 1 << 6, 1 << 15
"""Flags of messages."""
_WITHOUT_V2: Final = ("content", "embeds", "poll", "sticker_ids")
"""What a message with the flag cannot have."""
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
"""With other characters ``attachment://`` finds nothing (discord-api-docs issue 7890)."""
_COMMAND_NAME: Final = re.compile(r"[-_'\w]+")


def judged(route: str, values: Sequence[str], body: Any, stored: set[str], kinds: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with a request's body. ``values``: the variable parts of its path.

    ``stored`` are the files that this conversation sent so far: an edit without ``attachments`` leaves those of its
    message, and which these are nobody says here.
    """
    if route.endswith("/commands"):
        yield from _commands(body or [])
    elif route.endswith("/callback"):
        yield from _answer(body, kinds[values[0]], stored)
    else:
        yield from _message(body, stored, new=route.startswith("POST"))


def _answer(body: Mapping[str, Any], asked: int, stored: set[str]) -> Iterator[str]:
    """An interaction's first answer."""
    kind, data = body["type"], body.get("data") or {}
    if kind not in _ANSWERS[asked]:
        yield f"answer {kind} cannot be given to an interaction of type {asked}"
    if kind == DEFERRED and (set(data) - {"flags"} or data.get("flags", 0) & ~EPHEMERAL):
        yield f"a deferral carries nothing but whether it is private, and this one has {data}"
    elif kind in (MESSAGE, UPDATE):
        yield from _message(data, stored, new=kind == MESSAGE)
    elif kind == MODAL:
        yield from _modal(data)
    elif kind == CHOICES:
        values = [choice["value"] for choice in data.get("choices") or () if choice]
        yield from (f"the suggestion {one!r} is longer than 100" for one in values if len(str(one)) > 100)


# --- messages ---------------------------------------------------------------------------------------------------------


def _message(body: Mapping[str, Any], stored: set[str], *, new: bool) -> Iterator[str]:
    """A new message, or the changes of one."""
    parts = list(_walk(body.get("components") or ()))
    flagged = bool((body.get("flags") or 0) & COMPONENTS_V2)
    if not flagged and any(part["type"] in _V2 for part in parts):
        yield "components of version 2 without the flag IS_COMPONENTS_V2"
    if flagged:
        yield from (f"{field!r} beside IS_COMPONENTS_V2" for field in _WITHOUT_V2 if body.get(field))
    if new and not parts and not body.get("content"):
        yield "an empty message"
    mentions = body.get("allowed_mentions") or {}
    if mentions.get("parse") != [] or mentions.get("users") or mentions.get("roles"):
        yield f"allowed_mentions would ping somebody: {body.get('allowed_mentions')}"
    if len(parts) > 40:
        yield f"{len(parts)} components, of 40"
    length = sum(len(part["content"]) for part in parts if part["type"] == _TEXT)
    if length > 4000:
        yield f"{length} characters of text, of 4000"
    yield from _parts(parts, in_form=False)
    yield from _files(body, parts, stored, new=new)


def _files(
    body: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], stored: set[str], *, new: bool
) -> Iterator[str]:
    """Files and the components that show them: each needs the other."""
    named = [name for one in body.get("attachments") or () if (name := one.get("filename"))]
    stored.update(named)
    yield from (f"attachment:// finds no file {name!r}" for name in named if not _FILE_NAME.fullmatch(name))
    yield from _twice("the file", named)
    shown = set()
    for part in parts:
        media = [part.get("file"), part.get("media"), *(item.get("media") for item in part.get("items") or ())]
        for url in (one["url"] for one in media if one):
            if url.startswith("attachment://"):
                shown.add(url.removeprefix("attachment://"))
            elif part["type"] == _FILE:
                yield f"a file component takes attachment:// only, not {url}"
    there = named if new or body.get("attachments") is not None else stored
    yield from (f"no file for attachment://{name}" for name in sorted(shown.difference(there)))
    if body.get("components") is not None:
        yield from (f"no component shows the file {name!r}" for name in sorted(set(named) - shown))


# --- components -------------------------------------------------------------------------------------------------------


def _walk(parts: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every component, those inside others too."""
    for part in parts:
        yield part
        yield from _walk(part.get("components") or ())
        yield from _walk(part[inner] for inner in ("accessory", "component") if part.get(inner))


def _parts(parts: Sequence[Mapping[str, Any]], *, in_form: bool) -> Iterator[str]:
    """The components of a message or a form, each for itself and beside the others."""
    yield from _twice("the custom_id", [part["custom_id"] for part in parts if part.get("custom_id")])
    yield from _twice("the component's id", [part["id"] for part in parts if part.get("id")])
    for part in parts:
        if part["type"] == _BUTTON:
            yield from _button(part)
        elif part["type"] == _ROW and len(part["components"]) > 1:
            yield from ("a menu is not alone in its row" for one in part["components"] if one["type"] != _BUTTON)
        elif isinstance(part.get("options"), list):
            yield from _menu(part)
        least, most = part.get("min_values"), part.get("max_values")
        if least is not None and most is not None and least > most:
            yield f"{part['custom_id']}: at least {least} and at most {most}"
        # In forms `required` is true where it is left out. In messages it is said to mean nothing, and they are refused
        # all the same (discord-api-docs issue 7800).
        if least == 0 and part.get("required", in_form):
            yield f"{part['custom_id']} can stay empty and is required"


def _button(part: Mapping[str, Any]) -> Iterator[str]:
    silent = part["style"] in (_LINK, _PREMIUM)
    if silent == bool(part.get("custom_id")) or (part["style"] == _LINK) != bool(part.get("url")):
        yield f"a button of style {part['style']} with custom_id {part.get('custom_id')!r} and url {part.get('url')!r}"
    if part["style"] != _PREMIUM and not part.get("label") and not part.get("emoji"):
        yield f"the button {part.get('custom_id')!r} shows nothing"


def _menu(part: Mapping[str, Any]) -> Iterator[str]:
    """A component with options; at most how many it can have is in the schema."""
    options = part["options"]
    name = part["custom_id"]
    yield from _twice(f"{name}: the value", [option["value"] for option in options])
    one_of = 1 if part["type"] in (3, 21) else len(options)  # a menu or radio buttons; checkboxes
    most = part.get("max_values") or one_of
    if most > len(options):
        yield f"{name}: {most} can be chosen of {len(options)}"
    chosen = sum(bool(option.get("default")) for option in options)
    if chosen > most:
        yield f"{name}: {chosen} are chosen beforehand, of {most}"


def _twice(what: str, values: Sequence[object]) -> Iterator[str]:
    yield from (f"{what} {value!r} is there {times} times" for value, times in Counter(values).items() if times > 1)


# --- forms ------------------------------------------------------------------------------------------------------------


def _modal(form: Mapping[str, Any]) -> Iterator[str]:
    if len(form["components"]) > 5:
        yield f"{len(form['components'])} parts of a form, of 5"
    parts = list(_walk(form["components"]))
    yield from _parts(parts, in_form=True)
    for part in parts:
        name = part.get("custom_id")
        if part.get("disabled"):
            yield f"{name} is disabled, in a form"
        least, most, value = part.get("min_length") or 0, part.get("max_length") or 4000, part.get("value")
        if least > most or (value and not least <= len(value) <= most):
            yield f"{name}: {least} to {most} characters, beginning with {len(value or '')}"


# --- commands ---------------------------------------------------------------------------------------------------------


def _commands(commands: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for kind, most in ((1, 100), (2, 15), (3, 15)):
        names = [one["name"] for one in commands if one.get("type", 1) == kind]
        yield from _twice("the command", names)
        if len(names) > most:
            yield f"{len(names)} commands of type {kind}, of {most}"
    for command in commands:
        if command.get("type", 1) == 1:
            yield from _options(command, f"/{command['name']}")
            if (size := _size(command)) > 8000:
                yield f"/{command['name']}: {size} characters, of 8000"


def _options(command: Mapping[str, Any], name: str) -> Iterator[str]:
    """A command, a group or one of their options, and what is in it."""
    if not _COMMAND_NAME.fullmatch(command["name"]) or command["name"] != command["name"].lower():
        yield f"{name}: a name is lower case, without spaces"
    if not command.get("description"):
        yield f"{name}: no description"
    if command.get("choices") and command.get("autocomplete"):
        yield f"{name}: choices and suggestions"
    options = command.get("options") or []
    yield from _twice(f"{name}: the option", [one["name"] for one in options])
    needed = [bool(one.get("required")) for one in options]
    if needed != sorted(needed, reverse=True):
        yield f"{name}: an option that is needed comes behind one that is not"
    if len({one["type"] in (1, 2) for one in options}) > 1:
        yield f"{name}: options beside subcommands"
    for one in options:
        yield from _options(one, f"{name} {one['name']}")


def _size(command: Mapping[str, Any]) -> int:
    """Characters in all names, descriptions and values of choices."""
    own = len(command["name"]) + len(command.get("description") or "")
    choices = sum(len(one["name"]) + len(str(one["value"])) for one in command.get("choices") or ())
    return own + choices + sum(_size(one) for one in command.get("options") or ())
