# Distribution packages (Debian, Ubuntu), without prompts and without starting what they bring.
# Sourced after shell.sh.

# What each part needs: a command to look for, and the package that has it.
package_of() {
    case $1 in
        rabbitmq) echo rabbitmq-server ;;
        postgresql) echo postgresql ;;
        mariadb) echo mariadb-server ;;
        ipmitool) echo ipmitool ;;
        ipmi_sim) echo openipmi ;;
        ip) echo iproute2 ;;
        venv) echo python3-venv ;;
        git) echo git ;;
        *) die "no package is known for $1" ;;
    esac
}

is_installed() {
    case $1 in
        rabbitmq) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && command -v epmd >/dev/null ;;
        postgresql) [ -n "$(postgresql_bin)" ] ;;
        mariadb) [ -n "$(mariadb_bin)" ] ;;
        venv) [ -n "$(find_python)" ] && "$(find_python)" -c 'import ensurepip, venv' 2>/dev/null ;;
        *) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] ;;
    esac
}

# Keeps a package's own service from starting while it is installed. An existing policy is left;
# ours goes again however this ends.
_apt_install() (
    policy=/usr/sbin/policy-rc.d
    if ! as_root test -e "$policy"; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get install -y -q \
        --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
)

APT_UPDATED=""
_apt_update() {
    [ -z "$APT_UPDATED" ] || return 0
    APT_UPDATED=yes
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q -o DPkg::Lock::Timeout=300
}

# packages_ensure PART...: installs the packages of those parts that are absent.
# Fails if one is still absent afterwards; says which on standard error.
packages_ensure() {
    local part wanted=() absent=()
    for part in "$@"; do
        is_installed "$part" || { wanted+=("$(package_of "$part")"); absent+=("$part"); }
    done
    [ ${#wanted[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || { echo "absent, and no apt-get: ${absent[*]}" >&2; return 1; }
    can_be_root || { echo "absent, and neither root nor sudo: ${absent[*]}" >&2; return 1; }
    say "Installing ${wanted[*]}"
    quietly "apt-get update" _apt_update || true
    quietly "apt-get install ${wanted[*]}" _apt_install "${wanted[@]}" || true
    hash -r
    for part in "${absent[@]}"; do
        is_installed "$part" || { echo "still absent: $part" >&2; return 1; }
    done
}
