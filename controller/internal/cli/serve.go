package cli

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/retention"
	"borgfleet/shared/job"
	"borgfleet/shared/term/cmdline"
)

// ServeOptions is how the controller was called.
type ServeOptions struct {
	DataDir       string // absolute
	APIListen     string
	AgentListen   string
	AgentURL      string // empty: to be made from AgentListen and the host's name
	InsecureHTTP  bool
	APICert       string // both or none
	APIKey        string
	Proxies       []netip.Prefix // in front of REST
	LogPolicy     string         // failed, warnings or all
	PingURL       string         // empty: none
	LogLevel      string         // debug, info, warn or error
	StartDeadline time.Duration
	ContactLost   time.Duration
	LostAfter     time.Duration
	Keep          retention.Policy
}

func (k *controller) serve() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run the controller until it is told to stop",
		Description: "The first start makes the certificate authority, the store and the user admin, with the password in BORGFLEET_ADMIN_PASSWORD or a generated one in initial-admin-password in the data directory. " +
			"It makes the fleet's recovery key, too: the private half is shown on the terminal, or else is in initial-recovery-key in the data directory, for you to take away.\n\n" +
			"  borgfleet-controller serve --data-dir /var/lib/borgfleet --agent-url https://backup.example.org:5443",
		Flags: []cli.Flag{
			dataDirFlag(),
			&cli.StringFlag{Name: "api-listen", Value: "127.0.0.1:5000", Usage: "`ADDRESS` of the REST API"},
			&cli.StringFlag{Name: "agent-listen", Value: ":5443", Usage: "`ADDRESS` that agents connect to, always with TLS"},
			&cli.StringFlag{Name: "agent-url", Usage: "https `URL` at which hosts reach --agent-listen; it is written into join tokens (default: this host's name and the port of --agent-listen)"},
			&cli.StringFlag{Name: "api-cert", Usage: "`FILE` with the REST API's certificate chain (PEM)"},
			&cli.StringFlag{Name: "api-key", Usage: "`FILE` with its key (PEM)"},
			&cli.StringSliceFlag{Name: "trusted-proxy", Usage: "believe the proxy at this `ADDRESS` or network, such as 127.0.0.1 or 10.0.0.0/8, when it says in X-Forwarded-For who calls; may be repeated. Without it all its callers share one limit of failed logins"},
			&cli.BoolFlag{Name: "insecure-http", Usage: "serve the REST API without TLS on an address that other hosts can reach: passwords and tokens can then be read on the way"},
			&cli.StringFlag{Name: "log-policy", Value: "warnings", Usage: "which finished jobs show their log: failed, warnings or all (`POLICY`)"},
			&cli.StringFlag{Name: "log-retention", Value: "30d", Usage: "the lines of a job are kept for this `TIME` after its end; 0: as long as the job"},
			&cli.StringFlag{Name: "log-retention-size", Value: "0", Usage: "all logs take this `SIZE` at most, such as 20GB; the oldest go first; 0: no limit"},
			&cli.StringFlag{Name: "history-retention", Value: "730d", Usage: "a job is kept for this `TIME` after its end; 0: for ever. The last good and the last failed job of each kind stay for each repository, and the figures of each day"},
			&cli.StringFlag{Name: "history-retention-jobs", Value: "0", Usage: "`NUMBER` of jobs that are kept at most; the oldest go first; 0: no limit"},
			&cli.StringFlag{Name: "audit-retention", Value: "730d", Usage: "an entry of the audit log is kept for this `TIME`; 0: for ever"},
			&cli.StringFlag{Name: "start-deadline", Value: "24h", Usage: "a job that could not start within this `TIME` fails"},
			&cli.StringFlag{Name: "contact-lost", Value: "60s", Usage: "the jobs of a host that has been silent for this `TIME` no longer keep others from their repository"},
			&cli.StringFlag{Name: "lost-after", Value: "24h", Usage: "the jobs of a host that has been silent for this `TIME`, the controller being up, are given up; a result that still arrives replaces that"},
			&cli.StringFlag{Name: "ping-url-file", Usage: "`FILE` with a URL to call each minute in which the controller can do its work: whoever misses the calls knows that it cannot, and that nobody is told anything else. The URL itself can be given in BORGFLEET_PING_URL"},
			&cli.StringFlag{Name: "log-level", Value: "info", Usage: "`LEVEL` of what is logged: debug, info, warn or error"},
		},
		Action: k.runServe,
	}
}

func (k *controller) runServe(c *cli.Context) error {
	if _, err := cmdline.Args(c); err != nil {
		return err
	}
	o, err := serveOptions(c)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	if o.PingURL, err = k.pingURL(c); err != nil {
		return err
	}
	if k.hooks.Serve == nil {
		return errors.New("this program was built without the controller")
	}
	return k.hooks.Serve(c.Context, o)
}

// pingURL is as good as a password with the services that wait for such calls: it
// stands on no command line.
func (k *controller) pingURL(c *cli.Context) (string, error) {
	text := os.Getenv("BORGFLEET_PING_URL")
	if file := c.String("ping-url-file"); file != "" {
		line, err := k.secretLine(file, "ping URL")
		if err != nil {
			return "", err
		}
		text = string(line)
	}
	if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "") {
		return "", cmdline.Usagef("the ping URL must be https://HOST/PATH")
	}
	return text, nil
}

func serveOptions(c *cli.Context) (ServeOptions, error) {
	o := ServeOptions{
		DataDir: c.String("data-dir"), APIListen: c.String("api-listen"), AgentListen: c.String("agent-listen"),
		AgentURL: c.String("agent-url"), InsecureHTTP: c.Bool("insecure-http"),
		APICert: c.String("api-cert"), APIKey: c.String("api-key"),
		LogPolicy: c.String("log-policy"), LogLevel: c.String("log-level"),
	}
	if o.DataDir == "" {
		return o, errors.New("--data-dir is empty; leave it out for " + DefaultDataDir)
	}
	var err error
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return o, err
	}
	if err := o.readSpans(c); err != nil {
		return o, err
	}
	if o.Keep, err = readKeep(c); err != nil {
		return o, err
	}
	if o.Proxies, err = proxies(c.StringSlice("trusted-proxy")); err != nil {
		return o, err
	}
	for _, oneOf := range []struct {
		option, value string
		allowed       []string
	}{
		{"--log-policy", o.LogPolicy, []string{"failed", "warnings", "all"}},
		{"--log-level", o.LogLevel, []string{"debug", "info", "warn", "error"}},
	} {
		if err := among(oneOf.option, oneOf.value, oneOf.allowed); err != nil {
			return o, err
		}
	}
	return o, o.checkAddresses()
}

// proxies reads addresses and networks.
func proxies(all []string) (out []netip.Prefix, err error) {
	for _, s := range all {
		prefix, err := netip.ParsePrefix(s)
		if addr, aerr := netip.ParseAddr(s); aerr == nil {
			prefix, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
		}
		if err != nil {
			return nil, errors.New("--trusted-proxy " + s + ": write an address such as 127.0.0.1, or a network such as 10.0.0.0/8")
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// readSpans reads the times that have a least and a most.
func (o *ServeOptions) readSpans(c *cli.Context) error {
	for _, s := range []struct {
		option string
		value  *time.Duration
		least  time.Duration
		words  string
		usual  time.Duration
	}{
		{"start-deadline", &o.StartDeadline, time.Minute, "a minute", job.DefaultStartDeadline},
		{"contact-lost", &o.ContactLost, time.Second, "a second", job.ContactLost},
		{"lost-after", &o.LostAfter, time.Minute, "a minute", job.LostAfter},
	} {
		var err error
		if *s.value, err = cmdline.Span(c.String(s.option)); err != nil {
			return errors.New("--" + s.option + ": " + err.Error())
		}
		if *s.value < s.least || *s.value > 365*24*time.Hour {
			return errors.New("--" + s.option + " is between " + s.words + " and a year; the usual is " + s.usual.String())
		}
	}
	if o.LostAfter < o.ContactLost {
		return errors.New("--lost-after is shorter than --contact-lost: a job would be given up while it still keeps others from its repository")
	}
	return nil
}

func (o ServeOptions) checkAddresses() error {
	host, err := hostOf("--api-listen", o.APIListen)
	if err != nil {
		return err
	}
	if _, err := hostOf("--agent-listen", o.AgentListen); err != nil {
		return err
	}
	if (o.APICert == "") != (o.APIKey == "") {
		return errors.New("--api-cert and --api-key belong together: give both or none")
	}
	if o.APICert == "" && !loopback(host) && !o.InsecureHTTP {
		return errors.New("--api-listen " + o.APIListen + " can be reached from other hosts: give --api-cert and --api-key, or put a TLS proxy in front of 127.0.0.1:5000, or accept with --insecure-http that passwords can be read on the way")
	}
	if o.AgentURL != "" {
		u, err := url.Parse(o.AgentURL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
			return errors.New("--agent-url " + o.AgentURL + ": write https://HOST:PORT")
		}
	}
	return nil
}

// hostOf is the host of an address to listen on.
func hostOf(option, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", errors.New(option + " " + address + ": write HOST:PORT or :PORT, with a port between 1 and 65535")
	}
	return host, nil
}

// loopback says whether only this host can reach an address. A name other than
// localhost may come to mean something else.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
