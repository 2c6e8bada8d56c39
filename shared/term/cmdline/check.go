package cmdline

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/job"
)

// CheckFlags say how much a check looks at.
func CheckFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "depth", Usage: "`WHAT` is looked at: repository (the segments and their checksums), archives (their metadata, and that all of their chunks are there) or data (both, and every chunk is read and verified); without it repository and archives"},
		&cli.StringFlag{Name: "max-duration", Usage: "look at the repository for at most this `TIME`, such as 1h, and not into the archives; the next one goes on from there"},
	}
}

// Check reads CheckFlags.
func Check(c *cli.Context) (job.CheckSpec, error) {
	spec := job.CheckSpec{Depth: job.CheckDepth(c.String("depth"))}
	if err := spec.Check(); err != nil {
		return spec, fmt.Errorf("--depth: %w", err)
	}
	if c.String("max-duration") == "" {
		return spec, nil
	}
	d, err := Span(c.String("max-duration"))
	if err != nil || d < time.Second || d%time.Second != 0 {
		return spec, fmt.Errorf("--max-duration: %q is not a span of whole seconds such as 90s or 1h", c.String("max-duration"))
	}
	spec.MaxDuration = d
	if err := spec.Check(); err != nil {
		return spec, fmt.Errorf("--max-duration: %s", strings.NewReplacer("max_duration", "it", "make it the depth", "say --depth").Replace(err.Error()))
	}
	return spec, nil
}
