package faultfs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// serveVar is set in the environment of a process that is to serve a disk.
const serveVar = "BORGFLEET_FAULTY_DISK"

// What a server is asked for.
const (
	doMount   = "mount"
	doFail    = "fail"
	doFree    = "free"
	doStats   = "stats"
	doCut     = "cut" // changes wait
	doOff     = "off" // and fail
	doOn      = "on"
	doUnmount = "unmount"
)

// request and answer go over the server's standard input and output, one each
// at a time.
type request struct {
	Do         string
	Mountpoint string
	Options    Options
	Faults     Faults
	Bytes      int64
}

type answer struct {
	Stats Stats
	Error string
}

// server is the process that serves a disk, as its user sees it.
type server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startServer() (*server, error) {
	if os.Getenv(serveVar) != "" {
		return nil, errors.New("main does not begin with faultfs.Serving")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), serveVar+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for its user, who ends it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{cmd: cmd, in: in, out: json.NewDecoder(out)}, nil
}

func (s *server) ask(r request) (a answer, err error) {
	if err := json.NewEncoder(s.in).Encode(r); err != nil {
		return a, err
	}
	return a, s.out.Decode(&a)
}

// end ends the process; a disk that is still mounted goes with it.
func (s *server) end() error { return errors.Join(s.in.Close(), s.cmd.Wait()) }

// Serving is what main and TestMain of a program begin with that mounts disks:
// in the process that was started to serve one it does so, and ends it.
func Serving() {
	if os.Getenv(serveVar) == "" {
		return
	}
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "faulty disk:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers until its user closes in, or is gone.
func serve(in io.Reader, out io.Writer) error {
	m := &mount{}
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return m.detach()
		} else if err != nil {
			return errors.Join(err, m.detach())
		}
		a := answer{}
		if err := m.do(r); err != nil {
			a.Error = err.Error()
		}
		if m.disk != nil {
			a.Stats = m.disk.counted()
		}
		if err := answers.Encode(a); err != nil {
			return errors.Join(err, m.detach())
		}
	}
}

func (f *mount) do(r request) error {
	switch r.Do {
	case doMount:
		f.mountpoint, f.disk = r.Mountpoint, newDisk(r.Options)
		return f.attach()
	case doFail:
		f.disk.fail(r.Faults)
	case doFree:
		f.disk.free(r.Bytes)
	case doStats: // every answer has them
	case doCut:
		f.disk.cut()
	case doOff:
		f.disk.off()
	case doOn:
		if err := f.detach(); err != nil {
			return err
		}
		f.disk.restart()
		return f.attach()
	case doUnmount:
		return f.detach()
	default:
		return fmt.Errorf("there is no request %q", r.Do)
	}
	return nil
}
