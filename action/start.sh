# Starts the simulator, waits until it is ready, and says where it is. For bash 3.2, macOS' own.
#
# SIMULATOR, BACKEND, PORT, SCENARIO, CASSETTE, SEED, CLOCK, ARGS, TIMEOUT, PYTHON, TEMP: see action.yml.
# Writes url, connect-url, token, admin-url, pid, log, ready-file to $GITHUB_OUTPUT, and SIMULATOR_URL, SIMULATOR_CONNECT_URL,
# SIMULATOR_ADMIN_TOKEN, SIMULATOR_LOG to $GITHUB_ENV.

arguments=(serve --log-format json)
for name in ${BACKEND//,/ }; do
    arguments+=(--backend "$name")
done
[ -z "$PORT" ] || arguments+=(--port "$PORT")
[ -z "$SCENARIO" ] || arguments+=(--scenario "$SCENARIO")
[ -z "$CASSETTE" ] || arguments+=(--cassette "$CASSETTE")
[ -z "$SEED" ] || arguments+=(--seed "$SEED")
[ -z "$CLOCK" ] || arguments+=(--clock "$CLOCK")
# As a shell splits words, without running anything that stands in them.
if [ -n "$ARGS" ]; then
    words=$(printf '%s' "$ARGS" | xargs -n 1 printf '%s\n') || {
        echo "::error title=simulator::args: can't be split into words: $ARGS"
        exit 2
    }
    while IFS= read -r word; do
        arguments+=("$word")
    done <<<"$words"
fi

# One folder for each use in a job.
folder=$(mktemp -d "$TEMP/simulator-run.XXXXXX")
log="$folder/simulator.log"
ready="$folder/ready.json"

# nohup, and nothing of ours open: it outlives this step.
nohup "$SIMULATOR" "${arguments[@]}" --ready-file "$ready" </dev/null >"$log" 2>&1 &
pid=$!

# --insecure for --tls: it is ours whom we ask.
if ! "$SIMULATOR" wait --ready-file "$ready" --pid "$pid" --timeout "$TIMEOUT" --insecure; then
    echo "::group::what the simulator said"
    cat "$log"
    echo '::endgroup::'
    last=$(tail -n 1 "$log")
    echo "::error title=simulator::it did not get ready: ${last:-it said nothing}"
    kill "$pid" 2>/dev/null || true
    exit 3
fi

"$PYTHON" - "$ready" "$pid" "$log" <<'END'
import json
import os
import sys

path, pid, log = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    ready = json.load(file)
first, admin = ready["backends"][0], ready.get("admin", {})
token = admin.get("token") or os.environ.get("SIMULATOR_ADMIN_TOKEN", "")
if token:
    print(f"::add-mask::{token}")
outputs = {
    "url": first["url"],
    "connect-url": first["connect"],
    "token": token,
    "admin-url": admin.get("url", ""),
    "pid": pid,
    "log": log,
    "ready-file": path,
}
variables = {
    "SIMULATOR_URL": first["url"],
    "SIMULATOR_CONNECT_URL": first["connect"],
    "SIMULATOR_ADMIN_TOKEN": token,
    "SIMULATOR_LOG": log,
}
for name, pairs in (("GITHUB_OUTPUT", outputs), ("GITHUB_ENV", variables)):
    with open(os.environ[name], "a", encoding="utf-8") as file:
        file.writelines(f"{key}={value}\n" for key, value in pairs.items() if value or name == "GITHUB_OUTPUT")
END
