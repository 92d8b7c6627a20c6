#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Avahi, the resolver of most desktops, and a node on one cable: each sees the other. Avahi is
# never installed for this, since it would begin to speak on the machine's own network; here it has
# a bus, a /run and a network of its own.
set -eu
[ -n "${TALLY_LONG:-}" ] || { echo "skip: tools/test --long netns runs it"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
TALLY=${TALLY:-${TALLY_BUILD:-build}/tally}
. "$here/lab.sh"
lab_need ip unshare dbus-daemon avahi-daemon avahi-browse avahi-publish-service

lab_ns a b
lab_link a eth0 b eth0
lab_addr a eth0 192.168.77.1/24; lab_addr b eth0 192.168.77.2/24

cat > "$LAB_DIR/bus.conf" <<'XML'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
XML
cat > "$LAB_DIR/avahi.conf" <<'CONF'
[server]
use-ipv6=no
allow-interfaces=eth0
[publish]
publish-workstation=no
CONF
id() { "$TALLY" node show --data "$1" --json | sed 's/.*"peer_id":"\([^"]*\)".*/\1/'; }
"$TALLY" node init --data "$LAB_DIR/nobody" >/dev/null    # a key, and nobody who runs with it
nobody=$(id "$LAB_DIR/nobody")
cat > "$LAB_DIR/desktop.sh" <<'SH'
mount -t tmpfs none /run
mkdir -p /run/dbus /run/avahi-daemon
dbus-daemon --config-file="$1/bus.conf" --nofork --nopidfile &
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
avahi-daemon --no-drop-root --no-rlimits --no-chroot -f "$1/avahi.conf" &
until avahi-publish-service desktop _p2p._udp 4001 \
  "dnsaddr=/ip4/192.168.77.2/tcp/4001/p2p/$2"; do sleep 0.1; done &
until avahi-browse -r -p _p2p._udp >> "$1/browse"; do sleep 0.1; done &
trap 'kill 0' TERM
wait
SH
ns_bg b setsid unshare -m sh "$LAB_DIR/desktop.sh" "$LAB_DIR" "$nobody" \
  > "$LAB_DIR/desktop.log" 2>&1
ns_bg a "$TALLY" run --profile lan --log-level debug --data "$LAB_DIR/node" \
  > "$LAB_DIR/node.log" 2>&1

seen() {
  grep '^=.*;192.168.77.1;4001;' "$LAB_DIR/browse" | grep -q "/p2p/$(id "$LAB_DIR/node")"
}
ok 'avahi-browse resolves the node: address, port, peer id' until_ok 15 seen
# Nobody is there to be linked with; that it was found is in the log.
ok 'and the node finds what Avahi publishes' until_ok 15 \
  grep -q 'msg=discovered .*source=3' "$LAB_DIR/node.log"
ok 'nothing that Avahi says is refused' sh -c \
  "'$TALLY' status --data '$LAB_DIR/node' | grep '^mdns' | grep -q ' 0 refused'"
exit "$LAB_FAILED"
