package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"borgfleet/scripts/testenv"
)

// The examples of agent/hooks, each with the real program. Databases are too
// much for every test run: make examples has them.

// needs skips what make examples is for, and what this machine does not have.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("BORGFLEET_EXAMPLES") == "" {
		t.Skip("make examples tries it")
	}
	if os.Getuid() != 0 {
		t.Skip("it takes root")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(err)
		}
	}
}

// example installs a script with other settings than its own.
func (h *hooking) example(name string, settings map[string]string) {
	h.t.Helper()
	script, err := os.ReadFile(filepath.Join("../../agent/hooks", name))
	fatal(h.t, err)
	for key, value := range settings {
		line := regexp.MustCompile("(?m)^" + key + "=[^ \n]*")
		if len(line.FindAll(script, -1)) != 1 {
			h.t.Fatalf("%s has no setting %s", name, key)
		}
		script = line.ReplaceAllLiteral(script, []byte(key+"="+value))
	}
	fatal(h.t, os.WriteFile(filepath.Join(h.dir, name), script, 0o755))
}

func newExample(t *testing.T, name string, settings map[string]string) *hooking {
	t.Helper()
	h := newHooking(t, testenv.Agent{Allow: []string{"--allow-hook", name}})
	h.example(name, settings)
	return h
}

func (h *hooking) source(path string, hooks map[string][]string) string {
	h.t.Helper()
	return register(h.t, h.Env, repository{Name: "r", Sources: []string{path}, More: map[string]any{"hooks": hooks}})
}

// archived is a file as it is in an archive.
func archived(t *testing.T, repo, archive, path string) string {
	t.Helper()
	cmd := exec.Command("borg", "extract", "--stdout", repo+"::"+archive, strings.TrimPrefix(path, "/"))
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+t.TempDir(), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")
	out, err := cmd.Output()
	fatal(t, err)
	return string(out)
}

// server is a database server of an ordinary account.
type server struct {
	t    *testing.T
	dir  string
	user *user.User
}

func newServer(t *testing.T, account string) *server {
	t.Helper()
	u, err := user.Lookup(account)
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	fatal(t, err)
	dir, err := os.MkdirTemp("", "example")
	fatal(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, dir: dir, user: u}
	uid, gid := s.ids()
	fatal(t, os.Chown(dir, uid, gid))
	return s
}

func (s *server) ids() (uid, gid int) {
	uid, err := strconv.Atoi(s.user.Uid)
	fatal(s.t, err)
	gid, err = strconv.Atoi(s.user.Gid)
	fatal(s.t, err)
	return uid, gid
}

// command is one of the server's account.
func (s *server) command(name string, args ...string) *exec.Cmd {
	uid, gid := s.ids()
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return cmd
}

func (s *server) do(stdin, name string, args ...string) string {
	s.t.Helper()
	cmd := s.command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestExamplePostgreSQL: what is dumped before a backup is a database again.
func TestExamplePostgreSQL(t *testing.T) {
	t.Parallel()
	needs(t, "runuser", "pg_dumpall", "psql")
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if p, err := exec.LookPath("pg_ctl"); err == nil {
		bins = append(bins, p)
	}
	if len(bins) == 0 {
		t.Skip("PostgreSQL's server is not installed")
	}
	bin := filepath.Dir(bins[len(bins)-1])
	cluster := func(s *server, name string) (stop func()) {
		data := filepath.Join(s.dir, name)
		s.do("", filepath.Join(bin, "initdb"), "-D", data, "-U", s.user.Username, "-A", "peer", "--no-sync")
		s.do("", filepath.Join(bin, "pg_ctl"), "-D", data, "-l", data+".log", "-w", "-o", "-c listen_addresses='' -k "+data, "start")
		stopped := false
		stop = func() {
			if !stopped {
				stopped = true
				s.do("", filepath.Join(bin, "pg_ctl"), "-D", data, "-m", "fast", "-w", "stop")
			}
		}
		t.Cleanup(stop)
		return stop
	}
	s := newServer(t, "postgres")
	psql := func(in, db, sql string) string {
		return s.do(sql, "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", filepath.Join(s.dir, in), "-U", s.user.Username, "-d", db)
	}
	stop := cluster(s, "one")
	psql("one", "postgres", "CREATE ROLE app LOGIN; CREATE DATABASE \"odd name; --\" OWNER app;")
	psql("one", "odd name; --", "CREATE TABLE t (a text); INSERT INTO t SELECT 'row ' || n FROM generate_series(1, 1000) n;")

	to := filepath.Join(t.TempDir(), "dumps")
	h := newExample(t, "pg-dump", map[string]string{"account": s.user.Username, "socket": filepath.Join(s.dir, "one"), "to": to})
	repo := h.source(to, map[string][]string{"before": {"pg-dump"}})
	j := backup(t, h.Env, repo)
	if j.Status != "completed" || !strings.Contains(h.log(j.ID), "pg-dump: dumped ") {
		t.Fatalf("%+v\n%s", j, h.log(j.ID))
	}
	cluster(s, "two")
	s.do(archived(t, repo, j.ArchiveName, to+"/all.sql"), "psql", "-X", "-h", filepath.Join(s.dir, "two"), "-U", s.user.Username, "-d", "postgres")
	if got := psql("two", "odd name; --", "SELECT count(*), min(a), max(a) FROM t; SELECT rolname FROM pg_roles WHERE rolname = 'app'"); got != "1000|row 1|row 999\napp" {
		t.Errorf("brought back: %q", got)
	}

	// Without the server there is no backup of half a dump, and the last dump stays.
	stop()
	if j = backup(t, h.Env, repo); j.ErrorCode != "hook_failed" || !strings.Contains(j.ErrorMessage, "the hook pg-dump (before) failed: exit status 1") {
		t.Errorf("%+v", j)
	}
	if left := entries(t, to); len(left) != 1 || left[0] != "all.sql" {
		t.Errorf("left: %v", left)
	}
}

// TestExampleMariaDB: the same of MariaDB.
func TestExampleMariaDB(t *testing.T) {
	t.Parallel()
	needs(t, "mariadbd", "mariadb", "mariadb-dump", "mariadb-install-db")
	s := newServer(t, "mysql")
	run := func(name string) (stop func()) {
		data := filepath.Join(s.dir, name)
		s.do("", "mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
		cmd := s.command("mariadbd", "--no-defaults", "--datadir="+data, "--socket="+data+"/s", "--skip-networking", "--pid-file="+data+"/pid")
		fatal(t, cmd.Start())
		stopped := false
		stop = func() {
			if !stopped {
				stopped = true
				_ = cmd.Process.Signal(syscall.SIGTERM)
				_ = cmd.Wait()
			}
		}
		t.Cleanup(stop)
		return stop
	}
	sql := func(in, text string) (string, error) {
		cmd := s.command("mariadb", "--no-defaults", "--socket="+filepath.Join(s.dir, in, "s"), "--user=root", "-N", "-B")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	must := func(in, text string) string {
		t.Helper()
		out, err := sql(in, text)
		if err != nil {
			t.Fatal(err, out)
		}
		return out
	}
	to := filepath.Join(t.TempDir(), "dumps")
	h := newExample(t, "mariadb-dump", map[string]string{"socket": filepath.Join(s.dir, "one", "s"), "to": to})
	ready := func(in string) {
		fatal(t, h.Await("MariaDB answers", func() (bool, error) {
			_, err := sql(in, "SELECT 1")
			return err == nil, nil
		}))
	}
	stop := run("one")
	ready("one")
	must("one", "CREATE DATABASE `odd name`; CREATE TABLE `odd name`.t (a VARCHAR(20), b BLOB) ENGINE=InnoDB; INSERT INTO `odd name`.t VALUES ('x', X'00FF0A'), ('y', NULL)")
	repo := h.source(to, map[string][]string{"before": {"mariadb-dump"}})
	j := backup(t, h.Env, repo)
	if j.Status != "completed" || !strings.Contains(h.log(j.ID), "mariadb-dump: dumped ") {
		t.Fatalf("%+v\n%s", j, h.log(j.ID))
	}
	run("two")
	ready("two")
	must("two", archived(t, repo, j.ArchiveName, to+"/all.sql"))
	if got := must("two", "SELECT a, HEX(b) FROM `odd name`.t ORDER BY a"); got != "x\t00FF0A\ny\tNULL" {
		t.Errorf("brought back: %q", got)
	}

	stop()
	if j = backup(t, h.Env, repo); j.ErrorCode != "hook_failed" || !strings.Contains(j.ErrorMessage, "the hook mariadb-dump (before) failed: exit status 2") {
		t.Errorf("%+v", j)
	}
	if left := entries(t, to); len(left) != 1 || left[0] != "all.sql" {
		t.Errorf("left: %v", left)
	}
}

// privately starts the agent where its mounts, and those of its hooks, are
// nobody else's.
func privately() []string { return []string{"unshare", "--mount", "--propagation", "private"} }

// TestExampleBtrfs: what is backed up is as it was when the backup began, and the
// snapshot goes, whatever the end.
func TestExampleBtrfs(t *testing.T) {
	t.Parallel()
	needs(t, "btrfs", "mkfs.btrfs", "losetup", "mount")
	dir := t.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	fatal(t, os.Mkdir(at, 0o755))
	run := func(name string, args ...string) error {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
		}
		return nil
	}
	fatal(t, run("truncate", "-s", "300M", image))
	fatal(t, run("mkfs.btrfs", "-q", image))
	if err := run("mount", "-o", "loop", image, at); err != nil {
		t.Skip("no loop device can be mounted here: ", err)
	}
	t.Cleanup(func() { fatal(t, run("umount", at)) })
	fatal(t, run("btrfs", "subvolume", "create", at+"/data"))
	fatal(t, os.WriteFile(at+"/data/file", []byte("as it was"), 0o600))
	h := newHooking(t, testenv.Agent{Allow: []string{"--allow-hook", "*"}})
	h.example("btrfs-snapshot", map[string]string{"of": at + "/data", "at": at + "/snapshot"})
	h.hook("change", "echo it is another now >"+at+"/data/file")
	repo := h.source(at+"/snapshot", map[string][]string{"before": {"btrfs-snapshot", "change"}, "always": {"btrfs-snapshot"}})
	j := backup(t, h.Env, repo)
	if j.Status != "completed" {
		t.Fatalf("%+v\n%s", j, h.log(j.ID))
	}
	if got := archived(t, repo, j.ArchiveName, at+"/snapshot/file"); got != "as it was" {
		t.Errorf("backed up: %q", got)
	}
	left := func(when string) {
		t.Helper()
		if names := entries(t, at); len(names) != 1 || names[0] != "data" {
			t.Errorf("%s: %v", when, names)
		}
	}
	left("after a backup")
	h.hook("change", "exit 1")
	if j = backup(t, h.Env, repo); j.ErrorCode != "hook_failed" {
		t.Errorf("%+v", j)
	}
	left("after a failure")
	h.hook("change", "exit 0")
	fatal(t, run("btrfs", "subvolume", "snapshot", at+"/data", at+"/snapshot")) // as a lost host leaves it
	if j = backup(t, h.Env, repo); j.Status != "completed" || !strings.Contains(archived(t, repo, j.ArchiveName, at+"/snapshot/file"), "another") {
		t.Errorf("%+v", j)
	}
	left("after one that found another's")
}

// TestExampleMountCheck: a backup waits for a disk, in the mount namespace that the
// agent runs in.
func TestExampleMountCheck(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("it takes root to mount")
	}
	if err := exec.Command("unshare", "--mount", "--propagation", "private", "true").Run(); err != nil {
		t.Skip("no mount namespace can be made here: ", err)
	}
	place := filepath.Join(t.TempDir(), "disk")
	fatal(t, os.Mkdir(place, 0o755))
	h := newHooking(t, testenv.Agent{Allow: []string{"--allow-hook", "mount-check"}, Wrap: privately()})
	h.example("mount-check", map[string]string{"place": place})
	repo := h.source(tree(t, 3), map[string][]string{"before": {"mount-check"}})
	id, err := h.API.Backup(repo)
	fatal(t, err)
	_, err = h.AwaitJob(id, "waits", func(j testenv.Job) bool { return j.WaitingFor == "not now (hook)" })
	fatal(t, err)
	h.awaitLine(id, "The hook mount-check says not now: "+place+" is not mounted")
	in := strconv.Itoa(h.Hosts["host"].PID())
	if out, err := exec.Command("nsenter", "--mount", "--target", in, "mount", "-t", "tmpfs", "none", place).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	j, err := h.Finish(id) // within half a minute, when the hook is asked again
	if err != nil || j.Status != "completed" {
		t.Errorf("%+v %v\n%s", j, err, h.log(id))
	}
}
