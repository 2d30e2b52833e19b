#!/bin/sh
# Makes sure that the programs are here which build Waybill and run the local stack. On a machine
# that has them it does nothing; as root with apt it installs them; else it says what is missing.
# Named programs are needed too, by the name of their package:
# `install-prerequisites.sh chromium python3-venv`.
set -eu

java_is_new_enough() {
    for java in "${JAVA_HOME:-/nonexistent}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] || continue
        version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
        [ "${version:-0}" -ge 21 ] && return 0
    done
    return 1
}

node_is_new_enough() {
    command -v node >/dev/null || return 1
    [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ]
}

python_has_venv() {
    command -v python3 >/dev/null &&
        python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The newest Java of the distribution that is new enough.
java_package() {
    for package in openjdk-21-jre-headless openjdk-25-jre-headless default-jre-headless; do
        if [ -n "$(apt-cache search --names-only "^$package\$" 2>/dev/null)" ]; then
            echo "$package"
            return
        fi
    done
    echo openjdk-21-jre-headless
}

packages=""
need() { # program, package
    command -v "$1" >/dev/null || packages="$packages $2"
}

need cc gcc
need c++ g++
need make make
need cmake cmake
need curl curl
need tar tar
need setpriv util-linux
need mvn maven
need npm npm
need python3 python3
node_is_new_enough || packages="$packages nodejs"
venv_is_missing=""
for program in "$@"; do
    case $program in
        python3-venv) # a part of Python, and no program
            python_has_venv || { venv_is_missing=yes; packages="$packages python3 python3-venv"; } ;;
        *) need "$program" "$program" ;;
    esac
done
[ -e /usr/include/stdio.h ] || packages="$packages libc6-dev"

if [ -n "$packages" ] || ! java_is_new_enough; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing with apt:$packages and Java if it is older than 21"
        apt-get update --quiet
        java_is_new_enough || packages="$packages $(java_package)"
        # shellcheck disable=SC2086 # a list of names
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $packages
    else
        java_is_new_enough || packages="$packages openjdk-21-jre-headless"
        echo "missing; install as root, then again:" >&2
        echo "  apt-get install --no-install-recommends$packages" >&2
        exit 1
    fi
fi

java_is_new_enough || {
    echo "Java 21 or newer is missing, and this distribution has none: set JAVA_HOME to one" >&2
    exit 1
}
node_is_new_enough || {
    echo "Node.js 20 or newer is missing, and this distribution has an older one: see nodejs.org" >&2
    exit 1
}
[ -z "$venv_is_missing" ] || python_has_venv || {
    echo "Python 3.11 or newer with venv and pip is missing: see python.org" >&2
    exit 1
}
command -v cargo >/dev/null || {
    echo "Rust is missing: install rustup (rustup.rs); rust-toolchain.toml then picks the version" >&2
    exit 1
}
