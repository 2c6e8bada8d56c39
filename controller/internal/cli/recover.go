package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/recovery"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) repositoriesRecover() *cli.Command {
	return &cli.Command{
		Name: "recover", ArgsUsage: "REPOSITORY", Usage: "get passphrase and key of a repository whose host is gone",
		Description: "The private half of the recovery key opens them, here and nowhere else: it is not sent to the controller. It is read from --identity-file, or asked for. They are written to files for this account only, and the commands that restore with them on any host with borg are shown.\n\n" +
			"With --backup neither a controller nor its data directory is needed, only a file that db backup has written.\n\n" +
			"  borgfleet-controller repositories recover web --identity-file recovery-key.txt --to /root/web\n" +
			"  borgfleet-controller repositories recover web --identity-file recovery-key.txt --backup borgfleet.backup",
		Flags: append(append([]cli.Flag{
			&cli.StringFlag{Name: "identity-file", Usage: "`FILE` with the private half of the recovery key; - is standard input (default: it is asked for on the terminal)"},
			&cli.StringFlag{Name: "to", Usage: "`DIR` for the files, empty or not there yet (default: recovered-ID)"},
			&cli.StringFlag{Name: "backup", Usage: "take what is sealed from `FILE`, a backup of the controller; - is standard input"},
			&cli.BoolFlag{Name: "first", Usage: "open the first copy that was kept, not the newest: if that opens nothing, its host may have been taken over"},
		}, ofAgent()...), askFlags()...),
		Action: k.runRecover,
	}
}

func (k *controller) runRecover(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "REPOSITORY")
	if err != nil {
		return err
	}
	if c.String("identity-file") == "-" && c.String("backup") == "-" {
		return cmdline.Usagef("--identity-file and --backup cannot both be standard input")
	}
	key, err := k.recoveryIdentity(c)
	if err != nil {
		return err
	}
	var held recovery.Held
	if file := c.String("backup"); file != "" {
		held, err = k.heldInBackup(file, args[0], c.String("agent"))
	} else {
		err = k.ask(c, func(ctx context.Context, cl *client.Client) error {
			held, err = heldByController(ctx, cl, args[0], c.String("agent"))
			return err
		})
	}
	if err != nil {
		return err
	}
	opened, err := recovery.Open(key, held, c.Bool("first"))
	if err != nil {
		return err
	}
	files, err := opened.Save(cmp.Or(c.String("to"), fmt.Sprintf("recovered-%d", held.ID)))
	if err != nil {
		return err
	}
	if asJSON {
		return k.out.JSON(recovered{
			Repository: held.Name, Path: held.Path, Agent: held.Agent, Encryption: held.Encryption, BorgID: held.BorgID,
			Directory: files.Dir, PassphraseFile: files.Passphrase, KeyFile: files.Key, Commands: recovery.Commands(held, files), Notes: opened.Notes,
		})
	}
	return k.tellRecovered(held, opened, files)
}

// recovered is the result for programs. The secrets are in the files only.
type recovered struct {
	Repository     string   `json:"repository"`
	Path           string   `json:"path"`
	Agent          string   `json:"agent"`
	Encryption     string   `json:"encryption"`
	BorgID         string   `json:"borg_id"`
	Directory      string   `json:"directory"`
	PassphraseFile string   `json:"passphrase_file"` // empty: there was none
	KeyFile        string   `json:"key_file"`        // empty: there was none
	Commands       []string `json:"commands"`
	Notes          []string `json:"notes"`
}

func (k *controller) recoveryIdentity(c *cli.Context) (*seal.Identity, error) {
	file := c.String("identity-file")
	if file != "" {
		data, open, err := cmdline.ReadSecret(file, k.in)
		if err != nil {
			return nil, cmdline.Usagef("--identity-file: %w", err)
		}
		if open {
			if err := k.err.Printf("warning: other accounts can read %s, and it opens every backup of the fleet: chmod 600 it\n", term.Clean(file)); err != nil {
				return nil, err
			}
		}
		id, err := seal.ParseIdentity(data)
		if err != nil {
			return nil, cmdline.Usagef("--identity-file %s: %w", file, err)
		}
		return id, nil
	}
	keyboard, ok := term.KeyboardOf(k.in, k.err)
	if !ok {
		return nil, cmdline.Usagef("there is no terminal to ask for the recovery key on: give --identity-file FILE, or --identity-file - for standard input")
	}
	line, err := keyboard.Secret(c.Context, "Private half of the recovery key (AGE-SECRET-KEY-1...): ")
	if err != nil {
		return nil, err
	}
	return seal.ParseIdentity([]byte(line))
}

func heldByController(ctx context.Context, cl *client.Client, ref, agent string) (recovery.Held, error) {
	r, err := findRepository(ctx, cl, ref, agent)
	if err != nil {
		return recovery.Held{}, err
	}
	has, err := cl.Recovery(ctx, r.ID)
	if err != nil {
		return recovery.Held{}, err
	}
	h := recovery.Held{
		ID: has.RepositoryID, Name: has.Name, Path: has.Path, AgentID: has.AgentID, Agent: has.Agent,
		Encryption: text(has.Encryption), BorgID: text(has.BorgID), PassphraseSealed: has.PassphraseSealed,
	}
	for _, copied := range has.Copies {
		h.Copies = append(h.Copies, job.Recovery{Recipient: copied.Recipient, Sealed: copied.Sealed, SealedAt: at(copied.SealedAt), Key: copied.Key, Passphrase: copied.Passphrase})
	}
	return h, nil
}

// heldInBackup reads the backup to its end: only there stands whether it is whole.
func (k *controller) heldInBackup(file, ref, agent string) (recovery.Held, error) {
	none := func(err error) (recovery.Held, error) { return recovery.Held{}, fmt.Errorf("%s: %w", file, err) }
	in, err := k.openBackup(file)
	if err != nil {
		return recovery.Held{}, err
	}
	defer in.Close()
	r, err := backup.NewReader(in)
	if err != nil {
		return none(err)
	}
	all, err := store.ReadRecoverable(r.Entries())
	if err != nil {
		return none(err)
	}
	for _, is := range []func(store.Recoverable) bool{
		func(r store.Recoverable) bool { return r.Path == ref },
		func(r store.Recoverable) bool { return r.Name == ref },
		func(r store.Recoverable) bool { return strconv.FormatInt(r.ID, 10) == ref },
	} {
		var hits []store.Recoverable
		for _, r := range all {
			if is(r) && (agent == "" || r.AgentName == agent || r.Agent == agent) {
				hits = append(hits, r)
			}
		}
		switch {
		case len(hits) == 1:
			h := hits[0]
			return recovery.Held{
				ID: h.ID, Name: h.Name, Path: h.Path, AgentID: h.Agent, Agent: cmp.Or(h.AgentName, h.Agent),
				Encryption: h.Encryption, BorgID: h.BorgID, PassphraseSealed: h.PassphraseSealed, Copies: h.Copies,
			}, nil
		case len(hits) > 1:
			return none(fmt.Errorf("several hosts have a repository %s: name one with --agent, or give the id", ref))
		}
	}
	var names []string
	for _, r := range all {
		names = append(names, fmt.Sprintf("%d %s", r.ID, r.Name))
	}
	return none(fmt.Errorf("there is no repository %s in it; there are: %s", ref, strings.Join(names, ", ")))
}

func (k *controller) tellRecovered(h recovery.Held, o recovery.Opened, files recovery.Files) error {
	var f term.Fields
	f.Add("Repository", fmt.Sprintf("%s (id %d), of the host %s", h.Name, h.ID, h.Agent))
	f.Add("Path", h.Path)
	f.Add("Encryption", h.Encryption)
	if !o.Copy.SealedAt.IsZero() {
		f.Add("Sealed", term.Time(o.Copy.SealedAt))
	}
	f.Add("Passphrase", cmp.Or(files.Passphrase, "it is not among what is sealed: it lived on the host alone, whose owner had not let it be sealed"))
	f.Add("Key", cmp.Or(files.Key, "it is not among what is sealed"))
	for _, note := range o.Notes {
		f.Add("Note", note)
	}
	if err := f.Print(k.out); err != nil {
		return err
	}
	text := "\nOn a host with borg that reaches the repository, in an empty directory:\n"
	for _, command := range recovery.Commands(h, files) {
		text += "  " + term.Clean(command) + "\n"
	}
	if files.Key != "" && !strings.HasPrefix(h.Encryption, "keyfile") {
		text += "The repository has its key in itself. Should it have lost it: borg key import " + term.Clean(term.Shell(h.Path)) + " " + term.Clean(term.Shell(files.Key)) + "\n"
	}
	return k.out.Printf("%sDelete %s when that is done.\n", text, term.Clean(files.Dir))
}
