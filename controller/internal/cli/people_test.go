package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/auth"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
	"borgfleet/shared/term/ptytest"
)

const password = "a password that is right"

// talk carries a command out on a terminal: it types each answer when the screen
// shows its question.
func talk(t *testing.T, args []string, answers ...[2]string) (screen string, code int) {
	t.Helper()
	pty := ptytest.New(t, 100, 20)
	done := make(chan int, 1)
	go func() {
		k := &controller{in: pty.Tty, out: term.On(pty.Tty), err: term.On(pty.Tty), now: now}
		done <- k.program().Run(t.Context(), args, cmdline.Streams{In: pty.Tty, Out: pty.Tty, Err: pty.Tty})
	}()
	for _, a := range answers {
		pty.WaitFor(a[0])
		pty.Type(a[1] + "\n")
	}
	code = <-done
	return pty.Finish(), code
}

func TestPasswordIsAskedForTwice(t *testing.T) {
	f := newFake(t, map[string][]answer{"POST /api/users": {{201, rest.User{Name: "ann", Role: "operator", CreatedAt: rest.At(now())}}}})
	args := []string{"users", "create", "ann", "--role", "operator", "--data-dir", f.socket}
	screen, code := talk(t, args, [2]string{"New password:", password}, [2]string{"The same again:", password})
	if want := "New password:\nThe same again:\nann has the role operator"; screen != want || code != 0 {
		t.Errorf("%d\n%s", code, screen)
	}
	if got, want := f.heard(), `POST /api/users {"name":"ann","password":"`+password+`","role":"operator"}`; len(got) != 1 || got[0] != want {
		t.Errorf("asked %q", got)
	}
	screen, code = talk(t, args, [2]string{"New password:", password}, [2]string{"The same again:", password + "!"})
	if want := "New password:\nThe same again:\nborgfleet-controller: the two passwords differ; nothing was done"; screen != want || code != 2 {
		t.Errorf("%d\n%s", code, screen)
	}
	if len(f.heard()) != 1 {
		t.Error("something was asked")
	}
}

func TestLoginOnATerminal(t *testing.T) {
	f := newFake(t, nil)
	f.open = true
	f.answers = map[string][]answer{"POST /api/auth/login": ok(rest.Token{AccessToken: "the.token", TokenType: "bearer", ExpiresIn: 43200})}
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("old"), 0o644))
	screen, code := talk(t, []string{"login", "--server", f.url, "--token-file", file}, [2]string{"User name:", "ann"}, [2]string{"Password:", password})
	if want := "User name: ann\nPassword:\nLogged in as ann until 2026-03-02 00:00:00; the token is in"; !strings.HasPrefix(screen, want) || code != 0 {
		t.Errorf("%d\n%s", code, screen)
	}
	info, err := os.Stat(file)
	must(t, err)
	if data, err := os.ReadFile(file); err != nil || string(data) != "the.token\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("the file holds %q, mode %v, %v", data, info.Mode(), err)
	}
	// A pipe is not asked.
	r := command(t.Context(), "x", []string{"login", "--server", f.url}, nil)
	if r.code != 2 || !strings.Contains(r.err, "give --username") {
		t.Errorf("%+v", r)
	}
	r = command(t.Context(), "x", []string{"login", "--server", f.url, "--username", "ann"}, nil)
	if r.code != 2 || !strings.Contains(r.err, "give --password-file FILE") {
		t.Errorf("%+v", r)
	}
	command(t.Context(), password+"\n", []string{"login", "--server", f.url, "--username", "ann", "--password-file", "-"}, nil).want(t, 0,
		"Logged in as ann until 2026-03-02 00:00:00\n\nthe.token\n", "")
	if got, want := f.heard()[1], `POST /api/auth/login {"username":"ann","password":"`+password+`"}`; got != want {
		t.Errorf("asked %s", got)
	}
	f.answers = map[string][]answer{"POST /api/auth/login": {{401, rest.Problem{Status: 401, Detail: "wrong user name or password", Code: "wrong_credentials"}}}}
	command(t.Context(), password, []string{"login", "--server", f.url, "--username", "ann", "--password-file", "-"}, nil).want(t, 3,
		"", "borgfleet-controller: wrong user name or password\n")
}

func TestTokenLists(t *testing.T) {
	f := newFake(t, map[string][]answer{"GET /api/tokens": ok(rest.APITokenList{Tokens: []rest.APIToken{
		{ID: "0f1e2d3c4b5a6978", Name: "dash\x1bboard", User: "ann", Role: "viewer", CreatedAt: rest.At(now()), LastUsedAt: rest.At(now().Add(-90 * time.Second))},
		{ID: "ffffffffffffffff", Name: "cron", User: "bob", Role: "operator", CreatedAt: rest.At(now()), ExpiresAt: rest.At(now()), Repositories: []int64{7}, Agents: []string{"x"}},
		{ID: "aaaaaaaaaaaaaaaa", Name: "new", User: "bob", Role: "admin", CreatedAt: rest.At(now()), ExpiresAt: rest.At(now().Add(time.Hour))},
	}})})
	f.command("", "tokens", "list").want(t, 0, `ID                NAME           USER  ROLE      REACHES                LAST USED   EXPIRES              CREATED
0f1e2d3c4b5a6978  dash\x1bboard  ann   viewer    everything             1m 30s ago  never                2026-03-01 12:00:00
ffffffffffffffff  cron           bob   operator  repository 7, agent x  never       expired              2026-03-01 12:00:00
aaaaaaaaaaaaaaaa  new            bob   admin     everything             never       2026-03-01 13:00:00  2026-03-01 12:00:00
`, "")
	if leastAPITokenLife != auth.APITokenMinLife || mostAPITokenLife != auth.APITokenMaxLife {
		t.Error("the limits of --expires-in are not the controller's")
	}
}

// What is deleted is told to programs, too.
func TestDeletedAccessAsJSON(t *testing.T) {
	f := newFake(t, map[string][]answer{"DELETE /api/users/ann": {{204, nil}}, "DELETE /api/tokens/0f1e": {{204, nil}}})
	for _, args := range [][]string{{"users", "delete", "ann"}, {"tokens", "delete", "0f1e"}} {
		before := len(f.heard())
		if r := f.command(args[2]+"\n", args...); r.code != 2 || !strings.Contains(r.err, "--yes") || len(f.heard()) != before {
			t.Errorf("%v without --yes, where nobody can be asked: %+v", args, r)
		}
	}
	f.command("", "users", "delete", "ann", "--yes", "-o", "json").want(t, 0, "{\n  \"deleted\": \"ann\"\n}\n", "")
	f.command("", "tokens", "delete", "0f1e", "--yes", "-o", "json").want(t, 0, "{\n  \"deleted\": \"0f1e\"\n}\n", "")
}

// Who changes the own password is told at once that the old one is wrong, and
// keeps no login that is of no use.
func TestOwnPassword(t *testing.T) {
	const next = "another password that is right"
	f := newFake(t, map[string][]answer{
		"POST /api/auth/login":    ok(rest.Token{AccessToken: "first", TokenType: "bearer", ExpiresIn: 43200}),
		"POST /api/auth/password": ok(rest.Token{AccessToken: "second", TokenType: "bearer", ExpiresIn: 43200}),
		"POST /api/auth/logout":   {{204, nil}},
	})
	f.open = true
	args := []string{"password", "--server", f.url, "--username", "ann"}
	screen, code := talk(t, args, [2]string{"Old password:", password}, [2]string{"New password:", next}, [2]string{"The same again:", next})
	if want := "The password is another one, and all logins have ended; logged in as ann until 2026-03-02 00:00:00\n\nsecond"; !strings.HasSuffix(screen, want) || code != 0 {
		t.Errorf("%d\n%s", code, screen)
	}
	want := []string{
		`POST /api/auth/login {"username":"ann","password":"` + password + `"}`,
		`POST /api/auth/password {"old_password":"` + password + `","new_password":"` + next + `"}`,
	}
	if got := f.heard(); !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
	if _, code = talk(t, args, [2]string{"Old password:", password}, [2]string{"New password:", next}, [2]string{"The same again:", "x"}); code != 2 {
		t.Errorf("two that differ: %d", code)
	}
	if got := f.heard()[2:]; len(got) != 2 || got[1] != "POST /api/auth/logout" {
		t.Errorf("asked %q", got)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"old": password, "new": next} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600))
	}
	files := append(args, "--password-file", filepath.Join(dir, "old"), "--new-password-file", filepath.Join(dir, "new"))
	command(t.Context(), "", append(files, "-o", "json"), nil).want(t, 0, "{\n  \"access_token\": \"second\",\n  \"token_type\": \"bearer\",\n  \"expires_in\": 43200\n}\n", "")
	r := command(t.Context(), "", append(files, "--token-file", filepath.Join(dir, "token")), nil)
	if data, err := os.ReadFile(filepath.Join(dir, "token")); err != nil || string(data) != "second\n" || r.out != "" {
		t.Errorf("%q, %v, %+v", data, err, r)
	}
	r = command(t.Context(), "", args, nil)
	if r.code != 2 || !strings.Contains(r.err, "give --password-file FILE") {
		t.Errorf("%+v", r)
	}
	if r := command(t.Context(), "", args[:1], nil); r.code != 2 || !strings.Contains(r.err, "--server URL is missing") {
		t.Errorf("%+v", r)
	}
}

func TestTokenForAPart(t *testing.T) {
	f := newFake(t, map[string][]answer{
		"GET /api/repositories": ok(rest.RepositoryList{Repositories: []rest.Repository{{ID: 7, Name: "home"}, {ID: 8, Name: "web"}}}),
		"POST /api/tokens":      {{201, rest.NewAPIToken{APIToken: rest.APIToken{ID: "0f1e", User: "ann", Role: "operator", Repositories: []int64{8}, Agents: []string{"a"}}, Token: "bft_x"}}},
	})
	f.command("", "tokens", "create", "ci", "--user", "ann", "--role", "operator", "--repository", "web", "--agent", "a").want(t, 0,
		"For ann as operator, only for repository 8, agent a, without end. It is shown this once; to end it: borgfleet-controller tokens delete 0f1e\n\nbft_x\n", "")
	if got, want := f.heard()[1], `POST /api/tokens {"name":"ci","user":"ann","role":"operator","repositories":[8],"agents":["a"]}`; got != want {
		t.Errorf("asked %s", got)
	}
	if r := f.command("", "tokens", "create", "ci", "--user", "ann", "--repository", "none"); r.code == 0 || !strings.Contains(r.err, "no repository has") {
		t.Errorf("%+v", r)
	}
}
