# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Sourced by tools/build and tools/test: finds out which packages are missing and installs those,
# no others. A line a package: group, Debian package, how to see that it is there.
packages='
build gcc               command cc
build libc6-dev         header stdio.h
build binutils          command objdump
build meson             command meson
build ninja-build       command ninja
build pkg-config        command pkg-config
build python3           command python3
build libsodium-dev     module libsodium
build libmsgpack-dev    module msgpack
build libuv1-dev        module libuv
build libsqlite3-dev    module sqlite3
build libjansson-dev    module jansson
build libssl-dev        module libcrypto
build libcurl4-gnutls-dev  module libcurl
build libmicrohttpd-dev  module libmicrohttpd
build uthash-dev        header uthash.h
build libnatpmp-dev     header natpmp.h
build libcmocka-dev     module cmocka
test  clang             command clang
test  clang-format      command clang-format
test  libclang-rt-14-dev  file /usr/lib/llvm-14/lib/clang/*/lib/linux/*.fuzzer-*
test  golang-go         command go
test  golang-golang-x-mod-dev  file /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog/tlog.go
test  nodejs            command node
test  npm               command npm
test  fuse3             command fusermount3
test  libfuse3-dev      module fuse3
test  git               command git
test  util-linux        command unshare
test  iproute2          command ip
test  nftables          command nft
test  conntrack         command conntrack
test  procps            command sysctl
test  python3-zeroconf  file /usr/lib/python3/dist-packages/zeroconf/__init__.py
test  miniupnpd-nftables  command miniupnpd
test  openssl           command openssl
test  libfaketime       file /usr/lib/*/faketime/libfaketime.so.1
analyze clang-tidy      command clang-tidy
'

# there PACKAGE KIND NAME: is it usable, or does the package manager know it as installed?
there() {
    case $2 in
    command) command -v "$3" >/dev/null 2>&1 && return ;;
    module) pkg-config --exists "$3" 2>/dev/null && return ;;
    header) [ -e "/usr/include/$3" ] && return ;;
    file)
        package=$1
        # shellcheck disable=SC2086 # The name may be a pattern.
        set -- $3
        [ -e "$1" ] && return
        set -- "$package"
        ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# missing GROUP: the packages of a group that are not there.
missing() {
    echo "$packages" | while read -r group package kind name; do
        [ "$group" = "$1" ] || continue
        there "$package" "$kind" "$name" || printf ' %s' "$package"
    done
}

# rights COMMAND...: runs it as root, or fails where nobody may.
rights() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

can_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null 2>&1 || return 1
    [ -t 0 ] || sudo -n true 2>/dev/null
}

# RUNLEVEL 1: no daemon that comes with a package is started (invoke-rc.d).
apt_install() {
    # A fresh image has no package lists, an old one stale ones.
    rights env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -y --no-install-recommends \
        install "$@" </dev/null >&2 && return
    rights apt-get -qq update </dev/null >&2 &&
        rights env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -y \
            --no-install-recommends install "$@" </dev/null >&2
}

# install_missing GROUP...: 0 when all is there afterwards.
install_missing() {
    wanted=''
    for group in "$@"; do
        wanted="$wanted$(missing "$group")"
    done
    [ -n "$wanted" ] || return 0
    if ! can_install; then
        echo "Missing:$wanted. Install them (Debian: sudo apt-get install$wanted)" \
            "and start again." >&2
        return 1
    fi
    echo "Installing what is missing:$wanted" >&2
    # shellcheck disable=SC2086 # One word a package.
    apt_install $wanted || {
        echo "apt-get could not install:$wanted. See its messages above." >&2
        return 1
    }
}
