"""What passes on Phoenix sockets, to somebody who looks on."""

from __future__ import annotations

from simulator.core.message import NO_REF, Frame, Message
from simulator.core.wire import Turn
from simulator.wire.phoenix_reader import Onlooker


def test_onlooker_reads_both_versions() -> None:
    read = Onlooker().read
    assert read("client", 1, Frame('["1","2","bot:a","put_data",{"a":1}]')) == [
        Turn("client", Message("put_data", ({"a": 1},), "2", "bot:a"))
    ]
    assert read("server", 1, Frame('{"topic":"bot:a","ref":null,"payload":{},"event":"phx_close"}')) == [
        Turn("server", Message("phx_close", ({},), NO_REF, "bot:a"))
    ]
    assert read("server", 1, Frame(b"\x02\x05\x04bot:anews\x01")) == [
        Turn("server", Message("news", (b"\x01",), NO_REF, "bot:a"), wide=True)
    ]
    for frame, wide in (
        ('["1",null,"t","e",{}]', False),
        ('[null,null,"t","e",{}]', True),
        ('[null,"1","t","e",{}]', False),
        ('{"topic":"t","ref":null,"payload":{},"event":"e"}', False),
        ('{"topic":"t","ref":null,"payload":{},"join_ref":null,"event":"e"}', True),
        (b"\x00\x01\x01\x011te", False),
    ):
        assert [turn.wide for turn in read("server", 1, Frame(frame))] == [wide]
        assert [turn.wide for turn in read("client", 1, Frame(str(frame)))] == [False]
    assert read("client", 1, Frame(b"\x00\x01\x01\x05\x0312bot:asay\x01")) == [
        Turn("client", Message("say", (b"\x01",), "2", "bot:a"))
    ]
    [turn] = read("client", 1, Frame("hello"))
    assert (turn.message, turn.why[:6]) == (None, "Expect")
    assert read("client", 1, Frame('["1","2",5,"x",{}]')) == [
        Turn("client", None, "an event or a topic that is no string")
    ]


def test_onlooker_reads_long_polls() -> None:
    def read(sender: str, body: str | bytes) -> list[Turn]:
        return Onlooker().read(sender, 1, Frame(body, "longpoll"))

    one, two = '["1","1","bot:a","phx_join",{}]', '["1","2","bot:a","ok",{}]'
    turns = [
        Turn("client", Message("phx_join", ({},), "1", "bot:a")),
        Turn("client", Message("ok", ({},), "2", "bot:a")),
    ]
    assert read("client", one) == turns[:1]
    assert read("client", f"{one}\n{two}") == turns
    assert read("client", '{"topic":"bot:a","ref":"2","payload":{},"event":"ok"}') == turns[1:]
    assert read("client", "") == read("server", '{"status":200}') == []
    [close] = read("server", b'{"messages":["[null,null,\\"bot:a\\",\\"phx_close\\",{}]"],"status":200,"token":"x"}')
    assert close == Turn("server", Message("phx_close", ({},), NO_REF, "bot:a"), wide=True)
    assert read("client", "!")[0].message is None
