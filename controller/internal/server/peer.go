package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"borgfleet/controller/internal/api"
)

type peerKey struct{}

// withPeer asks the kernel who is at the other end of the admin socket.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid, err := peerUID(c)
	if err != nil {
		return ctx // without a peer there is no principal, and a token is asked for
	}
	return context.WithValue(ctx, peerKey{}, uid)
}

func peerUID(c net.Conn) (uint32, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("not a unix connection: %T", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil {
		return 0, err
	}
	if credErr != nil {
		return 0, credErr
	}
	return cred.Uid, nil
}

// peerPrincipal: root and the controller's own user are administrators. The
// socket's directory is closed to all others; this is the second lock.
func peerPrincipal(r *http.Request) (api.Principal, bool) {
	uid, ok := r.Context().Value(peerKey{}).(uint32)
	if !ok || (uid != 0 && int(uid) != os.Geteuid()) {
		return api.Principal{}, false
	}
	name := strconv.Itoa(int(uid))
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return api.Principal{User: name + "@localhost", Role: api.Admin, Local: true}, true
}
