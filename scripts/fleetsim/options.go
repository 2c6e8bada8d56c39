package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	agents    int
	running   int           // backups at a time
	span      time.Duration // that jobs are started in
	seed      uint64
	scheduled int // per cent of the hosts that a schedule has
	rates     rates

	bin        string // the simulator starts the controller itself
	dir        string // everything of that lies there; empty: a temporary one
	identities string // kept there; empty: nowhere
	prefix     string // of the agents' names

	outages []string      // kill or stop, in turn
	down    time.Duration // of each
	back    time.Duration // within which all must be back

	api       string // of a running controller
	tokenFile string // for it
	pid       int    // its process; 0: nothing is measured of it

	json bool
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("fleetsim", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&o.agents, "agents", 100, "how many agents")
	flags.IntVar(&o.running, "running", 10, "backups that run at a time, each with a status and its lines a second")
	flags.DurationVar(&o.span, "for", 30*time.Second, "how long backups are started; then all are brought to their end and compared")
	flags.Uint64Var(&o.seed, "seed", 1, "the same seed plays the same jobs")
	flags.IntVar(&o.scheduled, "scheduled", 2, "per cent of the hosts that a schedule has, which is due each minute")
	flags.DurationVar(&o.rates.shortest, "shortest", 5*time.Second, "the shortest backup")
	flags.DurationVar(&o.rates.longest, "longest", 60*time.Second, "the longest backup")
	flags.IntVar(&o.rates.lines, "lines", 10, "lines of log that a running backup writes a second")
	flags.IntVar(&o.rates.burst, "burst", 3000, "lines of the longest log at once; one backup in twenty has half of it at least")
	flags.StringVar(&o.bin, "bin", "", "directory of the two programs: the controller is started, and ended")
	flags.StringVar(&o.dir, "dir", "", "directory for that controller's data (default: a temporary one, removed at the end)")
	flags.StringVar(&o.identities, "identities", "", "directory in which the agents' keys and certificates are kept, and found by the next run")
	flags.StringVar(&o.prefix, "prefix", "sim", "what the agents' names begin with")
	outages := flags.String("outages", "", "what becomes of the controller on the way: kill, stop, or several of them, separated by commas")
	flags.DurationVar(&o.down, "down", 3*time.Second, "how long it stays away")
	flags.DurationVar(&o.back, "back", 3*time.Minute, "within which all agents must be back, or the run ends")
	flags.StringVar(&o.api, "api", "", "URL of a controller that runs already, with --log-policy all")
	flags.StringVar(&o.tokenFile, "token-file", "", "file with a token of an admin of it")
	flags.IntVar(&o.pid, "controller-pid", 0, "its process, to be measured")
	format := flags.String("o", "table", "table or json")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.json = *format == "json"
	if *outages != "" {
		o.outages = strings.Split(*outages, ",")
	}
	err := o.check(*format)
	if err != nil {
		fmt.Fprintln(errs, "fleetsim:", err)
	}
	return o, err
}

func (o *options) check(format string) error {
	switch {
	case o.agents < 1 || o.agents > 1<<20:
		return errors.New("-agents is between 1 and a million")
	case o.running < 0 || o.running > o.agents:
		return errors.New("-running is at most -agents: a host runs one backup at a time")
	case o.scheduled < 0 || o.scheduled > 100:
		return errors.New("-scheduled is between 0 and 100")
	case o.rates.shortest < time.Second || o.rates.longest < o.rates.shortest:
		return errors.New("-shortest is a second at least, and -longest no shorter")
	case o.rates.lines < 0 || o.rates.burst < 2:
		return errors.New("-lines is 0 at least, and -burst 2")
	case format != "table" && format != "json":
		return errors.New("-o is table or json")
	case (o.bin == "") == (o.api == ""):
		return errors.New("give -bin, to have a controller started, or -api, for one that runs")
	case o.api != "" && o.tokenFile == "":
		return errors.New("-api needs -token-file: borgfleet-controller tokens create makes a token")
	case o.api != "" && len(o.outages) > 0:
		return errors.New("only a controller that was started with -bin has outages: no other is ever ended")
	}
	for _, how := range o.outages {
		if how != "kill" && how != "stop" {
			return fmt.Errorf("an outage is kill or stop, not %q", how)
		}
	}
	if o.bin == "" {
		return nil
	}
	var err error
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	if _, err = os.Stat(filepath.Join(o.bin, "borgfleet-controller")); err != nil {
		return fmt.Errorf("-bin: %w; make build makes the programs", err)
	}
	return nil
}
