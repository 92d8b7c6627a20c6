#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nodes on one LAN find each other without any option, and leave alone what is none of theirs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# Namespaces need root: else the story runs again in a user namespace where it is root, with a /run
# of its own, because `ip netns` keeps its names there.
if [ "$(id -u)" != 0 ]; then
  unshare -Urnm true 2>/dev/null || { echo 'skip: no right to make user namespaces'; exit 77; }
  exec unshare -Urnm --fork sh -c 'mount -t tmpfs none /run && exec sh "$@"' sh "$0"
fi
. "$here/lab.sh"
lab_need ip nft python3
TALLY=${TALLY:-${TALLY_BUILD:-build}/tally}
RUNS=${RUNS:-10}
now_ms() { date +%s%3N; }
ask() { python3 "$here/mdns.py" "$@"; }

# ---- Nodes: data, log and pid of one go by its name. ----
start() {                                                 # NAME NAMESPACE [OPTION...]
  node=$1 where=$2; shift 2
  ns_bg "$where" "$TALLY" run --data "$LAB_DIR/$node" --min-free 0 --json "$@" \
    >"$LAB_DIR/$node.json" 2>>"$LAB_DIR/$node.log"
  eval "PID_$node=$!"
}
end() {                                                   # NAME...
  for node; do eval "p=\$PID_$node"; kill "$p" 2>/dev/null || :; done
  for node; do eval "p=\$PID_$node"; wait "$p" 2>/dev/null || :; done
}
forget() { for node; do rm -rf "$LAB_DIR/$node" "$LAB_DIR/$node.log" "$LAB_DIR/$node.json"; done; }
id_of() { sed 's/.*"peer_id": *"\([^"]*\)".*/\1/' "$LAB_DIR/$1.json"; }
said() { grep -q "$2" "$LAB_DIR/$1.log"; }                # NAME PATTERN
links() {                                                 # NAME N: as many as that, now
  [ "$("$TALLY" peers --data "$LAB_DIR/$1" --json | grep -o '"linked"' | wc -l)" = "$2" ]
}
all_linked() {                                            # N NAME...
  wanted=$1; shift
  for node; do links "$node" "$wanted" || return 1; done
}
holds() { "$TALLY" log list --data "$LAB_DIR/$1" --json | ask sizes "$2" "$3"; }
all_hold() { for i in 1 2 3 4 5; do holds "n$i" "$1" "$2" || return 1; done; }
logs() { for node; do echo "$LAB_DIR/$node.log"; done; }

# ---- The LAN: h1 to h5 on a switch, 10.7.0.N and fd07::N. ----
lab_ns sw dock
lab_bridge sw br0
for i in 1 2 3 4 5; do
  lab_ns h$i
  lab_link sw p$i h$i eth0; lab_port sw br0 p$i
  lab_addr h$i eth0 10.7.0.$i/24; lab_addr h$i eth0 fd07::$i/64
done
# A network of containers on h1: whatever goes there is counted.
lab_link h1 docker0 dock eth0
lab_addr h1 docker0 172.17.0.1/16; lab_addr dock eth0 172.17.0.2/16
ns h1 nft -f - <<NFT
table inet seen {
  chain out {
    type filter hook output priority 0
    oifname docker0 udp dport 5353 counter comment "docker0"
    oifname eth0 udp dport 5353 counter comment "eth0"
  }
}
NFT
sent_to() { ns h1 nft list chain inet seen out | sed -n "s/.*packets \([0-9]*\) .*\"$1\".*/\1/p"; }

# ---- Two. ----
times=
for run in $(seq "$RUNS"); do
  start a h1; start b h2
  begin=$(now_ms)
  until_ok 5 all_linked 1 a b || break
  times="$times $(ask linked 1 "$begin" $(logs a b))"
  end a b; forget a b
done
# shellcheck disable=SC2086 # One word a number.
ok "two find each other, $RUNS times" [ "$(echo $times | wc -w)" = "$RUNS" ]
# shellcheck disable=SC2086
echo "     from the start of the second to both linked, ms:$times; median $(ask median $times)"

# ---- Five, and a receipt. ----
start n1 h1 --log-level debug                             # It tells whom it discovers.
for i in 2 3 4; do start n$i h$i; done
begin=$(now_ms)
start n5 h5
five='n1 n2 n3 n4 n5'
# shellcheck disable=SC2086
ok 'five: all linked with all' until_ok 5 all_linked 4 $five
# shellcheck disable=SC2086
took=$(ask linked 4 "$begin" $(logs $five))
ok "five: $took ms after the last start" [ "$took" -le 2000 ]
begin=$(now_ms)
echo 'a receipt' | "$TALLY" append --data "$LAB_DIR/n1" --namespace lan --lines - >/dev/null
ok 'a receipt of one is held by all' until_ok 20 all_hold lan 1
echo "     after $(($(now_ms) - begin)) ms"
ok 'docker0 is left alone' [ "$(sent_to docker0)" = 0 ]
ok 'and eth0 is not' [ "$(sent_to eth0)" -gt 0 ]

# ---- A strict DNS-SD client, which wants what go wants. ----
if /usr/bin/python3 -c 'import zeroconf' 2>/dev/null; then
  strict() { ns h3 /usr/bin/python3 "$here/mdns.py" "$@"; }
  ok 'python3-zeroconf sees a node whole' strict browse 8 "$(id_of n2)"
  foreign=12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5
  before=$(grep -c msg=discovered "$LAB_DIR/n1.log")
  ns_bg h3 /usr/bin/python3 "$here/mdns.py" register 4 10.7.0.3 "$foreign" >/dev/null
  more() { [ "$(grep -c msg=discovered "$LAB_DIR/n1.log")" -gt "$before" ]; }
  ok 'and is seen' until_ok 5 more
else
  echo 'skip python3-zeroconf: not installed'
fi

# ---- Goodbye, addresses that change, interfaces that go and come. ----
ns_bg h4 python3 "$here/mdns.py" listen eth0 60 >"$LAB_DIR/heard"
sleep 0.5
heard() { grep -q "$1" "$LAB_DIR/heard"; }                # PATTERN
instances() { awk -v s="$1" '$3 == s && $4 == "R" && $6 > 0 { print $5 }' "$LAB_DIR/heard" |
  sort -u | wc -l; }
end n5
ok 'goodbye: taken back over IPv4' until_ok 2 heard '4 10.7.0.5 R [a-z0-9]* 0'
ok 'goodbye: and over IPv6' until_ok 2 heard '6 fe80.* R [a-z0-9]* 0'
# shellcheck disable=SC2086
ok 'goodbye: its links end' until_ok 2 all_linked 3 n1 n2 n3 n4

: >"$LAB_DIR/heard"
lab_addr h1 eth0 10.7.0.101/24
ok 'another address: the old name is taken back' until_ok 3 heard '4 10.7.0.1 R [a-z0-9]* 0'
ok 'another address: a new name is told' until_ok 8 heard '4 10.7.0.1 R [a-z0-9]* 360'

ip -n "$LAB-h1" link set eth0 down
: >"$LAB_DIR/heard"
begin=$(now_ms)
start n5 h5
ok 'down: the others find the newcomer' until_ok 5 links n5 3
sleep 1
ok 'down: nothing is heard of it' not heard ' 10.7.0.1 '
ip -n "$LAB-h1" link set eth0 up
ip -n "$LAB-h1" addr replace fd07::1/64 dev eth0          # IPv6 ones go with the link.
begin=$(now_ms)
ok 'up: it finds the newcomer' until_ok 8 links n5 4
echo "     after $(($(now_ms) - begin)) ms"
end n5

# ---- A flood. ----
ticks() { awk '{ print $14 + $15 }' "/proc/$PID_n2/stat"; }
before=$(ticks)
got=$(ns h4 python3 "$here/mdns.py" flood eth0 10 6000)
spent=$(($(ticks) - before))                              # A hundred a second, for ten seconds.
sent=${got% *} back=${got#* }
echo "     flood: $sent questions in 10 s, $back packets came back from 4 nodes," \
  "$((spent / 10)).$((spent % 10)) % of a core on one of them"
ok 'a flood: it was one' [ "$sent" -gt 20000 ]
ok 'a flood: answers stay within the budget' [ "$back" -le 40 ]
ok 'a flood: the node lives' links n2 3
end n1 n2 n3 n4

# ---- Profiles. ----
ns h1 nft flush chain inet seen out
ns h1 nft add rule inet seen out udp dport 5353 counter comment '"eth0"'
for profile in static server; do
  forget a
  start a h1 --profile $profile
  until_ok 5 said a msg=started
  sleep 1.5
  end a
  ok "profile $profile: not a packet" [ "$(sent_to eth0)" = 0 ]
done
forget a
start a h1 --profile lan
ok 'profile lan: speaks' until_ok 3 not [ "$(sent_to eth0)" != 0 ]
sleep 0.5
ok 'profile lan: packets' [ "$(sent_to eth0)" != 0 ]
end a; forget a

# ---- One family. ----
for i in 4 5; do ip -n "$LAB-h$i" addr flush dev eth0 scope global; done
for i in 4 5; do lab_addr h$i eth0 fd07::$i/64; done
start a h4; start b h5
ok 'IPv6 alone' until_ok 5 all_linked 1 a b
end a b; forget a b
for i in 4 5; do
  ns h$i sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  lab_addr h$i eth0 10.7.0.$i/24
done
start a h4; start b h5
ok 'IPv4 alone' until_ok 5 all_linked 1 a b
end a b; forget a b

# ---- One machine. ----
start a h1; start b h1 --port 4002
ok 'two on one machine' until_ok 5 all_linked 1 a b
end a b; forget a b
lab_ns solo
start a solo; start b solo --port 4002
ok 'two on a machine without any network' until_ok 5 all_linked 1 a b
end a b; forget a b
ns_bg h1 python3 "$here/mdns.py" hold 5 >"$LAB_DIR/held"
until_ok 3 grep -q held "$LAB_DIR/held"
start a h1
ok 'the port is taken: said once' until_ok 3 said a 'level=warn.*no mDNS'
ip -n "$LAB-h1" addr add 10.7.0.102/24 dev eth0
sleep 0.5
ok 'the port is taken: and not again' [ "$(grep -c 'no mDNS' "$LAB_DIR/a.log")" = 1 ]
ok 'the port is taken: the node lives' links a 0
end a
exit $LAB_FAILED
