package job

import "testing"

func TestCheckEncryption(t *testing.T) {
	for _, mode := range Encryptions() {
		if err := CheckEncryption(mode); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
	for _, mode := range []string{"", "aes", "Repokey", "repokey-aes-ocb", "repokey --rsh=x"} {
		if CheckEncryption(mode) == nil {
			t.Errorf("%q is taken", mode)
		}
	}
}

func TestCheckCompression(t *testing.T) {
	for _, spec := range []string{
		"none", "lz4", "zstd", "zstd,1", "zstd,22", "zlib,0", "zlib,9", "lzma,6", "auto,lz4", "auto,lzma,9",
		"obfuscate,3,none", "obfuscate,110,auto,zstd,5", "obfuscate,250,zlib",
	} {
		if err := CheckCompression(spec); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
	for _, spec := range []string{
		"", "gzip", "lz4,1", "lz4 --rsh", "zstd,0", "zstd,23", "zstd,", "zlib,10", "lzma,-1", "auto", "auto,", "auto,auto,lz4", "obfuscate",
		"obfuscate,3", "obfuscate,7,lz4", "obfuscate,999,lz4", "obfuscate,3,obfuscate,3,lz4", "zstd,3,4", "zstd, 3", "zstd,+3", "--help", "lz4\n",
	} {
		if CheckCompression(spec) == nil {
			t.Errorf("%q is taken", spec)
		}
	}
}
