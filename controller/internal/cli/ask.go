package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/term/cmdline"
)

// askFlags are those of every command that asks a running controller.
func askFlags() []cli.Flag {
	return []cli.Flag{
		dataDirFlag(),
		&cli.StringFlag{Name: "server", Usage: "`URL` of a controller's REST API, instead of the admin socket in --data-dir"},
		&cli.StringFlag{Name: "api-token-file", Usage: "`FILE` with the token for --server; the token itself can be given in BORGFLEET_API_TOKEN"},
		cmdline.OutputFlag(),
	}
}

// listFlags are those of a command that shows a list, or how something stands.
func listFlags() []cli.Flag { return append(askFlags(), cmdline.WatchFlags()...) }

// AdminSocket is where the controller listens for its own command line.
func AdminSocket(dataDir string) string { return filepath.Join(dataDir, "admin", "admin.sock") }

// ask calls use with a client of the controller that the options name.
func (k *controller) ask(c *cli.Context, use func(context.Context, *client.Client) error) error {
	return explainOptions(c, k.askAt(c, func(ctx context.Context, cl *client.Client) error {
		return propose(ctx, c, cl, use(ctx, cl))
	}))
}

func (k *controller) askAt(c *cli.Context, use func(context.Context, *client.Client) error) error {
	server := c.String("server")
	if server == "" {
		return k.askSocket(c, use)
	}
	token, err := k.apiToken(c)
	if err != nil {
		return err
	}
	cl, err := client.New(server, token)
	if err != nil {
		return cmdline.Usagef("--server: %w", err)
	}
	defer cl.Close()
	return explainServer(server, use(c.Context, cl))
}

func (k *controller) askSocket(c *cli.Context, use func(context.Context, *client.Client) error) error {
	// In the environment it may stand for other calls; on the command line it
	// was meant for this one.
	if c.String("api-token-file") != "" && os.Getenv("BORGFLEET_API_TOKEN_FILE") == "" {
		return cmdline.Usagef("--api-token-file is for --server URL, which is not given")
	}
	socket := AdminSocket(c.String("data-dir"))
	cl := client.NewUnix(socket)
	defer cl.Close()
	return explainSocket(c.String("data-dir"), socket, use(c.Context, cl))
}

func (k *controller) apiToken(c *cli.Context) (string, error) {
	if k.token != "" {
		return k.token, nil // standard input gives it once only
	}
	token := strings.TrimSpace(os.Getenv("BORGFLEET_API_TOKEN"))
	if file := c.String("api-token-file"); file != "" {
		data, _, err := cmdline.ReadSecret(file, k.in)
		if err != nil {
			return "", cmdline.Usagef("read API token: %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	if token == "" {
		return "", cmdline.Usagef("--server needs a token: put it into a file for --api-token-file, or into BORGFLEET_API_TOKEN; borgfleet-controller login --server URL gives one")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", cmdline.Usagef("this is not an API token: it has characters that no token has; is it the right file?")
	}
	k.token = token
	return token, nil
}

func explainSocket(dataDir, socket string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist) && !holdsData(dataDir):
		return cmdline.Unavailable(noData(dataDir))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return cmdline.Unavailable(fmt.Errorf("the controller is not running (nobody answers at %s): start it with borgfleet-controller serve --data-dir %s; if it runs with another data directory, name that with --data-dir, and if it runs on another host, use --server URL",
			socket, dataDir))
	case errors.Is(err, fs.ErrPermission):
		return cmdline.Unavailable(fmt.Errorf("this account may not use %s: use sudo, or --server URL with a token of your own", socket))
	case errors.Is(err, syscall.EINVAL) && len(socket) > 107:
		return cmdline.Usagef("%s is too long for a socket: use --server URL, or a shorter --data-dir", socket)
	}
	return classify(err)
}

// holdsData says whether a controller has ever been started with a directory; of one
// that may not be looked into it may have been.
func holdsData(dataDir string) bool {
	_, err := os.Lstat(filepath.Join(dataDir, "store"))
	return !errors.Is(err, fs.ErrNotExist)
}

// noData does not send to serve at first: started with a directory that is misspelt
// it would make a new fleet there.
func noData(dataDir string) error {
	what := "there is no controller's data in " + dataDir
	if _, err := os.Lstat(dataDir); errors.Is(err, fs.ErrNotExist) {
		what = "there is no directory " + dataDir
	}
	return fmt.Errorf("%s: name the controller's own with --data-dir, or use --server URL if it runs on another host; a new fleet begins with borgfleet-controller serve --data-dir DIR", what)
}

func explainServer(server string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) { // also of a call that had not been answered yet
		return err
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return cmdline.Unavailable(fmt.Errorf("%w: is the controller running, and is %s the address of its REST API (serve --api-listen)?", err, redacted(server)))
	}
	if path := pathOf(server); path != "" && elsewhere(err) {
		return cmdline.Usagef("%w: leave out the path %s of --server %s", err, path, redacted(server))
	}
	if why := notREST(err); why != "" {
		return cmdline.Unavailable(fmt.Errorf("%w: %s", err, why))
	}
	return classify(err)
}

// elsewhere says that an address leads to a controller or to another program, but
// behind it there is no REST API.
func elsewhere(err error) bool {
	_, stranger := errors.AsType[*client.NoController](err)
	e, answered := errors.AsType[*client.Error](err)
	return stranger || answered && (e.Code == "unknown_path" || e.Code == "" && e.Status < http.StatusInternalServerError)
}

func pathOf(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// notREST says what is wrong with an address at which something answers, but not
// the REST API; empty: nothing.
func notREST(err error) string {
	var untrusted x509.UnknownAuthorityError
	var named x509.HostnameError
	var plain tls.RecordHeaderError
	_, stranger := errors.AsType[*client.NoController](err)
	e, answered := errors.AsType[*client.Error](err)
	switch {
	case errors.As(err, &untrusted):
		return "if its certificate is of an authority of your own, name that with SSL_CERT_FILE=FILE; the address for agents (serve --agent-listen) is another one"
	case errors.As(err, &named):
		return "use the name that the certificate of the REST API has; the address for agents (serve --agent-listen) is another one"
	case stranger:
		return "is it the address of its REST API (serve --api-listen)?"
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"), errors.As(err, &plain):
		return "write http:// instead of https://"
	case answered && e.Code == "" && e.Status == http.StatusBadRequest:
		return "write https:// instead of http://; and it must be the address of the REST API (serve --api-listen)"
	case answered && e.Code == "" && e.Status >= http.StatusInternalServerError:
		return "that is a proxy's answer; is the controller behind it running?"
	case answered && e.Code == "":
		return "that is no controller's answer: is it the address of its REST API (serve --api-listen), without /api behind it?"
	}
	return ""
}

// classify gives the controller's answers their exit status.
func classify(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err
	}
	switch e.Status {
	case http.StatusUnauthorized:
		if e.Code == "wrong_credentials" { // of a login; there was no token
			return cmdline.Unavailable(err)
		}
		return cmdline.Unavailable(fmt.Errorf("%w: get a new token with borgfleet-controller login --server URL", err))
	case http.StatusForbidden, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return cmdline.Unavailable(err)
	}
	return err
}

func redacted(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return "that"
	}
	return u.Redacted()
}

func among(option, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is one of %s, not %q", option, strings.Join(allowed, ", "), value)
}
