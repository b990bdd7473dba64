#!/usr/bin/env bash
# Runs the tests on a machine that has nothing but Python: installs what they need, starts
# private RabbitMQ, PostgreSQL and MariaDB, runs pytest, stops what it started.
#
#   devstack/test.sh [--quick] [pytest arguments]
#
# --quick   only the tests that need no service, no tool, no root and no process of their own
# Exit code: pytest's. With CI=true, anything that had to be left out is a failure.
set -euo pipefail

DEVSTACK_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
for part in shell packages venv services; do
    # shellcheck source=/dev/null
    . "$DEVSTACK_TOP/devstack/lib/$part.sh"
done
cd "$DEVSTACK_TOP"

TOOLS=(ipmitool ipmi_sim ip)
quick="" arguments=() marks=""
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=yes ;;
        -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
        -m) marks=${2:?-m needs an expression}; shift ;;
        *) arguments+=("$1") ;;
    esac
    shift
done

# run_pytest MARKS ARGUMENT...: "no test chosen" is 5, as pytest says it.
run_pytest() {
    local expression="${marks:+($marks) and }$1"
    shift
    PYTHONPATH=$DEVSTACK_TOP "$VENV/bin/python" -m pytest --import-mode=importlib \
        -m "$expression" "$@" ${arguments[@]+"${arguments[@]}"}
}

scratch=""
# Also ends what a test that was killed has left in the scratch folder.
stop_services() {
    [ -n "$scratch" ] || return 0
    wait
    services_stop_below "$scratch"
    rm -rf "$scratch"
}

# All at once, then one by one, so that one package that is not to be had takes no other with it.
install_parts() {
    local part
    packages_ensure "${SERVICES[@]}" "${TOOLS[@]}" && return 0
    for part in "${SERVICES[@]}" "${TOOLS[@]}"; do
        packages_ensure "$part" || leave_out "tests that need $part: not installed"
    done
}

start_services() {
    local name variable
    say "Starting ${SERVICES[*]}"
    for name in "${SERVICES[@]}"; do
        mkdir "$scratch/$name"
        ! is_installed "$name" || (trap : INT TERM; service_start "$name" "$scratch/$name") &
    done
    wait
    for name in "${SERVICES[@]}"; do
        variable=PROVISIONER_TEST_${name^^}
        if [ -s "$scratch/$name/url" ]; then
            export "$variable=$(cat "$scratch/$name/url")"
        elif is_installed "$name"; then
            leave_out "tests on $name: it did not start"
        fi
    done
    export PROVISIONER_TEST_SCRATCH=$scratch
    if [ -s "$scratch/rabbitmq/management_url" ]; then
        PROVISIONER_TEST_RABBITMQ_MANAGEMENT=$(cat "$scratch/rabbitmq/management_url")
        export PROVISIONER_TEST_RABBITMQ_MANAGEMENT
    fi
}

venv_ensure
if [ -n "$quick" ]; then
    say "Running the tests that need no service"
    result=0
    run_pytest "not services and not tools and not chaos and not slow" -n 2 --timeout=60 ||
        result=$?
    exit "$result"
fi

trap stop_services EXIT
trap 'exit 130' INT TERM
scratch=$(mktemp -d "${TMPDIR:-/tmp}/provisioner-test.XXXXXX")
chmod 755 "$scratch"
unset PROVISIONER_TEST_{POSTGRESQL,MARIADB,RABBITMQ,RABBITMQ_MANAGEMENT}
install_parts
is_root || leave_out "chaos tests: network namespaces need root"
start_services

say "Running all tests but chaos"
result=0
run_pytest "not chaos" -n 2 --timeout=300 || result=$?
say "Running the chaos tests, one at a time"
chaos=0
run_pytest "chaos" --timeout=900 || chaos=$?
# One of the two runs may well have had nothing to do.
if [ "$result" -eq 5 ]; then result=$chaos
elif [ "$result" -eq 0 ] && [ "$chaos" -ne 5 ]; then result=$chaos; fi

if ! report_left_out && [ "$result" -eq 0 ]; then result=1; fi
exit "$result"
