package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) dbBackup() *cli.Command {
	return &cli.Command{
		Name: "backup", ArgsUsage: "FILE", Usage: "write all that the controller knows into FILE; - is standard output",
		Description: "The controller may run or not; one that runs goes on meanwhile. The file is checked before it gets its name.\n\n" +
			"  borgfleet-controller db backup --recipient age1… /backup/borgfleet.backup\n\n" +
			"The certificate authority, without which no host trusts a restored controller, is put in only encrypted: to a key made with age-keygen, or with a passphrase. Keep key or passphrase where the backup is not. " +
			"Logins and the initial password are not in it. Everything else lies open in the file: logs, password hashes, paths.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "recipient", Usage: "put the certificate authority in, encrypted to this `AGE-RECIPIENT` (age1…)"},
			&cli.StringFlag{Name: "passphrase-file", Usage: "put it in, encrypted with the passphrase in `FILE`; - is standard input"},
		}, socketFlags()...),
		Action: k.backup,
	}
}

func (k *controller) backup(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "FILE")
	if err != nil {
		return err
	}
	req := rest.BackupRequest{Recipient: c.String("recipient")}
	if file := c.String("passphrase-file"); file != "" {
		line, err := k.secretLine(file, "passphrase")
		if err != nil {
			return err
		}
		req.Passphrase = string(line)
	}
	if _, err := backup.Recipient(req.Recipient, req.Passphrase); err != nil {
		return cmdline.Usagef("%w", err)
	}
	if req == (rest.BackupRequest{}) {
		err := k.err.Printf("warning: the certificate authority is left out of this backup. A controller restored from it needs a copy of %s (db restore --ca), or every host has to enroll again. Give --recipient or --passphrase-file to put it in, encrypted.\n",
			term.Clean(filepath.Join(c.String("data-dir"), "ca")))
		if err != nil {
			return err
		}
	}
	write := func(w io.Writer) error { return k.writeBackup(c, req, w) }
	if args[0] == "-" {
		_, err := checked(k.out.W, write)
		return err
	}
	m, err := intoFile(args[0], write)
	if err != nil {
		return err
	}
	if asJSON {
		return k.out.JSON(manifestBody(m))
	}
	return k.out.Printf("Wrote %s: %s\n", term.Clean(args[0]), inWords(m))
}

// writeBackup asks the controller that runs, or reads its data itself if none
// does.
func (k *controller) writeBackup(c *cli.Context, req rest.BackupRequest, w io.Writer) error {
	dataDir := c.String("data-dir")
	to, err := backup.Recipient(req.Recipient, req.Passphrase)
	if err != nil {
		return err
	}
	cl := client.NewUnix(AdminSocket(dataDir))
	defer cl.Close()
	return whoHasTheData(c.Context, 100*time.Millisecond, func() error {
		err := cl.Backup(c.Context, req, w)
		if absent(err) {
			return err
		}
		return explainSocket(dataDir, AdminSocket(dataDir), err)
	}, func() error { return backup.Offline(w, dataDir, to, store.Options{}, k.now()) })
}

// startTime is how long a controller may have its data without answering.
const startTime = 10 * time.Second

// whoHasTheData asks the controller, or does without one that is absent. One that
// has its data and does not answer starts or ends: it is asked again.
func whoHasTheData(ctx context.Context, every time.Duration, ask, without func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := ask(); !absent(err) {
			return err
		}
		err := without()
		if err == nil || fault.Of(err).Code != "data_dir_in_use" {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w; it does not answer: see its log, and try again when it does", err)
		}
	}
}

// absent says that nobody listens.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// checked reads along what is written, as a restore would.
func checked(out io.Writer, write func(io.Writer) error) (backup.Manifest, error) {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err) // nil is an end
		wrote <- err
	}()
	m, err := backup.Verify(io.TeeReader(r, out))
	r.CloseWithError(err)
	if werr := <-wrote; werr != nil {
		return m, werr // why it is not whole
	}
	return m, err
}

// intoFile writes a backup under another name, and gives it its own when it is
// whole and on the disk. It is for its owner only.
func intoFile(path string, write func(io.Writer) error) (m backup.Manifest, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return m, fmt.Errorf("write backup: %w", err)
	}
	defer os.Remove(f.Name()) // gone by then when all went well
	m, err = checked(f, write)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return m, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return m, fmt.Errorf("write backup: %w", err)
	}
	return m, secretfile.SyncDir(filepath.Dir(path))
}

func (k *controller) verifyBackup(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "FILE")
	if err != nil {
		return err
	}
	in, err := k.openBackup(args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	m, err := backup.Verify(in)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	if asJSON {
		return k.out.JSON(manifestBody(m))
	}
	return k.printManifest(m)
}

func (k *controller) openBackup(file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(k.in), nil
	}
	return os.Open(file)
}
