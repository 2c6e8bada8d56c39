package history

import "math"

// sum is a+b of sizes, and the greatest number there is if that is more. A host may
// claim 8 PB for each of its jobs: a thousand of these would turn all that is said
// of the fleet's bytes into less than nothing.
func sum(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
