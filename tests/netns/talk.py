#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the stories of this folder ask in between.

  talk.py tcp HOST PORT        does a node answer there? multistream's first line is awaited
  talk.py size NAMESPACE N     reads `tally log list --json`: is there a log of that size?
  talk.py peer ID NAME=VALUE…  reads `tally peer list --json`: is the peer described so?
"""
import json
import socket
import sys

what, *words = sys.argv[1:]
if what == 'tcp':
    with socket.create_connection((words[0], int(words[1])), timeout=0.7) as stream:
        stream.sendall(b'\x13/multistream/1.0.0\n')
        line = stream.recv(20)
    sys.exit(line != b'\x13/multistream/1.0.0\n')
if what == 'size':
    sizes = [item['size'] for item in json.load(sys.stdin)['items']
             if item['origin'].endswith('/' + words[0])]
    print(sizes)
    sys.exit(int(words[1]) not in sizes)
if what == 'peer':
    wanted = dict(word.split('=') for word in words[1:])
    peers = [item for item in json.load(sys.stdin)['items'] if item['peer_id'] == words[0]]
    print(peers)
    sys.exit(not any(all(str(peer[name]) == wanted[name] for name in wanted) for peer in peers))
sys.exit(f'talk.py: no question {what}')
