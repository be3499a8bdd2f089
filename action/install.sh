# Installs into a venv of its own under $TEMP, and says where the command is. For bash 3.2, macOS' own.
#
# VERSION, EXTRAS, PYTHON, TEMP, ACTION: see action.yml. Writes simulator=... to $GITHUB_OUTPUT.

fail() {
    echo "::error title=simulator::$1"
    exit "${2:-1}"
}

if [ "$VERSION" = installed ]; then
    simulator=$(command -v simulator) || fail 'version: installed, but there is no simulator on the PATH' 2
else
    command -v "$PYTHON" >/dev/null || fail "there is no $PYTHON: use actions/setup-python before, or the input python" 3
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$PYTHON is older than 3.11: use actions/setup-python before, or the input python" 3
    extras=${EXTRAS:+[${EXTRAS// /,}]}
    case $VERSION in
        '') what=$(cd "$ACTION/.." && pwd)$extras ;;
        -*) fail "version: $VERSION is no path and no URL" 2 ;;
        *://*) what="chat-simulator$extras @ $VERSION" ;;
        */* | .*) what=$VERSION$extras ;;
        *) fail "version: $VERSION is no path and no URL, and no package index has this project: pick it behind the @ of uses" 2 ;;
    esac
    venv="$TEMP/simulator"
    [ -x "$venv/bin/pip" ] || "$PYTHON" -m venv "$venv" || fail "$PYTHON can't make a venv" 3
    # A second use in the same job finds it there.
    if [ "$(cat "$venv/installed" 2>/dev/null)" != "$what" ]; then
        echo "::group::pip install $what"
        "$venv/bin/pip" install --disable-pip-version-check --no-input "$what" || {
            echo '::endgroup::'
            fail "can't install $what" 3
        }
        echo '::endgroup::'
        echo "$what" >"$venv/installed"
    fi
    simulator="$venv/bin/simulator"
fi
"$simulator" --version
echo "simulator=$simulator" >>"$GITHUB_OUTPUT"
