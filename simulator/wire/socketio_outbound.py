"""What goes out over Socket.IO: events and acknowledgements, with attachments, offsets and ids."""

from __future__ import annotations

from simulator.core.actions import Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import Malformed
from simulator.core.message import Frame
from simulator.core.wire import Output, Write
from simulator.core.world import World
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio import EngineIO
from simulator.wire.socketio_socket import Settings, Socket, State

_OPEN, _AWAY = State.OPEN, State.AWAY


class Outbound:
    """Makes packets of messages, and hands them to the engine."""

    __slots__ = ("_engine", "_settings", "_world")

    def __init__(self, engine: EngineIO, settings: Settings, world: World) -> None:
        self._engine = engine
        self._settings = settings
        self._world = world

    def send(self, send: Send) -> list[Output]:
        """One message to whoever of these is there, encoded once; a closed conn has it kept, where it may come back."""
        message = send.message
        out: list[Output] = []
        text = ""
        attachments: list[bytes] = []
        for conn in send.conns:
            if type(conn) is not Socket or not (conn.state is _OPEN or conn.state is _AWAY):
                continue
            if not text:
                try:
                    if message.name in packets.RESERVED:
                        raise WireError(f'"{message.name}" is a reserved event name')
                    text, attachments = packets.payload((message.name, *message.args))
                except WireError as error:
                    return [Malformed(conn, error)]
            session, log = conn.session, conn.log
            if conn.state is not _OPEN or attachments or send.ack is not None:
                self._emit(conn, send, text, attachments, out)
            elif log is None or send.volatile:
                if session.link is not None:
                    out.append(Write(session.link, Frame(conn.event + text)))
                elif session.poll is not None or not send.volatile:
                    self._engine.write(session, conn.event + text, out)
            else:
                now = self._world.now()
                offset = log.offset(now)
                packet = f'{conn.event}{text[:-1]},"{offset}"]'
                if session.link is not None:
                    out.append(Write(session.link, Frame(packet)))
                else:
                    self._engine.write(session, packet, out)
                log.add(now, offset, (packet,))
        return out

    def _emit(self, conn: Socket, send: Send, text: str, attachments: list[bytes], out: list[Output]) -> None:
        session, log = conn.session, conn.log
        if conn.state is _OPEN and send.volatile and not session.writable:
            return
        asked = ""
        if send.ack is not None:
            if conn.state is not _OPEN:
                return
            asked = str(conn.asked)
            conn.asked += 1
            conn.acks[asked] = send.ack
            if len(conn.acks) > self._settings.max_acks:
                del conn.acks[next(iter(conn.acks))]
        offset = ""
        if log is not None and send.ack is None and not send.volatile:
            now = self._world.now()
            offset = log.offset(now)
            text = f'{text[:-1]},"{offset}"]'
        head = packets.head(packets.EVENT, len(attachments), conn.prefix, asked)
        if conn.state is _OPEN:
            self._engine.send(session, [head + text, *attachments], out)
        if offset:
            assert log is not None
            log.add(self._world.now(), offset, (head + text, *attachments))

    def reply(self, reply: Reply, out: list[Output]) -> None:
        """An acknowledgement."""
        conn = reply.conn
        if not isinstance(conn, Socket) or conn.state is not _OPEN or not isinstance(reply.ref, str):
            return
        try:
            text, attachments = packets.payload(reply.args)
        except WireError as error:
            out.append(Malformed(conn, error))
            return
        head = packets.head(packets.ACK, len(attachments), conn.prefix, reply.ref)
        self._engine.send(conn.session, [head + text, *attachments], out)
