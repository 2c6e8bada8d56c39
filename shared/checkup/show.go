package checkup

import (
	"context"
	"fmt"

	"borgfleet/shared/term"
)

// Show carries checks out and shows what they find: each as soon as it is
// known, or all at once for programs. failed says that something does not work.
func Show(ctx context.Context, checks []Check, s term.Screen, asJSON bool) (failed bool, err error) {
	r := Report{State: OK, Results: []Result{}}
	err = Run(ctx, checks, func(res Result) error {
		r.Add(res)
		if asJSON {
			return nil
		}
		return res.Print(s)
	})
	switch {
	case err != nil:
	case asJSON:
		err = s.JSON(r)
	default:
		err = s.Printf("\n%s\n", r.Verdict())
	}
	return r.State == Fail, err
}

// Verdict is the report in a sentence.
func (r *Report) Verdict() string {
	warnings, failures := r.Sum()
	switch {
	case failures > 0 && warnings > 0:
		return fmt.Sprintf("%s, and %s.", counted(failures, "thing does not work", "things do not work"), counted(warnings, "should be looked at", "should be looked at"))
	case failures > 0:
		return counted(failures, "thing does not work", "things do not work") + "."
	case warnings > 0:
		return "Everything works; " + counted(warnings, "thing should be looked at", "things should be looked at") + "."
	}
	return "Everything is well."
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
