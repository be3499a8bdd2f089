"""AIDA's conversations, without a network; tests named `row` are rows of the conformance list (docs: PROTOCOL.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from simulator.backends.aida.state import Session, State, weigh
from simulator.core.bot import EchoBot, File, HandOff, Leave, Picture, Raw, Say, Stream, Typing
from simulator.core.message import Headers, Message, Response
from simulator.core.objects import Nothing, Upload, UploadFlaw
from tests.talk import Talk

H = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"
S = "8a2d6c1e-90b4-4f37-8e55-1b7f3c9d2a08"
SLOW = "c4e7f1a9-2b68-4d03-a7c6-e90d5b8f1372"
PAGE = "5d9b3e70-46fa-4c82-b1d8-07a6c2f4e915"
ANA = "b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718"
NOBODY = "00000000-0000-4000-8000-000000000000"

OK = '"phx_reply",{"status":"ok","response":{}}]'
CRASH = '"phx_error",{}]'
UNMATCHED = '"phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]'


def aida(**settings: Any) -> Talk:
    talk = Talk("aida", settings=settings)
    talk.kept.update(H=f"bot:{H}", S=f"bot:{S}", ANA=ANA, OK=OK, CRASH=CRASH, UNMATCHED=UNMATCHED)
    return talk


@pytest.fixture
def talk() -> Talk:
    return aida()


def join(talk: Talk, name: str = "client", bot: str = H, token: str = "harbour-web-token", ref: str = "1") -> None:
    if name not in talk.sockets:
        talk.connect(name)
    talk.sockets[name].send(f'["{ref}","{ref}","bot:{bot}","phx_join",{{"access_token":"{token}"}}]')
    assert talk.sockets[name].texts() == [f'["{ref}","{ref}","bot:{bot}",{OK}']


def street(talk: Talk, name: str = "client") -> None:
    join(talk, name, S, "street-web-token")


def refused(talk: Talk, topic: str, payload: str) -> Any:
    talk.connect()
    talk.sockets["client"].send(f'["1","1","{topic}","phx_join",{payload}]')
    [answer] = [json.loads(text) for text in talk.sockets["client"].texts()]
    assert answer[:4] == ["1", "1", topic, "phx_reply"]
    assert answer[4]["status"] == "error"
    return answer[4]["response"]


def session(talk: Talk, bot: str = H) -> str:
    talk.sockets["client"].send(f'["1","s","bot:{bot}","new_session",{{}}]')
    [text] = talk.sockets["client"].texts()
    found: str = json.loads(text)[4]["response"]["session"]
    return found


# ---- joining


def test_row_13_join(talk: Talk) -> None:
    talk.play("""
        client connects
        client >> ["1","1","$H","phx_join",{"access_token":"harbour-web-token"}]
        server << ["1","1","$H",$OK
        client is silent
    """)


@pytest.mark.parametrize("bot", [NOBODY, PAGE])
def test_row_16_join_of_a_bot_that_is_not_there(talk: Talk, bot: str) -> None:
    assert refused(talk, f"bot:{bot}", '{"access_token":"harbour-web-token"}') == {"reason": "unauthorized"}


@pytest.mark.parametrize("token", ['"1234"', "1", "null", '""'])
def test_row_17_join_with_a_wrong_token(talk: Talk, token: str) -> None:
    assert refused(talk, f"bot:{H}", f'{{"access_token":{token}}}') == {"reason": "unauthorized"}


def test_row_18_join_of_a_bot_that_starts(talk: Talk) -> None:
    starting = {"reason": "starting", "retry": True}
    assert refused(talk, f"bot:{SLOW}", '{"access_token":"slow-web-token"}') == starting
    talk.after(9.9)
    assert refused(talk, f"bot:{SLOW}", '{"access_token":"slow-web-token"}') == starting
    assert refused(talk, f"bot:{SLOW}", '{"access_token":"x"}') == {"reason": "unauthorized"}
    talk.after(0.1)
    join(talk, "late", SLOW, "slow-web-token")


def test_any_channel_s_token_means_starting(talk: Talk) -> None:
    """lib/aida_web/channels/bot_channel.ex:21 looks through all channels of the manifest."""
    starting = {"reason": "starting", "retry": True}
    assert refused(talk, f"bot:{H}", '{"access_token":"harbour-page-token"}') == starting
    assert refused(talk, f"bot:{PAGE}", '{"access_token":"page-token"}') == starting
    assert refused(talk, f"bot:{H.upper()}", '{"access_token":"harbour-web-token"}') == starting


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (f"bot:{H}", "{}"),
        (f"bot:{H}", "null"),
        (f"bot:{H}", '["access_token"]'),
        (f"bot:{H}", '"access_token"'),
        ("bot:abc", '{"access_token":"harbour-web-token"}'),
        ("bot:", '{"access_token":"harbour-web-token"}'),
    ],
)
def test_row_19_join_that_crashes(talk: Talk, topic: str, payload: str) -> None:
    assert refused(talk, topic, payload) == {"reason": "join crashed"}
    assert talk.logged[-1][0] == "warning"


def test_any_token_of_your_choosing() -> None:
    talk = aida(any_token=True)
    join(talk, token="mine")
    assert refused(talk, f"bot:{NOBODY}", '{"access_token":"mine"}') == {"reason": "unauthorized"}


# ---- sessions


def test_row_28_new_session(talk: Talk) -> None:
    join(talk)
    talk.play("""
        client >> ["1","2","$H","new_session",{}]
        server << ["1","2","$H","phx_reply",{"status":"ok","response":{"session":"$one"}}]
        client >> ["1","3","$H","new_session",{"data":{"first_name":"Eve"}}]
        server << ["1","3","$H","phx_reply",{"status":"ok","response":{"session":"$two"}}]
        client >> ["1","4","$H","new_session",{"data":"x"}]
        server << ["1","4","$H","phx_reply",{"status":"ok","response":{"session":"$three"}}]
        client >> ["1","5","$H","new_session",null]
        server << ["1","5","$H","phx_reply",{"status":"ok","response":{"session":"$four"}}]
    """)
    ids = [talk.kept[name] for name in ("one", "two", "three", "four")]
    assert len(set(ids)) == 4
    assert [*talk.running.engine.rules.talks()] == [ANA, *ids]
    for id in ids:
        assert id[14] == "4"
        assert id == id.lower()


def test_row_29_put_data(talk: Talk) -> None:
    join(talk)
    talk.play("""
        client >> ["1","2","$H","put_data",{"session":"$ANA","data":{"first_name":"Bea","language":"en","n":{"a":1}}}]
        server << ["1","2","$H",$OK
        client >> ["1","3","$H","put_data",{"session":"$ANA","data":{"n":{"b":null}}}]
        server << ["1","3","$H",$OK
        client >> ["1","4","$H","utb_msg",{"session":"$ANA","text":"hours"}]
        server << [null,null,"$H","btu_msg",{"text":"Open from noon to ten, Bea","session":"$ANA"}]
    """)
    state = talk.running.engine.rules._state  # type: ignore[attr-defined]
    assert dict(state.sessions[ANA]) == {"first_name": "Bea", "last_name": "Marin", "language": "en", "n": {"b": None}}


@pytest.mark.parametrize(
    "message",
    [
        f'"put_data",{{"session":"{NOBODY}","data":{{}}}}',
        '"put_data",{"session":"x","data":{}}',
        '"put_data",{"session":"$ANA"}',
        '"put_data",{"session":"$ANA","data":[]}',
        '"put_data",{"data":{}}',
        '"delete_session",{}',
        '"delete_session",{"session":"x"}',
        '"delete_session",{"session":null}',
        '"delete_session",null',
        f'"utb_msg",{{"session":"{NOBODY}","text":"hi"}}',
        '"utb_msg",{"session":"$ANA","text":1}',
        '"utb_msg",{"session":"$ANA","text":""}',
        '"utb_msg",{"session":"$ANA","text":" \\n "}',
        '"utb_msg",{"session":"$ANA"}',
        '"utb_msg",{"session":"$ANA","image":"0b54ae1c-3f6d-9c21-77aa-5d1e02c9f3b4"}',
        '"utb_img",{"session":"$ANA","image":"x"}',
        '"utb_img",{"session":"$ANA"}',
        f'"utb_img",{{"session":"{NOBODY}","image":"0b54ae1c-3f6d-9c21-77aa-5d1e02c9f3b4"}}',
        '"ping",{}',
        '"utb_foo",{"session":"$ANA"}',
        '"phx_reply",{}',
    ],
)
def test_rows_30_31_35_what_crashes_a_channel(talk: Talk, message: str) -> None:
    join(talk)
    talk.play(f"""
        client >> ["1","2","$H",{message}]
        server << ["1","1","$H",$CRASH
        client is silent
        client >> ["1","3","$H","new_session",{{}}]
        server << [null,"3","$H",$UNMATCHED
        client >> ["4","4","$H","phx_join",{{"access_token":"harbour-web-token"}}]
        server << ["4","4","$H",$OK
        client >> ["4","5","$H","put_data",{{"session":"$ANA","data":{{}}}}]
        server << ["4","5","$H",$OK
    """)
    assert any("crashed" in text for _, text, _ in talk.logged)
    assert ("warning", "new_session is on a topic that nobody has joined", {"topic": f"bot:{H}"}) in talk.logged


def test_row_32_delete_session_is_always_fine(talk: Talk) -> None:
    join(talk)
    talk.play(f"""
        client >> ["1","2","$H","delete_session",{{"session":"$ANA"}}]
        server << ["1","2","$H",$OK
        client >> ["1","3","$H","delete_session",{{"session":"$ANA"}}]
        server << ["1","3","$H",$OK
        client >> ["1","4","$H","delete_session",{{"session":"{NOBODY.upper()}"}}]
        server << ["1","4","$H",$OK
    """)


def test_row_33_utb_msg_after_delete_session(talk: Talk) -> None:
    join(talk)
    talk.play("""
        client >> ["1","2","$H","delete_session",{"session":"$ANA"}]
        server << ["1","2","$H",$OK
        client >> ["1","3","$H","utb_msg",{"session":"$ANA","text":"hi"}]
        server << ["1","1","$H",$CRASH
    """)


def test_row_23_two_bots_on_one_socket(talk: Talk) -> None:
    join(talk)
    talk.sockets["client"].send(f'["2","2","bot:{S}","phx_join",{{"access_token":"street-web-token"}}]')
    talk.play(
        """
        server << ["2","2","$S",$OK
        client >> ["1","3","$H","nonsense",{}]
        server << ["1","1","$H",$CRASH
        client >> ["2","4","$S","utb_msg",{"session":"$ANA","text":"lamp"}]
        server << [null,null,"$S","btu_msg",{"text":"Say 'english' for English. Di 'español' para español.","session":"$ANA"}]
    """.replace('"lamp"', '"##SESSION"').replace("Say 'english' for English. Di 'español' para español.", ANA[-7:])
    )


# ---- messages


def test_row_34_first_message(talk: Talk) -> None:
    street(talk)
    talk.kept["id"] = session(talk, S)
    talk.play("""
        client >> ["1","2","$S","utb_msg",{"session":"$id","text":"Hi!"}]
        server << [null,null,"$S","btu_msg",{"text":"Hi, this is Street Watch","session":"$id"}]
        server << [null,null,"$S","btu_msg",{"text":"Tell me what is broken in your street","session":"$id"}]
        server << [null,null,"$S","btu_msg",{"text":"I know about lamps","session":"$id"}]
        server << [null,null,"$S","btu_msg",{"text":"Send STOP to end this","session":"$id"}]
        client is silent
    """)


def test_the_session_is_spelled_as_the_client_did(talk: Talk) -> None:
    join(talk)
    talk.kept["UP"] = ANA.upper()
    talk.play("""
        client >> ["1","2","$H","utb_msg",{"session":"$UP","text":"menu"}]
        server << [null,null,"$H","btu_msg",{"text":"Today we cook fish soup","session":"$UP"}]
    """)


def test_row_36_the_magic_word(talk: Talk) -> None:
    join(talk)
    talk.play("""
        client >> ["1","2","$H","utb_msg",{"session":"$ANA","text":"##SESSION"}]
        server << [null,null,"$H","btu_msg",{"text":"5f60718","session":"$ANA"}]
    """)


def test_a_delayed_answer_finds_its_socket_or_all() -> None:
    talk = aida(bot_delay=2.0)
    join(talk)
    join(talk, "other")
    talk.play("""
        client >> ["1","2","$H","utb_msg",{"session":"$ANA","text":"menu"}]
        client is silent
        after 2.0
        server << [null,null,"$H","btu_msg",{"text":"Today we cook fish soup","session":"$ANA"}]
        other is silent
        client >> ["1","3","$H","utb_msg",{"session":"$ANA","text":"menu"}]
        client closes 1000
        after 2.0
        other << [null,null,"$H","btu_msg",{"text":"Today we cook fish soup","session":"$ANA"}]
    """)


def test_the_document_s_sample_of_a_picture() -> None:
    talk = aida(accept_document_samples=True)
    join(talk)
    talk.play("""
        client >> ["1","2","$H","utb_msg",{"session":"$ANA","image":"0b54ae1c-3f6d-9c21-77aa-5d1e02c9f3b4"}]
        server << [null,null,"$H","btu_msg",{"text":"Hello, this is Harbour Kitchen","session":"$ANA"}]
        server << [null,null,"$H","btu_msg",{"text":"Here is what I can do","session":"$ANA"}]
        server << [null,null,"$H","btu_msg",{"text":"I can tell you what is on the menu","session":"$ANA"}]
        server << [null,null,"$H","btu_msg",{"text":"I can tell you when we are open","session":"$ANA"}]
        server << [null,null,"$H","btu_msg",{"text":"Send STOP and I keep quiet","session":"$ANA"}]
    """)


@pytest.mark.parametrize(("bot", "answers"), [("none", []), ("echo", ["You said: menu"])])
def test_other_bots(bot: str, answers: list[str]) -> None:
    talk = aida(bot=bot)
    join(talk)
    talk.sockets["client"].send(f'["1","2","bot:{H}","utb_msg",{{"session":"{ANA}","text":"menu"}}]')
    assert [json.loads(text)[4]["text"] for text in talk.sockets["client"].texts()] == answers


# ---- images


class Shelf:
    """A store that says what was done to it."""

    def __init__(self) -> None:
        self.there: list[str] = []

    def keep(self, key: str) -> None:
        self.there.append(key)

    def head(self, key: str) -> Upload | None:
        return None

    def delete(self, key: str) -> None:
        self.there.remove(key)


def shelf(talk: Talk) -> Shelf:
    found = Shelf()
    talk.running.engine.world.objects = found
    talk.running.engine.rules._state._objects = found  # type: ignore[attr-defined]
    return found


PNG = Upload("1", 3, "image/png", "0", "a.png")


def put(
    talk: Talk, upload: Upload | UploadFlaw | None = PNG, bot: str = S, session: str = ANA, headers: Headers = ()
) -> Response:
    return talk.request("POST", f"/content/image/{bot}/{session}", headers=headers, upload=upload)


def body(answer: Response) -> Any:
    return json.loads(answer.body)


def test_row_37_a_picture_for_a_survey(talk: Talk) -> None:
    street(talk)
    shelf(talk)
    talk.kept["id"] = session(talk, S)
    answer = put(talk, session=talk.kept["id"])
    assert answer.status == 200
    assert [*body(answer)] == ["id"]
    talk.kept["image"] = body(answer)["id"]
    talk.play("""
        client >> ["1","2","$S","utb_msg",{"session":"$id","text":"report"}]
        server << [null,null,"$S","btu_msg",{"text":"Send me a picture of it","session":"$id"}]
        client >> ["1","3","$S","utb_img",{"session":"$id","image":"$image"}]
        server << [null,null,"$S","btu_msg",{"text":"Nice! Where is that?","session":"$id"}]
    """)


def test_row_38_another_s_picture_is_no_error(talk: Talk) -> None:
    street(talk)
    shelf(talk)
    talk.kept["id"] = session(talk, S)
    talk.kept["theirs"] = body(put(talk))["id"]
    talk.kept["otherbot"] = body(put(talk, bot=H, session=talk.kept["id"]))["id"]
    talk.play(f"""
        client >> ["1","2","$S","utb_msg",{{"session":"$id","text":"report"}}]
        server << [null,null,"$S","btu_msg",{{"text":"Send me a picture of it","session":"$id"}}]
        client >> ["1","3","$S","utb_img",{{"session":"$id","image":"$theirs"}}]
        server << [null,null,"$S","btu_msg",{{"text":"Send me a picture of it","session":"$id"}}]
        client >> ["1","4","$S","utb_img",{{"session":"$id","image":"$otherbot"}}]
        server << [null,null,"$S","btu_msg",{{"text":"Send me a picture of it","session":"$id"}}]
        client >> ["1","5","$S","utb_img",{{"session":"$id","image":"{NOBODY}"}}]
        server << [null,null,"$S","btu_msg",{{"text":"Send me a picture of it","session":"$id"}}]
    """)


ERROR = {"errors": {"detail": "Internal server error"}}


@pytest.mark.parametrize(
    ("upload", "status", "said"),
    [
        (Upload("1", 3, "text/plain", "0", "a.txt"), 415, {"errors": "Unsupported Media Type"}),
        (Upload("1", 3, "IMAGE/png", "0", "a.png"), 415, {"errors": "Unsupported Media Type"}),
        (Upload("1", 3, "image/png", "0", ""), 400, ERROR),
        (Upload("1", 3, "image/png", "0", None), 500, ERROR),
        (Upload("1", 3, None, "0", "a.png"), 500, ERROR),
        (UploadFlaw.NO_FIELD, 400, ERROR),
        (UploadFlaw.MALFORMED, 400, ERROR),
        (UploadFlaw.NOT_A_FORM, 415, ERROR),
        (UploadFlaw.TOO_BIG, 413, ERROR),
        (None, 400, ERROR),
    ],
)
def test_rows_39_40_uploads_that_are_refused(
    talk: Talk, upload: Upload | UploadFlaw | None, status: int, said: Mapping[str, object]
) -> None:
    kept = shelf(talk)
    answer = put(talk, upload, headers=(("Content-Type", "application/json"),))
    assert (answer.status, body(answer)) == (status, said)
    assert not kept.there


@pytest.mark.parametrize(
    ("profile", "kind", "status"),
    [
        ("1.3", None, 400),
        ("1.3", "form", 400),
        ("1.3", "a/b", 415),
        ("1.8", None, 400),
        ("1.8", "form", 415),
    ],
)
def test_a_body_of_no_type(profile: str, kind: str | None, status: int) -> None:
    headers = () if kind is None else (("Content-Type", kind),)
    assert put(aida(profile=profile), UploadFlaw.NOT_A_FORM, headers=headers).status == status


@pytest.mark.parametrize(("bot", "who"), [("x", ANA), (S, "x"), (S, NOBODY)])
def test_uploads_for_nobody(talk: Talk, bot: str, who: str) -> None:
    assert put(talk, bot=bot, session=who).status == 500


def test_an_unknown_bot_may_have_pictures(talk: Talk) -> None:
    assert put(talk, bot=NOBODY).status == 200


def test_the_same_upload_under_the_api(talk: Talk) -> None:
    path = f"/api/bots/{S}/sessions/{ANA}/attachment"
    id = body(talk.request("POST", path, upload=PNG))["id"]
    assert talk.request("POST", path, upload=UploadFlaw.NOT_A_FORM).status == 400
    assert talk.request("POST", path, headers=(("Accept", "text/html"),), upload=PNG).status == 406
    for accept in ("*/*", "text/html, application/json;q=0.5", "application/vnd.api+json"):
        assert talk.request("GET", f"/api/image/{id}", headers=(("Accept", accept),)).status == 200
    assert talk.request("GET", f"/api/image/{id}", headers=(("Accept", "image/png"),)).status == 406


def test_row_41_pictures_are_for_everyone(talk: Talk) -> None:
    id = body(put(talk))["id"]
    answer = talk.request("GET", f"/content/image/{id.upper()}")
    assert (answer.status, answer.stored) == (200, PNG)
    assert dict(answer.headers)["content-type"] == "image/png; charset=utf-8"
    assert dict(answer.headers)["content-length"] == "3"
    missing = talk.request("GET", f"/content/image/{NOBODY}")
    assert (missing.status, missing.body) == (404, b"")
    wrong = talk.request("GET", "/content/image/x")
    assert (wrong.status, body(wrong)) == (400, ERROR)


def test_pictures_go_with_their_session(talk: Talk) -> None:
    join(talk)
    kept = shelf(talk)
    id = body(put(talk))["id"]
    assert kept.there == ["1"]
    talk.play("""
        client >> ["1","2","$H","delete_session",{"session":"$ANA"}]
        server << ["1","2","$H",$OK
    """)
    assert not kept.there
    assert talk.request("GET", f"/content/image/{id}").status == 404


@pytest.mark.parametrize("limit", [{"kept_images": 2}, {"kept_image_megabytes": 1}])
def test_the_oldest_picture_makes_room(limit: dict[str, int]) -> None:
    talk = aida(**limit)
    kept = shelf(talk)
    for key in "123":
        assert put(talk, Upload(key, 500_000, "image/png", "0", "a")).status == 200
    assert kept.there == ["2", "3"]


def test_one_picture_is_always_kept() -> None:
    talk = aida(kept_image_megabytes=1)
    kept = shelf(talk)
    put(talk, Upload("1", 2_000_000, "image/png", "0", "a"))
    assert kept.there == ["1"]


def test_the_oldest_session_makes_room() -> None:
    talk = aida(kept_sessions=2)
    join(talk)
    ids = [session(talk), session(talk)]
    assert [*talk.running.engine.rules.talks()] == ids


@pytest.mark.parametrize(
    "said",
    [
        f'"put_data",{{"session":"{ANA}","data":{{"a":"{"x" * 100}"}}}}',
        f'"new_session",{{"data":{{"a":"{"x" * 100}"}}}}',
    ],
)
def test_a_session_s_data_are_bounded(said: str) -> None:
    talk = aida(session_data_limit=100)
    join(talk)
    talk.sockets["client"].send(f'["1","2","bot:{H}",{said}]')
    assert talk.sockets["client"].texts() == [f'["1","1","bot:{H}",{CRASH}']


def test_data_weigh_what_their_parts_do() -> None:
    def weight(value: Any) -> int:
        if isinstance(value, dict):
            return 8 + sum(len(key) + 8 + weight(inner) for key, inner in value.items())
        if isinstance(value, list):
            return 8 + sum(map(weight, value))
        return 8 + (len(value) if isinstance(value, str) else int(value or 0).bit_length() // 3)

    values: list[Any] = [
        {},
        [],
        "text",
        10**9,
        None,
        True,
        {"a": "bc"},
        {"a": {"b": ["c", {"d": 1 << 60}], "e": ""}, "f": "g"},
    ]
    for value in values:
        assert weigh(value) == weight(value)


def test_however_data_come_a_session_weighs_what_it_has() -> None:
    state = State(aida().running.seed, 0.0, Nothing())
    session = Session("s", H, [("a", "x")])
    state.add_session(session)
    parts: list[dict[str, Any]] = [{"a": "long " * 9}, {"b": [1, {"c": "d"}]}, {"a": 7, "b": "e", "f": {}}, {}]
    for data in (*parts, *parts):
        assert state.merge(session, data)
        assert session.weight == weigh(dict(session)), data
    for gone in ("none", "b", "none"):
        for data in parts:
            session.pop(gone)
            assert state.merge(session, data)
            assert session.weight == weigh(dict(session)), data
            session["g"] = ["put", "one by one"]
            assert state.merge(session, data)
            assert session.weight == weigh(dict(session)), data
            del session["g"]
            assert state.merge(session, data)
            assert session.weight == weigh(dict(session)), data
    session.pop("none")
    assert session.weighed, "nothing has gone"


# ---- operators


def post(talk: Talk, text: object, bot: str = H, id: str = ANA) -> Response:
    kind = (("Content-Type", "application/json"),)
    return talk.request("POST", f"/api/bots/{bot}/sessions/{id}/send_message", json.dumps(text).encode(), kind)


def test_row_42_an_operator_speaks_to_every_socket_of_the_bot(talk: Talk) -> None:
    join(talk)
    join(talk, "other")
    street(talk, "stranger")
    answer = post(talk, {"message": "Hello ${first_name}"})
    assert (answer.status, answer.body) == (200, b"")
    talk.play("""
        server << [null,null,"$H","btu_msg",{"text":"Hello Ana","session":"$ANA"}]
        other << [null,null,"$H","btu_msg",{"text":"Hello Ana","session":"$ANA"}]
        stranger is silent
    """)


@pytest.mark.parametrize(
    ("given", "bot", "id", "status"),
    [
        ({"message": "hi"}, S, ANA, 422),
        ({"message": "hi"}, H, NOBODY, 500),
        ({"message": "hi"}, H, "x", 400),
        ({}, H, ANA, 400),
        ([], H, ANA, 400),
        ({"message": 1}, H, ANA, 500),
        ({"message": {"es": "hola"}}, H, ANA, 500),
        ({"message": {"en": "hi"}}, H, ANA, 200),
        ({"message": ""}, H, ANA, 200),
    ],
)
def test_what_an_operator_is_answered(talk: Talk, given: object, bot: str, id: str, status: int) -> None:
    answer = post(talk, given, bot, id)
    assert answer.status == status
    if status == 422:
        assert body(answer) == {"errors": "Unknown session"}


def test_bodies_of_an_operator(talk: Talk) -> None:
    path = f"/api/bots/{H}/sessions/{ANA}/send_message"
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    assert talk.request("POST", path, b"message=hi", form).status == 200
    assert talk.request("POST", path, b"message=%ff\xff", form).status == 400
    assert talk.request("POST", path, b"{", (("Content-Type", "application/json"),)).status == 400
    assert talk.request("POST", path, b'{"message":"hi"}', (("Content-Type", "text/plain"),)).status == 400
    assert talk.request("POST", path, b'{"message":"hi"}', (("Accept", "text/html"),)).status == 406


def test_who_unsubscribed_is_not_spoken_to(talk: Talk) -> None:
    join(talk)
    talk.play("""
        client >> ["1","2","$H","utb_msg",{"session":"$ANA","text":"stop"}]
        server << [null,null,"$H","btu_msg",{"text":"You will not hear from me","session":"$ANA"}]
    """)
    assert post(talk, {"message": "hello?"}).status == 200
    talk.play("client is silent")


def test_a_bot_that_starts_has_no_operator(talk: Talk) -> None:
    talk.after(10.0)
    join(talk, bot=SLOW, token="slow-web-token")
    id = session(talk, SLOW)
    assert post(talk, {"message": "hi"}, SLOW, id).status == 200
    talk.running.engine.rules._state._began = talk.clock.now()  # type: ignore[attr-defined]
    assert post(talk, {"message": "hi"}, SLOW, id).status == 500


def test_a_human_takes_over(talk: Talk) -> None:
    join(talk)
    path = f"/api/bots/{H}/sessions/{ANA}/forward_messages"
    kind = (("Content-Type", "application/json"),)
    answer = talk.request("PUT", path, b'{"forward_messages_id":"f1"}', kind)
    assert (answer.status, body(answer)) == (200, {"forward_messages_id": "f1"})
    assert talk.request("PUT", path, b"{}", kind).status == 400
    talk.play("""
        client >> ["1","2","$H","utb_msg",{"session":"$ANA","text":"menu"}]
        client is silent
        client >> ["1","3","$H","utb_msg",{"session":"$ANA","text":"##SESSION"}]
        server << [null,null,"$H","btu_msg",{"text":"5f60718","session":"$ANA"}]
    """)
    assert not talk.calls


def test_what_is_forwarded(talk: Talk) -> None:
    talk.running.seed.bots[0].manifest.notifications_url = "https://example.com/n"
    join(talk)
    talk.act(ANA, HandOff("agent"))
    talk.sockets["client"].send(f'["1","2","bot:{H}","utb_msg",{{"session":"{ANA}","text":"help"}}]')
    call = talk.called(500)
    assert (call.method, call.url) == ("POST", "https://example.com/n/messages/agent")
    assert json.loads(call.body) == {"type": "text", "direction": "uto", "content": "help"}
    assert talk.logged[-1][:2] == ("warning", "a forwarded message was not taken: 500")
    talk.sockets["client"].send(f'["1","2","bot:{H}","utb_msg",{{"session":"{ANA}","text":"help"}}]')
    talk.called(200)
    talk.act(ANA, Leave())
    talk.play("""
        client >> ["1","3","$H","utb_msg",{"session":"$ANA","text":"menu"}]
        server << [null,null,"$H","btu_msg",{"text":"Today we cook fish soup","session":"$ANA"}]
    """)


@pytest.mark.parametrize("kind", ["front_desk", "echo"])
def test_the_bot_is_still_while_somebody_else_has_the_session(kind: str) -> None:
    talk = Talk("aida", settings={"bot": kind})
    join(talk)
    talk.act(ANA, HandOff("agent"))
    talk.sockets["client"].send(f'["1","2","bot:{H}","utb_msg",{{"session":"{ANA}","text":"menu"}}]')
    assert talk.sockets["client"].texts() == []
    talk.act(ANA, Leave())
    talk.sockets["client"].send(f'["1","3","bot:{H}","utb_msg",{{"session":"{ANA}","text":"menu"}}]')
    assert len(talk.sockets["client"].texts()) == 1


def test_who_plays_the_operator_hears_what_is_forwarded() -> None:
    """A scenario is both, the bot and whoever it hands over to."""
    talk = Talk("aida", script=lambda backend, world: EchoBot(0))
    join(talk)
    talk.act(ANA, HandOff("agent"))
    talk.sockets["client"].send(f'["1","2","bot:{H}","utb_msg",{{"session":"{ANA}","text":"menu"}}]')
    assert ["You said: menu" in text for text in talk.sockets["client"].texts()] == [True]


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (Say("hi"), "hi"),
        (Picture("https://example.com/a.jpg", "look"), "look\\nhttps://example.com/a.jpg"),
        (File("https://example.com/a.pdf"), "https://example.com/a.pdf"),
        (Stream(["a", "b"]), "ab"),
    ],
)
def test_the_operator_s_acts(talk: Talk, act: Any, text: str) -> None:
    join(talk)
    talk.act(ANA, act)
    talk.play(f'server << [null,null,"$H","btu_msg",{{"text":"{text}","session":"$ANA"}}]')


def test_an_act_that_is_no_message_of_aida_s(talk: Talk) -> None:
    join(talk)
    talk.act(ANA, Raw("btu_msg", {"any": "thing"}))
    talk.play('server << [null,null,"$H","btu_msg",{"any":"thing"}]')
    for who, act in ((ANA, Typing()), (NOBODY, Say("hi")), (NOBODY, Raw("btu_msg"))):
        talk.act(who, act)
        talk.play("client is silent")


def test_which_session_is_meant(talk: Talk) -> None:
    join(talk)
    made, rules = session(talk), talk.running.engine.rules
    assert [rules.objection(who, Say("")) for who in (made, NOBODY)] == [None, f"there is no session {NOBODY!r}"]

    def named(*args: Any) -> str | None:
        return rules.talk_of(None, Message("utb_msg", args))

    assert named({"session": made}) == made
    assert [named(), named([]), named({}), named({"session": 1}), named({"session": NOBODY})] == [None] * 5


def test_nothing_is_not_said(talk: Talk) -> None:
    join(talk)
    talk.act(ANA, Say(""))
    talk.play("client is silent")


# ---- the socket, as far as the backend decides


def test_row_8_a_foreign_origin() -> None:
    talk = aida(check_origin="chat.example.com")
    plain = talk.connect("one")
    assert plain.upgrade is not None
    for origin, status in (("https://chat.example.com", 0), ("https://example.com", 403)):
        refused = talk.connect("two", headers=(*_upgrade(), ("Origin", origin))).refused
        assert (refused.status if refused else 0) == status


def _upgrade() -> Headers:
    from tests.talk import UPGRADE

    return UPGRADE


def test_row_10_no_long_polling_in_1_3(talk: Talk) -> None:
    answer = talk.request("GET", "/socket/longpoll")
    assert (answer.status, body(answer)) == (404, {"errors": {"detail": "Page not found"}})


def test_no_more_sessions_poll_than_the_setting_says() -> None:
    talk = Talk("aida", settings={"profile": "1.8", "kept_polling": 1})
    answers = [talk.request("GET", "/socket/longpoll?vsn=2.0.0") for _ in range(2)]
    assert [json.loads(answer.body)["status"] for answer in answers] == [410, 403]


def test_row_45_silence_ends_a_socket() -> None:
    talk = aida(idle_timeout=60.0)
    join(talk)
    talk.play("""
        after 59
        client is pinged
        client >> [null,"2","phoenix","heartbeat",{}]
        server << [null,"2","phoenix",$OK
        after 59.9
        client is pinged
        client is silent
        after 0.1
        client is shut 1000
    """)


def test_row_51_sessions_outlive_their_socket(talk: Talk) -> None:
    join(talk)
    talk.play("""
        client closes 1001
        again connects
        again >> ["1","1","$H","phx_join",{"access_token":"harbour-web-token"}]
        again << ["1","1","$H",$OK
        again >> ["1","2","$H","utb_msg",{"session":"$ANA","text":"menu"}]
        again << [null,null,"$H","btu_msg",{"text":"Today we cook fish soup","session":"$ANA"}]
    """)


def test_row_53_preflight(talk: Talk) -> None:
    answer = talk.request("OPTIONS", f"/content/image/{S}/{ANA}")
    headers = {name.lower(): value for name, value in answer.headers}
    assert (answer.status, answer.body) == (204, b"")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,OPTIONS"
    assert headers["access-control-max-age"] == "1728000"
    assert headers["access-control-expose-headers"] == ""
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-headers"].startswith("Authorization,Content-Type,Accept,Origin,User-Agent,")


# ---- what nobody asked for


def test_a_scheduled_message_goes_to_every_socket_of_the_bot() -> None:
    talk = aida(idle_timeout=0)
    street(talk)
    street(talk, "other")
    talk.kept["id"] = session(talk, S)
    talk.play("""
        client >> ["1","2","$S","utb_msg",{"session":"$id","text":"lamp"}]
        server << [null,null,"$S","btu_msg",{"text":"Lamps are mended within two days","session":"$id"}]
        after 86000
        client >> ["1","3","$S","utb_img",{"session":"$id","image":"00000000-0000-4000-8000-000000000000"}]
        server << [null,null,"$S","btu_msg",{"text":"I do not know that word","session":"$id"}]
        server << [null,null,"$S","btu_msg",{"text":"Tell me what is broken in your street","session":"$id"}]
        server << [null,null,"$S","btu_msg",{"text":"I know about lamps","session":"$id"}]
        server << [null,null,"$S","btu_msg",{"text":"Send STOP to end this","session":"$id"}]
        after 86399
        client is silent
        after 1
        server << [null,null,"$S","btu_msg",{"text":"Is your street in order?","session":"$id"}]
        other << [null,null,"$S","btu_msg",{"text":"Is your street in order?","session":"$id"}]
        client >> ["1","4","$S","utb_msg",{"session":"$id","text":"stop"}]
        server << [null,null,"$S","btu_msg",{"text":"Goodbye","session":"$id"}]
        after 86400
        client is silent
        client >> ["1","5","$S","utb_msg",{"session":"$id","text":"lamp"}]
        server << [null,null,"$S","btu_msg",{"text":"Lamps are mended within two days","session":"$id"}]
        client >> ["1","6","$S","delete_session",{"session":"$id"}]
        server << ["1","6","$S",$OK
        after 86400
        client is silent
    """)


def test_a_reminder_of_a_session_that_made_room() -> None:
    talk = aida(kept_sessions=1, idle_timeout=0)
    street(talk)
    talk.kept["id"] = session(talk, S)
    talk.play("""
        client >> ["1","2","$S","utb_msg",{"session":"$id","text":"lamp"}]
        server << [null,null,"$S","btu_msg",{"text":"Lamps are mended within two days","session":"$id"}]
    """)
    session(talk, S)
    talk.after(86400)
    talk.play("client is silent")


def test_messages_at_a_fixed_time() -> None:
    skill = {
        "type": "scheduled_messages", "id": "news", "schedule_type": "fixed_time",
        "messages": [
            {"schedule": "2026-01-01T00:01:00Z", "message": {"en": "A good new year, ${first_name}"}},
            {"schedule": "2025-01-01T00:00:00Z", "message": {"en": "long ago"}},
        ],
    }  # fmt: skip
    talk = aida(idle_timeout=0)
    bot = talk.running.seed.bots[0]
    data = bot.manifest.model_dump()
    bot.manifest = type(bot.manifest).model_validate({**data, "skills": [*data["skills"], skill]})
    join(talk)
    join(talk, "other")
    session(talk)
    talk.play("""
        after 60
        server << [null,null,"$H","btu_msg",{"text":"A good new year, Ana","session":"$ANA"}]
        other << [null,null,"$H","btu_msg",{"text":"A good new year, Ana","session":"$ANA"}]
        after 100000
        client is silent
    """)


# ---- bounds


DEEP = "[" * 600 + "]" * 600


def test_data_of_any_depth_and_any_number(talk: Talk) -> None:
    join(talk)
    talk.play(f"""
        client >> ["1","2","$H","put_data",{{"session":"$ANA","data":{{"d":{DEEP},"n":18446744073709551616,"t":true}}}}]
        server << ["1","2","$H",$OK
        client >> ["1","3","$H","utb_msg",{{"session":"$ANA","text":"table"}}]
        server << [null,null,"$H","btu_msg",{{"text":"For how many?","session":"$ANA"}}]
        client >> ["1","4","$H","utb_msg",{{"session":"$ANA","text":"18446744073709551616"}}]
        server << [null,null,"$H","btu_msg",{{"text":"Inside or outside?","session":"$ANA"}}]
        client >> ["1","5","$H","put_data",{{"session":"$ANA","data":{{}}}}]
        server << ["1","5","$H",$OK
    """)


DEEPER = "[" * 1010 + "]" * 1010
"""Read, but not written again, whatever the Python."""


@pytest.mark.parametrize(("value", "status"), [(DEEPER, 500), ("[[1.5]]", 200), (f'"{"x" * 1_000_001}"', 500)])
def test_what_an_operator_forwards_to(talk: Talk, value: str, status: int) -> None:
    body = f'{{"forward_messages_id":{value}}}'.encode()
    path = f"/api/bots/{H}/sessions/{ANA}/forward_messages"
    assert talk.request("PUT", path, body, (("Content-Type", "application/json"),)).status == status


def test_variables_that_a_client_nests_are_bounded(talk: Talk) -> None:
    join(talk)
    nested = {f"v{i}": f"${{v{i + 1}}}" * 10 for i in range(12)}
    data = {"language": "en", "first_name": "${v0}", **nested, "v12": "x"}
    talk.sockets["client"].send(json.dumps(["1", "2", f"bot:{H}", "put_data", {"session": ANA, "data": data}]))
    talk.sockets["client"].send(f'["1","3","bot:{H}","utb_msg",{{"session":"{ANA}","text":"hours"}}]')
    assert len(talk.sockets["client"].texts()[-1]) < 20_000
    long = {"first_name": "${a}" * 8000, "a": "x" * 50_000}
    talk.sockets["client"].send(json.dumps(["1", "4", f"bot:{H}", "put_data", {"session": ANA, "data": long}]))
    talk.sockets["client"].send(f'["1","5","bot:{H}","utb_msg",{{"session":"{ANA}","text":"hours"}}]')
    assert 90_000 < len(talk.sockets["client"].texts()[-1]) < 110_000


def test_all_sessions_together_are_bounded() -> None:
    talk = aida(kept_session_megabytes=1)
    join(talk)
    big = json.dumps({"data": {"a": "x" * 600_000}})
    for ref in "234":
        talk.sockets["client"].send(f'["1","{ref}","bot:{H}","new_session",{big}]')
    *_, last = [json.loads(text)[4]["response"]["session"] for text in talk.sockets["client"].texts()]
    assert [*talk.running.engine.rules.talks()] == [last]
    grown = json.dumps({"session": last, "data": {"b": "x" * 300_000}})
    talk.sockets["client"].send(f'["1","5","bot:{H}","put_data",{grown}]')
    assert [*talk.running.engine.rules.talks()] == [last]


def test_one_session_is_always_kept() -> None:
    talk = aida(kept_session_megabytes=1, session_data_limit=3_000_000)
    join(talk)
    first = session(talk)
    grown = json.dumps({"session": first, "data": {"a": "x" * 2_000_000}})
    talk.sockets["client"].send(f'["1","5","bot:{H}","put_data",{grown}]')
    assert [*talk.running.engine.rules.talks()] == [first]


def test_the_session_that_grows_is_not_the_one_that_goes() -> None:
    talk = aida(kept_session_megabytes=1)
    join(talk)
    first = session(talk)
    second = session(talk)
    for id in (second, first):
        grown = json.dumps({"session": id, "data": {"a": "x" * 600_000}})
        talk.sockets["client"].send(f'["1","5","bot:{H}","put_data",{grown}]')
    assert [*talk.running.engine.rules.talks()] == [first]


def test_the_document_s_ways_are_hinted_at(talk: Talk) -> None:
    join(talk)
    image = f'{{"session":"{ANA}","image":"{NOBODY}"}}'
    talk.sockets["client"].send(f'["1","2","bot:{H}","utb_msg",{image}]')
    assert "accept_document_samples" in talk.logged[-1][1]
    refused(talk, f"bot:{H}", '{"access_token":"mine"}')
    assert "any_token" in talk.logged[-1][1]
