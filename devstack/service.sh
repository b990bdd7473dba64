#!/usr/bin/env bash
# One private instance of a service that the program needs, for tests, the demo and by hand.
#
#   service.sh start|stop|restart|url|status rabbitmq|postgresql|mariadb --dir DIR [--address A]
#   service.sh install PART...      (rabbitmq postgresql mariadb ipmitool ipmi_sim ip)
#
# DIR holds all there is of it: data/, log, pid, port, url (for RabbitMQ management_url as well).
# Data, port and password outlive stop and start. The user of the service must be able to reach
# DIR. Exit code 0 only when the service answers (start), is gone (stop), runs (status).
set -euo pipefail

DEVSTACK_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
for part in shell packages venv services; do
    # shellcheck source=/dev/null
    . "$DEVSTACK_TOP/devstack/lib/$part.sh"
done

usage() {
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

[ $# -ge 2 ] || usage
action=$1 name=$2 dir="" address=127.0.0.1
shift
if [ "$action" = install ]; then
    packages_ensure "$@"
    exit
fi
[[ " ${SERVICES[*]} " == *" $name "* ]] || usage
shift
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
        --dir) dir=$2 ;;
        --address) address=$2 ;;
        *) usage ;;
    esac
    shift 2
done
[ -n "$dir" ] || usage

case $action in
    start) service_start "$name" "$dir" "$address" ;;
    stop) service_stop "$name" "$dir" ;;
    restart)
        service_stop "$name" "$dir"
        service_start "$name" "$dir" "$address"
        ;;
    url) cat "$dir/url" ;;
    status) alive "$dir/pid" ;;
    *) usage ;;
esac
