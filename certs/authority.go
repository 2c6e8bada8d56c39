package certs

import (
	"crypto"
	cryptorand "crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"borgfleet/shared/secretfile"
)

// How long certificates last.
const (
	RootLife       = 20 * 365 * 24 * time.Hour
	IssuingLife    = 10 * 365 * 24 * time.Hour
	ControllerLife = 90 * 24 * time.Hour
	AgentLife      = 30 * 24 * time.Hour

	// Backdate is how far before its issue an agent's certificate begins, so
	// that a controller whose clock is set back a little still accepts it.
	Backdate = 5 * time.Minute

	// Agents check the authorities and the controller by their own clocks,
	// which may be further off. No rule hangs on when these were issued.
	backdateOurs = 24 * time.Hour
)

// The files of an authority.
const (
	rootCert    = "root.crt"
	rootKey     = "root.key"
	issuingCert = "issuing.crt"
	issuingKey  = "issuing.key"
)

// ErrNoAuthority says that a directory holds no authority, so that one may be
// created there. A damaged one is another error: a new root would shut every
// agent out.
var ErrNoAuthority = errors.New("there is no certificate authority yet")

// Authority is the fleet's certificate authority: a root that signs only the
// issuing authority, and the issuing authority that signs everything else.
// It does not change once it is open, so any number of goroutines may use it.
type Authority struct {
	fleetID    string
	root       *x509.Certificate
	issuing    *x509.Certificate
	issuingKey crypto.Signer
	rand       io.Reader
}

// CreateAuthority makes the authority of a new fleet in dir, which must not
// hold anything yet. A crash leaves either no authority or all of it: the files
// are made and synced in a directory beside it, which is then renamed.
func CreateAuthority(dir string, now time.Time, rand io.Reader) (a *Authority, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("create certificate authority in %s: %w", dir, err)
		}
	}()
	a, files, err := newAuthority(now, rand)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".new-*") // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp) // gone by then when all went well
	for name, data := range files {
		if err := secretfile.Write(filepath.Join(tmp, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	// rename(2) replaces an empty directory and refuses any other, so an
	// authority that is in use cannot be overwritten, not even by a race.
	// os.Rename refuses the empty one too.
	if err := syscall.Rename(tmp, dir); errors.Is(err, fs.ErrExist) {
		return nil, errors.New("the directory is not empty: an authority in use is never replaced")
	} else if err != nil {
		return nil, err
	}
	if err := secretfile.SyncDir(parent); err != nil {
		return nil, err
	}
	return a, nil
}

// newAuthority makes the keys and certificates, in memory.
func newAuthority(now time.Time, rand io.Reader) (*Authority, map[string][]byte, error) {
	id := make([]byte, fleetIDBytes)
	if _, err := io.ReadFull(rand, id); err != nil {
		return nil, nil, fmt.Errorf("make fleet id: %w", err)
	}
	a := &Authority{fleetID: hex.EncodeToString(id), rand: rand}
	rootSigner, err := newKey(rand)
	if err != nil {
		return nil, nil, err
	}
	if a.root, err = a.signCA("root", rootSigner, nil, rootSigner, now, RootLife); err != nil {
		return nil, nil, err
	}
	if a.issuingKey, err = newKey(rand); err != nil {
		return nil, nil, err
	}
	if a.issuing, err = a.signCA("issuing", a.issuingKey, a.root, rootSigner, now, IssuingLife); err != nil {
		return nil, nil, err
	}
	rootPEM, err := EncodeKey(rootSigner)
	if err != nil {
		return nil, nil, err
	}
	issuingPEM, err := EncodeKey(a.issuingKey)
	if err != nil {
		return nil, nil, err
	}
	return a, map[string][]byte{
		rootCert:    EncodeChain([][]byte{a.root.Raw}),
		rootKey:     rootPEM,
		issuingCert: EncodeChain([][]byte{a.issuing.Raw}),
		issuingKey:  issuingPEM,
	}, nil
}

// OpenAuthority reads the authority in dir and checks that its parts belong
// together. It returns ErrNoAuthority if there is nothing at all.
func OpenAuthority(dir string) (*Authority, error) { return OpenAuthorityOf(dir, os.Geteuid()) }

// OpenAuthorityOf is OpenAuthority for root, who looks at the account owner's.
func OpenAuthorityOf(dir string, owner int) (*Authority, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, fmt.Errorf("open certificate authority in %s: %w", dir, ErrNoAuthority)
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	a, err := readAuthority(dir, owner)
	if err != nil {
		// Not wrapped: a file that is missing must not look like an authority
		// that is missing.
		return nil, fmt.Errorf("open certificate authority in %s: %v; every agent trusts this authority and no other, so what is missing or damaged comes from a backup", dir, err)
	}
	return a, nil
}

func readAuthority(dir string, owner int) (*Authority, error) {
	root, rootSigner, err := readPair(filepath.Join(dir, rootCert), filepath.Join(dir, rootKey), owner)
	if err != nil {
		return nil, err
	}
	issuing, issuingSigner, err := readPair(filepath.Join(dir, issuingCert), filepath.Join(dir, issuingKey), owner)
	if err != nil {
		return nil, err
	}
	_ = rootSigner // checked to be the root's; it signs nothing until the issuing authority is renewed
	fleetID, err := fleetOf(root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rootCert, err)
	}
	if id, err := fleetOf(issuing); err != nil || id != fleetID {
		return nil, fmt.Errorf("%s is not of the same fleet as %s", issuingCert, rootCert)
	}
	if err := issuing.CheckSignatureFrom(root); err != nil {
		return nil, fmt.Errorf("%s is not signed by %s: %w", issuingCert, rootCert, err)
	}
	return &Authority{fleetID: fleetID, root: root, issuing: issuing, issuingKey: issuingSigner, rand: cryptorand.Reader}, nil
}

func readPair(certFile, keyFile string, owner int) (*x509.Certificate, crypto.Signer, error) {
	data, err := os.ReadFile(certFile)
	if err != nil {
		return nil, nil, err
	}
	chain, err := DecodeChain(data)
	if err != nil || len(chain) != 1 {
		return nil, nil, fmt.Errorf("%s does not hold one certificate", certFile)
	}
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", certFile, err)
	}
	if data, err = secretfile.ReadOf(keyFile, owner); err != nil {
		return nil, nil, err
	}
	key, err := DecodeKey(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	if !samePublicKey(key.Public(), cert.PublicKey) {
		return nil, nil, fmt.Errorf("%s is not the key of %s", keyFile, certFile)
	}
	return cert, key, nil
}

// FleetID names the fleet: 32 hex digits.
func (a *Authority) FleetID() string { return a.fleetID }

// Root is the root certificate in DER, which agents keep.
func (a *Authority) Root() []byte { return a.root.Raw }

// RootFingerprint is the SHA-256 of the root certificate in hex, which join
// tokens carry.
func (a *Authority) RootFingerprint() string { return Fingerprint(a.root.Raw) }

// ControllerID is the URI by which agents know the controller.
func (a *Authority) ControllerID() string { return controllerURI(a.fleetID).String() }
