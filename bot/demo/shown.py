"""Messages as a person sees them: texts, and what can be pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord
from simcord import InteractionResult, ResponseMessage

from bot.demo.failures import DemoFailed

ROW, BUTTON, TEXT, FILE, RULE, CONTAINER, SECTION = 1, 2, 10, 13, 14, 17, 9
MENUS: Final = (3, 5, 6, 7, 8)
"""Component types (docs.discord.com/developers/components/reference)."""

Part = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """One message. A look at one moment: ``again`` looks anew."""

    message: ResponseMessage | discord.Message
    roots: Sequence[Part]

    @property
    def parts(self) -> list[Part]:
        """Every component, in order, at any depth."""
        return [part for root in self.roots for part in _within(root)]

    @property
    def text(self) -> str:
        """All of its texts."""
        return "\n".join(part["content"] for part in self.parts if part["type"] == TEXT)

    @property
    def buttons(self) -> list[str]:
        """Labels of the buttons that can be pressed."""
        return [part["label"] for part in self.parts if part["type"] == BUTTON and not part.get("disabled")]

    @property
    def files(self) -> dict[str, str]:
        """Where the attached files are, by name."""
        return {one.filename: one.url for one in self.message.attachments}

    def button(self, *starts: str) -> str:
        """The label of the button that begins with one of these words. Raises ``DemoFailed`` when there is none."""
        for label in self.buttons:
            if label.startswith(starts):
                return label
        wanted = " or ".join(f"“{one}…”" for one in starts)
        there = ", ".join(self.buttons) or "none"
        raise DemoFailed(f"the card should have a button {wanted}, but its buttons are: {there}. It says: {self.text}")


def shown(message: ResponseMessage | discord.Message) -> Shown:
    """Look at a message."""
    if isinstance(message, discord.Message):
        return Shown(message, [component.to_dict() for component in message.components])
    return Shown(message, message.components)


def answer(result: InteractionResult, before: Shown | None = None) -> Shown:
    """What somebody sees after an interaction: the newest private message, or the card that was pressed.

    Raises ``DemoFailed`` when the bot gave no answer, or a public one.
    """
    if not result.acknowledged:
        raise DemoFailed("the bot did not answer an interaction")
    if result.followups:
        message: ResponseMessage | discord.Message = result.followups[-1]
    elif result.response is not None:
        message = result.response
    elif before is not None:
        message = before.message
    else:
        raise DemoFailed("the bot answered an interaction without a message")
    if not message.flags.ephemeral:
        raise DemoFailed("the bot answered in public what is one person's affair")
    return shown(message)


def _within(part: Part) -> list[Part]:
    inner = [*part.get("components", ()), *([part["accessory"]] if "accessory" in part else [])]
    return [part, *(one for child in inner for one in _within(child))]
