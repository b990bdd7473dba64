# A virtual environment of the project's own in .devstack/venv. Sourced after packages.sh.

# The first interpreter that is new enough, or nothing.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
}

_venv_stamp() {
    local python=$1
    {
        echo "$DEVSTACK_TOP"
        "$python" -c 'import sys; print(sys.executable, sys.version)'
        cat "$DEVSTACK_TOP"/{requirements.txt,test-requirements.txt,setup.cfg,pyproject.toml}
    } | sha256sum | cut -d' ' -f1
}

_venv_build() {
    local python=$1 venv=$2
    rm -rf "$venv"
    "$python" -m venv "$venv" || return
    # Outside a readable clone there is no history from which a version could be told.
    git -C "$DEVSTACK_TOP" rev-parse HEAD >/dev/null 2>&1 || export PBR_VERSION=0.0.0
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
        --prefer-binary -e "$DEVSTACK_TOP" -r "$DEVSTACK_TOP/test-requirements.txt"
}

# Sets VENV to the environment, built anew only when requirements or interpreter have changed.
venv_ensure() {
    local python stamp
    VENV=$STATE_DIR/venv
    mkdir -p "$STATE_DIR"
    exec 9>"$STATE_DIR/venv.lock"
    flock 9
    python=$(find_python)
    [ -n "$python" ] || die "Python 3.11 or later is needed (PYTHON=... names one)"
    packages_ensure venv || die "the venv module of $python is needed (package python3-venv)"
    stamp=$(_venv_stamp "$python")
    if [ "$(cat "$VENV/stamp" 2>/dev/null)" != "$stamp" ]; then
        say "Installing Python packages into $VENV (first run, or requirements have changed)"
        quietly "pip install" _venv_build "$python" "$VENV" || die "no Python environment"
        echo "$stamp" >"$VENV/stamp"
    fi
    exec 9>&-
}
