# DevStack plugin: installs provisioner-api and provisioner-conductor on DevStack's database and
# bus, and registers the API as the baremetal service. Called by stack.sh with a mode and a phase.

function install_provisioner {
    setup_develop "$PROVISIONER_DIR"
}

function configure_provisioner {
    sudo install -d -o "$STACK_USER" "$PROVISIONER_CONF_DIR"
    (umask 077; : >"$PROVISIONER_CONF_FILE")
    iniset "$PROVISIONER_CONF_FILE" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    iniset "$PROVISIONER_CONF_FILE" database connection "$(database_connection_url provisioner)"
    iniset_rpc_backend provisioner "$PROVISIONER_CONF_FILE"
    if is_service_enabled keystone; then
        configure_keystone_authtoken_middleware "$PROVISIONER_CONF_FILE" provisioner
    fi
}

function create_provisioner_accounts {
    is_service_enabled keystone || return 0
    create_service_user provisioner admin
    get_or_create_service provisioner baremetal "Bare-metal provisioning"
    get_or_create_endpoint baremetal "$REGION_NAME" \
        "$SERVICE_PROTOCOL://$SERVICE_HOST:$PROVISIONER_SERVICE_PORT"
}

function init_provisioner {
    local dbsync=$PROVISIONER_BIN_DIR/provisioner-dbsync
    recreate_database provisioner
    "$dbsync" --config-file "$PROVISIONER_CONF_FILE" create_key
    "$dbsync" --config-file "$PROVISIONER_CONF_FILE" create_schema
}

function start_provisioner {
    local service
    for service in provisioner-conductor provisioner-api; do
        run_process "$service" \
            "$PROVISIONER_BIN_DIR/$service --config-file $PROVISIONER_CONF_FILE"
    done
    wait_for_service "$SERVICE_TIMEOUT" \
        "$SERVICE_PROTOCOL://$SERVICE_HOST:$PROVISIONER_SERVICE_PORT/healthcheck"
}

function stop_provisioner {
    stop_process provisioner-api
    stop_process provisioner-conductor
}

if is_service_enabled provisioner-api || is_service_enabled provisioner-conductor; then
    PROVISIONER_BIN_DIR=$(get_python_exec_prefix)
    case "$1 ${2:-}" in
        "stack install") install_provisioner ;;
        "stack post-config")
            configure_provisioner
            create_provisioner_accounts
            ;;
        "stack extra")
            init_provisioner
            start_provisioner
            ;;
        "unstack "*) stop_provisioner ;;
        "clean "*) sudo rm -rf "$PROVISIONER_CONF_DIR" ;;
    esac
fi
