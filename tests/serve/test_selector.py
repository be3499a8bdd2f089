"""Which space a request names: by its path, its query, a header; and what is left of it then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.serve.selector import HEADER, Target, Unfit, check, read

HOST = ("Host", "localhost")


@pytest.mark.parametrize(
    ("path", "space", "prefix", "rest"),
    [
        ("/", None, "", "/"),
        ("/uat", None, "", "/uat"),
        ("/~space/gw0/uat", "gw0", "/~space/gw0", "/uat"),
        ("/~space/gw0/", "gw0", "/~space/gw0", "/"),
        ("/~space/gw0", "gw0", "/~space/gw0", "/"),
        ("/~space/gw0//x//", "gw0", "/~space/gw0", "//x//"),
        ("/%7Espace/gw0/x", "gw0", "/%7Espace/gw0", "/x"),
        ("/%7espace/%67w%30/x", "gw0", "/%7espace/%67w%30", "/x"),
        ("/~space/gw0/%2F..%2f", "gw0", "/~space/gw0", "/%2F..%2f"),
        ("/~space/GW_0.-/x", "GW_0.-", "/~space/GW_0.-", "/x"),
        ("/~spaceship/gw0/x", None, "", "/~spaceship/gw0/x"),
        ("/x/~space/gw0", None, "", "/x/~space/gw0"),
        ("//~space/gw0/x", None, "", "//~space/gw0/x"),
        ("/~space/gw0/x\n", "gw0", "/~space/gw0", "/x\n"),
    ],
)
def test_a_prefix_is_cut(path: str, space: str | None, prefix: str, rest: str) -> None:
    assert read(path, "a=1", (HOST,)) == Target(space, prefix, rest, "a=1", (HOST,))


@pytest.mark.parametrize(
    ("query", "space", "rest"),
    [
        ("", None, ""),
        ("a=1&&b", None, "a=1&&b"),
        ("simulator_space=gw0", "gw0", ""),
        ("a=%20&simulator_space=gw0&b=+", "gw0", "a=%20&b=+"),
        ("simulator%5fspace=%67w0&a", "gw0", "a"),
        ("simulator_space=gw0&simulator_space=gw0", "gw0", ""),
        ("simulator_space=", "", ""),
        ("simulator_space", "", ""),
        ("simulator_spaces=gw0", None, "simulator_spaces=gw0"),
        ("x=simulator_space=gw0", None, "x=simulator_space=gw0"),
    ],
)
def test_a_parameter_is_taken_out(query: str, space: str | None, rest: str) -> None:
    assert read("/", query, (HOST,)) == Target(space, "", "/", rest, (HOST,))


@pytest.mark.parametrize(
    ("lines", "space"),
    [([], None), (["gw0"], "gw0"), ([" gw0\t"], "gw0"), ([""], ""), (["gw0", "gw0"], "gw0")],
)
def test_a_header_is_taken_off(lines: list[str], space: str | None) -> None:
    named = [(name, line) for line in lines for name in (HEADER.lower(),)]
    headers = (HOST, *named, ("X-Simulator-Spaces", "x"))
    assert read("/", "", headers) == Target(space, "", "/", "", (HOST, ("X-Simulator-Spaces", "x")))


def test_selectors_may_agree() -> None:
    target = read("/~space/gw0/x", "simulator_space=gw0", ((HEADER, "gw0"),))
    assert target == Target("gw0", "/~space/gw0", "/x", "", ())


@pytest.mark.parametrize(
    ("path", "query", "lines", "why"),
    [
        ("/~space/a/x", "simulator_space=b", [], "the path names 'a' and the parameter simulator_space names 'b'"),
        ("/~space/a/x", "", ["b"], "the path names 'a' and the header X-Simulator-Space names 'b'"),
        ("/~space/a/x", "", [""], "the path names 'a' and the header X-Simulator-Space names ''"),
        ("/", "simulator_space=a", ["b"], "simulator_space names 'a' and the header X-Simulator-Space names 'b'"),
        ("/", "simulator_space=a&simulator_space=A", [], "names 'a' and the parameter simulator_space names 'A'"),
        ("/", "", ["a", "b"], "names 'a' and the header X-Simulator-Space names 'b'"),
        ("/~space/a/~space/a/x", "", [], "the path names a space twice"),
        ("/~space/a/%7Espace/b", "", [], "the path names a space twice"),
        ("/~space", "", [], "expected the name of a space behind /~space/, such as /~space/gw0/"),
        ("/~space/", "", [], "expected the name of a space behind /~space/"),
        ("/~space//x", "", [], "expected the name of a space behind /~space/"),
    ],
)
def test_what_does_not_fit_together(path: str, query: str, lines: list[str], why: str) -> None:
    with pytest.raises(Unfit) as caught:
        read(path, query, tuple((HEADER, line) for line in lines))
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [".", "..", ".a", "-a", "a b", "a/b", "a%2e", "ä", "a\n", "\n", "a\0", "a" * 65, "\udcff", "a,b", "*", "٣"],
)
def test_bad_names(name: str) -> None:
    with pytest.raises(Unfit, match=r"there can be no space of the name .*: expected 1 to 64 letters, digits"):
        check(name)


@pytest.mark.parametrize("written", ["%2e%2e", "..", "%c3%a4", "a%2Fb", "a%00", "%ff", "x" * 10_000])
def test_bad_names_wherever_they_stand(written: str) -> None:
    for path, query in ((f"/~space/{written}/x", ""), ("/", f"simulator_space={written}")):
        with pytest.raises(Unfit, match="there can be no space of the name ") as caught:
            read(path, query, ())
        assert len(str(caught.value).encode()) < 300, "and all of it can be written"


@given(st.text(), st.text(), st.lists(st.tuples(st.sampled_from([HEADER, "X", "host"]), st.text())))
def test_nothing_else_is_ever_changed(path: str, query: str, headers: list[tuple[str, str]]) -> None:
    try:
        target = read(path, query, tuple(headers))
    except Unfit:
        return
    assert target.prefix + target.path in (path, f"{path}/")
    assert target.space in (None, "") or check(str(target.space))
    others = tuple(line for line in headers if line[0] != HEADER)
    assert target.headers == others
    if "simulator" not in query.lower():
        assert target.query == query
