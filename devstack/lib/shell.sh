# What the scripts of this folder share: messages, root, quiet installs. Sourced, never run.
# Needs: DEVSTACK_TOP (root of the source tree), set by the script that sources it.

STATE_DIR=${DEVSTACK_STATE:-$DEVSTACK_TOP/.devstack}
LEFT_OUT=()

say() { printf '\n==> %s\n' "$*"; }

die() {
    printf '\nERROR: %s\n' "$*" >&2
    exit 1
}

# Remember that a part of the job cannot be done here; report_left_out tells of it at the end.
leave_out() {
    LEFT_OUT+=("$*")
    printf '\n!!! LEFT OUT: %s\n' "$*" >&2
}

# Prints what was left out. Fails under CI=true if that was anything at all.
report_left_out() {
    [ ${#LEFT_OUT[@]} -gt 0 ] || return 0
    printf '\n!!! This run was NOT complete. Left out:\n' >&2
    printf '!!!   - %s\n' "${LEFT_OUT[@]}" >&2
    [ "${CI:-}" != true ]
}

is_root() { [ "$(id -u)" -eq 0 ]; }

can_be_root() { is_root || sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; }

as_root() {
    if is_root; then "$@"; else sudo "$@"; fi
}

# Addresses of registries may be private: they stay out of what is shown.
mask_hosts() {
    sed -E -e 's#[a-z+]+://[^[:space:]"'\'']+#<url>#g' -e "s#host='[^']*'#host=<host>#g" \
        -e "s#'[[:alnum:]-]+(\.[[:alnum:]-]+)+(:[0-9]+)?'#<host>#g" -e 's#^(Err|Get|Hit|Ign):.*#\1#'
}

# quietly WHAT COMMAND...: output to the install log; only of a failure the end is shown.
quietly() {
    local what=$1 log=$STATE_DIR/install.log from
    shift
    mkdir -p "$STATE_DIR"
    from=$(($(wc -l 2>/dev/null <"$log" || echo 0) + 1))
    "$@" >>"$log" 2>&1 </dev/null && return 0
    printf 'failed: %s; the end of %s:\n' "$what" "$log" >&2
    tail -n "+$from" "$log" | tail -n 15 | mask_hosts >&2
    return 1
}
