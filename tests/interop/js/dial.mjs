// SPDX-License-Identifier: Apache-2.0
// A stock js-libp2p 3 dials a node and asks what any libp2p program may ask.
//
//   node dial.mjs /ip4/127.0.0.1/tcp/PORT/p2p/ID     checks a node, says what it saw, ends with 0
//   node dial.mjs listen                             prints its own multiaddr and serves
// Debian 12 has Node 18, and libp2p 3 wants what came with 19, 20 and 22.
globalThis.crypto ??= (await import('node:crypto')).webcrypto
globalThis.CustomEvent ??= class extends Event {
  constructor (type, options) {
    super(type, options)
    this.detail = options?.detail ?? null
  }
}
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { createLibp2p } = await import('libp2p')
const { tcp } = await import('@libp2p/tcp')
const { noise } = await import('@libp2p/noise')
const { yamux } = await import('@libp2p/yamux')
const { identify } = await import('@libp2p/identify')
const { ping } = await import('@libp2p/ping')
const { fetch } = await import('@libp2p/fetch')
const { multiaddr } = await import('@multiformats/multiaddr')
const { generateKeyPairFromSeed } = await import('@libp2p/crypto/keys')
const { peerIdFromPrivateKey } = await import('@libp2p/peer-id')
const { strict: assert } = await import('node:assert')

const target = process.argv[2]
const key = async fill => generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(fill))
const start = async (listen) => createLibp2p({
  privateKey: await key(7),
  addresses: { listen },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping(), fetch: fetch() },
  connectionGater: { denyDialMultiaddr: async () => false },
  connectionMonitor: { enabled: false }
})

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
