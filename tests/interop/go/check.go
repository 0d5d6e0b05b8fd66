package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A request is a signed checkpoint and what is said to hold under it. Entries and hashes are in base64, as JSON has bytes.
type request struct {
	Vkey        string
	Cosigners   []string
	Note        string
	Tiles       string // folder with tile/..., may be empty
	Inclusion   []statement
	Consistency []statement
}

// A statement is that Entry is at Index, or that the log began with one of size Index and root Root. Without a proof (null), the
// proof is made here from the tiles.
type statement struct {
	Index int64
	Entry []byte
	Root  []byte
	Proof [][]byte
}

// An answer tells what the note says and who signed it, or why it was refused; then for each statement an outcome.
type answer struct {
	Error       string
	Origin      string
	Size        int64
	Root        []byte
	By          []string
	Inclusion   []outcome
	Consistency []outcome
}

// An outcome has an empty Error where the statement was accepted, and the proof that was used.
type outcome struct {
	Error string
	Proof [][]byte
}

func check(in io.Reader) (*answer, error) {
	var req request
	if err := json.NewDecoder(in).Decode(&req); err != nil {
		return nil, err
	}
	got, tree, err := open(&req)
	if err != nil {
		return &answer{Error: err.Error()}, nil
	}
	reader := tlog.TileHashReader(tree, &tileFolder{req.Tiles})
	for _, one := range req.Inclusion {
		proof, err := checkInclusion(one, tree, reader)
		got.Inclusion = append(got.Inclusion, outcome{text(err), proof})
	}
	for _, one := range req.Consistency {
		proof, err := checkConsistency(one, tree, reader)
		got.Consistency = append(got.Consistency, outcome{text(err), proof})
	}
	return got, nil
}

func open(req *request) (*answer, tlog.Tree, error) {
	var tree tlog.Tree
	log, err := note.NewVerifier(req.Vkey)
	if err != nil {
		return nil, tree, err
	}
	known := []note.Verifier{log}
	for _, vkey := range req.Cosigners {
		one, err := newCosigner(vkey)
		if err != nil {
			return nil, tree, err
		}
		known = append(known, one)
	}
	opened, err := note.Open([]byte(req.Note), note.VerifierList(known...))
	if err != nil {
		return nil, tree, err
	}
	got := &answer{}
	for _, sig := range opened.Sigs {
		got.By = append(got.By, sig.Name)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return nil, tree, fmt.Errorf("the note is no checkpoint")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return nil, tree, err
	}
	if tree.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		return nil, tree, err
	}
	got.Origin, got.Size, got.Root = lines[0], tree.N, tree.Hash[:]
	return got, tree, nil
}

func checkInclusion(one statement, tree tlog.Tree, reader tlog.HashReader) ([][]byte, error) {
	proof := tlog.RecordProof(fromBytes(one.Proof))
	if one.Proof == nil {
		made, err := tlog.ProveRecord(tree.N, one.Index, reader)
		if err != nil {
			return nil, err
		}
		proof = made
	}
	return toBytes(proof), tlog.CheckRecord(proof, tree.N, tree.Hash, one.Index, tlog.RecordHash(one.Entry))
}

func checkConsistency(one statement, tree tlog.Tree, reader tlog.HashReader) ([][]byte, error) {
	proof := tlog.TreeProof(fromBytes(one.Proof))
	if one.Proof == nil {
		made, err := tlog.ProveTree(tree.N, one.Index, reader)
		if err != nil {
			return nil, err
		}
		proof = made
	}
	return toBytes(proof), tlog.CheckTree(proof, tree.N, tree.Hash, one.Index, fromBytes([][]byte{one.Root})[0])
}

// tileFolder reads tiles of C2SP tlog-tiles: height 8, which their paths do not repeat.
type tileFolder struct{ folder string }

func (t *tileFolder) Height() int                     { return 8 }
func (t *tileFolder) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tileFolder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(t.folder, tilePath(tile)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func tilePath(tile tlog.Tile) string { return strings.Replace(tile.Path(), "tile/8/", "tile/", 1) }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// fromBytes makes hashes; whatever has not 32 bytes becomes the zero hash, which no proof has.
func fromBytes(list [][]byte) []tlog.Hash {
	hashes := make([]tlog.Hash, len(list))
	for i, data := range list {
		if len(data) == tlog.HashSize {
			copy(hashes[i][:], data)
		}
	}
	return hashes
}

func toBytes(hashes []tlog.Hash) [][]byte {
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = hashes[i][:]
	}
	return list
}
