package borg

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/shared/job"
)

// TestLimitsOfAProcess: what is started is held down, and never given more than
// it had.
func TestLimitsOfAProcess(t *testing.T) {
	for _, tt := range []struct {
		had, want int
		limits    Limits
		ioprio    uintptr
	}{
		{0, 7, Limits{Nice: 7, IO: IOIdle}, 3 << 13},
		{0, 0, Limits{IO: IOLow}, 2<<13 | 7},
		{12, 12, Limits{Nice: 7}, 0},
		{3, 19, Limits{Nice: 19}, 0},
	} {
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := cmd.Process.Pid
		if err := unix.Setpriority(unix.PRIO_PROCESS, pid, tt.had); err != nil {
			t.Skipf("the test itself is nice already, and may not be otherwise: %v", err)
		}
		if err := tt.limits.apply(pid); err != nil {
			t.Errorf("%+v: %v", tt.limits, err)
		}
		io, _, _ := unix.Syscall(unix.SYS_IOPRIO_GET, 1, uintptr(pid), 0)
		if got := niceOf(pid); got != tt.want || tt.ioprio != 0 && io != tt.ioprio {
			t.Errorf("%+v: nice %d, want %d; io %x, want %x", tt.limits, got, tt.want, io, tt.ioprio)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	if err := (Limits{Nice: 19, IO: IOIdle}).apply(1 << 30); err == nil {
		t.Error("a process that is not there was limited")
	}
}

// TestUploadLimit: an order may lower what the host's owner says, and nothing
// else.
func TestUploadLimit(t *testing.T) {
	for _, tt := range []struct {
		host, order int64
		want        string
	}{
		{0, 0, ""}, {0, 500, "500"}, {100, 0, "100"}, {100, 500, "100"}, {100, 50, "50"}, {100, 100, "100"}, {100, 1 << 62, "100"},
	} {
		h, repo := testHost(), testRepo()
		h.Limits.Upload, repo.UploadRateLimit = tt.host, tt.order
		inv, err := Create(h, job.Spec{Repository: repo}, "a")
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(inv.Args, func(a string) bool { return strings.HasPrefix(a, "--upload-ratelimit=") })
		if got := ""; i >= 0 || tt.want != "" {
			if i >= 0 {
				_, got, _ = strings.Cut(inv.Args[i], "=")
			}
			if got != tt.want {
				t.Errorf("host %d, order %d: %q, want %q", tt.host, tt.order, got, tt.want)
			}
		}
	}
}
