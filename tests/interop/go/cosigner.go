package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// cosigner verifies C2SP cosignatures of type 0x04; it is a note.Verifier.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (*cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("malformed cosigner key")
	}
	id, err1 := hex.DecodeString(parts[1])
	material, err2 := base64.StdEncoding.DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(material) != 33 || material[0] != 4 {
		return nil, errors.New("malformed cosigner key")
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	if hex.EncodeToString(digest[:4]) != hex.EncodeToString(id) {
		return nil, errors.New("cosigner key with another id")
	}
	return &cosigner{parts[0], binary.BigEndian.Uint32(digest[:4]), material[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	time := binary.BigEndian.Uint64(sig)
	return ed25519.Verify(c.key, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, msg)), sig[8:])
}
