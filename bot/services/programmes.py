"""Programmes by name, with the provider behind each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.domain.model import Batch, Destination, Programme
from bot.errors import DestinationChanged, SettingsError, UsageError
from bot.providers.base import Currency, Provider


class Programmes:
    """Every programme that the settings allow. One provider object for each programme and currency in use."""

    def __init__(self, programmes: Sequence[Programme], make_provider: Callable[[Programme], Provider]) -> None:
        self._programmes = {programme.name: programme for programme in programmes}
        self._make_provider = make_provider
        self._providers: dict[Programme, Provider] = {}

    def names(self) -> tuple[str, ...]:
        """In the order of the settings."""
        return tuple(self._programmes)

    def get(self, name: str, *, currency: str | None = None) -> Programme:
        """The programme, with ``currency`` instead of the configured one when given, where there are several.

        Raises ``UsageError`` for a name that does not exist and ``SettingsError`` for one that cannot be used.
        """
        programme = self._programmes.get(name)
        if programme is None:
            known = ", ".join(self._programmes) or "none: no keys are set"
            raise UsageError(f"there is no programme called {name} (known: {known})")
        if programme.kind.traits.has_currencies and currency is not None and currency != programme.destination.currency:
            # A currency chosen in a server makes a programme usable that lacked only that.
            missing_currency = programme.destination.currency is None
            programme = replace(
                programme,
                destination=replace(programme.destination, currency=currency),
                unusable=None if missing_currency else programme.unusable,
            )
        if programme.unusable is not None:
            raise SettingsError(f"{name} cannot be used: {programme.unusable}")
        return programme

    def still(self, name: str, *, currency: str | None, what: str) -> Programme:
        """``get`` for something that was made earlier. ``what`` ends the words "which this …".

        Raises ``DestinationChanged`` when the settings do not have it any more.
        """
        try:
            return self.get(name, currency=currency)
        except (UsageError, SettingsError) as error:
            raise DestinationChanged(
                f"the settings no longer allow {name}, which this {what}: {error.message}",
                hint="Ask the operator to put its settings back.",
            ) from error

    def of_destination(self, destination: Destination) -> Programme | None:
        """The programme of an account, paying where ``destination`` says; ``None``: the settings no longer have it."""
        for programme in self._programmes.values():
            if (programme.kind, programme.destination.account) == (destination.kind, destination.account):
                return replace(programme, destination=destination)
        return None

    def provider(self, programme: Programme) -> Provider:
        """The provider of a programme as ``get`` returned it."""
        if programme not in self._providers:
            self._providers[programme] = self._make_provider(programme)
        return self._providers[programme]

    async def currencies(self, name: str) -> Sequence[Currency]:
        """The real list of a programme's account, also while the programme lacks a currency.

        Raises ``UsageError`` for an unknown name and ``ResolutionFailed`` when the service cannot say.
        """
        programme = self._programmes.get(name)
        if programme is None:
            raise UsageError(f"there is no programme called {name}")
        return await self.provider(programme).currencies()

    def for_batch(self, batch: Batch, *, currency: str | None) -> Provider:
        """The provider for a recorded batch; ``currency`` is what its server has chosen now (``None`` = nothing).

        Raises ``DestinationChanged`` when the settings no longer have its programme, or when account, currency, unit
        or customer template differ from what the batch was recorded for. Base URLs may change.
        """
        frozen = batch.destination
        programme = self.still(batch.programme, currency=currency, what="batch was recorded for")
        now = programme.destination
        for what, before, after in (
            ("kind", frozen.kind, now.kind),
            ("account", frozen.account, now.account),
            ("currency", frozen.currency, now.currency),
            ("unit of amounts", frozen.unit, now.unit),
            ("customer id template", frozen.template, now.template),
        ):
            if before != after:
                raise DestinationChanged(
                    f"the {what} of {batch.programme} is not the one this batch was recorded for",
                    hint="Restore the setting and resume the batch, or stop it and send the rows anew.",
                )
        return self.provider(programme)
