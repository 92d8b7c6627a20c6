// SPDX-License-Identifier: Apache-2.0

// tlogcheck verifies a log directory of ours with Go's golang.org/x/mod/sumdb, which shares no
// code with us: the checkpoint's signature (note), the tree over the entry bundles
// (tlog.TreeHash), every tile (tlog.TileHashReader, which authenticates what it reads), a proof
// file (tlog.CheckRecord).
//
//	tlogcheck [-witness VKEY] DIR VKEY [FILE...]
//
// With -witness the checkpoint must also carry that witness's cosignature (C2SP tlog-cosignature).
// A FILE is a tlog-proof of one of the log's entries, or an older checkpoint of it.
// Exit status: 0 all verifies, 1 something does not (one line says what), 2 wrong usage.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

func fail(format string, args ...interface{}) {
	fmt.Printf("tlogcheck: "+format+"\n", args...)
	os.Exit(1)
}

// hashText is what a person compares; %x of a tlog.Hash would be the hex of its base64.
func hashText(h tlog.Hash) string { return fmt.Sprintf("%x", h[:]) }

// index writes a tile's number as C2SP tlog-tiles does: x001/x234/067.
func index(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

// read returns the first `items` items of a tile or bundle: the partial file, or else the full one.
func read(dir, kind string, n int64, items int) ([]byte, string) {
	full := filepath.Join(dir, "tile", kind, index(n))
	if items < width {
		path := full + ".p/" + strconv.Itoa(items)
		if data, err := os.ReadFile(path); err == nil {
			return data, path
		}
	}
	data, err := os.ReadFile(full)
	if err != nil {
		fail("%v", err)
	}
	return data, full
}

// checkpoint opens a note by the log's key. x/mod's ParseTree knows one origin only, so the three
// lines are split here.
func checkpoint(data []byte, verifier note.Verifier, what string) tlog.Tree {
	n, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		fail("%s: %v", what, err)
	}
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail("%s: the origin is not %s", what, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		fail("%s: bad size", what)
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		fail("%s: bad root: %v", what, err)
	}
	return tlog.Tree{N: size, Hash: hash}
}

// witness is a note.Verifier of cosignature/v1, which x/mod does not know: type 04, and a time
// before the signature that is signed too.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	w.time = binary.BigEndian.Uint64(sig)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", w.time, text)
	return ed25519.Verify(w.key, []byte(message), sig[8:])
}

func newWitness(vkey string) *witness {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		fail("the witness's key has no three parts")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		fail("the witness's key is none of type 04")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if fmt.Sprintf("%x", sum[:4]) != parts[1] {
		fail("the witness's key does not have its id")
	}
	return &witness{name: parts[0], hash: binary.BigEndian.Uint32(sum[:4]), key: key[1:]}
}

// cosigned demands a good cosignature beside that of the log.
func cosigned(data []byte, log note.Verifier, w *witness) {
	n, err := note.Open(data, note.VerifierList(log, w))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	for _, sig := range n.Sigs {
		if sig.Name == w.name && sig.Hash == w.hash {
			fmt.Printf("checkpoint  cosigned by %s at %d\n", w.name, w.time)
			return
		}
	}
	fail("checkpoint: not cosigned by %s", w.name)
}

// entries hashes the envelopes of all bundles.
func entries(dir string, size int64) []tlog.Hash {
	leaves := make([]tlog.Hash, 0, size)
	for n := int64(0); n*width < size; n++ {
		items := width
		if size-n*width < width {
			items = int(size - n*width)
		}
		data, path := read(dir, "entries", n, items)
		for i := 0; i < items; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				fail("%s: entry %d is cut off", path, n*width+int64(i))
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			leaves = append(leaves, tlog.RecordHash(data[2:end]))
			data = data[end:]
		}
		if len(data) > 0 && strings.Contains(path, ".p/") {
			fail("%s: more bytes than %d entries", path, items)
		}
	}
	return leaves
}

// stored is x/mod's own store of hashes, filled from the leaves.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d is beyond the log", at)
		}
		hashes[i] = s[at]
	}
	return hashes, nil
}

func store(leaves []tlog.Hash) stored {
	var s stored
	for n, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(n), leaf, s)
		if err != nil {
			fail("entry %d: %v", n, err)
		}
		s = append(s, more...)
	}
	return s
}

// tiles reads x/mod's tiles of height 8 from our paths.
type tiles struct {
	dir  string
	seen map[tlog.Tile]bool
}

func (t *tiles) Height() int                     { return 8 }
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t *tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(list))
	for i, tile := range list {
		data, path := read(t.dir, strconv.Itoa(tile.L), tile.N, tile.W)
		if len(data) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: too short", path)
		}
		out[i] = data[:tile.W*tlog.HashSize]
		t.seen[tile] = true
	}
	return out, nil
}

// authenticate reads each hash of each tile through TileHashReader, and compares the leaves.
func authenticate(dir string, tree tlog.Tree, hashes stored) int {
	reader := &tiles{dir, map[tlog.Tile]bool{}}
	authentic := tlog.TileHashReader(tree, reader)
	for level := 0; tree.N>>(8*level) > 0; level++ {
		count := tree.N >> (8 * level)
		for start := int64(0); start < count; start += width {
			var indexes []int64
			for i := start; i < count && i < start+width; i++ {
				indexes = append(indexes, tlog.StoredHashIndex(8*level, i))
			}
			got, err := authentic.ReadHashes(indexes)
			if err != nil {
				fail("tile %d/%s: %v", level, index(start/width), err)
			}
			want, err := hashes.ReadHashes(indexes)
			if err != nil {
				fail("%v", err)
			}
			for i := range got {
				if got[i] != want[i] {
					fail("tile %d/%s: hash %d is not that of the entries", level,
						index(start/width), i)
				}
			}
		}
	}
	return len(reader.seen)
}

// proof checks a c2sp.org/tlog-proof@v1 file of one of the log's entries.
func proof(path string, data []byte, verifier note.Verifier, leaves []tlog.Hash) {
	head := bytes.Index(data, []byte("\n\n"))
	if head < 0 {
		fail("%s: no checkpoint in the proof", path)
	}
	tree := checkpoint(data[head+2:], verifier, path)
	lines := strings.Split(string(data[:head]), "\n")[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		fail("%s: no index in the proof", path)
	}
	at, err := strconv.ParseInt(lines[0][len("index "):], 10, 64)
	if err != nil || at < 0 || at >= int64(len(leaves)) {
		fail("%s: bad index", path)
	}
	var hashes tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			fail("%s: %v", path, err)
		}
		hashes = append(hashes, hash)
	}
	if err := tlog.CheckRecord(hashes, tree.N, tree.Hash, at, leaves[at]); err != nil {
		fail("%s: %v", path, err)
	}
	fmt.Printf("proof       entry %d in the tree of %d: good\n", at, tree.N)
}

// older checks that the log begins with the tree of an older checkpoint.
func older(path string, data []byte, verifier note.Verifier, tree tlog.Tree, hashes stored) {
	old := checkpoint(data, verifier, path)
	if old.N > tree.N {
		fail("%s: larger than the log", path)
	}
	if old.N > 0 {
		steps, err := tlog.ProveTree(tree.N, old.N, hashes)
		if err != nil {
			fail("%s: %v", path, err)
		}
		if err := tlog.CheckTree(steps, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			fail("%s: the log does not begin with it: %v", path, err)
		}
	}
	fmt.Printf("checkpoint  of size %d is a beginning of it: good\n", old.N)
}

func main() {
	var by *witness
	if len(os.Args) > 3 && os.Args[1] == "-witness" {
		by = newWitness(os.Args[2])
		os.Args = append(os.Args[:1], os.Args[3:]...)
	}
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: tlogcheck [-witness VKEY] DIR VKEY [PROOF-OR-CHECKPOINT...]")
		os.Exit(2)
	}
	dir := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	if err != nil {
		fail("the key: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		fail("%v", err)
	}
	tree := checkpoint(data, verifier, "checkpoint")
	fmt.Printf("checkpoint  %s, size %d, root %s: signed\n", verifier.Name(), tree.N,
		hashText(tree.Hash))
	if by != nil {
		cosigned(data, verifier, by)
	}
	leaves := entries(dir, tree.N)
	hashes := store(leaves)
	if tree.N > 0 {
		root, err := tlog.TreeHash(tree.N, hashes)
		if err != nil {
			fail("%v", err)
		}
		if root != tree.Hash {
			fail("the entries have root %s, not that of the checkpoint", hashText(root))
		}
	}
	fmt.Printf("entries     %d: they have that root\n", len(leaves))
	fmt.Printf("tiles       %d: all authentic\n", authenticate(dir, tree, hashes))
	for _, path := range os.Args[3:] {
		data, err := os.ReadFile(path)
		if err != nil {
			fail("%v", err)
		}
		if bytes.HasPrefix(data, []byte("c2sp.org/tlog-proof@v1\n")) {
			proof(path, data, verifier, leaves)
		} else {
			older(path, data, verifier, tree, hashes)
		}
	}
}
