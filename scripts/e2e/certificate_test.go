package e2e

import (
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

const day = 24 * time.Hour

// running is a fleet with one host, whose certificate is 19 days old, that is in
// the middle of a backup.
func running(t *testing.T) (env *testenv.Env, s stages, id int64) {
	t.Helper()
	s, script := newStages(t)
	env = newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: script, Age: 19 * day}},
	})
	id = start(t, env, register(t, env, repository{Name: "r", Sources: []string{tree(t, stageLines+50)}, FileLog: "all"}))
	s.reached(t, env, 1)
	return env, s, id
}

// expiry is until when the controller takes the host's certificate to be good.
func expiry(t *testing.T, env *testenv.Env) (until time.Time, online bool) {
	t.Helper()
	var v struct {
		Online bool
		Until  time.Time `json:"certificate_expires_at"`
	}
	fatal(t, env.API.Get("/api/agents/host", &v))
	return v.Until, v.Online
}

// TestCertificates: a host whose certificate is past two thirds, and one whose
// certificate has ended, has a new one soon after it is there, connects with it,
// and goes on with the backup that ran meanwhile. The old one is refused then.
func TestCertificates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		left time.Duration // of the certificate
		says string
	}{
		{"past two thirds", day, "certificate renewed"},
		{"past its end", -time.Hour, "certificate recovered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, stages, id := running(t)
			host := env.Hosts["host"]
			reader := follow(t, env, env.API, "/api/backup/logs/"+itoa(id)+"/stream")
			fatal(t, host.Stop())
			old, err := host.Certificate()
			fatal(t, err)
			fatal(t, host.Recertify(old.IssuedAt(), time.Now().Add(tt.left)))
			before, err := host.Certificate()
			fatal(t, err)
			fatal(t, host.Start())
			fatal(t, env.Await("the new certificate is used", func() (bool, error) {
				until, online := expiry(t, env)
				return online && time.Until(until) > 29*day, nil
			}))
			now, err := host.Certificate()
			fatal(t, err)
			if until, _ := expiry(t, env); !until.Equal(now.NotAfter) || now.Serial == before.Serial {
				t.Errorf("the controller knows one until %s, the host has one until %s", until, now.NotAfter)
			}
			if said := env.Controller.Output(); strings.Count(said, tt.says) != 1 || strings.Count(said, "certificate re") != 1 {
				t.Errorf("it does not say %q once:\n%s", tt.says, said)
			}
			stages.on(t, 1)
			if j := reader.toEnd(); j.Status != "completed" || reader.opened != 1 || len(reader.lines) < stageLines+50 {
				t.Errorf("%+v with %d lines in %d connections", j, len(reader.lines), reader.opened)
			}

			fatal(t, host.Stop())
			fatal(t, host.Recertify(before.IssuedAt(), time.Now().Add(day)))
			fatal(t, host.Start())
			says(t, env, "replaced by a newer one")
			if _, online := expiry(t, env); online {
				t.Error("the old certificate is taken")
			}
		})
	}
}

// says waits until the host's own status says why it is not connected.
func says(t *testing.T, env *testenv.Env, why string) {
	t.Helper()
	out := ""
	err := env.Await("the host says: "+why, func() (ok bool, err error) {
		out, err = env.Hosts["host"].CLI("status")
		return strings.Contains(strings.Join(strings.Fields(out), " "), why), err
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestRevokedAgent: the streams of a host that is revoked end at once, it is
// told what to do, and its backup goes on unseen: the archive is its own.
func TestRevokedAgent(t *testing.T) {
	t.Parallel()
	env, stages, id := running(t)
	host := env.Hosts["host"]
	if out, err := env.Controller.CLI("agents", "revoke", "host", "--yes"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	says(t, env, "was revoked at")
	says(t, env, "borgfleet-agent enroll")
	if j, err := env.API.Job(id); err != nil || j.Status != "running" || j.AgentOnline {
		t.Errorf("%+v, %v", j, err)
	}
	wantProblem(t, "a new job", env.API.Post("/api/backup/start", map[string]string{"repository": "r"}, nil), 409)
	stages.on(t, 1)
	if out, err := host.CLI("logs", itoa(id), "-f"); err != nil || !strings.Contains(out, "Backup finished") {
		t.Errorf("%v\n%s", err, tail(out, 5))
	}
	if got := archives(t, env, "", env.Repositories()+"/r"); len(got) != 1 {
		t.Errorf("archives %v", got)
	}
	fatal(t, host.Stop())
	fatal(t, host.Start())
	says(t, env, "was revoked at") // again, by the refusal of a new connection
}
