package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"borgfleet/scripts/testenv"
)

// TestRootLeavesTheOwnerItsFiles: of a controller that has an account of its own
// and is stopped, root makes a backup, and leaves nothing of root's in its
// directory. Nor does root by starting it.
func TestRootLeavesTheOwnerItsFiles(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	env := newFleet(t, testenv.Fleet{})
	fatal(t, env.Controller.Stop())
	data := env.Controller.DataDir
	for way := filepath.Dir(data); way != os.TempDir() && way != "/"; way = filepath.Dir(way) {
		fatal(t, os.Chmod(way, 0o755))
	}
	each := func(do func(path string, info fs.FileInfo)) {
		fatal(t, filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
			fatal(t, err)
			info, err := e.Info()
			fatal(t, err)
			do(path, info)
			return nil
		}))
	}
	each(func(path string, _ fs.FileInfo) { fatal(t, os.Lchown(path, account, account)) })
	whose := func(after string) {
		t.Helper()
		each(func(path string, info fs.FileInfo) {
			if st := info.Sys().(*syscall.Stat_t); st.Uid != account || st.Gid != account {
				t.Errorf("after %s, %s is %d:%d's", after, path, st.Uid, st.Gid)
			}
		})
	}

	dir := t.TempDir()
	passphrase, file := filepath.Join(dir, "passphrase"), filepath.Join(dir, "backup")
	fatal(t, os.WriteFile(passphrase, []byte("of the authority\n"), 0o600))
	for _, args := range [][]string{{"db", "backup", file, "--passphrase-file", passphrase}, {"db", "verify", file}} {
		if out, err := env.Controller.CLI(args...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	whose("the backup")
	info, err := os.Stat(file)
	fatal(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup is %d's, with the mode %v", st.Uid, info.Mode())
	}

	fatal(t, env.Controller.Start())
	if status, err := env.Controller.Ended(); err != nil || status == 0 || !strings.Contains(env.Controller.Output(), "belongs to the account 65534") {
		t.Errorf("root's controller ends with %d, %v: %s", status, err, env.Controller.Output())
	}
	whose("root's start")
}
