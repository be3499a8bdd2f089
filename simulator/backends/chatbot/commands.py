"""What each event of a client does: one method for each, and the table that says which."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from reprlib import repr as repr_of
from typing import Any

from simulator.backends.chatbot import analysis, knowledge, lists
from simulator.backends.chatbot import messages as m
from simulator.backends.chatbot import rooms as of
from simulator.backends.chatbot.answers import Answers
from simulator.backends.chatbot.desk import Desk
from simulator.backends.chatbot.knowledge import Index
from simulator.backends.chatbot.machine import Reason
from simulator.backends.chatbot.rooms import Client, Rooms
from simulator.backends.chatbot.shapes import Said
from simulator.backends.chatbot.state import Dashboard, Seed, Settings
from simulator.backends.chatbot.talks import Conversation, Talks
from simulator.backends.chatbot.telling import Body, Failed, Teller
from simulator.core.actions import Action, Began, Heard
from simulator.core.errors import WireError
from simulator.core.message import Json, Message
from simulator.core.world import World
from simulator.wire import socketio_packets as packets

STAFF_ALONE = "agents and admins alone may"

RESULTS = 10
"""Of one search."""


def fits(value: Any, most: int) -> bool:
    """Whether a value has at most so many characters as JSON, attachments counted, and can be written at all."""
    try:
        text, attachments = packets.payload((value,))
    except WireError:
        return False
    return len(text) + sum(map(len, attachments)) <= most


class Commands:
    """Works the events of clients. Each method may raise Failed."""

    def __init__(
        self, world: World, talks: Talks, rooms: Rooms, tell: Teller, desk: Desk, answers: Answers, index: Index
    ) -> None:
        seed: Seed = world.seed
        self._world = world
        self._settings: Settings = world.settings
        self._talks, self._rooms, self._tell = talks, rooms, tell
        self._desk, self._answers, self._index = desk, answers, index
        self._dashboards: dict[tuple[str, str], Dashboard] = {
            (board.tenantId, board.dashboardId): board for board in seed.dashboards
        }
        self.table: dict[str, Callable[[Client, Any], list[Action]]] = {
            "join-conversation": self._join_conversation,
            "send-message": self._send_message,
            "typing": self._typing,
            "escalate": self._escalate,
            "end-conversation": self._end_conversation,
            "rate": self._rate,
            "join-knowledge-room": self._join_knowledge_room,
            "search-knowledge": self._search_knowledge,
            "request-rag-response": self._rag,
            "request-rag-response-stream": self._rag_stream,
            "request-ai-analysis": self._analysis,
            "request-conversation-summary": self._summary,
            "join-conversation-list": self._join_list,
            "request-conversation-list": self._list,
            "update-conversation-metadata": self._metadata,
            "join-org": self._join_org,
            "leave-org": self._leave_org,
            "track-activity": self._track_activity,
            "subscribe-dashboard": self._subscribe_dashboard,
            "page-view": self._page_view,
            "ping": self._ping,
            "error": self._error,
            "react-message": self._react,
        }
        """All but `disconnect`, which is no event on the wire."""

    # --- which conversation

    def _seen(self, client: Client, id: str) -> Conversation:
        """A conversation that the caller may see: what is another's is as unknown as what is not there."""
        talk = self._talks.get(id)
        if talk is None or not client.caller.may_see(talk):
            raise Failed("CONVERSATION_NOT_FOUND", "Conversation not found", talk=id)
        return talk

    def _open(self, client: Client, id: str) -> Conversation:
        """One that is not over."""
        talk = self._seen(client, id)
        if talk.over:
            raise Failed("CONVERSATION_ENDED", f"The conversation is {talk.status}", talk=id)
        return talk

    def _joined(self, client: Client) -> Conversation:
        """The one that a socket joined last."""
        if client.talk is None:
            raise Failed("NO_CONVERSATION", "Join a conversation first")
        return client.talk

    # --- conversations

    def _join_conversation(self, client: Client, order: m.JoinConversation) -> list[Action]:
        if self._settings.require_session and order.sessionId is None:
            raise Failed("INVALID_PAYLOAD", "Invalid payload", "sessionId: Field required")
        talk, actions = self._found(client, order), list[Action]()
        resumed = talk is not None
        if talk is None:
            talk, actions = self._desk.begin(client, order.sessionId, order.conversationId)
        self._desk.enter(client, talk)
        if not client.caller.staff:
            for msg in islice(reversed(talk.messages.values()), self._settings.started_messages):
                msg.delivered = True
        actions += self._tell.one(client, "conversation-started", self._started(talk, resumed))
        if self._settings.join_event == "always" or (resumed and self._settings.join_event == "resumed"):
            text = "Welcome back!" if resumed else "Welcome!"
            body: Body = {"message": text, "conversationId": talk.id, "displayName": self._desk.staff.assistant(talk)}
            actions += self._tell.one(client, "join", {**body, "reactions": {"liked": False, "disliked": False}})
        if client.caller.role == "agent" and talk.status in ("escalated", "queued"):
            actions += self._desk.take(talk, client.caller.user_id, client.caller.name or "Agent", in_person=True)
        began = [] if client.caller.staff else [Began(talk.id, client.conn, again=resumed)]
        return [*actions, *self._desk.waits(client, talk), *began]

    def _found(self, client: Client, order: m.JoinConversation) -> Conversation | None:
        if order.conversationId is not None:
            if self._settings.unknown_conversation == "create" and self._talks.get(order.conversationId) is None:
                return None
            return self._seen(client, order.conversationId)
        if order.sessionId is None or not self._settings.resume_by_session:
            return None
        caller = client.caller
        who = caller.user_id if caller.user is not None else caller.chatbot_id or ""
        return self._talks.of_session(caller.tenant_id, who, order.sessionId)

    def _started(self, talk: Conversation, resumed: bool) -> Body:
        beyond, most = self._settings.beyond_document, self._settings.started_messages
        newest = [msg.body(beyond) for msg in islice(reversed(talk.messages.values()), most)]
        body: Body = {
            "conversationId": talk.id,
            "messages": [*newest[::-1]],
            "status": talk.status,
            "sessionId": talk.session_id,
        }
        if beyond:
            body["displayName"] = self._desk.staff.assistant(talk)
            welcome = self._desk.staff.welcome(talk)
            if welcome and not resumed and self._settings.welcome != "none":
                body["welcomeMessage"] = welcome
            body["reactions"] = {"liked": False, "disliked": False}
        return body

    def _send_message(self, client: Client, order: m.SendMessage | Said) -> list[Action]:
        talk = self._open(client, order.conversationId)
        body: Body = {"content": order.content, "conversationId": talk.id}
        return self._say(client, talk, order.content, self._settings.echo_messages, Message("send-message", (body,)))

    def _say(self, client: Client, talk: Conversation, text: str, echo: str, message: Message) -> list[Action]:
        """A person or one of the staff says something in a conversation."""
        caller = client.caller
        staff = caller.staff
        client.typing.pop(talk, None)
        talk.typing.pop(client, None)
        actions: list[Action] = []
        if staff and (talk.status, talk.agent_id) != ("agent", caller.user_id):
            # Who of the staff speaks has the conversation from then on.
            actions += self._desk.take(talk, caller.user_id, caller.name or "Agent", in_person=True)
        sender = "agent" if staff else "user"
        msg = self._desk.keep(talk, sender, text, caller.name, caller.user_id)
        if echo == "none":
            actions += self._desk.said_to_lists(talk)
        else:
            actions += self._desk.said(talk, msg, client if echo == "others" else None)
        if staff:
            return actions
        actions += self._desk.hear(talk)
        if talk.status == "agent" and self._desk.attended(talk):
            return actions
        if not self._may_ask(client):
            self._world.log(
                "warning", "the bot does not hear this: most_unanswered of one socket", conversation=talk.id
            )
            return actions
        actions.append(Heard(talk.id, text, message, client.conn, talk.about()))
        return actions

    def _may_ask(self, client: Client) -> bool:
        """Whether the bot hears one more of a socket: answers under way are bounded, and all have one bound."""
        now, asked = self._world.now(), client.asked
        while asked and asked[0] <= now - max(self._settings.bot_delay, 1.0):
            asked.popleft()
        if len(asked) >= self._settings.most_unanswered:
            return False
        asked.append(now)
        return True

    def _typing(self, client: Client, order: m.Typing) -> list[Action]:
        talk = self._open(client, order.conversationId)
        self._desk.seen(talk, by="agent" if client.caller.staff else "user")
        return self._desk.client_types(client, talk, order.isTyping)

    def _escalate(self, client: Client, order: m.Escalate) -> list[Action]:
        talk = self._open(client, order.conversationId)
        actions = self._desk.escalate(talk, client.caller.name or "A visitor", order.reason)
        if actions is None:
            raise Failed("ESCALATION_FAILED", f"The conversation is {talk.status} already", talk=talk.id)
        return actions

    def _end_conversation(self, client: Client, order: m.OfConversation) -> list[Action]:
        talk = self._open(client, order.conversationId)
        reason: Reason = "agent_ended" if client.caller.staff else "user_ended"
        return self._desk.end(talk, reason, told=self._settings.reply_end)

    def _rate(self, client: Client, order: m.Rate) -> list[Action]:
        talk = self._seen(client, order.conversationId)
        talk.rating, talk.rating_comment = order.rating, order.comment
        data: Body = {"conversationId": talk.id, "rating": order.rating}
        actions = self._tell.notify(client, "rating", "Rating saved", data) if self._settings.reply_rate else []
        if order.rating == "bad":
            actions += self._tell.org(talk, "rating", "Bad rating", order.comment or "without a comment")
        return [*actions, *self._tell.changed(talk)]

    def _react(self, client: Client, order: m.ReactMessage) -> list[Action]:
        talk = self._seen(client, order.conversationId)
        msg = talk.messages.get(order.messageId)
        if msg is None:
            raise Failed("MESSAGE_NOT_FOUND", "Message not found", talk=talk.id)
        # The same thumb again takes it back.
        like = order.reaction == "like"
        msg.liked, msg.disliked = like and not msg.liked, not like and not msg.disliked
        body: Body = {"messageId": msg.id, "conversationId": talk.id, "liked": msg.liked, "disliked": msg.disliked}
        return self._tell.talk(talk, "react-message", body)

    # --- knowledge and AI

    def _join_knowledge_room(self, client: Client, order: m.JoinTenantRoom) -> list[Action]:
        if order.tenantId != client.caller.tenant_id:
            raise Failed("JOIN_KNOWLEDGE_ERROR", "Failed to join knowledge room", "the tenant is not the caller's")
        self._rooms.join(client, of.knowledge(order.tenantId))
        return self._tell.one(client, "knowledge-room-joined", {"tenantId": order.tenantId})

    def _search_knowledge(self, client: Client, order: m.SearchKnowledge) -> list[Action]:
        tenant = client.caller.tenant_id
        found = self._index.search(tenant, order.query, order.category, order.tags)
        results: list[Json] = [knowledge.result(points, article) for points, article in found[:RESULTS]]
        body: Body = {"query": order.query, "results": results, "totalResults": len(found)}
        actions = self._tell.one(client, "knowledge-search-results", body)
        if not found:
            data: Body = {"query": order.query}
            told = self._tell.notification("knowledge-gap", "Nothing found", "A search found no article", data)
            actions += self._tell.room(of.knowledge(tenant), "notification", told, client)
        return actions

    def _about(self, client: Client, context: Any) -> Conversation | None:
        """The conversation that a RAG request is about: the context's, or the one that was joined last."""
        named = context.get("conversationId") if isinstance(context, dict) else None
        if isinstance(named, str) and named:
            return self._open(client, named)
        return None if client.talk is None or client.talk.over else client.talk

    def _rag(self, client: Client, order: m.RequestRag) -> list[Action]:
        self._about(client, order.context)
        return self._answers.whole(client, order.query)

    def _rag_stream(self, client: Client, order: m.RequestRag) -> list[Action]:
        talk = self._about(client, order.context)
        if talk is None:
            return self._answers.stream(client, None, order.query)
        if client.caller.staff:
            # An agent looks something up: that is said to nobody.
            return self._answers.stream(client, None, order.query)
        message = Message("request-rag-response-stream", ({"query": order.query},))
        if talk.status == "agent":
            said = self._say(client, talk, order.query, self._settings.echo_queries, message)
            return [*said, *self._answers.no_answer(client, talk)]
        streamed = self._answers.stream(client, talk, order.query)
        said = self._say(client, talk, order.query, self._settings.echo_queries, message)
        # The answer is on its way: the bot does not hear of it too.
        return [*(action for action in said if not isinstance(action, Heard)), *streamed]

    def _analysis(self, client: Client, order: m.RequestAnalysis) -> list[Action]:
        result, sure = analysis.analyse(order.analysisType, order.message)
        body: Body = {"analysisType": order.analysisType, "result": result, "confidence": sure}
        return self._tell.one(client, "ai-analysis-result", body)

    def _summary(self, client: Client, order: m.RequestSummary) -> list[Action]:
        talk = self._joined(client)
        lines = [(msg.sender, msg.content) for msg in talk.messages.values()]
        return self._tell.one(client, "conversation-summary", analysis.summary(lines, talk.status))

    # --- lists

    def _join_list(self, client: Client, order: m.JoinTenantRoom) -> list[Action]:
        caller = client.caller
        if order.tenantId != caller.tenant_id or not caller.staff:
            why = "the tenant is not the caller's" if caller.staff else "agents and admins alone see all conversations"
            raise Failed("JOIN_CONVERSATION_LIST_ERROR", "Failed to join conversation list", why)
        self._rooms.join(client, of.listing(order.tenantId))
        return self._tell.one(client, "joined-conversation-list", {"tenantId": order.tenantId})

    def _list(self, client: Client, order: m.RequestConversationList) -> list[Action]:
        try:
            found = lists.chosen(self._talks, client.caller, order)
        except ValueError as error:
            raise Failed("INVALID_PAYLOAD", "Invalid payload", str(error)) from None
        limit = order.limit or self._settings.list_limit
        start = (order.page - 1) * limit
        shown: list[Json] = [self._tell.listed(talk) for talk in found[start : start + limit]]
        paged: Body = {"conversations": shown, "pagination": lists.pagination(order.page, limit, len(found))}
        data: Json = paged if self._settings.list_data == "document" else shown
        return self._tell.one(
            client, "conversation-list", {"success": True, "data": data, "timestamp": self._tell.now()}
        )

    def _metadata(self, client: Client, order: m.UpdateMetadata) -> list[Action]:
        talk = self._joined(client)
        for name in ("userAgent", "ipAddress", "referrer"):
            if not isinstance(order.metadata.get(name, ""), str):
                raise Failed("INVALID_PAYLOAD", "Invalid payload", f"metadata.{name}: Input should be a valid string")
        if not self._talks.merge(talk, order.metadata):
            raise Failed("INVALID_PAYLOAD", "Invalid payload", "metadata: too much of it, or not Unicode", talk.id)
        data: Body = {"conversationId": talk.id}
        told = self._tell.notify(client, "metadata", "Metadata saved", data) if self._settings.reply_metadata else []
        return [*told, *self._tell.changed(talk)]

    # --- orgs, dashboards, tracking

    def _join_org(self, client: Client, order: m.JoinOrg) -> list[Action]:
        caller = client.caller
        if caller.user is None or order.orgId not in caller.orgs:
            raise Failed("JOIN_ORG_FAILED", "Failed to join organization", "the org is not the caller's")
        if not self._in_orgs(client):
            raise Failed("JOIN_ORG_FAILED", "Failed to join organization", STAFF_ALONE)
        if order.userId not in (None, caller.user_id):
            raise Failed("JOIN_ORG_FAILED", "Failed to join organization", "userId is another user's")
        room = of.org(caller.tenant_id, order.orgId)
        self._rooms.join(client, room)
        body: Body = {"orgId": order.orgId, "roomName": f"org:{order.orgId}", "timestamp": self._tell.now()}
        return self._tell.one(client, "org-joined", body)

    def _in_orgs(self, client: Client) -> bool:
        return client.caller.staff or self._settings.orgs_open_to == "members"

    def _leave_org(self, client: Client, order: m.LeaveOrg) -> list[Action]:
        room = of.org(client.caller.tenant_id, order.orgId)
        if room not in client.rooms:
            raise Failed("JOIN_ORG_FAILED", "Failed to leave organization", "it was not joined")
        self._rooms.leave(client, room)
        return self._tell.one(client, "org-left", {"orgId": order.orgId, "timestamp": self._tell.now()})

    def _subscribe_dashboard(self, client: Client, order: m.SubscribeDashboard) -> list[Action]:
        caller = client.caller
        board = self._dashboards.get((caller.tenant_id, order.dashboardId))
        if board is None or caller.user is None or board.orgId not in caller.orgs:
            raise Failed("SUBSCRIBE_DASHBOARD_ERROR", "Failed to subscribe to dashboard", "it is not the caller's")
        if not self._in_orgs(client):
            raise Failed("SUBSCRIBE_DASHBOARD_ERROR", "Failed to subscribe to dashboard", STAFF_ALONE)
        self._rooms.join(client, of.dashboard(caller.tenant_id, order.dashboardId))
        body: Body = {"dashboardId": order.dashboardId, "timestamp": self._tell.now()}
        return self._tell.one(client, "dashboard-subscribed", body)

    def _track_activity(self, client: Client, order: m.TrackActivity) -> list[Action]:
        if not fits(order.data, self._settings.metadata_limit):
            raise Failed("INVALID_PAYLOAD", "Invalid payload", "data: too much of it, or too deep")
        data: Body = {"activity": order.activity, "data": order.data}
        return self._tracked(client, "activity", "Activity", data, self._settings.reply_activity)

    def _page_view(self, client: Client, order: m.PageView) -> list[Action]:
        data: Body = {"page": order.page, "referrer": order.referrer}
        actions = self._tracked(client, "page-view", "Page view", data, self._settings.reply_page_view)
        if client.talk is None or client.talk.over:
            return actions
        seen: Body = (
            {"page": order.page} if order.referrer is None else {"page": order.page, "referrer": order.referrer}
        )
        return [*actions, *(self._tell.changed(client.talk) if self._talks.merge(client.talk, seen) else [])]

    def _tracked(self, client: Client, kind: str, title: str, data: Body, replied: bool) -> list[Action]:
        caller = client.caller
        told: Body = {"userId": caller.user_id, **data}
        actions = self._tell.notify(client, kind, f"{title} saved", told) if replied else []
        return [*actions, *self._tell.dashboards(caller.tenant_id, caller.org, kind, title, told)]

    # --- the rest

    def _ping(self, client: Client, order: m.Ping) -> list[Action]:
        return self._tell.one(client, "pong", {"timestamp": self._tell.now()})

    def _error(self, client: Client, order: m.ClientError) -> list[Action]:
        # As deep as a client likes to nest it; a whole repr would not come back.
        what = order.error if isinstance(order.error, str) else repr_of(order.error)
        self._world.log("warning", f"a client has an error: {what[:200]}", user=client.caller.user_id)
        return []
