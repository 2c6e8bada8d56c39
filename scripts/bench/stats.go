package main

import (
	"fmt"
	"slices"
	"time"
)

// sample is one figure, measured several times.
type sample []float64

func (s *sample) add(d time.Duration) { *s = append(*s, d.Seconds()*1000) }

func (s sample) median() float64 {
	t := slices.Sorted(slices.Values(s))
	n := len(t)
	if n == 0 {
		return 0
	}
	return (t[(n-1)/2] + t[n/2]) / 2
}

func (s sample) ms() string {
	return fmt.Sprintf("%.1f ms (%.1f to %.1f)", s.median(), slices.Min(s), slices.Max(s))
}

// differences gives a[i]-b[i]: pairs are taken one after the other, so what
// slows one slows its neighbour.
func differences(a, b sample) sample {
	var out sample
	for i := range min(len(a), len(b)) {
		out = append(out, a[i]-b[i])
	}
	return out
}

func ratios(a, b sample) sample {
	var out sample
	for i := range min(len(a), len(b)) {
		out = append(out, a[i]/b[i])
	}
	return out
}

func (b *bench) say(what, reach, figure string) {
	fmt.Fprintf(b.out, "%-58s reach %-12s %s\n", what, reach, figure)
}
