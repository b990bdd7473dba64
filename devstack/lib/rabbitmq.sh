# RabbitMQ as a private instance with an epmd and a node name of its own; see services.sh for
# what a folder of it holds. Ports in order: AMQP, distribution, epmd, management HTTP.
# The file management_url leads to the management API.

rabbitmq_user() { echo rabbitmq; }

rabbitmq_url() {
    local management
    management=$(cut -d' ' -f4 "$1/ports")
    echo "http://$SERVICE_USER:$3@$2:$management" >"$1/management_url"
    echo "rabbit://$SERVICE_USER:$3@$2:$(cat "$1/port")/"
}

_rabbitmq_configure() {
    local dir=$1 address=$2 secret=$3 amqp=$4 management=$5
    cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.1 = $address:$amqp
management.tcp.ip = $address
management.tcp.port = $management
management_agent.disable_metrics_collector = true
default_user = $SERVICE_USER
default_pass = $secret
loopback_users = none
log.file = false
log.console = true
log.console.level = warning
vm_memory_high_watermark.relative = 0.4
disk_free_limit.absolute = 50MB
CONF
    echo "[rabbitmq_management]." >"$dir/enabled_plugins"
    : >"$dir/rabbitmq-env.conf"
    ! is_root || chown rabbitmq "$dir"/{rabbitmq.conf,enabled_plugins,rabbitmq-env.conf}
    chmod 600 "$dir/rabbitmq.conf"
}

rabbitmq_start() {
    local dir=$1 address=$2 secret=$3 amqp distribution epmd management
    read -r amqp distribution epmd management <"$dir/ports"
    _rabbitmq_configure "$dir" "$address" "$secret" "$amqp" "$management"
    (run_as rabbitmq setsid epmd -port "$epmd" -address 127.0.0.1) \
        >>"$dir/log" 2>&1 </dev/null 9>&- &
    note_process "$dir/epmd" $! || return
    until_true 10 listens 127.0.0.1 "$epmd" && alive "$dir/epmd" || return
    rm -f "$dir/data/pid"
    (cd "$dir/data" && run_as rabbitmq setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 HOME="$dir/data" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME="provisioner-$amqp@localhost" RABBITMQ_DIST_PORT="$distribution" \
        RABBITMQ_CONF_ENV_FILE="$dir/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_PID_FILE="$dir/data/pid" \
        RABBITMQ_MNESIA_BASE="$dir/data/mnesia" RABBITMQ_LOG_BASE="$dir/data/log" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none" \
        /usr/lib/rabbitmq/bin/rabbitmq-server) >>"$dir/log" 2>&1 </dev/null 9>&- &
    note_process "$dir/leader" $! || return
    # The script of the package waits for the broker; the broker is the one to signal.
    until_true 30 _rabbitmq_has_broker "$dir" && note_process "$dir/pid" "$(cat "$dir/data/pid")" ||
        return
    until_true 90 _rabbitmq_ready "$dir" "$address" "$amqp" "$management" && alive "$dir/pid"
}

_rabbitmq_has_broker() { ! alive "$1/leader" || [ -s "$1/data/pid" ]; }

# The broker listens last of all in its start.
_rabbitmq_ready() { ! alive "$1/pid" || { listens "$2" "$3" && listens "$2" "$4"; }; }

rabbitmq_stop() {
    end_service "$1" TERM
    end_process "$1/epmd" TERM
}
