package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"borgfleet/shared/secretfile"
)

// loseController is no single blow: a backup of the controller is taken at some
// moment of a round; at its end, with whatever is then at work, the controller's
// data is destroyed and made again from that, once or twice.
const loseController = "lose-controller"

// controllerBackup is taken at a drawn moment. What is broken just then may make
// it fail, and an administrator takes it again.
func (t *trial) controllerBackup(ctx context.Context, after time.Duration) (string, error) {
	pause(ctx, after)
	file := filepath.Join(t.dir, fmt.Sprintf("controller-%d.backup", t.counter.Add(1)))
	if err := os.WriteFile(t.passphraseFile(), []byte("of the authority\n"), 0o600); err != nil {
		return "", err
	}
	return file, t.env.Await("the controller is backed up", func() (bool, error) {
		out, err := t.env.Controller.CLI("db", "backup", file, "--passphrase-file", t.passphraseFile())
		if err != nil {
			return false, fmt.Errorf("%w: %s", err, out)
		}
		return true, nil
	})
}

func (t *trial) passphraseFile() string { return filepath.Join(t.dir, "passphrase") }

// restoreController does without the controller's data. Nothing may be wrong with
// its disk.
func (t *trial) restoreController(backup string) error {
	t.watch.looking.Lock() // nobody is told anything until the hosts are heard
	defer t.watch.looking.Unlock()
	err := t.controller.instead(func() error { return t.destroyAndRestore(backup) })
	if err != nil {
		return err
	}
	api, err := t.env.Login(context.Background())
	if err != nil {
		return err
	}
	t.env.API.Token = api.Token
	for _, h := range hosts() {
		if err := t.env.AwaitOnline(h); err != nil {
			return err
		}
	}
	onHosts := t.idsOnHosts()
	t.watch.forget(onHosts)
	err = t.env.Await("what the hosts have is back", func() (bool, error) { return t.watch.caughtUp(onHosts) })
	if err != nil {
		return err
	}
	return t.forgetLost(onHosts)
}

func (t *trial) destroyAndRestore(backup string) error {
	c := t.env.Controller
	password, err := os.ReadFile(c.PasswordFile())
	if err != nil {
		return err
	}
	revoked, err := os.ReadFile(filepath.Join(c.DataDir, "revocations"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	kept := filepath.Join(t.dir, "revocations")
	if err := errors.Join(os.WriteFile(kept, revoked, 0o600), os.RemoveAll(c.DataDir)); err != nil {
		return err
	}
	out, err := c.CLI("db", "restore", backup, "--passphrase-file", t.passphraseFile(), "--revocations", kept)
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	// Synced: the next fault of the disk may take away what is not.
	return secretfile.Write(c.PasswordFile(), password, 0o600)
}

// idsOnHosts are the jobs of which a host has something on its disk.
func (t *trial) idsOnHosts() map[int64]bool {
	out := map[int64]bool{}
	for _, h := range hosts() {
		for id := range t.journals(h) {
			out[id] = true
		}
	}
	return out
}

// forgetLost takes what nobody has any more for never asked: it was promised
// after the backup, and no host had heard of it.
func (t *trial) forgetLost(onHosts map[int64]bool) error {
	jobs, err := t.allJobs()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		onHosts[j.ID] = true
	}
	t.watch.drop(func(id int64) bool { return !onHosts[id] })
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = slices.DeleteFunc(t.asked, func(a asked) bool { return a.id != 0 && !onHosts[a.id] })
	return nil
}

// loseIt is the end of a round with a loss of the controller.
func (t *trial) loseIt(backup string, twice bool) error {
	if err := t.heal(); err != nil {
		return err
	}
	if err := t.heardHourly(); err != nil {
		return err
	}
	err := t.restoreController(backup)
	if err == nil && twice {
		err = t.restoreController(backup)
	}
	if err != nil {
		return err
	}
	return t.settleDifference()
}

// instead ends the program, does something, and starts it again; nobody else can
// start it meanwhile.
func (u *unit) instead(do func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dark {
		return errors.New("it has no power")
	}
	if u.p.Running() {
		if err := errors.Join(send(syscall.SIGCONT, u.p.PID()), u.p.Kill()); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	return u.start()
}
