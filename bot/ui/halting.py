"""The emergency stop in Discord: ``/batch stop-all``, its button on the settings card, and the release."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import discord

from bot.domain.states import BatchState
from bot.errors import NotAllowed
from bot.services.bundle import Services
from bot.services.halting import REASON_MAX, Halt, Halted, Released
from bot.services.rules import Capability
from bot.ui import answers, staff
from bot.ui.answers import Interaction
from bot.ui.cards import Line, Tone, button, card
from bot.ui.errors import Form, Guarded, changes_nothing
from bot.ui.parts import parts_of
from bot.ui.permissions import actor_of, is_administrator, require, require_settings, server_of, services_of
from bot.ui.text import count, escape, when

_log = logging.getLogger(__name__)

SHOWN_BATCHES: Final = 15
SIGN: Final = "⛔"
"""How the line about a stop begins."""
RELEASED: Final = "Released"
"""How the line about its end does."""


def stop_button() -> discord.ui.Button[Any]:
    """For the settings card."""
    return button("Stop everything…", "halt:stop", style=discord.ButtonStyle.danger)


def release_button() -> discord.ui.Button[Any]:
    """Wherever a stop in force is shown."""
    return button("Release…", "halt:release")


def halt_line(halt: Halt) -> str:
    """Who stopped everything, when and why."""
    return f"{SIGN} **{escape(halt.by.name, 60)}** stopped everything {when(halt.at, 'R')}: {escape(halt.reason, 200)}"


# --- stop -----------------------------------------------------------------------------------------------------------


async def stop_all(interaction: Interaction, reason: str) -> None:
    """Stop everything of the server at once: nothing is asked first, since it can be taken back."""
    changes_nothing(interaction)
    await answers.think(interaction)
    await _require_stop(interaction)
    halted = await services_of(interaction).halting.stop(actor_of(interaction), reason)
    practice = services_of(interaction).practice
    lines = _stopped_lines(halted)
    if not halted.changed:
        view = card("Everything is stopped already", tone=Tone.PLAIN, word="", practice=practice, lines=lines)
        await answers.show(interaction, view)
        return
    rows = [[release_button()]]
    view = card("Everything is stopped", tone=Tone.STOPPED, word="", practice=practice, lines=lines, rows=rows)
    posted = await _post(interaction, view, halted.halt.id)
    if posted is not None:
        parts_of(interaction).halts.note(halted.halt.id, posted)
    else:
        lines.append("-# The staff channel could not be told.")
    view = card("Everything is stopped", tone=Tone.STOPPED, word="", practice=practice, lines=lines, rows=rows)
    await answers.show(interaction, view)


async def _require_stop(interaction: Interaction) -> None:
    """Who steers batches may stop them all; so may who changes the settings."""
    try:
        await require(interaction, Capability.MANAGE)
    except NotAllowed as refused:
        try:
            await require_settings(interaction)
        except NotAllowed:
            raise refused from None


def _stopped_lines(halted: Halted) -> list[Line]:
    lines: list[Line] = [halt_line(halted.halt)]
    if halted.batches:
        lines.append(
            f"{count(len(halted.batches), 'batch', 'batches')} paused with {count(halted.planned, 'award')} not sent: "
            f"{_listed(halted.batches)}. A call on its way will be finished and recorded."
        )
    elif halted.changed:
        lines.append("No batch was running.")
    lines.append("Nothing new can be sent here until an administrator releases it, with a reason.")
    return lines


# --- release --------------------------------------------------------------------------------------------------------


async def release(interaction: Interaction, reason: str) -> None:
    """Allow new batches again; for administrators only."""
    changes_nothing(interaction)
    await answers.think(interaction)
    _require_administrator(interaction)
    services, actor = services_of(interaction), actor_of(interaction)
    server = server_of(interaction)
    halt = await services.halting.in_force(server)
    if halt is None or not _is_about(interaction, halt):
        return await _too_late(interaction, halt)
    released = await services.halting.release(actor, reason)
    if not released.changed:
        return await _too_late(interaction, None)
    said = f"{escape(actor.name, 60)}**: {escape(' '.join(reason.split()), 200)}"
    await _mark_over(interaction, [halt_line(halt), f"{RELEASED} by **{said}"], parts_of(interaction).halts.of(halt.id))
    lines = [f"By **{said}", *_released_lines(released, await _opened(services, server))]
    view = card("The emergency stop is released", tone=Tone.PLAIN, practice=services.practice, lines=lines)
    await _post(interaction, view, f"release {halt.id}")
    return await answers.show(interaction, view)


def _is_about(interaction: Interaction, halt: Halt) -> bool:
    """Whether the card that was pressed shows this stop, and none that is over."""
    texts = _pressed_texts(interaction)
    return not texts or any(halt_line(halt) in text for text in texts)


def _pressed_texts(interaction: Interaction) -> list[str]:
    return [] if interaction.message is None else staff.texts_of(interaction.message)


async def _too_late(interaction: Interaction, halt: Halt | None) -> None:
    """The card shows a stop that is over, and says so from now on. ``halt``: the one in force."""
    lines = [line for text in _pressed_texts(interaction) for line in text.splitlines()]
    said = [line for line in lines if line.startswith((SIGN, RELEASED))]
    if not any(line.startswith(RELEASED) for line in said):
        said.append(f"{RELEASED}.")
    await _mark_over(interaction, said, [])
    word, practice = "Your press changed nothing", services_of(interaction).practice
    if halt is None:
        view = card("Nothing is stopped", tone=Tone.PLAIN, word=word, practice=practice, lines=[])
    else:
        title, rows = "This card is about an earlier stop", [[release_button()]]
        view = card(title, tone=Tone.PLAIN, word=word, practice=practice, lines=[halt_line(halt)], rows=rows)
    await answers.show(interaction, view)


async def _mark_over(interaction: Interaction, lines: Sequence[str], copies: Sequence[discord.Message]) -> None:
    """Let the staff channel's card of a stop, wherever it is known to stand, say that it is over."""
    pressed = interaction.message
    here = [] if pressed is None or pressed.flags.ephemeral else [pressed]
    services = services_of(interaction)
    rules = await services.servers.rules(server_of(interaction))
    view = card("Everything was stopped", tone=Tone.PLAIN, word="", practice=services.practice, lines=lines)
    for message in {one.id: one for one in [*copies, *here]}.values():
        try:
            await message.edit(view=staff.fit(view, rules), allowed_mentions=staff.NO_MENTIONS)
        except Exception as error:  # also what is not Discord's own, when the network is cut
            _log.warning("the card of an emergency stop could not be marked as over: %r", error)


async def _opened(services: Services, server: str) -> list[int]:
    """What goes on with the release: nothing of the command line while another server is stopped."""
    at_work = await services.batches.at_work()
    here = [one for one in at_work if one.state is BatchState.OPEN and one.actor.server_id in (None, server)]
    return [one.id for one in here if await services.batches.why_nothing_is_sent(one) is None]


def _released_lines(released: Released, opened: Sequence[int]) -> list[str]:
    """``opened``: batches that were finished when everything was stopped, and have something to send again since."""
    lines = ["New batches can be sent again."]
    if opened:
        goes = count(len(opened), "batch that was opened again goes", "batches that were opened again go")
        lines.append(f"{goes} on now: {_listed(opened)}.")
    if released.paused:
        paused = count(len(released.paused), "batch stays", "batches stay")
        lines.append(f"{paused} paused until somebody resumes them one by one: {_listed(released.paused)}.")
    return lines


def _require_administrator(interaction: Interaction) -> None:
    server_of(interaction)
    if not is_administrator(interaction):
        raise NotAllowed(
            "You may not release the emergency stop. That takes an administrator of the server.",
            hint="Ask one of them.",
        )


def _listed(batches: Sequence[int]) -> str:
    shown = ", ".join(f"batch {batch_id}" for batch_id in batches[:SHOWN_BATCHES])
    more = len(batches) - SHOWN_BATCHES
    return f"{shown} and {more:,} more" if more > 0 else shown


async def _post(interaction: Interaction, view: discord.ui.LayoutView, what: object) -> discord.Message | None:
    """Tell the staff channel; ``None`` where it was not told. The stop itself never waits for that."""
    services, server = services_of(interaction), server_of(interaction)
    rules = await services.servers.rules(server)
    if rules.staff_channel_id is None:
        return None
    try:
        channel = staff.find_channel(interaction.client, server, rules.staff_channel_id, files=False)
        return await staff.post(channel, view, rules, nonce=staff.nonce_of("halt", server, what))
    except Exception as error:  # also what is not Discord's own, when the network is cut
        _log.warning("the staff channel could not be told of the emergency stop: %r", error)
        return None


# --- buttons and forms ----------------------------------------------------------------------------------------------


class ReasonForm(Form):
    """Why everything is stopped, or released."""

    def __init__(self, opened: Interaction, verb: str) -> None:
        super().__init__(_TITLES[verb], opened, f"halt:{verb}")
        self._verb = verb
        self._reason: discord.ui.TextInput[Any] = discord.ui.TextInput(custom_id="reason", max_length=REASON_MAX)
        self.add_item(
            discord.ui.Label(text="Reason", description="Kept, and shown to the staff", component=self._reason)
        )

    async def on_submit(self, interaction: Interaction, /) -> None:
        await _ACTIONS[self._verb](interaction, self._reason.value)


_TITLES: Final = {"stop": "Stop everything", "release": "Release the emergency stop"}
_ACTIONS: Final = {"stop": stop_all, "release": release}


class HaltButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"halt:(?P<verb>{'|'.join(_ACTIONS)})",
):
    """Asks for the reason. The permission is judged before the form and again behind it."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        if self.match["verb"] == "stop":
            await _require_stop(interaction)
        else:
            _require_administrator(interaction)
            halt = await services_of(interaction).halting.in_force(server_of(interaction))
            if halt is None or not _is_about(interaction, halt):
                await answers.think(interaction)
                await _too_late(interaction, halt)
                return
        await interaction.response.send_modal(ReasonForm(interaction, self.match["verb"]))


ITEMS: Final = (HaltButton,)
