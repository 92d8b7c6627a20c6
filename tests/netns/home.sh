# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# home.sh: a home network in namespaces, sourced after lab.sh: `in1` and `in2` (10.9.0.11 and .12)
# behind the gateway `gw` (10.9.0.1 inside, 11.0.0.1 outside), on the switch `sw`, and `out`
# (11.0.0.2) in the world.
#
# miniupnpd 2.3.1 maps nothing behind reserved addresses, test networks included; 11.0.0.0/24 is
# public, and exists in these namespaces alone.
TALLY=${TALLY:-${TALLY_BUILD:-build}/tally}

home_up() {
  lab_ns in1 in2 gw out sw
  lab_bridge sw lan
  lab_link sw p0 gw lan; lab_port sw lan p0
  lab_link sw p1 in1 eth0; lab_port sw lan p1
  lab_link sw p2 in2 eth0; lab_port sw lan p2
  lab_link gw wan out eth0
  lab_addr gw lan 10.9.0.1/24; lab_addr gw wan 11.0.0.1/24; lab_addr out eth0 11.0.0.2/24
  for i in 1 2; do
    lab_addr in$i eth0 10.9.0.1$i/24
    ip -n "$LAB-in$i" route add default via 10.9.0.1
  done
  ns gw sysctl -qw net.ipv4.ip_forward=1
  ns gw nft -f - <<NFT
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname lan oifname wan accept
    jump miniupnpd
  }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain postrouting {
    type nat hook postrouting priority 100;
    jump postrouting_miniupnpd
    oifname wan masquerade
  }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain input { type filter hook input priority 0; }
}
NFT
  cat > "$LAB_DIR/upnpd.conf" <<CONF
ext_ifname=wan
listening_ip=lan
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
min_lifetime=2
max_lifetime=86400
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
system_uptime=no
uuid=163f290b-2303-452e-9c92-fedb2198af9c
allow 1024-65535 10.9.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
CONF
}

end_of() {                                                # PID [SIGNAL]: its exit code; forgotten
  code=0
  kill "-${2:-TERM}" "$1"; wait "$1" 2>/dev/null || code=$?
  LAB_PIDS=$(for p in $LAB_PIDS; do [ "$p" = "$1" ] || printf ' %s' "$p"; done)
  return $code
}

# ---- The gateway's daemon. ----
upnpd_start() {
  ns_bg gw miniupnpd -d -f "$LAB_DIR/upnpd.conf" -P "$LAB_DIR/upnpd.pid" \
    >>"$LAB_DIR/upnpd.log" 2>&1
  UPNPD=$!
}
upnpd_stop() {                                            # and it forgets, as a router does
  end_of "$UPNPD" || :
  ns gw nft flush chain inet filter prerouting_miniupnpd
  ns gw nft flush chain inet filter miniupnpd
}
mapped() {                                                # udp|tcp PORT ADDRESS: is it there?
  case $1 in udp) p=0x11 ;; tcp) p=0x6 ;; esac
  ns gw nft list chain inet filter prerouting_miniupnpd |
    grep -q "@nh,72,8 $p th dport $2 dnat ip to $3:4001"
}
both_mapped() { mapped udp "$1" "$2" && mapped tcp "$1" "$2"; }                    # PORT ADDRESS
none_mapped() { ! ns gw nft list chain inet filter prerouting_miniupnpd | grep -q dnat; }

# ---- Nodes. Data and log of one are named by its namespace. ----
node_start() {                                            # NAMESPACE [OPTION...]
  n=$1; shift
  ns_bg "$n" "$TALLY" run --data "$LAB_DIR/node-$n" --min-free 0 --json "$@" \
    >"$LAB_DIR/$n.json" 2>>"$LAB_DIR/$n.log"
  eval "NODE_$n=$!"
  until_ok 10 grep -q peer_id "$LAB_DIR/$n.json" ||
    { cat "$LAB_DIR/$n.json" "$LAB_DIR/$n.log"; exit 1; }
}
node_stop() {                                             # NAMESPACE [SIGNAL]: waits for its end
  eval "node=\$NODE_$1"
  end_of "$node" "${2:-TERM}" && return
  [ "${2:-TERM}" = TERM ] || return 0
  echo "FAIL $1 ended with $code"
  cat "$LAB_DIR/$1.log"
  LAB_FAILED=1
}
node_id() { sed 's/.*"peer_id": *"\([^"]*\)".*/\1/' "$LAB_DIR/$1.json"; }
log_clear() { : >"$LAB_DIR/$1.log"; }
said() { grep -q "$2" "$LAB_DIR/$1.log" || { cat "$LAB_DIR/$1.log"; return 1; }; }   # NAME PATTERN
said_times() {                                            # NAMESPACE TIMES PATTERN
  [ "$(grep -c "$3" "$LAB_DIR/$1.log")" = "$2" ] || { cat "$LAB_DIR/$1.log"; return 1; }
}

now_ms() { date +%s%3N; }

# Namespaces need root: else the test runs itself again in a user namespace where it is root, with
# a /run of its own, because `ip netns` keeps its names there.
home_alone() {
  [ "$(id -u)" != 0 ] || return 0
  unshare -Urnm true 2>/dev/null || { echo 'skip: no right to make user namespaces'; exit 77; }
  exec unshare -Urnm --fork sh -c 'mount -t tmpfs none /run && exec sh "$@"' sh "$@"
}
