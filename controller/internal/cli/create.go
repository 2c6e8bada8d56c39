package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) repositoriesCreate() *cli.Command {
	return &cli.Command{
		Name: "create", ArgsUsage: "NAME PATH",
		Usage: "register a repository, and have its host make it",
		Description: "PATH is as borg takes it: /path on the host, ssh://USER@HOST[:PORT]/path or USER@HOST:path. If a borg repository is there already, it is used as it is.\n\n" +
			"The passphrase is sealed to the host's key and to the fleet's recovery key here, before it is sent: the controller cannot read it.\n\n" +
			"  borgfleet-controller repositories create web ssh://bk@backup.example.org/./web --agent web1 --encryption repokey-blake2 --passphrase-file - --source /etc --source /srv < passphrase",
		Flags:  append(definitionFlags(), askFlags()...),
		Action: func(c *cli.Context) error { return k.register(c, false) },
	}
}

func (k *controller) repositoriesImport() *cli.Command {
	return &cli.Command{
		Name: "import", ArgsUsage: "NAME PATH",
		Usage: "register a repository that is there already",
		Description: "For hosts that back up with borg already: the host goes on with the keys, caches and passphrase of its account. On the host itself, borgfleet-agent adopt PATH prepares it.\n\n" +
			"--encryption and --passphrase-file may be left out: borg tells the one, and the host may have the other. Without --source nothing is backed up: for a host that maintains the repository of another, or restores from it.\n\n" +
			"  borgfleet-controller repositories import web /srv/borg/web --agent web1 --source /etc --source /srv",
		Flags:  append(definitionFlags(), askFlags()...),
		Action: func(c *cli.Context) error { return k.register(c, true) },
	}
}

// definitionFlags are those of a repository's definition.
func definitionFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "agent", Usage: "the host (`AGENT`: name or id) that uses it; may be left out if there is only one"},
		&cli.StringFlag{Name: "encryption", Usage: "borg's `MODE`: repokey-blake2, repokey, keyfile-blake2, keyfile, authenticated-blake2, authenticated or none"},
		&cli.StringFlag{Name: "passphrase-file", Usage: "`FILE` with the passphrase; - is standard input"},
		&cli.StringFlag{Name: "agent-key", Usage: "seal the passphrase to this key of the host and to no other (`KEY`, age1... or the fingerprint that enroll showed), and remember it", Action: keyForm("agent-key")},
		&cli.StringFlag{Name: "recovery-key", Usage: "seal the passphrase to this recovery key and to no other (`KEY`, age1... or its fingerprint), and remember it", Action: keyForm("recovery-key")},
		&cli.StringSliceFlag{Name: "source", Usage: "back up `PATH`"},
		&cli.StringSliceFlag{Name: "exclude", Usage: "leave out what matches borg's `PATTERN`"},
		&cli.StringFlag{Name: "compression", Usage: "borg's `ALGORITHM`, such as lz4 or zstd,6 (default: borg's own)"},
		&cli.BoolFlag{Name: "one-file-system", Usage: "stay on the file system of each source"},
		&cli.BoolFlag{Name: "exclude-caches", Usage: "leave out directories with a CACHEDIR.TAG"},
		&cli.StringSliceFlag{Name: "exclude-if-present", Usage: "leave out directories that hold a file of this `NAME`"},
		&cli.Int64Flag{Name: "upload-ratelimit", Usage: "send at most `N` KiB/s (default: no limit)"},
		&cli.StringFlag{Name: "checkpoint-interval", Usage: "save what was done after this `TIME`, such as 10m (default: borg's own)"},
		&cli.StringFlag{Name: "lock-wait", Usage: "wait this `TIME` for borg's lock (default: 10m)"},
		&cli.StringFlag{Name: "file-log", Usage: "which files the log names, `WHICH` is none, changed or all; anything but none costs borg time (default: none)"},
		&cli.StringFlag{Name: "archive-name-format", Usage: "`FORMAT` of the archives' names (default: " + job.DefaultArchiveName + ")"},
		&cli.StringFlag{Name: "match-archives", Usage: "borg's `GLOB` for the archives that are this registration's (default: made from the format)"},
	}, append(cmdline.KeepFlags(), hookFlags()...)...) // the retention, the hooks
}

func (k *controller) register(c *cli.Context, imported bool) error {
	args, asJSON, err := cmdline.Given(c, "NAME", "PATH")
	if err != nil {
		return err
	}
	req, err := repositoryRequest(c, args[0], args[1], imported)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	passphrase, err := k.passphrase(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		if passphrase != nil {
			if err := k.sealInto(ctx, c, cl, &req, passphrase); err != nil {
				return err
			}
		}
		register := cl.CreateRepository
		if imported {
			register = cl.ImportRepository
		}
		r, err := register(ctx, req)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(r)
		}
		return k.tellRepository(r)
	})
}

func repositoryRequest(c *cli.Context, name, path string, imported bool) (rest.RepositoryRequest, error) {
	req := rest.RepositoryRequest{
		Name: name, Path: path, Agent: c.String("agent"), Encryption: c.String("encryption"),
		Compression:       c.String("compression"),
		SourceDirectories: c.StringSlice("source"), ExcludePatterns: c.StringSlice("exclude"),
		OneFileSystem: c.Bool("one-file-system"), ExcludeCaches: c.Bool("exclude-caches"), ExcludeIfPresent: c.StringSlice("exclude-if-present"),
		UploadRatelimit: c.Int64("upload-ratelimit"), FileLog: c.String("file-log"), ArchiveNameFormat: c.String("archive-name-format"),
		MatchArchives: c.String("match-archives"), Hooks: hooksOf(c, rest.Hooks{}),
	}
	if req.Encryption == "" && !imported {
		return req, errors.New("--encryption is missing: repokey-blake2 is a good choice (none keeps everything readable for whoever has the storage)")
	}
	if len(req.SourceDirectories) == 0 && !imported {
		return req, errors.New("--source is missing: name at least one directory to back up")
	}
	keep, err := cmdline.Keep(c)
	if err != nil {
		return req, err
	}
	req.Retention = retentionOf(keep)
	for _, span := range []struct {
		option string
		into   *int64
	}{{"checkpoint-interval", &req.CheckpointInterval}, {"lock-wait", &req.LockWait}} {
		if c.String(span.option) == "" {
			continue
		}
		n, err := seconds(c, span.option)
		if err != nil {
			return req, err
		}
		*span.into = n
	}
	return req, nil
}

// seconds reads a span. REST takes whole seconds, and a part of one that was
// dropped in silence would not be what was asked for.
func seconds(c *cli.Context, option string) (int64, error) {
	d, err := cmdline.Span(c.String(option))
	if err != nil || d%time.Second != 0 {
		return 0, fmt.Errorf("--%s: %q is not a span of whole seconds such as 90s or 10m", option, c.String(option))
	}
	return int64(d / time.Second), nil
}

// passphrase is nil if none was given.
func (k *controller) passphrase(c *cli.Context) ([]byte, error) {
	file := c.String("passphrase-file")
	if file == "" {
		return nil, nil
	}
	if c.String("encryption") == "none" {
		return nil, cmdline.Usagef("a repository with --encryption none has no passphrase: leave --passphrase-file out")
	}
	return k.secretLine(file, "passphrase")
}

// sealInto makes the passphrase one that the controller cannot read.
func (k *controller) sealInto(ctx context.Context, c *cli.Context, cl *client.Client, req *rest.RepositoryRequest, passphrase []byte) error {
	agent, err := agentFor(ctx, cl, req.Agent)
	if err != nil {
		return err
	}
	req.Agent = agent.ID
	req.PassphraseSealed, err = k.sealTo(ctx, c, cl, agent, req.Path, passphrase)
	return err
}

func agentFor(ctx context.Context, cl *client.Client, ref string) (rest.Agent, error) {
	if ref != "" {
		return cl.Agent(ctx, ref)
	}
	agents, err := cl.Agents(ctx)
	switch {
	case err != nil:
		return rest.Agent{}, err
	case len(agents) == 1:
		return agents[0], nil
	case len(agents) == 0:
		return rest.Agent{}, errors.New("no host has enrolled yet: make a token with borgfleet-controller join-token create")
	}
	var names []string
	for _, a := range agents {
		names = append(names, a.Name)
	}
	const shown = 20
	if len(names) > shown {
		names = append(names[:shown], "…")
	}
	return rest.Agent{}, cmdline.Usagef("this fleet has %d agents: say with --agent which one is to use the repository: %s", len(agents), strings.Join(names, ", "))
}
