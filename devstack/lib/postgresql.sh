# PostgreSQL as a private instance; see services.sh for what a folder of it holds.

postgresql_bin() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -z "$found" ] || [ ! -x "$found/initdb" ] || echo "$found"
}

postgresql_user() { echo postgres; }

postgresql_url() { echo "postgresql+psycopg2://$SERVICE_USER:$3@$2:$(cat "$1/port")/postgres"; }

_postgresql_init() {
    local dir=$1 secret=$2
    (umask 077; echo "$secret" >"$dir/pwfile")
    ! is_root || chown postgres "$dir/pwfile"
    (run_as postgres "$(postgresql_bin)/initdb" -D "$dir/data" -U "$SERVICE_USER" -E UTF8 \
        --locale=C.UTF-8 -A scram-sha-256 --pwfile="$dir/pwfile" --no-sync) \
        >>"$dir/log" 2>&1 </dev/null || return
    echo "host all all all scram-sha-256" >>"$dir/data/pg_hba.conf"
    rm -f "$dir/pwfile"
}

# Not synced to disk: what is committed outlives a killed server, not a crash of the host.
postgresql_start() {
    local dir=$1 address=$2 secret=$3 port
    port=$(cat "$dir/port")
    [ -s "$dir/data/PG_VERSION" ] || _postgresql_init "$dir" "$secret" || return
    (cd "$dir" && run_as postgres setsid "$(postgresql_bin)/postgres" -D "$dir/data" -p "$port" \
        -c listen_addresses="$address" -c unix_socket_directories= -c fsync=off \
        -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB) \
        >>"$dir/log" 2>&1 </dev/null 9>&- &
    note_process "$dir/leader" $! && note_process "$dir/pid" $! || return
    until_true 60 _postgresql_ready "$dir" "$address" "$port" && alive "$dir/pid"
}

_postgresql_ready() {
    alive "$1/pid" || return 0
    "$(postgresql_bin)/pg_isready" -q -h "$2" -p "$3"
}

postgresql_stop() { end_service "$1" INT; }
