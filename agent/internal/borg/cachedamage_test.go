package borg

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

const anID = "8d4f5def5a41054694382b2910c23d0a3a4fa54bbcd641369991975d9d75647c"

func message(t *testing.T, level, msgid, text string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": "log_message", "time": 1.5, "levelname": level, "msgid": msgid, "name": "borg.archiver", "message": text})
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func traceback(exception string, frames ...string) string {
	var b strings.Builder
	b.WriteString(tracebackHead + ":\n")
	for _, f := range frames {
		file, function, _ := strings.Cut(f, ":")
		b.WriteString("  File \"/usr/lib/python3/dist-packages/borg/" + file + "\", line 499, in " + function + "\n    self.chunks = x\n")
	}
	b.WriteString("\n" + exception + "\n\nPlatform: Linux vm\nPython: CPython 3.11.2\n")
	return b.String()
}

// TestDamagedCache: what borg 1.2.4 and 1.4.0 say with each file of their cache
// torn, and what sounds alike and is not healed by a new cache.
func TestDamagedCache(t *testing.T) {
	h := Host{BaseDir: "/var/lib/agent/borg"}
	cache := filepath.Join(h.CacheDir(), anID)
	for name, c := range map[string]struct {
		text   string
		reason string // empty: no damage
		dir    string
	}{
		"chunks cut short": {traceback("ValueError: Incorrect file length (expected 45382, got 12696)",
			"archiver.py:main", "cache.py:open", "cache.py:rollback", "cache.py:_do_open", "hashindex.pyx:borg.hashindex.IndexBase.read"), "ValueError: Incorrect", ""},
		"chunks missing": {traceback("FileNotFoundError: [Errno 2] No such file or directory: '"+cache+"/chunks'",
			"cache.py:_do_open", "crypto/file_integrity.py:__init__"), "FileNotFoundError", cache},
		"chunks garbled": {"File failed integrity check: " + cache + "/chunks", "File failed integrity", cache},
		"config garbled": {traceback("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position 3: invalid continuation byte",
			"cache.py:load", "configparser.py:read_file"), "UnicodeDecodeError", ""},
		"config empty": {traceback("Exception: "+cache+"/config does not look like a Borg cache.",
			"cache.py:load", "cache.py:_check_upgrade"), "Exception: ", cache},
		"config of nulls": {traceback("configparser.MissingSectionHeaderError: File contains no section headers.",
			"cache.py:load", "configparser.py:read_file"), "configparser.", ""},
		"a transaction cut short": {traceback("FileNotFoundError: [Errno 2] No such file or directory: '"+cache+"/txn.active/config'",
			"cache.py:rollback", "shutil.py:copy"), "FileNotFoundError", cache},

		"security directory": {traceback("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position 3: invalid continuation byte",
			"cache.py:assert_secure", "cache.py:_assert_secure", "cache.py:assert_location_matches"), "", ""},
		"the repository's own file": {"File failed integrity check: /srv/repo/index.5", "", ""},
		"disk full":                 {traceback("OSError: [Errno 28] No space left on device", "cache.py:rollback", "shutil.py:copy"), "", ""},
		"not allowed":               {traceback("PermissionError: [Errno 13] Permission denied: '"+cache+"/chunks'", "cache.py:_do_open"), "", ""},
		"unreadable disk":           {traceback("OSError: [Errno 5] Input/output error", "cache.py:_do_open"), "", ""},
		"no memory":                 {traceback("MemoryError", "cache.py:_do_open"), "", ""},
		"ended by hand":             {traceback("KeyboardInterrupt", "cache.py:_do_open"), "", ""},
		"while writing":             {traceback("ValueError: x", "archive.py:save", "cache.py:commit"), "", ""},
		"the server's":              {"Remote: " + traceback("ValueError: x", "cache.py:_do_open"), "", ""},
		"its index of an archive":   {"Cached archive chunk index of a is corrupted: File failed integrity check: " + cache + "/chunks.archive.d/x", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			msgid := ""
			if strings.HasPrefix(c.text, "File failed") {
				msgid = "FileIntegrityError"
			}
			stderr := message(t, "ERROR", msgid, c.text)
			d := DamagedCache(stderr, Exit{Code: 2})
			if (d != nil) != (c.reason != "") {
				t.Fatalf("damage: %+v", d)
			}
			if d != nil && (!strings.HasPrefix(d.Reason, c.reason) || d.Dir(h) != c.dir) {
				t.Errorf("%q in %q, want %q in %q", d.Reason, d.Dir(h), c.reason, c.dir)
			}
			if d != nil && d.Dir(Host{BaseDir: "/elsewhere"}) != "" {
				t.Error("the directory of another borg's cache is named")
			}
			code, text := explain(Exit{Code: 2}, track(stderr), "")
			if (code == CodeCacheDamaged) != (d != nil) {
				t.Errorf("explained as %s: %s", code, text)
			}
			if DamagedCache(stderr, Exit{}) != nil {
				t.Error("a borg that ended well has a damaged cache")
			}
		})
	}
}
