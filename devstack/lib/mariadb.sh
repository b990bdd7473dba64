# MariaDB as a private instance; see services.sh for what a folder of it holds.

mariadb_bin() {
    local candidate
    for candidate in /usr/sbin/mariadbd /usr/sbin/mysqld; do
        if [ -x "$candidate" ]; then echo "$candidate"; return; fi
    done
}

mariadb_user() { echo mysql; }

mariadb_url() { echo "mysql+pymysql://$SERVICE_USER:$3@$2:$(cat "$1/port")/mysql?charset=utf8mb4"; }

_mariadb_init() {
    local dir=$1 secret=$2
    (cd "$dir/data" && run_as mysql mariadb-install-db --no-defaults --datadir="$dir/data" \
        --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve \
        --innodb-flush-log-at-trx-commit=2) >>"$dir/log" 2>&1 </dev/null || return
    (
        umask 077
        echo "CREATE OR REPLACE USER '$SERVICE_USER'@'%' IDENTIFIED BY '$secret';"
        echo "GRANT ALL PRIVILEGES ON *.* TO '$SERVICE_USER'@'%' WITH GRANT OPTION;"
        echo "DROP USER IF EXISTS ''@'localhost', 'root'@'127.0.0.1', 'root'@'::1';"
    ) >"$dir/init.sql"
    ! is_root || chown mysql "$dir/init.sql"
    chmod 600 "$dir/init.sql"
    touch "$dir/initialized"
}

# A commit is written at once, synced once a second: it outlives a killed server, not a crash of
# the host.
mariadb_start() {
    local dir=$1 address=$2 secret=$3 port
    port=$(cat "$dir/port")
    [ -e "$dir/initialized" ] || _mariadb_init "$dir" "$secret" || return
    (cd "$dir/data" && run_as mysql setsid "$(mariadb_bin)" --no-defaults --datadir="$dir/data" \
        --port="$port" --bind-address="$address" --socket=server.sock --pid-file="$dir/data/server.pid" \
        --init-file="$dir/init.sql" --skip-name-resolve --skip-log-bin --performance-schema=OFF \
        --character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=2 \
        --innodb-buffer-pool-size=64M --max-connections=300) >>"$dir/log" 2>&1 </dev/null 9>&- &
    note_process "$dir/leader" $! && note_process "$dir/pid" $! || return
    until_true 60 _mariadb_ready "$dir" "$address" "$port" && alive "$dir/pid"
}

# The server listens only after the init file has run.
_mariadb_ready() { ! alive "$1/pid" || listens "$2" "$3"; }

mariadb_stop() { end_service "$1" TERM; }
