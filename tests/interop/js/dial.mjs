// SPDX-License-Identifier: Apache-2.0
// A stock js-libp2p 3 dials a node and asks what any libp2p program may ask.
//
//   node dial.mjs /ip4/127.0.0.1/tcp/PORT/p2p/ID     checks a node, says what it saw, ends with 0
//   node dial.mjs listen                             prints its own multiaddr and serves
import { strict as assert } from 'node:assert'
import { key, start } from './peer.mjs'
const { multiaddr } = await import('@multiformats/multiaddr')
const { peerIdFromPrivateKey } = await import('@libp2p/peer-id')

const target = process.argv[2]

async function check (address) {
  const node = await start([])
  const wanted = address.split('/p2p/')[1]
  const identified = new Promise(resolve => node.addEventListener('peer:identify',
    event => resolve(event.detail)))
  const connection = await node.dial(multiaddr(address))
  assert.equal(connection.remotePeer.toString(), wanted)
  console.log('secured', wanted, connection.encryption, connection.multiplexer)

  const peer = await identified
  assert.match(peer.agentVersion, /^tally\//)
  for (const id of ['/ipfs/id/1.0.0', '/ipfs/ping/1.0.0', '/libp2p/fetch/0.0.1']) {
    assert(peer.protocols.includes(id), `identify names ${id}`)
  }
  assert(peer.protocols.some(id => id.startsWith('/tally/')))
  console.log('identified', peer.agentVersion, peer.protocols.join(' '))

  for (let i = 0; i < 3; i++) {
    console.log('ping', await node.services.ping.ping(connection.remotePeer), 'ms')
  }

  await assert.rejects(node.dialProtocol(connection.remotePeer, '/tally/no-such/1.0.0'),
    error => error.name === 'UnsupportedProtocolError')
  console.log('unknown protocol: na')

  const found = await node.services.fetch.fetch(connection.remotePeer, '/tally/no-such-key')
  assert.equal(found, undefined)
  console.log('fetch of nothing: not found')

  await Promise.all(Array.from({ length: 8 }, () => node.services.fetch.fetch(
    connection.remotePeer, '/tally/no-such-key')))
  console.log('8 parallel fetches')

  await connection.close()
  const other = peerIdFromPrivateKey(await key(9)).toString()
  await assert.rejects(node.dial(multiaddr(address.replace(wanted, other))))
  console.log('another id than wanted: refused')
  await node.stop()
}

if (target === 'listen') {
  const node = await start(['/ip4/127.0.0.1/tcp/0'])
  console.log(node.getMultiaddrs()[0].toString())
  process.stdin.on('end', () => node.stop().then(() => process.exit(0))).resume()
} else {
  await check(target)
  console.log('all good')
  process.exit(0)
}
