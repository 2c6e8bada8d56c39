package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These look at packages as files, without installing any: on every machine that
// can make them.

// dist is a directory of packages.
type dist struct {
	t   *testing.T
	dir string
}

func packed(t *testing.T) dist {
	t.Helper()
	dir := os.Getenv("BORGFLEET_PACKAGES")
	if dir == "" {
		t.Skip("make packages-test makes the packages that this needs")
	}
	return dist{t, dir}
}

// has skips a test for which a program is missing; where all are installed by
// the caller, that is a failure.
func (d dist) has(program string) {
	d.t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	} else if os.Getenv("BORGFLEET_DEBIAN_ROOT") != "" {
		d.t.Fatal(err)
	} else {
		d.t.Skip(err)
	}
}

func (d dist) run(name string, args ...string) string {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), name, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// one is the file that a pattern is of.
func (d dist) one(pattern string) string {
	d.t.Helper()
	found, err := filepath.Glob(filepath.Join(d.dir, pattern))
	fatal(d.t, err)
	if len(found) != 1 {
		d.t.Fatalf("%s has %v for %s", d.dir, found, pattern)
	}
	return found[0]
}

// unpacked is a deb's root.
func (d dist) unpacked(program, arch string) string {
	d.t.Helper()
	d.has("dpkg-deb")
	root := d.t.TempDir()
	d.run("dpkg-deb", "--extract", d.one(program+"_*_"+arch+".deb"), root)
	return root
}

// sides are the two programs, and where the source of each is.
var sides = map[string]string{"borgfleet-controller": "controller", "borgfleet-agent": "agent"}

// TestPackedSums: what is in dist is what the sums are of.
func TestPackedSums(t *testing.T) {
	d := packed(t)
	sums, err := os.ReadFile(filepath.Join(d.dir, "SHA256SUMS"))
	fatal(t, err)
	var summed []string
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		summed = append(summed, name)
		data, err := os.ReadFile(filepath.Join(d.dir, name))
		fatal(t, err)
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s has another sum", name)
		}
	}
	entries, err := os.ReadDir(d.dir)
	fatal(t, err)
	for _, e := range entries {
		if e.Name() != "SHA256SUMS" && !e.IsDir() && !slices.Contains(summed, e.Name()) {
			t.Errorf("%s has no sum", e.Name())
		}
	}
	if len(summed) != 2*2*3 { // programs, architectures, kinds of packages
		t.Errorf("there are %d packages: %v", len(summed), summed)
	}
}

// TestPackedFiles: a package has all that belongs to a program, with the modes
// that it should have, and its units are those that TestUnits looks at.
func TestPackedFiles(t *testing.T) {
	d := packed(t)
	for program, side := range sides {
		for _, arch := range []string{"amd64", "arm64"} {
			root := d.unpacked(program, arch)
			doc := "usr/share/doc/" + program
			for file, mode := range map[string]os.FileMode{
				"usr/bin/" + program:                                       0o755,
				"usr/lib/systemd/system/" + program + ".service":           0o644,
				"etc/borgfleet/" + side + ".env":                           0o600,
				"usr/share/man/man1/" + program + ".1.gz":                  0o644,
				"usr/share/bash-completion/completions/" + program:         0o644,
				"usr/share/zsh/vendor-completions/_" + program:             0o644,
				"usr/share/fish/vendor_completions.d/" + program + ".fish": 0o644,
				doc + "/copyright":                                         0o644,
				doc + "/changelog.gz":                                      0o644,
				doc + "/third-party-notices.gz":                            0o644,
				doc + "/docs/install.md":                                   0o644,
			} {
				info, err := os.Lstat(filepath.Join(root, file))
				if err != nil {
					t.Error(err)
				} else if info.Mode() != mode || info.Size() == 0 {
					t.Errorf("%s of %s: %v, %d bytes", file, program, info.Mode(), info.Size())
				}
			}
			unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system", program+".service"))
			fatal(t, err)
			source, err := os.ReadFile(filepath.Join("../..", side, "systemd", program+".service"))
			fatal(t, err)
			if !bytes.Equal(unit, source) {
				t.Errorf("the unit of %s is another", program)
			}
			d.lookAtTexts(root, program, arch)
		}
	}
}

// lookAtTexts: every module in a program is in the notices, and the changelog is
// of the version that the program says it is.
func (d dist) lookAtTexts(root, program, arch string) {
	t := d.t
	t.Helper()
	info, err := buildinfo.ReadFile(filepath.Join(root, "usr/bin", program))
	fatal(t, err)
	if got := d.run("dpkg-deb", "--field", d.one(program+"_*_"+arch+".deb"), "Version", "Architecture"); !strings.Contains(got, arch) {
		t.Errorf("%s for %s has the fields %s", program, arch, got)
	}
	if len(info.Deps) == 0 {
		t.Errorf("%s says that no module is in it", program)
	}
	notices := unzipped(t, filepath.Join(root, "usr/share/doc", program, "third-party-notices.gz"))
	for _, m := range info.Deps {
		if !strings.Contains(notices, "\n"+m.Path+" "+m.Version+"\n\n---- ") {
			t.Errorf("%s for %s holds %s %s, whose licence is not in the notices", program, arch, m.Path, m.Version)
		}
	}
	version := strings.TrimSpace(d.run("dpkg-deb", "--field", d.one(program+"_*_"+arch+".deb"), "Version"))
	log := unzipped(t, filepath.Join(root, "usr/share/doc", program, "changelog.gz"))
	if !strings.HasPrefix(log, program+" ("+version+") ") || strings.Count(log, "\n  * ") < 10 {
		t.Errorf("the changelog of %s %s begins with %.200s", program, version, log)
	}
}

func unzipped(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	fatal(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	fatal(t, err)
	data, err := io.ReadAll(r)
	fatal(t, err)
	return string(data)
}

// TestPackedLintian: Debian's own checker has nothing to say that is not answered
// in scripts/packages/lintian-overrides.
func TestPackedLintian(t *testing.T) {
	d := packed(t)
	d.has("lintian")
	for program := range sides {
		out, err := exec.CommandContext(t.Context(), "lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", d.one(program+"_*_amd64.deb")).Output()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", program, err, out)
		}
	}
}

// TestPackedForeign: what is packed for the other architecture runs there, says
// what this one says, and serves.
func TestPackedForeign(t *testing.T) {
	d := packed(t)
	const qemu = "qemu-aarch64-static"
	d.has(qemu)
	for program := range sides {
		foreign, own := filepath.Join(d.unpacked(program, "arm64"), "usr/bin", program), filepath.Join(d.unpacked(program, "amd64"), "usr/bin", program)
		for _, args := range [][]string{{"--version"}, {"--help"}, {"__reference"}, {"completion", "bash"}, {"completion", "zsh"}, {"completion", "fish"}} {
			got := d.run(qemu, append([]string{foreign}, args...)...)
			if want := d.run(own, args...); got != want || want == "" {
				t.Errorf("%s %v says\n%s\nand not\n%s", program, args, got, want)
			}
		}
	}
	controller := filepath.Join(d.unpacked("borgfleet-controller", "arm64"), "usr/bin/borgfleet-controller")
	if err := d.serves(func() {}, qemu, controller, "serve", "--data-dir", filepath.Join(t.TempDir(), "data")); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// serves starts a controller, waits for its doors, and asks it to end.
func (d dist) serves(meanwhile func(), argv ...string) error {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	argv = append(argv, "--api-listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0")
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	out, err := cmd.StdoutPipe()
	fatal(d.t, err)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	fatal(d.t, cmd.Start())
	said := regexp.MustCompile(`REST API +http://127\.0\.0\.1:\d+\n`)
	var text []byte
	for buf := make([]byte, 4096); !said.Match(text); {
		n, err := out.Read(buf)
		text = append(text, buf[:n]...)
		if err != nil {
			d.t.Errorf("%v says %v: %s%s", argv, err, text, complaints.Bytes())
			break
		}
	}
	meanwhile()
	fatal(d.t, cmd.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, out) // before Wait closes it
	return cmd.Wait()
}

// TestPackedImage: what make image prepares becomes a container whose controller
// serves as its own account, and whose check of its health is content with it.
func TestPackedImage(t *testing.T) {
	d, image := packed(t), os.Getenv("BORGFLEET_IMAGE")
	d.has("buildah")
	if os.Getuid() != 0 {
		t.Skip("only root has buildah build without more ado")
	}
	buildah := []string{"buildah", "--root", filepath.Join(t.TempDir(), "root"), "--runroot", filepath.Join(t.TempDir(), "run"), "--storage-driver", "vfs"}
	run := func(args ...string) string { return d.run(buildah[0], append(buildah[1:], args...)...) }
	run("build", "--quiet", "--isolation", "chroot", "--format", "docker", "--build-arg", "TARGETARCH="+runtime.GOARCH, "--tag", "borgfleet-controller", image)
	container := strings.TrimSpace(run("from", "--pull-never", "localhost/borgfleet-controller"))
	defer run("rm", container)
	inside := []string{"run", "--isolation", "chroot", container, "--", "/usr/bin/borgfleet-controller"}
	// chroot alone: how it ends when it is told to is docker's concern, and buildah
	// kills it.
	_ = d.serves(func() {
		run(append(inside, "jobs", "list", "--limit", "1")...)
		if got := d.run("ps", "-o", "uid=", "-C", "borgfleet-contro"); !slices.Contains(strings.Fields(got), "10001") {
			t.Errorf("it runs as %s", got)
		}
	}, slices.Concat(buildah, inside, []string{"serve"})...)
	dockerfile, err := os.ReadFile(filepath.Join(image, "Dockerfile"))
	fatal(t, err)
	if !strings.Contains(string(dockerfile), `CMD ["/usr/bin/borgfleet-controller", "jobs", "list", "--limit", "1"]`) {
		t.Error("its health is looked at in another way")
	}
}

// TestPackedRPM: what the rpm packages hold is what the deb packages hold, and rpm
// takes them.
func TestPackedRPM(t *testing.T) {
	d := packed(t)
	d.has("rpm")
	d.has("dpkg-deb")
	for deb, rpm := range archs[".rpm"] {
		for program := range sides {
			file := d.one(program + "-*." + rpm + ".rpm")
			d.run("rpm", "--checksig", "--nosignature", file)
			d.run("rpm", "--install", "--test", "--nodeps", "--ignorearch", "--ignoreos", "--dbpath", t.TempDir(), file)
			// In both the same file has the same mode, owner and size.
			have := filesOf(d.run("dpkg-deb", "--contents", d.one(program+"_*_"+deb+".deb")), 1, 2, 5)
			want := filesOf(d.run("rpm", "--query", "--package", "--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILESIZES} - - %{FILENAMES}\n]", file), 1, 2, 5)
			for name := range want {
				if have[name] != want[name] {
					t.Errorf("%s: %s is %q in the deb, %q in the rpm", program, name, have[name], want[name])
				}
			}
			for name := range have {
				if want[name] == "" {
					t.Errorf("%s: %s is not in the rpm", program, name)
				}
			}
		}
	}
}

// filesOf reads a listing of a package: mode, owner and size of each file, but for
// what the two families keep in other places, or have none of.
func filesOf(listing string, owner, size, name int) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if len(fields) <= name || strings.HasPrefix(line, "d") || strings.Contains(fields[name], "/lintian/") {
			continue
		}
		path := strings.Replace(strings.TrimPrefix(fields[name], "."), "/vendor-completions/", "/site-functions/", 1)
		out[path] = fields[0] + " " + fields[owner] + " " + fields[size]
	}
	return out
}
