package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
)

// TestWhoHasTheData: a controller that has its data and does not listen yet is
// asked again; one that never does is told of; all else is said at once.
func TestWhoHasTheData(t *testing.T) {
	t.Parallel()
	inUse := fmt.Errorf("back up: %w", fault.New(fault.Unavailable, "data_dir_in_use", "in use"))
	refused, gone, other := error(syscall.ECONNREFUSED), error(fs.ErrNotExist), errors.New("other")
	for name, c := range map[string]struct {
		ask, without []error // their answers, one after the other
		want         string
		asked        int
	}{
		"runs":           {ask: []error{nil}, asked: 1},
		"runs badly":     {ask: []error{other}, want: "other", asked: 1},
		"is absent":      {ask: []error{gone}, without: []error{nil}, asked: 1},
		"is damaged":     {ask: []error{refused}, without: []error{other}, want: "other", asked: 1},
		"starts":         {ask: []error{gone, refused, nil}, without: []error{inUse, inUse}, asked: 3},
		"ends":           {ask: []error{refused, gone}, without: []error{inUse, nil}, asked: 2},
		"never answers":  {ask: []error{gone}, without: []error{inUse}, want: "in use; it does not answer", asked: 1},
		"starts, badly ": {ask: []error{gone, other}, without: []error{inUse}, want: "other", asked: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			asked, tried := 0, 0
			err := whoHasTheData(ctx, time.Millisecond, func() error {
				asked++
				return c.ask[asked-1]
			}, func() error {
				tried++
				if asked == len(c.ask) {
					cancel() // nobody is patient for longer
				}
				return c.without[tried-1]
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if asked != c.asked || tried != len(c.without) || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("asked %d times, tried %d times, and says %q", asked, tried, got)
			}
		})
	}
}
