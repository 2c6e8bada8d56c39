package borg

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf16"
)

// rawName is the base64 of an archive's name as borg stores it, if that is not
// UTF-8; name is then only what can be shown, with question marks. borg (1.2
// and 1.4 alike) writes the stored name as "barchive", each byte that is not
// UTF-8 as the lone surrogate U+DC00 + byte, which no Go string can hold. Such
// names come from borg rename and from archives of very old versions: create
// itself fails on them.
func rawName(barchive json.RawMessage) string {
	if !bytes.Contains(barchive, []byte(`\ud`)) {
		return ""
	}
	raw, odd := surrogateBytes(barchive)
	if !odd {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// surrogateBytes decodes a JSON string in which lone surrogates stand for
// bytes. odd says that there were some.
func surrogateBytes(quoted []byte) (raw []byte, odd bool) {
	flush := func(from, to int) {
		if from >= to {
			return
		}
		var s string
		part := append(append([]byte{'"'}, quoted[from:to]...), '"')
		if json.Unmarshal(part, &s) == nil {
			raw = append(raw, s...)
		}
	}
	from, end := 1, len(quoted)-1 // between the quotes
	for i := from; i < end; {
		if quoted[i] != '\\' {
			i++
			continue
		}
		r, ok := unicodeEscape(quoted[i:end])
		switch {
		case !ok:
			i += 2
		case r >= 0xdc80 && r <= 0xdcff:
			flush(from, i)
			raw, odd = append(raw, byte(r-0xdc00)), true
			i += len(`\uXXXX`)
			from = i
		case utf16.IsSurrogate(r):
			i += len(`\uXXXX\uXXXX`) // a pair: its second half is no byte
		default:
			i += len(`\uXXXX`)
		}
	}
	flush(from, end)
	return raw, odd
}

func unicodeEscape(b []byte) (rune, bool) {
	if len(b) < len(`\uXXXX`) || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	return rune(n), err == nil
}
