package borg

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"borgfleet/shared/job"
)

// Invocation is one call of borg: what comes after the binary, and the whole
// environment. Neither holds a secret: arguments are stored in the archive and
// visible to every account on the host.
type Invocation struct {
	Args            []string
	Env             []string
	NeedsPassphrase bool
	Limits          Limits
	By              Starter // nil: borg is started in the root directory, with all rights of the account
}

// Starter starts borg in a place and with rights of its own choice.
type Starter interface {
	Start(*exec.Cmd) error
}

// Create is borg create. Everything in the spec is checked here, because it
// comes from the controller, and a value that looks like an option would make
// borg do something else.
func Create(h Host, spec job.Spec, archive string) (Invocation, error) {
	repo := spec.Repository
	if err := checkSources(repo.Sources); err != nil {
		return Invocation{}, err
	}
	target, err := archiveTarget(repo, archive)
	if err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, "create", repo.BorgID == "", true)
	if err != nil {
		return Invocation{}, err
	}
	options, err := createOptions(repo, h.Limits)
	if err != nil {
		return Invocation{}, err
	}
	// First, though no order can include anything: it only excludes. Whole names
	// are looked up, not compared one by one, so they cost nothing for each file.
	for _, path := range h.LeaveOut {
		if err := checkPattern("pf:" + path); err != nil {
			return Invocation{}, err
		}
		inv.Args = append(inv.Args, "--exclude=pf:"+path)
	}
	inv.Args = append(inv.Args, options...)
	inv.Args = append(inv.Args, "--", target)
	for _, s := range repo.Sources {
		// Cleaned, as borg itself does it: borg 1.4 gives "/./" in a path a
		// meaning of its own (it cuts off what is before), borg 1.2 does not.
		inv.Args = append(inv.Args, filepath.Clean(s))
	}
	return inv, nil
}

func createOptions(repo job.Repository, limits Limits) ([]string, error) {
	options := []string{"--json"}
	switch repo.FileLog {
	case job.FileLogNone, "":
	case job.FileLogChanged:
		options = append(options, "--list", "--filter=AMCE")
	case job.FileLogAll:
		options = append(options, "--list")
	default:
		return nil, badRequest("unknown file_log %q", repo.FileLog)
	}
	if repo.Compression != "" {
		if err := job.CheckCompression(repo.Compression); err != nil {
			return nil, badRequest("the compression %q: %v", repo.Compression, err)
		}
		options = append(options, "--compression="+repo.Compression)
	}
	if repo.OneFileSystem {
		options = append(options, "--one-file-system")
	}
	if repo.ExcludeCaches {
		options = append(options, "--exclude-caches")
	}
	for _, name := range repo.ExcludeIfPresent {
		if err := checkTagName(name); err != nil {
			return nil, err
		}
		options = append(options, "--exclude-if-present="+name)
	}
	for _, p := range repo.ExcludePatterns {
		if err := checkPattern(p); err != nil {
			return nil, err
		}
		options = append(options, "--exclude="+p)
	}
	if repo.UploadRateLimit < 0 {
		return nil, badRequest("the upload rate limit %d is negative", repo.UploadRateLimit)
	}
	if most := limits.upload(repo.UploadRateLimit); most > 0 {
		options = append(options, "--upload-ratelimit="+strconv.FormatInt(most, 10))
	}
	switch {
	case repo.CheckpointInterval < 0:
		return nil, badRequest("the checkpoint interval %s is negative", repo.CheckpointInterval)
	case repo.CheckpointInterval > 0:
		options = append(options, "--checkpoint-interval="+wholeSeconds(repo.CheckpointInterval))
	}
	return options, nil
}

// Init is borg init. The directories above a local repository are made too:
// who registers /backups/host/repo expects it to come into being.
func Init(h Host, spec job.Spec) (Invocation, error) {
	repo := spec.Repository
	if repo.Encryption == "" {
		return Invocation{}, badRequest("init needs an encryption mode")
	}
	if _, err := ParseLocation(repo.Path); err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, "init", true, false)
	if err != nil {
		return Invocation{}, err
	}
	inv.Args = append(inv.Args, "--encryption="+repo.Encryption, "--make-parent-dirs", "--", repo.Path)
	return inv, nil
}

// ListArchive asks for one archive by its exact name, with its figures. Its
// answer is read with ReadArchive.
func ListArchive(h Host, repo job.Repository, archive string) (Invocation, error) {
	target, err := archiveTarget(repo, archive)
	if err != nil {
		return Invocation{}, err
	}
	return readCommand(h, repo, "info", target)
}

// RepoInfo asks what repository is there. Its answer is read with ReadRepo.
func RepoInfo(h Host, repo job.Repository) (Invocation, error) {
	return readCommand(h, repo, "info", repo.Path)
}

// List asks for all archives. Its answer is read with ReadArchives, or
// with ReadList if it may be held whole.
func List(h Host, repo job.Repository) (Invocation, error) {
	return readCommand(h, repo, "list", repo.Path)
}

// Visit asks for no more than one archive, to have borg take the repository's
// lock: what a dead borg of this host has left of its own goes. Its answer is
// read with ReadList.
func Visit(h Host, repo job.Repository) (Invocation, error) {
	return readCommand(h, repo, "list", repo.Path, "--last=1")
}

func readCommand(h Host, repo job.Repository, verb, target string, options ...string) (Invocation, error) {
	if _, err := ParseLocation(repo.Path); err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, verb, repo.BorgID == "", false)
	if err != nil {
		return Invocation{}, err
	}
	inv.Args = append(append(inv.Args, options...), "--json", "--", target)
	return inv, nil
}

// command is what all calls have in common. Options before the verb work on
// every version; after it some of them do not.
func command(h Host, repo job.Repository, verb string, firstUse, progress bool) (Invocation, error) {
	if repo.Encryption != "" {
		if err := job.CheckEncryption(repo.Encryption); err != nil {
			return Invocation{}, badRequest("the encryption mode %q: %v", repo.Encryption, err)
		}
	}
	if repo.LockWait < 0 {
		return Invocation{}, badRequest("the lock wait %s is negative", repo.LockWait)
	}
	env, err := environment(h, repo, firstUse)
	if err != nil {
		return Invocation{}, err
	}
	lockWait := repo.LockWait
	if lockWait == 0 {
		lockWait = job.DefaultLockWait
	}
	// borg looks at a lock only ten times while it waits, at most once a minute:
	// with 600 s a lock of a moment costs a minute. It is asked to wait briefly,
	// and the job waits and tries again.
	lockWait = min(lockWait, attemptWait)
	args := []string{"--log-json"}
	if progress {
		args = append(args, "--progress")
	}
	args = append(args, "--lock-wait="+wholeSeconds(lockWait), verb)
	return Invocation{Args: args, Env: env, NeedsPassphrase: needsPassphrase(repo.Encryption), Limits: h.Limits}, nil
}

// attemptWait is the longest that one borg waits for a repository's lock.
const attemptWait = 10 * time.Second

// wholeSeconds rounds up: 0 would mean "do not wait" or "never" to borg.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// archiveTarget is REPO::ARCHIVE with the braces that borg would expand doubled.
func archiveTarget(repo job.Repository, archive string) (string, error) {
	if _, err := ParseLocation(repo.Path); err != nil {
		return "", err
	}
	if err := checkArchiveName(archive); err != nil {
		return "", err
	}
	return repo.Path + "::" + strings.NewReplacer("{", "{{", "}", "}}").Replace(archive), nil
}

func checkArchiveName(name string) error {
	switch {
	case name == "":
		return badRequest("the archive name is empty")
	case !utf8.ValidString(name) || hasControl(name):
		return badRequest("the archive name %q has a control character or is not valid UTF-8", name)
	case strings.HasPrefix(name, "-"):
		return badRequest("the archive name %q starts with a dash", name)
	case strings.HasPrefix(name, ":") || strings.HasSuffix(name, ":"):
		// ":x" after "::" would belong to the repository's path.
		return badRequest("the archive name %q starts or ends with a colon", name)
	case strings.Contains(name, "/") || strings.Contains(name, "::"):
		return badRequest(`the archive name %q has a slash or "::"`, name)
	case len(name) > 255:
		return badRequest("the archive name is longer than 255 bytes")
	}
	return nil
}

func checkSources(sources []string) error {
	if len(sources) == 0 {
		return badRequest("the repository has no source directory")
	}
	for _, s := range sources {
		switch {
		case s == "":
			return badRequest("a source directory is empty")
		case strings.ContainsRune(s, 0):
			return badRequest("the source directory %q holds a NUL", s)
		case !utf8.ValidString(s):
			// borg 1.x reads everything and fails when it saves the archive:
			// it cannot store its own command line.
			return badRequest("the source directory %q is not valid UTF-8; name the directory above it", s)
		case !strings.HasPrefix(s, "/"):
			return badRequest("the source directory %q is not absolute", s)
		}
	}
	return nil
}

// checkTagName keeps exclude_if_present a name inside each directory: an
// absolute path would exist for every directory, and empty the backup.
func checkTagName(name string) error {
	switch {
	case name == "":
		return badRequest("an exclude_if_present name is empty")
	case strings.ContainsRune(name, 0) || !utf8.ValidString(name):
		return badRequest("the exclude_if_present name %q holds a NUL or is not valid UTF-8", name)
	case !filepath.IsLocal(name) || filepath.Clean(name) == ".":
		return badRequest("the exclude_if_present name %q does not name something inside a directory", name)
	}
	return nil
}

func checkPattern(p string) error {
	switch {
	case p == "":
		return badRequest("an exclude pattern is empty")
	case strings.ContainsRune(p, 0) || !utf8.ValidString(p):
		return badRequest("the exclude pattern %q holds a NUL or is not valid UTF-8", p)
	}
	if style, rest := patternStyle(p); style != "" {
		switch style {
		case "fm", "sh", "pp", "pf", "re":
		default:
			return badRequest("the exclude pattern %q has an unknown style", p)
		}
		if rest == "" {
			return badRequest("the exclude pattern %q is empty", p)
		}
	}
	return nil
}

// patternStyle splits off a two-character style as borg does. No style: "".
func patternStyle(p string) (style, rest string) {
	if len(p) > 2 && p[2] == ':' && alnum(p[0]) && alnum(p[1]) {
		return p[:2], p[3:]
	}
	return "", p
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// String is for logs and error messages; the environment is left out.
func (inv Invocation) String() string {
	words := make([]string, len(inv.Args))
	for i, a := range inv.Args {
		words[i] = shellQuote(a)
	}
	return fmt.Sprintf("borg %s", strings.Join(words, " "))
}
