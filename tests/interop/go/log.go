package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A log is a folder: `checkpoint` and `tile/` as C2SP tlog-tiles has them, and the maker's own `key`, `vkey` and `hashes` (all
// stored hashes, in the order of tlog.StoredHashIndex).
type log struct {
	folder string
	origin string
	size   int64
	hashes []tlog.Hash
}

// A head is what `append` answers.
type head struct {
	Vkey string
	Size int64
	Root []byte
}

func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		found[i] = l.hashes[index]
	}
	return found, nil
}

func appendEntries(folder, origin string, in io.Reader) (*head, error) {
	l, err := load(folder, origin)
	if err != nil {
		return nil, err
	}
	old := l.size
	var entries [][]byte
	for lines := bufio.NewScanner(in); lines.Scan(); l.size++ {
		entry := append([]byte(nil), lines.Bytes()...)
		hashes, err := tlog.StoredHashes(l.size, entry, l)
		if err != nil {
			return nil, err
		}
		l.hashes = append(l.hashes, hashes...)
		entries = append(entries, entry)
	}
	if err := l.writeBundles(old, entries); err != nil {
		return nil, err
	}
	for _, tile := range tlog.NewTiles(8, old, l.size) {
		data, err := tlog.ReadTileData(tile, l)
		if err != nil {
			return nil, err
		}
		if err := l.write(tilePath(tile), data); err != nil {
			return nil, err
		}
	}
	return l.sign()
}

func load(folder, origin string) (*log, error) {
	l := &log{folder: folder, origin: origin}
	data, err := os.ReadFile(filepath.Join(folder, "hashes"))
	if os.IsNotExist(err) {
		skey, vkey, err := note.GenerateKey(rand.Reader, origin)
		if err != nil {
			return nil, err
		}
		if err := l.write("key", []byte(skey)); err != nil {
			return nil, err
		}
		return l, l.write("vkey", []byte(vkey))
	}
	for ; len(data) >= tlog.HashSize; data = data[tlog.HashSize:] {
		var hash tlog.Hash
		copy(hash[:], data)
		l.hashes = append(l.hashes, hash)
	}
	for tlog.StoredHashCount(l.size) < int64(len(l.hashes)) {
		l.size++
	}
	return l, err
}

// sign stores the hashes and then the checkpoint, and returns what it says.
func (l *log) sign() (*head, error) {
	var all []byte
	for _, hash := range l.hashes {
		all = append(all, hash[:]...)
	}
	if err := l.write("hashes", all); err != nil {
		return nil, err
	}
	root := tlog.Hash(sha256.Sum256(nil)) // of the empty log
	if l.size > 0 {
		var err error
		if root, err = tlog.TreeHash(l.size, l); err != nil {
			return nil, err
		}
	}
	skey, err1 := os.ReadFile(filepath.Join(l.folder, "key"))
	vkey, err2 := os.ReadFile(filepath.Join(l.folder, "vkey"))
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("the log has no key: %v, %v", err1, err2)
	}
	signer, err := note.NewSigner(string(skey))
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", l.origin, l.size, root)}, signer)
	if err != nil {
		return nil, err
	}
	return &head{string(vkey), l.size, root[:]}, l.write("checkpoint", signed)
}

// writeBundles writes the entry bundles that came to have other entries since size old.
func (l *log) writeBundles(old int64, entries [][]byte) error {
	for n := old / 256; n*256 < l.size; n++ {
		width := l.size - n*256
		if width > 256 {
			width = 256
		}
		var data []byte
		if n*256 < old {
			before, err := os.ReadFile(filepath.Join(l.folder, bundlePath(n, int(old-n*256))))
			if err != nil {
				return err
			}
			data = before
		}
		for at := n * 256; at < n*256+width; at++ {
			if at >= old {
				entry := entries[at-old]
				data = binary.BigEndian.AppendUint16(data, uint16(len(entry)))
				data = append(data, entry...)
			}
		}
		if err := l.write(bundlePath(n, int(width)), data); err != nil {
			return err
		}
	}
	return nil
}

func bundlePath(n int64, width int) string {
	return strings.Replace(tilePath(tlog.Tile{H: 8, L: 0, N: n, W: width}), "tile/0/", "tile/entries/", 1)
}

func (l *log) write(name string, data []byte) error {
	path := filepath.Join(l.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func prove(folder string, old int64) ([][]byte, error) {
	l, err := load(folder, "")
	if err != nil {
		return nil, err
	}
	proof, err := tlog.ProveTree(l.size, old, l)
	return toBytes(proof), err
}
