package wire

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect"
)

// TestComeBack: a farewell is obeyed up to a bound, and anything else is none.
func TestComeBack(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		err  error
		want time.Duration
		told bool
	}{
		{GoingAway(broken, 3*time.Second), 3 * time.Second, true},
		{fmt.Errorf("watch: %w", GoingAway(broken, 3*time.Second)), 3 * time.Second, true},
		{GoingAway(broken, time.Hour), time.Minute, true},
		{GoingAway(broken, -time.Hour), 0, true},
		{connect.NewError(connect.CodeUnavailable, broken), 0, false},
		{broken, 0, false},
	} {
		if got, told := ComeBack(test.err, time.Minute); got != test.want || told != test.told {
			t.Errorf("%v: %s, %v; want %s, %v", test.err, got, told, test.want, test.told)
		}
	}
	if code := connect.CodeOf(GoingAway(broken, 0)); code != connect.CodeUnavailable {
		t.Errorf("a farewell has the code %s", code)
	}
}
