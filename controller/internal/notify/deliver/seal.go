package deliver

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Key opens the settings of channels. It lies beside the store and not in it, so that
// a backup of the store tells nobody how to reach the receivers.
type Key [32]byte

// String keeps the key out of logs.
func (Key) String() string { return "notify key" }

// GoString keeps the key out of logs.
func (Key) GoString() string { return "notify key" }

// errNotOurs is what people see after a restore: the key has stayed where it was.
var errNotOurs = errors.New("the settings were sealed with another notify.key than this controller's: bring that file back, or give the settings again")

func (k Key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// bound is what sealed settings are good for: one channel of one type.
func bound(channel int64, typ string) []byte {
	return []byte(strconv.FormatInt(channel, 10) + "/" + typ)
}

func (k Key) seal(rand io.Reader, channel int64, typ string, s Settings) ([]byte, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("seal settings: %w", err)
	}
	aead, err := k.aead()
	if err != nil {
		return nil, fmt.Errorf("seal settings: %w", err)
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("seal settings: %w", err)
	}
	return aead.Seal(nonce, nonce, plain, bound(channel, typ)), nil
}

func (k Key) open(channel int64, typ string, sealed []byte) (s Settings, err error) {
	aead, err := k.aead()
	if err != nil {
		return s, fmt.Errorf("open settings: %w", err)
	}
	n := aead.NonceSize()
	if len(sealed) < n {
		return s, errNotOurs
	}
	plain, err := aead.Open(nil, sealed[:n], sealed[n:], bound(channel, typ))
	if err != nil {
		return s, errNotOurs
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	return s, nil
}
