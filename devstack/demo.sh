#!/usr/bin/env bash
# Deploys the example site on a simulated fleet, from documents to running machines.
#
#   devstack/demo.sh [--nodes N] [--kill-conductor] [--keep]
#
# --nodes N          a fleet of N machines, and a site for it (default: the example's 12)
# --kill-conductor   API and two conductors on PostgreSQL and RabbitMQ; one conductor is killed
#                    in mid deploy (kill -9), and the other one goes on where it was
# --keep             leave everything running, and say where
#
# Exit code 0 only if every node is active and every disk carries the image of the design.
set -euo pipefail

DEVSTACK_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
for part in shell packages venv services; do
    # shellcheck source=/dev/null
    . "$DEVSTACK_TOP/devstack/lib/$part.sh"
done
cd "$DEVSTACK_TOP"

nodes=12 keep="" kill_conductor=""
while [ $# -gt 0 ]; do
    case $1 in
        --nodes) nodes=${2:?--nodes needs a number}; shift ;;
        --kill-conductor) kill_conductor=yes ;;
        --keep) keep=yes ;;
        -h | --help) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) die "unknown option $1 (see --help)" ;;
    esac
    shift
done
[[ $nodes =~ ^[1-9][0-9]*$ ]] || die "--nodes needs a number, not '$nodes'"

HOME_DIR=$STATE_DIR/demo
URL=http://127.0.0.1:6385
IMAGES=127.0.0.1:6480
CONTROL=127.0.0.1:6481
PIDS=()
services=""

# start NAME COMMAND...: in the background, output to NAME.log, pid to NAME.pid.
start() {
    local name=$1
    shift
    PYTHONWARNINGS=ignore setsid "$@" >"$HOME_DIR/$name.log" 2>&1 </dev/null 9>&- 8>&- &
    echo $! >"$HOME_DIR/$name.pid"
    PIDS+=($!)
    # One that is killed on purpose needs no obituary of the shell's.
    disown $!
}

stop_all() {
    local status=$? pid
    trap - EXIT INT TERM
    if [ -n "$keep" ] && [ "$status" -eq 0 ]; then return 0; fi
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do until_true 30 gone "$pid" || kill -9 "$pid"; done
    if [ -n "$services" ]; then
        services_stop_below "$services" 2>/dev/null
        rm -rf "$services"
    fi
    if [ "$status" -ne 0 ]; then
        printf '\nThe demo failed; logs are in %s\n' "$HOME_DIR" >&2
    fi
    exit "$status"
}

# stop_former: what an earlier --keep has left running.
stop_former() {
    local file pid
    for file in "$HOME_DIR"/*.pid; do
        [ -e "$file" ] || continue
        pid=$(cat "$file")
        if grep -qs provisioner "/proc/$pid/cmdline"; then
            kill "$pid" 2>/dev/null || true
            until_true 30 gone "$pid" || kill -9 "$pid" 2>/dev/null || true
        fi
    done
    if [ -s "$HOME_DIR/services" ]; then services_stop_below "$(cat "$HOME_DIR/services")"; fi
}

gone() { ! grep -qs provisioner "/proc/$1/cmdline"; }

port_is_free() { ! listens 127.0.0.1 "$1"; }

answers() { curl_ "$URL/healthcheck" >/dev/null; }

curl_() { "$VENV/bin/python" -c 'import sys, urllib.request as u
sys.stdout.buffer.write(u.urlopen(sys.argv[1], timeout=5).read())' "$1"; }

provisioner() { "$VENV/bin/provisioner" --url "$URL" "$@"; }

start_fleet() {
    say "Starting $nodes simulated machines: BMCs on 127.77.0.0/16, images on $IMAGES"
    local simulator=("$VENV/bin/provisioner-simulator" --nodes "$nodes" --images "$IMAGES"
        --control "$CONTROL" --state-dir "$HOME_DIR/fleet" --log "$HOME_DIR/fleet.jsonl"
        --write-nodes "$HOME_DIR/nodes.json")
    # Port 623 of a BMC is privileged.
    is_root || simulator=(sudo "${simulator[@]}")
    start simulator "${simulator[@]}"
    until_true 60 grep -q '"ready": true' "$HOME_DIR/simulator.log" || die "no fleet"
    site=$DEVSTACK_TOP/etc/provisioner/examples/small/site.yaml
    if [ "$nodes" -ne 12 ]; then
        site=$HOME_DIR/site.yaml
        "$VENV/bin/python" -m provisioner.simulator.design "$HOME_DIR/nodes.json" \
            "http://$IMAGES/images" >"$site"
    fi
}

start_standalone() {
    say "Starting provisioner-standalone (SQLite, bus in process) on $URL"
    start standalone "$VENV/bin/provisioner-standalone" --state-dir "$HOME_DIR/state"
}

start_cluster() {
    local name
    say "Starting PostgreSQL, RabbitMQ, the API and two conductors"
    packages_ensure postgresql rabbitmq || die "PostgreSQL and RabbitMQ are needed"
    services=$(mktemp -d "${TMPDIR:-/tmp}/provisioner-demo.XXXXXX")
    chmod 755 "$services"
    echo "$services" >"$HOME_DIR/services"
    for name in postgresql rabbitmq; do
        mkdir "$services/$name"
        service_start "$name" "$services/$name"
    done
    for name in api c1 c2; do
        cat >"$HOME_DIR/$name.conf" <<CONF
[DEFAULT]
transport_url = $(cat "$services/rabbitmq/url")
[database]
connection = $(cat "$services/postgresql/url")
[secrets]
key_file = $HOME_DIR/secret.keys
[api]
require_agent_tls = False
[conductor]
host = $name
CONF
    done
    "$VENV/bin/provisioner-dbsync" --config-file "$HOME_DIR/api.conf" create_key
    "$VENV/bin/provisioner-dbsync" --config-file "$HOME_DIR/api.conf" create_schema
    for name in c1 c2; do
        start "$name" "$VENV/bin/provisioner-conductor" --config-file "$HOME_DIR/$name.conf"
    done
    start api "$VENV/bin/provisioner-api" --config-file "$HOME_DIR/api.conf"
}

act() {
    say "$1"
    provisioner task create "$1" --site small --design "$design" --watch
}

mkdir -p "$STATE_DIR"
exec 8>"$STATE_DIR/demo.lock"
flock -n 8 || die "another demo is running"
began=$SECONDS
say "Installing (packages are kept in $STATE_DIR)"
venv_ensure
[ -z "$kill_conductor" ] || packages_ensure postgresql rabbitmq
installed=$SECONDS

stop_former
rm -rf "$HOME_DIR"
mkdir -p "$HOME_DIR"
for port in 6385 6480 6481; do
    port_is_free "$port" || die "port $port of 127.0.0.1 is taken; the demo needs it"
done
trap stop_all EXIT
trap 'exit 130' INT TERM
start_fleet
if [ -n "$kill_conductor" ]; then start_cluster; else start_standalone; fi
until_true 60 answers || die "the API does not answer"

say "Checking the site's documents, without a server"
provisioner design validate "$site"
say "Giving them to the service"
design=$(provisioner design create "$site" -f value -c digest)
echo "design $design"
for action in validate_design verify_site; do act "$action"; done
say "What it would do (nothing has been touched yet)"
# 2 says that there is something to do.
provisioner plan --site small --design "$design" >"$HOME_DIR/plan.txt" || [ $? -eq 2 ] ||
    die "no plan"
awk '/^  [^ ]+ node /{n++} n<2' "$HOME_DIR/plan.txt"
printf '  (the other nodes: %s)\n\n' "$HOME_DIR/plan.txt"
tail -n 1 "$HOME_DIR/plan.txt"
for action in prepare_site verify_nodes prepare_nodes; do act "$action"; done
if [ -n "$kill_conductor" ]; then
    "$VENV/bin/python" "$DEVSTACK_TOP/devstack/demo_report.py" kill \
        "$(cat "$HOME_DIR/c1.pid")" "$HOME_DIR/fleet.jsonl" "$HOME_DIR/killed" 9>&- 8>&- &
fi
act deploy_nodes

say "Result"
provisioner node list
"$VENV/bin/python" "$DEVSTACK_TOP/devstack/demo_report.py" result "$URL" "http://$CONTROL" \
    "$site" ${kill_conductor:+"$HOME_DIR/killed"}
printf '\nInstallation %s s, everything else %s s.\n' $((installed - began)) $((SECONDS - installed))
if [ -n "$keep" ]; then
    cat <<TEXT

Left running: $URL (API), http://$CONTROL (machines). Logs are in $HOME_DIR.
Try next:
  $VENV/bin/provisioner node explain node-001
  $VENV/bin/provisioner task list
  $VENV/bin/provisioner task create destroy_nodes --site small --design ${design:0:12} --watch
  OS_AUTH_TYPE=none OS_ENDPOINT=$URL $VENV/bin/openstack baremetal node list
The next demo stops it first.
TEXT
fi
