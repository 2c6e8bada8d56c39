package job

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// What borg 1.x takes, for both sides: what the controller accepts, the agent
// must not refuse when the backup is due.

// Encryptions are borg's modes.
func Encryptions() []string {
	return []string{"none", "authenticated", "authenticated-blake2", "repokey", "repokey-blake2", "keyfile", "keyfile-blake2"}
}

// CheckEncryption says what is wrong with a mode.
func CheckEncryption(mode string) error {
	if !slices.Contains(Encryptions(), mode) {
		return errors.New("it must be one of " + strings.Join(Encryptions(), ", "))
	}
	return nil
}

var (
	errCompression = errors.New("it must be none, lz4, zstd[,1-22], zlib[,0-9], lzma[,0-9], auto,… or obfuscate,…")
	errObfuscation = errors.New("the number after obfuscate must be 1-6, 110-123 or 250")
)

// CheckCompression says what is wrong with a compression:
// C = none | lz4 | zstd[,L] | zlib[,L] | lzma[,L]; auto,C; obfuscate,SPEC,C.
func CheckCompression(spec string) error {
	parts := strings.Split(spec, ",")
	if parts[0] == "obfuscate" && len(parts) > 2 {
		if !isObfuscation(parts[1]) {
			return errObfuscation
		}
		parts = parts[2:]
	}
	if parts[0] == "auto" && len(parts) > 1 {
		parts = parts[1:]
	}
	if !isCompressor(parts) {
		return errCompression
	}
	return nil
}

func isObfuscation(s string) bool {
	return inRange(s, 1, 6) || inRange(s, 110, 123) || s == "250"
}

func isCompressor(parts []string) bool {
	switch parts[0] {
	case "none", "lz4":
		return len(parts) == 1
	case "zstd":
		return len(parts) == 1 || len(parts) == 2 && inRange(parts[1], 1, 22)
	case "zlib", "lzma":
		return len(parts) == 1 || len(parts) == 2 && inRange(parts[1], 0, 9)
	}
	return false
}

// inRange takes digits only: borg would read " 3" and "+3" too, and nobody means
// them.
func inRange(s string, least, most int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && strings.Trim(s, "0123456789") == "" && n >= least && n <= most
}
