package borg

import "testing"

func TestAcceptRelocated(t *testing.T) {
	const says = "if it is the same repository and no copy of it is in use elsewhere, run on this host, as the agent's account: "
	tool := Tool{Path: "/usr/bin/borg"}
	h := Host{BaseDir: "/var/lib/my agent/borg"}
	want := says + `env 'BORG_BASE_DIR=/var/lib/my agent/borg' BORG_RELOCATED_REPO_ACCESS_IS_OK=yes /usr/bin/borg info -- '/it'"'"'s'`
	if got := AcceptRelocated(h, tool, "/it's"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	h.SSH.IdentityFile = "/root/.ssh/backup"
	rsh, err := h.SSH.rsh()
	if err != nil {
		t.Fatal(err)
	}
	want = says + "env 'BORG_BASE_DIR=/var/lib/my agent/borg' " + shellQuote("BORG_RSH="+rsh) +
		" BORG_RELOCATED_REPO_ACCESS_IS_OK=yes /usr/bin/borg info -- ssh://h/r"
	if got := AcceptRelocated(h, tool, "ssh://h/r"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := AcceptRelocated(h, tool, "/r"); got != says+"env 'BORG_BASE_DIR=/var/lib/my agent/borg' BORG_RELOCATED_REPO_ACCESS_IS_OK=yes /usr/bin/borg info -- /r" {
		t.Errorf("ssh for a local path: %s", got)
	}
}
