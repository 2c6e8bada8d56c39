package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// lineText is line n of a job's log. It is made again whenever it is needed: ten
// thousand hosts keep no logs.
func lineText(seed, n uint64) string {
	h := mix(seed + n*0x9e3779b97f4a7c15)
	b := make([]byte, 0, 128)
	b = append(b, "/srv/data/"...)
	b = strconv.AppendUint(b, h>>40, 36)
	b = append(b, '/')
	b = strconv.AppendUint(b, h, 36)
	switch h % 64 {
	case 0: // long, as borg's own errors are
		b = append(b, strings.Repeat(" the file changed while it was read;", 20)...)
	case 1:
		b = append(b, " größer als zuvor: 日本語\ta second word"...)
	}
	b = append(b, ": line "...)
	return string(strconv.AppendUint(b, n, 10))
}

// mix spreads the bits of x.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// record is the line as it goes over the wire.
func record(seed, n uint64, at time.Time) *fleetv1.Record {
	level := fleetv1.Record_LEVEL_INFO
	if mix(seed^n)%50 == 0 {
		level = fleetv1.Record_LEVEL_WARNING
	}
	return &fleetv1.Record{Number: n, Time: timestamppb.New(at), Level: level, Source: "borg", Text: lineText(seed, n)}
}

// digest is a hash over lines, numbers and all.
type digest struct {
	h     hash.Hash
	lines uint64
}

func newDigest() *digest { return &digest{h: sha256.New()} }

func (d *digest) add(n uint64, text string) {
	d.lines++
	fmt.Fprintf(d.h, "%d %d %s\n", n, len(text), text)
}

func (d *digest) sum() string { return hex.EncodeToString(d.h.Sum(nil)) }

// name makes 64 hexadecimal digits, as borg's ids have.
func name(seed, of uint64) string {
	return fmt.Sprintf("%016x%016x%016x%016x", mix(seed^of), mix(seed+1^of), mix(seed+2^of), mix(seed+3^of))
}
