package job

import "testing"

func TestLocation(t *testing.T) {
	// Each row is one place; every spelling in it must give the same location.
	places := map[string][]string{
		"a1:/srv/backups/repo":                 {"/srv/backups/repo", "/srv/backups/repo/", "/srv//backups/./repo", "/srv/backups/x/../repo", "file:///srv/backups/repo", "//srv/backups/repo"},
		"a1:/srv/a:b":                          {"/srv/a:b"},
		"a1:/srv/user@host:repo":               {"/srv/user@host:repo"},
		"a1:a:b":                               {"./a:b"},
		"a1:/":                                 {"/", "/.."},
		"ssh://bk@host.example.org/srv/repo":   {"ssh://bk@host.example.org/srv/repo", "ssh://bk@HOST.example.org:22/srv/repo/", "ssh://bk@host.example.org:0022//srv/./repo", "bk@host.example.org:/srv/repo", "bk@Host.Example.org:/srv//repo"},
		"ssh://host/srv/repo":                  {"ssh://host/srv/repo", "host:/srv/repo", "ssh://host/srv/x/../repo", "ssh://host/../srv/repo"},
		"ssh://host:2222/srv/repo":             {"ssh://host:2222/srv/repo", "ssh://HOST:02222/srv/repo"},
		"ssh://Bk@host/srv/repo":               {"ssh://Bk@host/srv/repo", "Bk@host:/srv/repo"},
		"ssh://host/./repo":                    {"ssh://host/./repo", "host:repo", "host:./repo", "host:repo/", "ssh://host/./x/../repo", "ssh://host/././repo"},
		"ssh://host/~/repo":                    {"ssh://host/~/repo", "host:~/repo"},
		"ssh://host/~bk/repo":                  {"ssh://host/~bk/repo", "host:~bk/repo"},
		"ssh://host/./../repo":                 {"host:../repo", "host:x/../../repo"},
		"ssh://host/./":                        {"ssh://host/./", "host:.", "host:./"},
		"ssh://[2001:db8::1]/srv/repo":         {"ssh://[2001:DB8::1]/srv/repo", "ssh://[2001:db8::1]:22/srv/repo", "[2001:db8::1]:/srv/repo"},
		"ssh://bk@[2001:db8::1]:2222/srv/repo": {"ssh://bk@[2001:db8::1]:2222/srv/repo"},
		"ssh://bk@[2001:db8::1]/srv/repo":      {"bk@[2001:db8::1]:/srv/repo"},
		"sftp://bk@host/srv/repo":              {"sftp://bk@HOST:22/srv//repo"},
		"ssh://host/":                          {"ssh://host", "ssh://host/", "host:/"},
	}
	seen := map[string]string{}
	for want, spellings := range places {
		for _, s := range spellings {
			if got := Location(s, "a1"); got != want {
				t.Errorf("Location(%q) = %q, want %q", s, got, want)
			}
			if other, ok := seen[s]; ok {
				t.Errorf("%q is in the table for %q and %q", s, other, want)
			}
			seen[s] = want
		}
	}
}

func TestLocationOfLocalPathsDiffersByAgent(t *testing.T) {
	if Location("/srv/repo", "a1") == Location("/srv/repo", "a2") {
		t.Error("a local path on two hosts is one location")
	}
	if Location("ssh://host/srv/repo", "a1") != Location("host:/srv/repo", "a2") {
		t.Error("a remote path is another location for each agent, so two hosts would write it at once")
	}
}

// A local path must never be taken for a remote one: the host's rules for the
// two are different.
func FuzzNormalPath(f *testing.F) {
	for _, s := range []string{"/srv/repo", "host:repo", "ssh://u@h:22/./x", "file:///x", "u@[::1]:/x", "[", "@:", "a://b/c", "h:~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normal, local := NormalPath(s)
		if len(s) > 0 && s[0] == '/' && !local {
			t.Errorf("NormalPath(%q) = %q, not local", s, normal)
		}
		if local && len(s) > 0 && s[0] == '/' {
			if again, l := NormalPath(normal); again != normal || !l {
				t.Errorf("NormalPath(%q) = %q, and of that %q", s, normal, again)
			}
		}
	})
}
