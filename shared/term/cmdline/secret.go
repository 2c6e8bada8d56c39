package cmdline

import (
	"fmt"
	"io"
	"os"
)

// mostSecret is far more than any secret that is given in a file.
const mostSecret = 64 << 10

// ReadSecret reads file, or in if file is "-". open says that others on this
// host can read it too, which is worth a word.
func ReadSecret(file string, in io.Reader) (data []byte, open bool, err error) {
	if file != "-" {
		f, err := os.Open(file) // names the path and what was done
		if err != nil {
			return nil, false, fmt.Errorf("%w; name a file that this account may read, or - for standard input", err)
		}
		defer f.Close()
		// Not only regular files: a shell's <(command) is a pipe.
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			open = true
		}
		in = f
	}
	data, err = io.ReadAll(io.LimitReader(in, mostSecret+1))
	if err != nil {
		return nil, open, fmt.Errorf("%w; name a file that this account may read, or - for standard input", err)
	}
	if len(data) > mostSecret {
		return nil, open, fmt.Errorf("read %s: it has more than %d bytes; is it the right file?", name(file), mostSecret)
	}
	return data, open, nil
}

func name(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}
