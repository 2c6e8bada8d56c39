package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/argon2"
)

// The cost of a new hash: OWASP's second choice for argon2id, which asks for
// less memory than the first and as much time. A small controller can verify
// several at once.
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2
	hashThreads = 1
	saltBytes   = 16
	keyBytes    = 32

	// So many strangers may wait for the one that is verified, after which none is
	// for so many times as long: they take a quarter of a processor at most.
	mostStrangers  = 32
	strangersPause = 3

	// maxPassword keeps a request from buying time with a long password.
	maxPassword = 1 << 10
)

// Hasher hashes and verifies passwords with argon2id, and never more than a
// fixed number at once: each takes hashMemory, and strangers decide how many
// are asked for.
//
// Of these, strangers get one at a time, and more than a few do not wait for it:
// else a flood of attempts would shut everybody out by its queue alone.
type Hasher struct {
	rand      io.Reader
	slots     chan struct{}
	strangers chan struct{} // holds those who wait, and the one whose turn it is
	turn      chan struct{}
}

// ErrBusy says that too many strangers wait already.
var ErrBusy = errors.New("too many log in at once")

// NewHasher makes a hasher that works on at most concurrent passwords at once.
func NewHasher(rand io.Reader, concurrent int) *Hasher {
	return &Hasher{
		rand: rand, slots: make(chan struct{}, max(1, concurrent)),
		strangers: make(chan struct{}, mostStrangers), turn: make(chan struct{}, 1),
	}
}

// Hash gives what may be stored of a password: a PHC string.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", errors.New("hash password: it is empty")
	}
	if len(password) > maxPassword {
		return "", fmt.Errorf("hash password: it has %d bytes, and at most %d are taken", len(password), maxPassword)
	}
	p := phc{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, saltBytes)}
	if _, err := io.ReadFull(h.rand, p.salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	key, err := h.key(ctx, password, p, keyBytes)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	p.key = key
	return p.String(), nil
}

// Verify says whether password is the one that hash was made of. An error means
// that this is not known.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, fmt.Errorf("verify password: %w", err)
	}
	tooLong := len(password) > maxPassword
	if tooLong {
		password = "" // takes as long as any other, and is still wrong
	}
	key, err := h.key(ctx, password, p, len(p.key))
	if err != nil {
		return false, fmt.Errorf("verify password: %w", err)
	}
	return subtle.ConstantTimeCompare(key, p.key) == 1 && !tooLong, nil
}

// VerifyStranger is Verify for somebody of whom nothing is known. Its error is
// ErrBusy when too many of these wait.
func (h *Hasher) VerifyStranger(ctx context.Context, password, hash string) (bool, error) {
	select {
	case h.strangers <- struct{}{}:
		defer func() { <-h.strangers }()
	default:
		return false, ErrBusy
	}
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return false, fmt.Errorf("verify password: %w", ctx.Err())
	}
	begun := time.Now()
	defer func() { time.AfterFunc(strangersPause*time.Since(begun), func() { <-h.turn }) }()
	return h.Verify(ctx, password, hash)
}

// key waits for a slot, or for ctx: whoever has gone away costs nothing.
func (h *Hasher) key(ctx context.Context, password string, p phc, length int) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, uint32(length)), nil
}
