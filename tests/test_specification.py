"""What Discord would refuse is seen by the check that every conversation of the tests ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import discord
import pytest

from tests.gateway.loopback import Loopback
from tests.support.discord import discord_world
from tests.support.documented import COMPONENTS_V2
from tests.support.extract_discord_schema import ROUTES, extracted, written
from tests.support.specification import violations

COMMAND, COMPONENT, TYPED, FORM = "2", "3", "4", "5"
KINDS = {one: int(one) for one in (COMMAND, COMPONENT, TYPED, FORM)}
"""Interactions whose id is their type."""
BUTTON = {"type": 2, "style": 1, "label": "Send", "custom_id": "send"}
MENU = {"type": 3, "custom_id": "menu", "options": [{"label": "a", "value": "1"}, {"label": "b", "value": "2"}]}
CARD: dict[str, Any] = {
    "flags": COMPONENTS_V2,
    "allowed_mentions": {"parse": []},
    "attachments": [{"id": 0, "filename": "result.csv"}],
    "components": [
        {
            "type": 17,
            "components": [
                {"type": 10, "content": "### Batch 1"},
                {"type": 13, "file": {"url": "attachment://result.csv"}},
                {"type": 1, "components": [BUTTON]},
                {"type": 1, "components": [MENU]},
            ],
        }
    ],
}
FIELD = {"type": 4, "custom_id": "reason", "style": 1, "max_length": 10, "value": "why"}
MODAL: dict[str, Any] = {
    "custom_id": "form:1",
    "title": "Stop",
    "components": [{"type": 18, "label": "Reason", "component": FIELD}],
}
OPTION = {"type": 3, "name": "amount", "description": "How much", "required": True}
COMMANDS: list[dict[str, Any]] = [{"name": "award", "description": "Give points", "type": 1, "options": [OPTION]}]


def posted(body: Any) -> list[str]:
    return violations([("POST", "/channels/1/messages", body)], KINDS)


def answered(to: str, kind: int, data: Any = None) -> list[str]:
    body = {"type": kind} if data is None else {"type": kind, "data": data}
    return violations([("POST", f"/interactions/{to}/token/callback", body)], KINDS)


def part(body: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = body["components"][0]["components"][number]
    return found


def test_a_card_a_form_and_a_command_within_the_limits_are_taken_wherever_they_go() -> None:
    update = [("PATCH", "/webhooks/1/token/messages/@original", CARD), ("POST", "/webhooks/1/token", CARD)]
    edits = [("PATCH", "/channels/1/messages/2", CARD), ("PATCH", "/webhooks/1/token/messages/3", CARD)]
    assert violations([*update, *edits], KINDS) == [] == posted(CARD)
    assert answered(COMMAND, 4, CARD) == [] == answered(COMPONENT, 7, CARD)
    assert answered(COMMAND, 5, {"flags": 64}) == [] == answered(COMPONENT, 6)
    assert answered(COMPONENT, 9, MODAL) == [] == answered(TYPED, 8, {"choices": []})
    assert answered(TYPED, 8, {"choices": [{"name": "Batch 1", "value": "1"}]}) == []
    assert violations([("PUT", "/applications/1/commands", COMMANDS)], KINDS) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda card: card.update(flags=0), "without the flag IS_COMPONENTS_V2"),
        (lambda card: card.update(content="too"), "'content' beside"),
        (lambda card: card.update(embeds=[{"title": "x"}]), "'embeds' beside"),
        (lambda card: card.update(components=[], attachments=[]), "an empty message"),
        (lambda card: card.pop("allowed_mentions"), "would ping"),
        (lambda card: card.update(allowed_mentions={"parse": ["users"]}), "would ping"),
        (lambda card: card.update(allowed_mentions={"parse": [], "roles": ["1"]}), "would ping"),
        (lambda card: part(card, 0).update(content="x" * 4001), "too long"),
        (lambda card: part(card, 0).update(content=""), "should be non-empty"),
        (lambda card: card["components"].extend([{"type": 10, "content": "x" * 2000}] * 2), "4011 characters of text"),
        (lambda card: card["components"].extend([{"type": 14}] * 34), "41 components"),
        (lambda card: part(card, 2).update(components=[BUTTON] * 2), "'send' is there 2 times"),
        (lambda card: part(card, 2).update(components=[{**BUTTON, "custom_id": "x" * 101}]), "too long"),
        (lambda card: part(card, 2).update(components=[{**BUTTON, "label": "x" * 81}]), "too long"),
        (lambda card: part(card, 2).update(components=[{**BUTTON, "label": ""}]), "shows nothing"),
        (lambda card: part(card, 2).update(components=[{**BUTTON, "style": 5}]), "a button of style 5"),
        (lambda card: part(card, 2).update(components=[{**BUTTON, "style": 9}]), "9 is not one of"),
        (lambda card: part(card, 3)["components"].insert(0, BUTTON | {"custom_id": "b"}), "not alone in its row"),
        (lambda card: part(card, 3)["components"][0]["options"][1].update(value="1"), "the value '1' is there 2"),
        (lambda card: part(card, 3)["components"][0].update(options=MENU["options"] * 13), "too long"),  # type: ignore[operator]  # a list
        (lambda card: part(card, 3)["components"][0].update(max_values=3), "3 can be chosen of 2"),
        (lambda card: part(card, 3)["components"][0].update(min_values=0, required=True), "stay empty and is required"),
        (lambda card: [one.update(default=True) for one in part(card, 3)["components"][0]["options"]], "2 are chosen"),
        (lambda card: part(card, 1)["file"].update(url="attachment://other.csv"), "no file for attachment://other.csv"),
        (lambda card: part(card, 1)["file"].update(url="https://x.test/a"), "attachment:// only"),
        (lambda card: card["components"][0]["components"].pop(1), "no component shows the file 'result.csv'"),
        (lambda card: card["attachments"].append({"id": 1, "filename": "result.csv"}), "is there 2 times"),
        (lambda card: card["attachments"][0].update(filename="week 1.csv"), "finds no file 'week 1.csv'"),
        (lambda card: part(card, 2).update(type=4), "fits nothing"),
    ],
)  # fmt: skip
def test_a_card_that_discord_would_refuse_is_seen(broken: Callable[[dict[str, Any]], object], said: str) -> None:
    card = deepcopy(CARD)
    broken(card)
    found = posted(card)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda form: form.update(title="x" * 46), "too long"),
        (lambda form: form["components"].extend([{"type": 10, "content": "x"}] * 5), "6 parts of a form"),
        (lambda form: form["components"][0].update(label="x" * 46), "too long"),
        (lambda form: form["components"][0]["component"].update(value="much too long"), "beginning with 13"),
        (lambda form: form["components"][0].update(component={**MENU, "disabled": True}), "is disabled"),
        (lambda form: form["components"][0].update(component={**MENU, "min_values": 0}), "stay empty and is required"),
    ],
)
def test_a_form_that_discord_would_refuse_is_seen(broken: Callable[[dict[str, Any]], object], said: str) -> None:
    form = deepcopy(MODAL)
    broken(form)
    found = answered(COMPONENT, 9, form)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("to", "kind", "data", "said"),
    [
        (COMMAND, 6, None, "cannot be given"),
        (COMMAND, 7, CARD, "cannot be given"),
        (FORM, 9, MODAL, "cannot be given"),
        (TYPED, 4, CARD, "cannot be given"),
        (COMMAND, 5, {"flags": 64 | COMPONENTS_V2}, "a deferral carries nothing"),
        (COMMAND, 5, CARD, "a deferral carries nothing"),
        (TYPED, 8, {"choices": [{"name": "x", "value": "x" * 101}]}, "longer than 100"),
        (TYPED, 8, {"choices": [{"name": "", "value": "x"}]}, "fits nothing"),
        (TYPED, 8, {"choices": [{"name": "x", "value": "x"}] * 26}, "fits nothing"),
    ],
)
def test_an_answer_that_discord_would_refuse_is_seen(to: str, kind: int, data: Any, said: str) -> None:
    found = answered(to, kind, data)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda command: command.update(name="Award"), "lower case"),
        (lambda command: command.update(name="x" * 33), "too long"),
        (lambda command: command.update(description=""), "no description"),
        (lambda command: command["options"].append({**OPTION, "name": "x", "description": "x" * 101}), "too long"),
        (lambda command: command["options"].append(OPTION), "'amount' is there 2 times"),
        (lambda command: command["options"].insert(0, {**OPTION, "name": "x", "required": False}), "comes behind"),
        (lambda command: command["options"].append({"type": 1, "name": "x", "description": "x"}), "beside subcommands"),
        (
            lambda command: command["options"][0].update(autocomplete=True, choices=[{"name": "x", "value": "x"}]),
            "choices and suggestions",
        ),
        (
            lambda command: command["options"][0].update(choices=[{"name": "x", "value": "x" * 4000}] * 2),
            "of 8000",
        ),
    ],
)
def test_a_command_that_discord_would_refuse_is_seen(broken: Callable[[dict[str, Any]], object], said: str) -> None:
    commands = deepcopy(COMMANDS)
    broken(commands[0])
    found = violations([("PUT", "/applications/1/commands", commands)], KINDS)
    assert any(said in one for one in found), found


def test_an_edit_keeps_the_files_of_its_message_unless_it_names_others() -> None:
    kept = {key: one for key, one in CARD.items() if key != "attachments"}
    edit = "/webhooks/1/token/messages/@original"
    assert violations([("POST", "/channels/1/messages", CARD), ("PATCH", edit, kept)], KINDS) == []
    (found,) = violations([("PATCH", edit, kept)], KINDS)
    assert "no file for attachment://result.csv" in found
    (found,) = violations([("PATCH", edit, {**CARD, "attachments": []})], KINDS)
    assert "no file for attachment://result.csv" in found


def test_a_body_for_a_route_that_nobody_looked_up_is_seen() -> None:
    (found,) = violations([("PUT", "/channels/1/pins/2", {})], KINDS)
    assert "nothing is known of this route" in found
    assert violations([("GET", "/channels/1", None), ("DELETE", "/channels/1/messages/2", None)], KINDS) == []


async def test_a_conversation_in_which_somebody_would_be_pinged_fails_at_its_end(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="would ping somebody"):
        async with discord_world(tmp_path) as world:
            channel = world.client.get_channel(world.staff.id)
            assert isinstance(channel, discord.TextChannel)
            await channel.send("@everyone", allowed_mentions=discord.AllowedMentions(everyone=True))


def test_the_loopback_discord_sees_the_same() -> None:
    loopback = Loopback()
    loopback.requests.append(("PATCH", "/api/v10/channels/1/messages/2", {**CARD, "flags": 0}))
    (found,) = loopback.refusable()
    assert "without the flag IS_COMPONENTS_V2" in found


def test_the_schema_is_taken_from_the_document_without_its_prose() -> None:
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Message"}}}}
    paths: dict[str, Any] = {}
    for method, path in ROUTES:
        paths.setdefault(path, {})[method.lower()] = {"requestBody": body}
    style = {"title": "STYLES", "oneOf": [{"title": "ONE", "description": "first", "const": 1}, {"const": 2}]}
    fields = {
        "title": {"type": "string", "description": "What it is called", "maxLength": 45, "format": "x"},
        "style": {"$ref": "#/components/schemas/Style"},
        "type": {"type": "integer", "enum": [4], "allOf": [{"$ref": "#/components/schemas/Unused"}]},
        "embeds": {"$ref": "#/components/schemas/Unused"},
    }
    message = {"type": "object", "description": "A message", "properties": fields, "required": ["title"]}
    schemas = {"Message": message, "Style": style, "Unused": {"type": "object"}}
    document = {"info": {"version": "10"}, "paths": paths, "components": {"schemas": schemas}}
    found = json.loads(written(extracted(json.dumps(document).encode())))
    assert "API version 10" in found["$comment"] and len(found["routes"]) == len(ROUTES)
    assert found["$defs"] == {
        "Message": {
            "type": "object",
            "required": ["title"],
            "properties": {
                "title": {"type": "string", "maxLength": 45},
                "style": {"$ref": "#/$defs/Style"},
                "type": {"type": "integer", "enum": [4]},
            },
        },
        "Style": {"enum": [1, 2]},
    }
