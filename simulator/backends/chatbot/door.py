"""Who may come in: a JSON Web Token, a widget's key, or nobody (section "Authentication")."""

from __future__ import annotations

from simulator.backends.chatbot import jwt
from simulator.backends.chatbot.rooms import Caller
from simulator.backends.chatbot.state import Seed, Settings, User
from simulator.backends.chatbot.telling import Failed
from simulator.core.message import Json, Request

STATUSES = {"NO_AUTH": 401, "AUTH_ERROR": 401, "WIDGET_VALIDATION_ERROR": 403}
"""The widget looks for these numbers in a connect_error's message, and for 404."""

NO_CHATBOT = "there is no such chatbot"
"""What the widget shows a 404 as: seen in code."""


class Door:
    """Looks at what a client brought."""

    def __init__(self, seed: Seed, settings: Settings) -> None:
        self._settings = settings
        self._users = {user.userId: user for user in seed.users}
        self._widgets = {widget.widgetKey: widget for widget in seed.widgets}
        self._chatbots = {widget.chatbotId for widget in seed.widgets}

    def admit(self, auth: Json, request: Request, now: float) -> Caller:
        """Who it is; an anonymous one has no userId yet. Raises Failed.

        The token of `auth` comes before the header's, and any token before a widget's key.
        """
        given = auth if isinstance(auth, dict) else {}
        token = given.get("token") or bearer(request)
        if token:
            return self.by_token(token, now)
        if given.get("widgetKey") or given.get("chatbotId"):
            return self._by_key(given.get("widgetKey"), given.get("chatbotId"))
        raise Failed("NO_AUTH", "No authentication provided", "expected auth.token, Authorization, or auth.widgetKey")

    def by_token(self, token: Json, now: float) -> Caller:
        """The user of a token. Raises Failed."""
        if not isinstance(token, str):
            raise Failed("AUTH_ERROR", "Authentication failed", "token: expected a string")
        try:
            claims = jwt.verify(token, self._settings.jwt_secret, now)
        except jwt.BadToken as error:
            raise Failed("AUTH_ERROR", "Authentication failed", str(error)) from None
        name = claims.get("sub", claims.get("userId"))
        user = self._users.get(name) if isinstance(name, str) else None
        if user is None:
            raise Failed("AUTH_ERROR", "Authentication failed", "there is no such user")
        if claims.get("tenantId", user.tenantId) != user.tenantId:
            raise Failed("AUTH_ERROR", "Authentication failed", "the user is not of that tenant")
        return caller(user)

    def _by_key(self, key: Json, chatbot: Json) -> Caller:
        widget = self._widgets.get(key) if isinstance(key, str) else None
        if widget is None:
            raise Failed("WIDGET_VALIDATION_ERROR", "Widget validation failed", "there is no such widget key")
        if not widget.active:
            raise Failed("WIDGET_VALIDATION_ERROR", "Widget validation failed", "the widget is switched off")
        if isinstance(chatbot, str) and chatbot not in self._chatbots:
            raise Failed("WIDGET_VALIDATION_ERROR", "Widget validation failed", NO_CHATBOT)
        if chatbot != widget.chatbotId:
            raise Failed("WIDGET_VALIDATION_ERROR", "Widget validation failed", "the key is another chatbot's")
        orgs = (widget.orgId,) if widget.orgId else ()
        return Caller("", widget.tenantId, orgs=orgs, widget=widget)


def caller(user: User) -> Caller:
    """Somebody with a token."""
    return Caller(user.userId, user.tenantId, user.name, user.role, tuple(user.orgs), user)


def bearer(request: Request) -> str:
    """The token of the header Authorization, empty without one."""
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refusal(failed: Failed) -> Json:
    """A connect_error: its message says the status, as the widget expects."""
    status = 404 if failed.details == NO_CHATBOT else STATUSES[failed.code]
    return {"message": f"{status}: {failed.why}", "data": failed.body()}
