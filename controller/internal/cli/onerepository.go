package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) repositoriesShow() *cli.Command {
	return &cli.Command{
		Name: "show", ArgsUsage: "REPOSITORY", Usage: "show all that is known of a repository",
		Description: "REPOSITORY is a path, name or id.",
		Flags:       append(ofAgent(), listFlags()...),
		Action: k.repeated(func(k *controller, c *cli.Context) error {
			return k.withRepository(c, func(_ context.Context, _ *client.Client, r rest.Repository, asJSON bool) error {
				if asJSON {
					return k.out.JSON(r)
				}
				return k.tellRepository(r)
			})
		}),
	}
}

func (k *controller) repositoriesJobs() *cli.Command {
	return &cli.Command{
		Name: "jobs", ArgsUsage: "REPOSITORY", Usage: "list a repository's unfinished jobs",
		Flags: append(ofAgent(), listFlags()...),
		Action: k.repeated(func(k *controller, c *cli.Context) error {
			return k.withRepository(c, func(ctx context.Context, cl *client.Client, r rest.Repository, asJSON bool) error {
				jobs, err := cl.RunningJobs(ctx, r.ID)
				switch {
				case err != nil:
					return err
				case asJSON:
					return k.out.JSON(jobs)
				case len(jobs.Jobs) == 0:
					return k.err.Printf("Nothing runs or waits for it. What was: borgfleet-controller jobs list --repository %d --kind all\n", r.ID)
				}
				return k.tellJobs(rest.JobList{Jobs: jobs.Jobs}, "REPOSITORY", "AGENT")
			})
		}),
	}
}

func (k *controller) repositoriesDelete() *cli.Command {
	return &cli.Command{
		Name: "delete", ArgsUsage: "REPOSITORY", Usage: "delete a registration",
		Description: "The borg repository is not touched, and the history stays. What is sealed to the recovery key goes with the registration: if the host is gone, run borgfleet-controller repositories recover first.",
		Flags:       append(append(ofAgent(), cmdline.YesFlag()), askFlags()...),
		Action: func(c *cli.Context) error {
			return k.withRepository(c, func(ctx context.Context, cl *client.Client, r rest.Repository, asJSON bool) error {
				about := fmt.Sprintf("This deletes the registration of %s on %s, with what is kept of it for the recovery key. The borg repository stays.", term.Clean(r.Path), term.Clean(r.Agent))
				if err := cmdline.Confirm(c, k.in, k.err, about, r.Name); err != nil {
					return err
				}
				if err := cl.DeleteRepository(ctx, r.ID); err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(map[string]int64{"deleted": r.ID})
				}
				return k.out.Printf("The registration of %s is deleted; the borg repository and the history stay.\n", term.Clean(r.Name))
			})
		},
	}
}

func (k *controller) repositoriesUpdate() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "call it `NAME`"},
		&cli.BoolFlag{Name: "no-retention", Usage: "take its retention away: what each prune keeps is said with it"},
		&cli.StringFlag{Name: "maintainer", Usage: "have `AGENT` prune, compact and check it, with a registration of its own; empty: the host itself"},
	}
	for _, f := range definitionFlags() {
		switch f.Names()[0] {
		case "agent", "encryption": // of another repository
		default:
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name: "update", ArgsUsage: "REPOSITORY", Usage: "change a registration, for later jobs",
		Description: "What is not named stays. Lists (--source, --exclude, --exclude-if-present, --hook-before and the like) are replaced whole, and so is the retention (--keep-...); --hook-before '' takes those hooks away. A new passphrase (--passphrase-file) is what the host is to open the repository with from now on: it does so once before the old one is given up. It changes nothing in the repository; borg itself does that, on the host: borgfleet-agent borg REPOSITORY -- key change-passphrase. Path, host and encryption cannot be changed: register the repository anew.",
		Flags:       append(append(flags, ofAgent()...), askFlags()...),
		Action: func(c *cli.Context) error {
			return k.withRepository(c, func(ctx context.Context, cl *client.Client, r rest.Repository, asJSON bool) error {
				change, err := repositoryChange(c, r)
				if err != nil {
					return cmdline.Usagef("%w", err)
				}
				if err := k.sealChange(ctx, c, cl, r, change); err != nil {
					return err
				}
				if len(change) == 0 {
					return cmdline.Usagef("nothing is to be changed; see borgfleet-controller repositories update --help")
				}
				if r, err = cl.ChangeRepository(ctx, r.ID, change); err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(r)
				}
				return k.tellRepository(r)
			})
		},
	}
}

func (k *controller) repositoriesRetry() *cli.Command {
	return &cli.Command{
		Name: "retry", ArgsUsage: "REPOSITORY", Usage: "have the host set a repository up again that it could not",
		Description: "For a registration of the status failed: its host was offline when it was made, and could not make the repository later, or its owner did not allow it. The error says what is in the way; mend that, on the host with borgfleet-agent allow for instance, and try again. What was registered stays, the passphrase too.",
		Flags:       append(ofAgent(), askFlags()...),
		Action: func(c *cli.Context) error {
			return k.withRepository(c, func(ctx context.Context, cl *client.Client, r rest.Repository, asJSON bool) error {
				r, err := cl.RetryRepository(ctx, r.ID)
				if err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(r)
				}
				return k.tellRepository(r)
			})
		},
	}
}

// repositoryChange holds what the command line names.
func repositoryChange(c *cli.Context, now rest.Repository) (map[string]any, error) {
	change := map[string]any{}
	set := func(option, field string, value any) {
		if c.IsSet(option) {
			change[field] = value
		}
	}
	for _, word := range []string{"name", "maintainer", "compression", "file-log", "archive-name-format", "match-archives"} {
		set(word, strings.ReplaceAll(word, "-", "_"), c.String(word))
	}
	set("source", "source_directories", c.StringSlice("source"))
	set("exclude", "exclude_patterns", c.StringSlice("exclude"))
	set("exclude-if-present", "exclude_if_present", c.StringSlice("exclude-if-present"))
	if hooks := hooksOf(c, now.Hooks); hooks != nil {
		change["hooks"] = hooks
	}
	set("one-file-system", "one_file_system", c.Bool("one-file-system"))
	set("exclude-caches", "exclude_caches", c.Bool("exclude-caches"))
	set("upload-ratelimit", "upload_ratelimit", c.Int64("upload-ratelimit"))
	for _, span := range []string{"checkpoint-interval", "lock-wait"} {
		if !c.IsSet(span) {
			continue
		}
		n, err := seconds(c, span)
		if err != nil {
			return nil, err
		}
		change[strings.ReplaceAll(span, "-", "_")] = n
	}
	return change, changeRetention(c, change)
}

func changeRetention(c *cli.Context, change map[string]any) error {
	keep, err := cmdline.Keep(c)
	switch retention := retentionOf(keep); {
	case err != nil:
		return err
	case c.Bool("no-retention") && retention != nil:
		return errors.New("--no-retention takes away what --keep-... says: give one of them")
	case c.Bool("no-retention") || retention != nil:
		change["retention"] = retention
	}
	return nil
}

// sealChange seals a new passphrase to the repository's host.
func (k *controller) sealChange(ctx context.Context, c *cli.Context, cl *client.Client, r rest.Repository, change map[string]any) error {
	passphrase, err := k.passphrase(c)
	if err != nil || passphrase == nil {
		return err
	}
	a, err := cl.Agent(ctx, r.AgentID)
	if err != nil {
		return err
	}
	sealed, err := k.sealTo(ctx, c, cl, a, r.Path, passphrase)
	change["passphrase_sealed"] = sealed
	return err
}

// ofAgent tells repositories of one name apart.
func ofAgent() []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "agent", Usage: "the host (`AGENT`: name or id), if several use a repository of that path or name"}}
}

// withRepository finds the repository that the only argument names.
func (k *controller) withRepository(c *cli.Context, use func(context.Context, *client.Client, rest.Repository, bool) error) error {
	args, asJSON, err := cmdline.Given(c, "REPOSITORY")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		r, err := findRepository(ctx, cl, args[0], c.String("agent"))
		if err != nil {
			return err
		}
		return use(ctx, cl, r, asJSON)
	})
}

// findRepository looks a repository up as REST does: path, then name, then id.
func findRepository(ctx context.Context, cl *client.Client, ref, agent string) (rest.Repository, error) {
	all, err := cl.Repositories(ctx)
	if err != nil {
		return rest.Repository{}, err
	}
	for _, is := range []func(rest.Repository) bool{
		func(r rest.Repository) bool { return r.Path == ref },
		func(r rest.Repository) bool { return r.Name == ref },
		func(r rest.Repository) bool { return strconv.FormatInt(r.ID, 10) == ref },
	} {
		var hits []rest.Repository
		for _, r := range all {
			if is(r) && (agent == "" || r.Agent == agent || r.AgentID == agent) {
				hits = append(hits, r)
			}
		}
		if len(hits) == 1 {
			return hits[0], nil
		}
		if len(hits) > 1 {
			return rest.Repository{}, cmdline.Usagef("%q names %d repositories: say with --agent whose is meant, or use the id", ref, len(hits))
		}
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name, r.Path)
	}
	what := "no repository"
	if agent != "" {
		what += " of the agent " + strconv.Quote(agent)
	}
	return rest.Repository{}, noSuch(what+" has the path, name or id", ref, "repositories list", names)
}
