package maintain

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/store"
)

// TestOnlyRoot: nothing of this is for somebody whom the kernel does not name as
// root or the controller's own account, and everything else goes by.
func TestOnlyRoot(t *testing.T) {
	by := false
	st, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Options{KeepFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	h := New(Options{
		Audit: audit.New(audit.Options{Store: st, Logger: slog.New(slog.DiscardHandler), Now: time.Now}),
		Next:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
		By:    func(*http.Request) (string, bool) { return "", by },
	})
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/db/backup", 405}, {"GET", "/db/other", 404},
		{"GET", "/api/agents", 418}, {"POST", "//api", 418}, {"GET", "/db", 418},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, "http://unix"+tt.path, strings.NewReader("{}")))
		if w.Code != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, w.Code, tt.want)
		}
	}
	for _, rt := range (handler{}).routes() { // whatever there is
		method, path, _ := strings.Cut(rt.pattern, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "http://unix"+path, strings.NewReader("{}")))
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", rt.pattern, w.Code)
		}
		entries, _, err := st.AuditLog(store.AuditFilter{Whats: []string{rt.name}, Outcomes: []string{audit.Refused}}, "", 10)
		if err != nil || len(entries) != 1 || entries[0].Code != "not_root" {
			t.Errorf("%s left %+v, %v", rt.pattern, entries, err)
		}
	}
	by = true
	for _, body := range []string{"", "[]", `{"recipient": 3}`, `{"other": "x"}`, `{"recipient": "age1x"}`} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "http://unix/db/backup", strings.NewReader(body)))
		if w.Code != 400 && w.Code != 422 {
			t.Errorf("%q: %d", body, w.Code)
		}
	}
}
