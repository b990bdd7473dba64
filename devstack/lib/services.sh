# Private instances of RabbitMQ, PostgreSQL and MariaDB: any number at once, without systemd.
# Sourced after packages.sh and venv.sh.
#
# An instance is a folder, which holds: data/, log, and the files name, pid, port, url, secret. It
# listens on one address (loopback by default). Ports and passwords outlive a stop, so that a
# URL stays right over a restart. As root, a service runs as the user of its package. It runs in a
# session of its own; what we started is in the file leader, the process to signal in pid.

SERVICES=(rabbitmq postgresql mariadb)
SERVICE_USER=provisioner

# shellcheck source-path=SCRIPTDIR
for _service in "${SERVICES[@]}"; do
    . "$DEVSTACK_TOP/devstack/lib/$_service.sh"
done

# free_ports ADDRESS COUNT: distinct free ports. Taken from below the ephemeral range: a port in
# that range could be taken, while a service is down, by the connection of a client to itself.
free_ports() {
    "$(find_python)" - "$1" "$2" <<'PYTHON'
import random, socket, sys
held = []
while len(held) < int(sys.argv[2]):
    held.append(socket.socket())
    try:
        held[-1].bind((sys.argv[1], random.SystemRandom().randrange(15000, 32000)))
    except OSError:
        held.pop()
print(*(sock.getsockname()[1] for sock in held))
PYTHON
}

# run_as USER COMMAND...: replaces the shell; as USER if we are root, else as ourselves.
run_as() {
    local user=$1
    shift
    if is_root; then exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"; fi
    exec "$@"
}

# until_true SECONDS COMMAND...: waits for a condition, looking ten times a second.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

listens() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# When a process started, in clock ticks since the boot. Fails if it is gone, or a zombie.
_birth() {
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return
    # The name, in parentheses, may hold anything; the state comes next.
    read -ra stat <<<"${stat##*) }"
    [ "${stat[0]}" != Z ] && echo "${stat[19]}"
}

# note_process FILE PID: writes the id to FILE, and to FILE.birth what tells it from a later one.
note_process() {
    _birth "$2" >"$1.birth" || return
    echo "$2" >"$1"
}

# alive FILE: whether the process noted there still runs.
alive() {
    [ -s "$1" ] && [ "$(_birth "$(cat "$1")")" = "$(cat "$1.birth" 2>/dev/null)" ]
}

gone() { ! alive "$1"; }

# end_process FILE SIGNAL [LEADER]: asks the process of FILE and waits for its end; then kills what
# is left of the session that LEADER began.
end_process() {
    local file=$1 signal=$2 leader=${3:-$1}
    if alive "$file" || alive "$leader"; then
        if alive "$file"; then
            kill -"$signal" "$(cat "$file")" 2>/dev/null || true
            until_true 20 gone "$file" || true
        fi
        kill -KILL -- "-$(cat "$leader")" 2>/dev/null || true
        until_true 5 gone "$leader" && until_true 5 gone "$file"
    fi
    rm -f "$file" "$file.birth" "$leader" "$leader.birth"
}

# end_service DIR SIGNAL: ends the process in DIR/pid, and whatever is left of its session.
end_service() { end_process "$1/pid" "$2" "$1/leader"; }

_service_prepare() {
    local user=$1 dir=$2
    mkdir -p "$dir/data"
    [ -s "$dir/secret" ] || (umask 077; od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/secret")
    touch "$dir/log"
    if is_root; then
        chown "$user" "$dir" "$dir/data" "$dir/log"
        (run_as "$user" test -w "$dir/data") || die "$user cannot reach $dir: chmod o+x its parents"
    fi
}

# service_start NAME DIR [ADDRESS]: starts, waits until it answers, writes DIR/url.
# Starting what runs already is not an error.
service_start() {
    local name=$1 dir=$2 address=${3:-127.0.0.1} attempt
    is_installed "$name" || die "$name is not installed: devstack/service.sh install $name"
    [ ! -s "$dir/address" ] || address=$(cat "$dir/address")
    _service_prepare "$("${name}_user")" "$dir"
    dir=$(cd "$dir" && pwd -P)
    echo "$address" >"$dir/address"
    echo "$name" >"$dir/name"
    ! alive "$dir/pid" || return 0
    for attempt in 1 2 3; do
        [ -s "$dir/url" ] || free_ports "$address" 4 >"$dir/ports"
        cut -d' ' -f1 "$dir/ports" >"$dir/port"
        if "${name}_start" "$dir" "$address" "$(cat "$dir/secret")"; then
            "${name}_url" "$dir" "$address" "$(cat "$dir/secret")" >"$dir/url"
            return 0
        fi
        service_stop "$name" "$dir"
    done
    tail -n 20 "$dir/log" >&2
    die "$name did not start (log: $dir/log)"
}

# service_stop NAME DIR: a clean stop, forced after 20 s. The data stays.
service_stop() {
    local dir
    dir=$(cd "$2" 2>/dev/null && pwd -P) || return 0
    "${1}_stop" "$dir"
}

# services_stop_below DIR: stops every instance whose folder lies right below DIR, all at once.
services_stop_below() {
    local leader dir
    for leader in "$1"/*/leader; do
        [ -e "$leader" ] || continue
        dir=$(dirname "$leader")
        service_stop "$(cat "$dir/name")" "$dir" &
    done
    # The shell's own word on servers that had to be killed is of no use to anybody.
    wait 2>/dev/null
}
