"""Who the fixtures name: people of a tenant who take conversations, and the AI of a widget."""

from __future__ import annotations

from simulator.backends.chatbot.state import Seed, User
from simulator.backends.chatbot.talks import SHORT_ID, Conversation
from simulator.core.world import World


class Staff:
    """Of all tenants."""

    def __init__(self, world: World) -> None:
        seed: Seed = world.seed
        self._world = world
        self._users = seed.users
        self._widgets = {(widget.tenantId, widget.chatbotId): widget for widget in seed.widgets}

    def named(self, tenant: str, name: str) -> tuple[str, str]:
        """Id and name of one of them by id, name or email; one that the fixtures do not know is invented."""
        user = self._known(tenant, name)
        if user is not None:
            return user.userId, user.name
        return f"agent_{self._world.ids.child('agent', name).token(9, SHORT_ID)}", name

    def misnamed(self, tenant: str, name: str) -> bool:
        """Whether the fixtures know that name, and it is not one of the tenant's staff."""
        known = any(name in (user.userId, user.name, user.email) for user in self._users)
        return known and self._known(tenant, name) is None

    def _known(self, tenant: str, name: str) -> User | None:
        staff = (user for user in self._users if user.tenantId == tenant and user.role != "user")
        return next((user for user in staff if name in (user.userId, user.name, user.email)), None)

    def assistant(self, talk: Conversation) -> str:
        """What the AI of a conversation is called."""
        widget = self._widgets.get((talk.tenant_id, talk.chatbot_id or ""))
        return "AI Assistant" if widget is None else widget.displayName

    def welcome(self, talk: Conversation) -> str | None:
        """What its widget says first."""
        widget = self._widgets.get((talk.tenant_id, talk.chatbot_id or ""))
        return None if widget is None else widget.welcomeMessage
